//! Grows a trained embedding space of a table by grafting new columns onto it.
//!
//! An *embedding space* is trained on a table without a target: it makes a vector of each row. Predictors stand on it.
//! When new columns come, [`EmbeddingSpace::extend`] grafts them on: what is old is kept, to the last bit if wanted, at
//! a fraction of a training's cost, and each version knows its ancestors.
//!
//! ```
//! use std::path::Path;
//!
//! use tabgraft::read::{ReadOptions, read_table};
//! use tabgraft::train::quiet;
//! use tabgraft::{CompareOptions, EmbeddingSpace, ExtendOptions, FitOptions};
//!
//! # fn main() -> tabgraft::Result<()> {
//! # let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/german_credit.csv"));
//! // let path = Path::new("german_credit.csv");
//! let table = read_table(path, &ReadOptions::default())?;
//! // A space without a target, of a table that lacks a column yet.
//! let mut options = FitOptions::default();
//! options.infer.ignore = vec!["default".into()];
//! # options.config.d_model = 32;
//! # options.config.training.n_epochs = Some(3);
//! let before = table.without(&["checking_status".into()])?;
//! let v1 = EmbeddingSpace::fit(&before, None, &options, &mut quiet)?;
//!
//! // The column has come: v2 has the vectors of v1, bit for bit, and coordinates beside them.
//! let v2 = v1.extend(&table, None, &ExtendOptions::default(), &mut quiet)?;
//! let (old, new) = (v1.embed(&before)?, v2.embed(&table)?);
//! let row = 7;
//! assert_eq!(old.row(row), &new.row(row)[..v1.d_model()]);
//!
//! // Is it worth its keep?
//! let options = CompareOptions::default();
//! # let mut options = options;
//! # (options.predictor.n_epochs, options.predictor.n_networks) = (3, Some(1));
//! let difference = v1.compare(&v2, &table, "default", &options, &mut quiet)?.difference;
//! println!("ROC AUC {:.3} to {:.3}: {:?}", difference.a, difference.b, difference.verdict);
//!
//! v2.save(&std::env::temp_dir().join("v2.tabgraft"))?;
//! # Ok(())
//! # }
//! ```
//!
//! What happens meanwhile is told by events ([`train::Event`]); who hears them says whether to go on, and
//! [`train::quiet`] hears nothing.
//!
//! Tables are read from CSV, TSV, Parquet, JSON lines and Arrow IPC ([`read`]) or made of Arrow arrays
//! ([`Table::from_columns`], [`arrow`]). Every error names the column, row or file, what was found and what is allowed,
//! and most have a hint ([`Error`]). Results repeat bit for bit for a seed, on one machine and build.
//!
//! Where to go on: [`Predictor`] (scores, classes, numbers; [`Predictor::extend`] grows with the space), [`discover()`]
//! and [`judge()`] (features, judged on other rows than those that suggested them), [`EmbeddingSpace::merge`] and
//! [`EmbeddingSpace::prune`], [`lineage`], [`Registry`], [`RowIndex`] (similar rows), [`odd`], [`fill`], [`watch`],
//! [`export`] (ONNX), [`serve`]. The examples beside this crate are whole programs: `grow`, `merge`, `judge`, `serve`.

pub use arrow;
pub use tabgraft_feature as feature;
pub use tabgraft_feature::{Feature, FeatureEngineer};
pub use tabgraft_model::discover::judge;
pub use tabgraft_model::{
    CompareOptions, ConsolidateOptions, Device, DiscoverOptions, Discovery, EmbeddingSpace, ExtendOptions,
    FitOptions, Graft, Keep, Lineage, MergeOptions, Mode, ModelFile, ModelKind, Predictor, PredictorOptions,
    PruneOptions, RankColumnsOptions, RefreshOptions, Registry, RowIndex, SpaceConfig, TrainingOptions, card,
    compare, discover, export, extend, fill, index, lineage, metric, odd, predictor, registry, space, train,
    watch,
};
#[cfg(feature = "serve")]
pub use tabgraft_serve as serve;
pub use tabgraft_table::{Error, Result, Table, read, schema, split};
