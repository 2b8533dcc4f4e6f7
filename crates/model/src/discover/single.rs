//! What comes after a table is prepared: a predictor of one target, a search of features behind it, and the graft of
//! the columns that the space does not know.

use std::path::Path;

use tabgraft_feature::Feature;
use tabgraft_table::Table;

use super::prepare::{LoadedFeatures, Prepared};
use super::{DiscoverOptions, Discovery, discover};
use crate::error::Result;
use crate::extend::ExtendOptions;
use crate::predictor::{HeadSizes, Predictor, PredictorOptions, Target};
use crate::space::EmbeddingSpace;
use crate::train::{Event, Sink};

impl Prepared {
    /// Fits a predictor of `target` on the table, with the sizes of `head` if they are given.
    ///
    /// # Errors
    /// As [`Predictor::fit`]; an option error, before anything is trained, if `head` does not suit the target.
    pub fn fit(
        &self,
        space: &EmbeddingSpace,
        target: &str,
        head: Option<&HeadSizes>,
        options: PredictorOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Predictor> {
        let options = match head {
            None => options,
            Some(head) => {
                let learned = self.table.take(&self.learn_rows)?;
                head.check_target(&Target::fit(&learned, target, options.target_kind)?)?;
                head.within(options)
            }
        };
        Predictor::fit(space, &self.table, target, &options, sink)
    }

    /// Searches features of the table for `target`, and writes both files of `folder`. None, with a warning, where
    /// the table has too few rows to search in: that is no failure of what was trained before.
    ///
    /// # Errors
    /// As [`discover`](super::discover()); an io error if the files cannot be written.
    pub fn search(
        &self,
        space: &EmbeddingSpace,
        target: &str,
        folder: &Path,
        options: &DiscoverOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Option<Discovery>> {
        match discover(space, &self.table, target, options, sink) {
            Ok(found) => {
                found.write(folder)?;
                Ok(Some(found))
            }
            Err(error) if error.is_value() => {
                let _ = sink(&Event::Warning { text: format!("no features searched: {error}") });
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// How the columns of `table` that the space does not know are grafted onto it: with the features that the
    /// table lacks, all that could be, where they come from, and the target left out.
    pub fn graft(&self, target: &str, table: &Table, options: ExtendOptions) -> ExtendOptions {
        let lacking: Vec<Feature> =
            self.features.iter().filter(|f| !table.has_column(&f.name)).cloned().collect();
        let mut options = ExtendOptions {
            features: lacking,
            candidates: self.features.clone(),
            feature_metadata: self.loaded.as_ref().map(LoadedFeatures::metadata),
            ..options
        };
        options.infer.ignore = vec![target.to_owned()];
        options
    }
}
