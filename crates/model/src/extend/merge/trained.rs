//! Merging lines whose old weights diverged: the first gets the others' columns, and is trained.

use std::time::Instant;

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use tabgraft_table::Table;
use tabgraft_table::codec::Codec;
use tabgraft_table::schema::ColumnSpec;
use tabgraft_table::table::quoted;

use super::super::graft::Graft;
use super::{MergeOptions, names};
use crate::encoder::Network;
use crate::encoder::network::ColumnShape;
use crate::error::{Error, Result};
use crate::space::{EmbeddingSpace, ExtensionMetadata, Freeze, SoftwareVersion, column_shape, now};
use crate::train::{Event, Sink, TrainingPlan};

impl EmbeddingSpace {
    /// A graft of the others' columns onto this space, with their codecs and tokens.
    pub(super) fn merged_by_training(
        &self,
        others: &[&EmbeddingSpace],
        table: &Table,
        options: &MergeOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Self> {
        let mut columns: Vec<(ColumnSpec, Codec)> = Vec::new();
        let mut tokens: Vec<(&Network, usize)> = Vec::new();
        for other in others {
            let pairs = other.about.columns.iter().zip(&other.about.codecs);
            for (c, (column, codec)) in pairs.enumerate() {
                let is_known = self.columns().iter().chain(columns.iter().map(|(c, _)| c));
                if is_known.clone().all(|known| known.name != column.name) {
                    columns.push((column.clone(), codec.clone()));
                    tokens.push((&other.network, c));
                }
            }
        }
        if columns.is_empty() {
            return Err(Error::option(format!(
                "{} hold the same columns, and their weights diverged",
                names(&[&[self], others].concat())
            ))
            .with_hint("there is nothing to merge: keep the better one, `compare` says which"));
        }
        let absent: Vec<&str> = columns
            .iter()
            .map(|(column, _)| column.name.as_str())
            .filter(|name| !table.has_column(name))
            .collect();
        if !absent.is_empty() {
            return Err(Error::schema(format!(
                "the table lacks {}, which the merge trains",
                quoted(&absent)
            ))
            .with_hint("give a table with the columns of all spaces"));
        }
        let graft_options = options.as_graft();
        let plan = TrainingPlan::new(&options.training, sink)?;
        let start = Instant::now();
        let dose = self.dose_in_epochs(&options.training, sink);
        let (all, rows) = self.rows_of(table, None, sink)?;
        let mut rng = Pcg64Mcg::seed_from_u64(plan.seed() ^ 0x6d65_7267_6521);
        let shapes: Vec<ColumnShape> = columns.iter().map(|(_, codec)| column_shape(codec)).collect();
        let mut child = self.clone();
        child.append_columns(&shapes, &graft_options, &mut rng)?;
        child.network.take_tokens(&tokens);
        let names: Vec<String> = columns.iter().map(|(column, _)| column.name.clone()).collect();
        let about = &mut child.about;
        about.created = now();
        about.software = SoftwareVersion::current();
        about.batch_size = dose.batch_size;
        about.add_mask_keys(columns.len());
        about.remember_rows(&all, &rows.parts, sink)?;
        for (column, codec) in columns {
            about.columns.push(column);
            about.codecs.push(codec);
        }
        about.extensions.push(ExtensionMetadata {
            batch_size: Some(about.batch_size),
            mode: options.mode,
            seed: plan.seed(),
            new_columns_added: names,
            ..self.next_step(&about.created)
        });
        for other in others {
            child.about.add_features(other.features());
            child.about.join_rows(&other.about);
        }
        let hashes = child.compute_hashes(&rows)?;
        child.about.hashes = hashes;
        let graft = Graft {
            child,
            parent: self.clone(),
            all,
            rows,
            mode: options.mode,
            freeze: Freeze::default(),
            bound: graft_options.bound(),
            dose,
            plan,
            start,
        };
        let _ = sink(&Event::Note { text: "old weights diverged: the merge is trained".to_owned() });
        graft.train(sink)
    }
}
