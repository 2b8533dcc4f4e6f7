//! Merging lines that differ by frozen grafts alone: their sides are put beside each other.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use tabgraft_table::Table;
use tabgraft_table::schema::ColumnSpec;

use super::super::prune::mean;
use super::{n_sides, names};
use crate::encoder::network::ColumnShape;
use crate::encoder::surgery::SideParts;
use crate::error::{Error, Result};
use crate::objective::Role;
use crate::param::Params;
use crate::param::weights::to_blobs;
use crate::space::{EmbeddingSpace, Profile, SoftwareVersion, Wiring, column_shape, now, training_data};
use crate::store::{json_hash, weights_hash};
use crate::train::{TrainingInfo, quiet, validation_losses};

impl EmbeddingSpace {
    /// The own line, and behind it the sides of the others that it has not.
    pub(super) fn merged_exactly(
        &self,
        others: &[&EmbeddingSpace],
        n_entries: &[usize],
        table: Option<&Table>,
    ) -> Result<Self> {
        let mut merged = self.clone();
        let mut rng = Pcg64Mcg::seed_from_u64(0);
        let n_common = n_entries[0];
        for (other, n_entries) in others.iter().zip(&n_entries[1..]) {
            let n_columns = other.about.wiring[..*n_entries].iter().map(Wiring::n_columns).sum();
            merged.take_levels(other, n_columns);
        }
        let n_common_sides = n_sides(&self.about.wiring[..n_common]);
        // The pieces of the merged space by what they are.
        let mut known: BTreeMap<String, usize> = self
            .side_keys(n_common)?
            .into_iter()
            .enumerate()
            .map(|(i, key)| (key, 1 + n_common_sides + i))
            .collect();
        for (other, n_entries) in others.iter().zip(&n_entries[1..]) {
            // The other's pieces and columns by their numbers in the merged space.
            let mut piece: Vec<usize> = (0..=n_common_sides).collect();
            let n_common_columns: usize =
                other.about.wiring[..*n_entries].iter().map(Wiring::n_columns).sum();
            let mut column: Vec<usize> = (0..n_common_columns).collect();
            for (i, key) in other.side_keys(*n_entries)?.into_iter().enumerate() {
                if let Some(place) = known.get(&key) {
                    piece.push(*place);
                    column.extend(merged.network.sides[place - 1].tokens.columns.clone());
                    continue;
                }
                let side = n_common_sides + i;
                let Some(parts) = other.network.side_parts(&other.about.wiring, side) else { continue };
                let reads: Vec<usize> = parts.side.reads.iter().map(|p| piece[*p]).collect();
                let [first, second] = parts.heads;
                // Its own columns stand last, here as there.
                let second =
                    other.network.head_by(second, |c| (column.get(c).copied().unwrap_or(usize::MAX), c));
                let parts = SideParts { side: parts.side, heads: [first, &second] };
                let columns = parts.side.tokens.columns.clone();
                let twice = |c: &&ColumnSpec| merged.columns().iter().any(|known| known.name == c.name);
                if let Some(column) = other.about.columns[columns.clone()].iter().find(twice) {
                    return Err(Error::schema(format!(
                        "column `{}` was grafted twice, with different weights, in {}",
                        column.name,
                        names(&[&[self], others].concat())
                    ))
                    .with_hint("prune it from all but one of them"));
                }
                let codecs = &other.about.codecs[columns.clone()];
                let shapes: Vec<ColumnShape> = codecs.iter().map(column_shape).collect();
                merged.network.append_side(&parts, &shapes, reads.clone(), &mut rng);
                let d_side = parts.side.trunk.d();
                merged.about.wiring.push(Wiring::Side { n_columns: columns.len(), d_side, reads });
                merged.about.add_mask_keys(columns.len());
                merged.about.columns.extend_from_slice(&other.about.columns[columns]);
                merged.about.codecs.extend_from_slice(codecs);
                piece.push(merged.network.sides.len());
                column.extend(merged.network.sides[merged.network.sides.len() - 1].tokens.columns.clone());
                known.insert(key, merged.network.sides.len());
            }
            merged.about.add_features(other.features());
            merged.about.join_rows(&other.about);
        }
        merged.about.created = now();
        merged.about.software = SoftwareVersion::current();
        let mut info = TrainingInfo { n_weights: merged.network.n_weights(), ..TrainingInfo::default() };
        merged.about.profile = None;
        let data = match table {
            Some(table) => {
                let (all, rows) = merged.rows_of(table, None, &mut quiet)?;
                let n = merged.about.columns.len();
                let encoded = merged.encode(&all)?;
                let data = training_data(&merged, &encoded, &rows, vec![Role::OLD; n], 0..n);
                if let Some(losses) = validation_losses(&merged.network, &data)? {
                    let n_old = self.about.columns.len();
                    info.final_validation_loss = mean(losses[..n_old].iter().copied());
                    info.new_columns_validation_loss = mean(losses[n_old..].iter().copied());
                    let pairs = data.column_names.iter().cloned().zip(losses);
                    info.final_column_losses = pairs.filter(|(_, loss)| loss.is_finite()).collect();
                }
                merged.about.profile = Some(merged.profiled(&data, 0));
                [info.n_rows_train, info.n_rows_valid] = rows.n_rows;
                merged.compute_hashes(&rows)?.data
            }
            None => {
                let all = [&[self], others].concat();
                let known: Option<Vec<_>> =
                    all.iter().map(|space| Some((*space, space.profile()?))).collect();
                let columns = merged.columns().iter().map(|column| column.name.as_str());
                let left = known.and_then(|known| Profile::without_surprises(columns, &known));
                merged.about.profile = left;
                let mut data: Vec<&str> = others.iter().map(|s| s.hashes().data.as_str()).collect();
                data.push(&self.hashes().data);
                data.sort_unstable();
                data.dedup();
                match data[..] {
                    [one] => one.to_owned(),
                    _ => blake3::hash(data.concat().as_bytes()).to_hex().to_string(),
                }
            }
        };
        merged.about.training_info = info;
        merged.about.hashes = merged.hashes_with(data);
        Ok(merged)
    }

    /// Takes up the levels that another space knows of the first columns, which both have, with their tokens.
    fn take_levels(&mut self, other: &EmbeddingSpace, n_columns: usize) {
        let mut taken = Vec::new();
        for c in 0..n_columns {
            let (own, others) = (&self.about.codecs[c], &other.about.codecs[c]);
            if own != others && others.begins_with(own) {
                self.about.codecs[c] = others.clone();
                taken.push(c);
            }
        }
        if !taken.is_empty() {
            self.network = self.network.resized(&self.column_shapes());
            taken.iter().for_each(|c| self.network.take_codes(*c, &other.network));
        }
    }

    /// What each side behind the first entries of the wiring is: its weights and heads, columns, codecs,
    /// and what the sides are that it reads; the same in whatever order the sides before it stand.
    fn side_keys(&self, n_entries: usize) -> Result<Vec<String>> {
        let first = n_sides(&self.about.wiring[..n_entries]);
        let mut keys: Vec<String> = Vec::new();
        for (i, side) in self.network.sides.iter().enumerate().skip(first) {
            let mut blobs = BTreeMap::new();
            to_blobs(side, "side", &mut blobs);
            if let Some(parts) = self.network.side_parts(&self.about.wiring, i) {
                for (h, head) in parts.heads.into_iter().enumerate() {
                    let head = self.network.head_by(head, |c| &self.about.columns[c].name);
                    to_blobs(&head, &format!("head.{h}"), &mut blobs);
                }
            }
            let reads: Vec<String> = side
                .reads
                .iter()
                .map(|piece| match piece.checked_sub(1 + first) {
                    Some(own) => keys[own].clone(),
                    None => piece.to_string(),
                })
                .collect();
            let columns = side.tokens.columns.clone();
            let what = (
                weights_hash(&blobs).as_str().to_owned(),
                &self.about.columns[columns.clone()],
                &self.about.codecs[columns],
                reads,
            );
            let value = serde_json::to_value(what).map_err(|e| {
                Error::value(format!("a graft of `{}` cannot be written as JSON: {e}", self.name()))
            })?;
            keys.push(json_hash(&value).as_str().to_owned());
        }
        Ok(keys)
    }
}
