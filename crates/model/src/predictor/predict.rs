//! From the rows of a table to classes or numbers, and what there is to say of the cells.

use tabgraft_feature::Differing;
use tabgraft_table::Table;
use tabgraft_table::codec::CellFlag;
use tabgraft_table::encoded::EncodedTable;
use tabgraft_table::threads::in_pool;
use tabgraft_table::unreadable::{CellErrors, Readable};

use super::bag::NotFinite;
use super::calibrate::keep_off_the_ends;
use super::grown::in_unit;
use super::head::Head;
use super::predictions::decide;
use super::sight::Sight;
use super::{Guardrail, Predictions, Predictor, bag, blend, derived, lines, trees};
use crate::embed::Masks;
use crate::error::{Error, Result};
use crate::metric::Task;
use crate::space::{ColumnReport, UnseenColumn, UnseenCounts, cell_tables};

impl Predictor {
    /// The predictions with an interval around each number that covers the truth with this probability.
    ///
    /// # Errors
    /// An option error for classes, for a level that is not between 0 and 1 or for which there were too few held-out
    /// rows, and for a file that remembers none.
    pub fn with_interval(&self, predictions: Predictions, level: f64) -> Result<Predictions> {
        if self.about.target.task() != Task::Regression {
            return Err(Error::option(format!(
                "option `interval` is for numbers, `{}` is one of {} classes",
                self.about.target.column(),
                self.about.target.classes().len()
            ))
            .with_hint("leave it out; the probabilities say how sure a class is"));
        }
        let Some(distances) = &self.about.distances else {
            return Err(Error::option(format!(
                "predictor `{}` is of an older format and does not remember how far it was off",
                self.name()
            ))
            .with_hint("fit it again"));
        };
        let interval = distances.around(&predictions.values, level)?;
        Ok(Predictions { interval: Some(interval), ..predictions })
    }

    /// Predicts each row of a table.
    ///
    /// A row's prediction has the same bits in any batch. Unknown columns are listed, missing ones
    /// count as missing cells. Features of the space that the table lacks are computed; those that it has are
    /// used, and listed where they are not what the feature gives.
    ///
    /// # Errors
    /// A schema error with both sets of names if not one column of the table is known; a value error if a
    /// cell cannot be read as its column's kind, or if the weights are so large that a row has no finite
    /// prediction.
    pub fn predict(&self, table: &Table) -> Result<Predictions> {
        let report = self.column_report(table);
        let made = self.about.space.complete(table)?;
        self.about.space.check_known(&made.table)?;
        Ok(Predictions { report, differing: made.differing, ..self.predict_any(&made.table)? })
    }

    /// As [`Predictor::predict`]; with [`CellErrors::Missing`], cells that cannot be read count as missing and are
    /// listed.
    ///
    /// # Errors
    /// As [`Predictor::predict`] and [`CellErrors::treat`].
    pub fn predict_readable(&self, table: &Table, errors: CellErrors) -> Result<Predictions> {
        let Readable { table, unreadable } = self.readable(table, errors)?;
        Ok(Predictions { unreadable, ..self.predict(&table)? })
    }

    /// What becomes of a table's columns: those that are not used, those that it lacks, features that are computed.
    pub fn column_report(&self, table: &Table) -> ColumnReport {
        let mut report = self.about.space.column_report(table);
        report.ignored_columns.retain(|c| c.name != self.about.target.column());
        report
    }

    /// Columns of a table that are not what their feature gives, by a sample of its rows.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    pub fn differing_columns(&self, table: &Table) -> Result<Vec<Differing>> {
        Ok(self.about.space.complete(table)?.differing)
    }

    /// As [`Predictor::predict`], of a table that may have lost all of the columns: its cells are missing, and
    /// no feature is computed.
    pub(crate) fn predict_any(&self, table: &Table) -> Result<Predictions> {
        let space = &self.about.space;
        let mut unseen = UnseenCounts::default();
        let predictions = self.predict_counted(table, &mut unseen)?;
        Ok(Predictions { unseen: unseen.mostly_of_parts(&space.columns, &space.codecs), ..predictions })
    }

    /// As [`Predictor::predict_any`], of a part of a table whose unseen cells are counted.
    pub(super) fn predict_counted(&self, table: &Table, unseen: &mut UnseenCounts) -> Result<Predictions> {
        let cells = self.cells(table, unseen)?;
        let values = self.values(&cells).map_err(|e| e.in_rows_of(table))?;
        Ok(self.told(values, self.column_report(table)))
    }

    /// The cells of a table that has all features: as this predictor reads them, and behind that as those that it
    /// grew from do.
    pub(super) fn cells(&self, table: &Table, unseen: &mut UnseenCounts) -> Result<Vec<EncodedTable>> {
        let space = &self.about.space;
        let mut encoded = tabgraft_table::codec::encode(&space.columns, &space.codecs, table)?;
        unseen.update_part(&space.columns, &encoded, table)?;
        derived::add(&self.about.derived, &space.columns, table, &mut encoded)?;
        self.layers(table, encoded)
    }

    /// What it says of such cells, in the target's unit, with no probability of 0 or 1.
    ///
    /// # Shapes
    /// - returns: `[n_rows, n_outputs]`
    ///
    /// # Errors
    /// As [`Predictor::predict_sight`].
    pub(super) fn values(&self, cells: &[EncodedTable]) -> Result<Vec<f64>> {
        let mut values = in_pool(|| self.predict_cells(cells))??;
        if self.about.target.task() != Task::Regression {
            values.chunks_exact_mut(self.about.target.n_outputs()).for_each(keep_off_the_ends);
        }
        Ok(values)
    }

    /// Predictions of these values, decided by the predictor's threshold.
    pub(super) fn told(&self, values: Vec<f64>, report: ColumnReport) -> Predictions {
        let task = self.about.target.task();
        let n_outputs = self.about.target.n_outputs();
        let threshold = self.threshold();
        let (mut class_idx, mut confidence) = (Vec::new(), Vec::new());
        if task != Task::Regression {
            for row in values.chunks_exact(n_outputs) {
                let (class, sure) = decide(row, threshold);
                class_idx.push(class);
                confidence.push(sure);
            }
        }
        Predictions {
            task,
            classes: self.about.target.classes().to_vec(),
            label_type: self.about.target.label_type(),
            values,
            n_outputs,
            class_idx,
            threshold,
            confidence,
            report,
            differing: Vec::new(),
            unreadable: Vec::new(),
            interval: None,
            unseen: Vec::new(),
        }
    }

    /// Columns of a table whose cells are all or mostly values that no training row had.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    pub fn unseen_columns(&self, table: &Table) -> Result<Vec<UnseenColumn>> {
        let space = &self.about.space;
        let made = space.complete(table)?;
        let table = &*made.table;
        let encoded = tabgraft_table::codec::encode(&space.columns, &space.codecs, table)?;
        UnseenCounts::of(&encoded).mostly(&space.columns, &space.codecs, table)
    }

    /// Cells that are unlike the training rows: unseen categories, numbers far outside.
    ///
    /// # Errors
    /// A value error if a cell cannot be read as its column's kind.
    pub fn guardrails(&self, table: &Table) -> Result<Vec<Guardrail>> {
        self.guardrails_of(&self.about.space.complete(table)?.table)
    }

    /// As [`Predictor::guardrails`], of a table that has all features.
    pub(super) fn guardrails_of(&self, table: &Table) -> Result<Vec<Guardrail>> {
        let mut found = Vec::new();
        for (spec, codec) in self.about.space.columns.iter().zip(&self.about.space.codecs) {
            if !table.has_column(&spec.name) {
                continue;
            }
            let flags =
                codec.flags(&spec.name, table.column(&spec.name)?).map_err(|e| e.in_rows_of(table))?;
            for (row_idx, flag) in flags.into_iter().enumerate() {
                if flag.severity().is_some() || flag == CellFlag::Unseen {
                    found.push(Guardrail { row_idx, column: spec.name.clone(), flag, word: flag.word() });
                }
            }
        }
        found.sort_by_key(|g| g.row_idx);
        Ok(found)
    }

    /// What it says of cells of [`Predictor::layers`], in the target's unit.
    fn predict_cells(&self, layers: &[EncodedTable]) -> Result<Vec<f64>> {
        let rows: Vec<usize> = (0..layers.first().map_or(0, |own| own.n_rows)).collect();
        let sights: Vec<_> = layers.iter().map(|cells| Sight { cells, rows: &rows, hidden: None }).collect();
        self.predict_layers(&sights)
    }

    /// The cells that it sees of a table that its space has encoded, then those that the predictor sees that it grew
    /// from, and so on.
    ///
    /// # Errors
    /// As [`tabgraft_table::codec::encode`].
    pub(super) fn layers(&self, table: &Table, cells: EncodedTable) -> Result<Vec<EncodedTable>> {
        let (mut layers, mut own) = (vec![cells], self);
        while let Some(grown) = &own.grown {
            layers.push(grown.base.about.own_cells(&own.about.space, table, &layers[layers.len() - 1])?);
            own = &grown.base;
        }
        Ok(layers)
    }

    /// What it says of rows, by what it and the predictors that it grew from see of them.
    ///
    /// # Shapes
    /// - `sights`: as [`Predictor::layers`]; returns: `[rows.len(), n_outputs]`
    ///
    /// # Errors
    /// As [`Predictor::predict_sight`].
    pub(super) fn predict_layers(&self, sights: &[Sight<'_>]) -> Result<Vec<f64>> {
        match &self.grown {
            None => self.predict_sight(sights[0]),
            Some(grown) => Ok(self.grown_from(grown.base.predict_layers(&sights[1..])?, sights[0])),
        }
    }

    /// The networks that predict: those of the bag, or what stands for all of them.
    pub(crate) fn predicting_heads(&self) -> &[Head] {
        let thrift = self.about.fit_info.thrift();
        self.thrifty_heads.get_or_init(|| thrift.heads(&self.heads)).as_deref().unwrap_or(&self.heads)
    }

    /// Mean of the bag, calibrated, in the target's unit.
    ///
    /// # Shapes
    /// - returns: `[rows.len(), n_outputs]`
    ///
    /// # Errors
    /// A value error that names a row without a finite prediction.
    pub(super) fn predict_sight(&self, sight: Sight<'_>) -> Result<Vec<f64>> {
        let Sight { cells, rows, hidden } = sight;
        let groups = self.heads.first().map(|head| cell_tables(&head.space, cells)).unwrap_or_default();
        let n_columns = cells.columns.len();
        let masks = hidden.map(|hidden| Masks { n_columns, hidden: hidden.to_vec() });
        let n_outputs = self.about.target.n_outputs();
        let classes = self.about.target.task() != Task::Regression;
        let mut mean = vec![0.0; rows.len() * n_outputs];
        let info = &self.about.fit_info;
        let heads = self.predicting_heads();
        for head in heads {
            let of_head = bag::predict_cells(head, &groups, rows, masks.as_ref(), classes);
            let of_head = of_head.map_err(|NotFinite(at)| {
                Error::value(format!(
                    ": the weights of predictor {} are too large: its prediction is not finite",
                    self.id()
                ))
                .in_row("", rows[at])
                .with_hint("fit the predictor anew, on another version of its space if that does not help")
            })?;
            for (m, v) in mean.iter_mut().zip(of_head) {
                *m += v / heads.len() as f64;
            }
        }
        let loss = trees::loss(&self.about.target);
        let mut learners = vec![(mean, info.share_of_networks())];
        if !self.forests.is_empty() {
            learners.push((trees::predict(&self.forests, loss, sight), info.share_of_trees));
        }
        if !self.random_forests.is_empty() {
            let said = trees::predict_random(&self.random_forests, loss, sight);
            learners.push((said, info.share_of_random_forests));
        }
        if !self.lines.is_empty() {
            learners.push((lines::predict(&self.lines, loss, sight), info.share_of_linear));
        }
        let (values, shares): (Vec<Vec<f64>>, Vec<f64>) = learners.into_iter().unzip();
        Ok(in_unit(&self.about.target, blend::mixed(&values, &shares), self.about.sharpness))
    }
}
