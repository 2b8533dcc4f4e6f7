//! What a fitted predictor says of rows that it did not learn from, its own rows of the fit among them.
//!
//! Each learner of a bag did not learn from one inner part. Which row is in which part follows from the rows, as it
//! did in the fit; a sum that the predictor remembers says whether they are the same rows (`inner.rs`).

use std::collections::HashMap;

use tabgraft_table::Table;
use tabgraft_table::encoded::EncodedTable;
use tabgraft_table::split::Part;

use super::grown::Grown;
use super::inner::{InnerParts, inner_parts, n_inner_parts};
use super::sight::Sight;
use super::{Predictor, PredictorAbout};
use crate::error::Result;
use crate::space::{About, Known};

/// How a row stands to the learners of a predictor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// None of them learned from it.
    Fresh,
    /// It is in this inner part: the learner of that number did not learn from it.
    Part(usize),
    /// All of them learned from it, or it cannot be told which did not.
    Learned,
}

/// Predictions by learners that did not learn from the row that they are of.
pub(super) struct HeldOutOf {
    /// `[n_rows, n_outputs]` of the table, in the target's unit; zeros where there is no such learner.
    pub values: Vec<f64>,
    /// `[n_rows]`: whether there is one.
    pub is_known: Vec<bool>,
    /// Whether inner parts could not be told again.
    pub is_lost: bool,
}

/// A table, with the cells that a version of the space has encoded of it.
#[derive(Clone, Copy)]
pub(super) struct Encoded<'a> {
    pub about: &'a About,
    pub table: &'a Table,
    pub cells: &'a EncodedTable,
}

impl Predictor {
    /// Predictions of all rows of a table that were not learned from, or each by a learner that did not.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    pub(super) fn held_out_of(&self, of: Encoded<'_>) -> Result<HeldOutOf> {
        let own = self.about.own_cells(of.about, of.table, of.cells)?;
        // Where nothing came, nothing was learned.
        let (standing, is_lost) = match (&self.grown, self.n_learners()) {
            (Some(_), 0) => (vec![Standing::Fresh; of.table.n_rows()], false),
            (_, n_learners) => self.about.standing(n_learners, of.table)?,
        };
        let n_outputs = self.about.target.n_outputs();
        let mut held_out = HeldOutOf {
            values: vec![0.0; of.table.n_rows() * n_outputs],
            is_known: standing.iter().map(|s| *s != Standing::Learned).collect(),
            is_lost,
        };
        let before = match &self.grown {
            None => None,
            Some(grown) => {
                let own = Encoded { about: &self.about.space, table: of.table, cells: &own };
                let before = grown.base.held_out_of(own)?;
                held_out.is_known.iter_mut().zip(&before.is_known).for_each(|(all, known)| *all &= known);
                held_out.is_lost |= before.is_lost;
                Some(before.values)
            }
        };
        let mut asked: Vec<Standing> = (0..self.n_learners()).map(Standing::Part).collect();
        asked.push(Standing::Fresh);
        for asked in asked {
            let rows: Vec<usize> = (0..standing.len()).filter(|r| standing[*r] == asked).collect();
            if rows.is_empty() {
                continue;
            }
            let one = match asked {
                Standing::Part(i) => Some(self.of_part(i)),
                _ => None,
            };
            let learner = one.as_ref().unwrap_or(self);
            let sight = Sight { cells: &own, rows: &rows, hidden: None };
            let values = match &before {
                None => learner.predict_sight(sight)?,
                Some(before) => {
                    let of_row = |r: &usize| before[r * n_outputs..(r + 1) * n_outputs].iter().copied();
                    learner.grown_from(rows.iter().flat_map(of_row).collect(), sight)
                }
            };
            for (r, values) in rows.iter().zip(values.chunks_exact(n_outputs)) {
                held_out.values[r * n_outputs..(r + 1) * n_outputs].copy_from_slice(values);
            }
        }
        Ok(held_out)
    }

    /// Learners of a kind.
    fn n_learners(&self) -> usize {
        let grown = self.grown.as_ref().map_or(0, Grown::n_learners);
        let own = [self.heads.len(), self.forests.len(), self.random_forests.len(), self.lines.len()];
        own.into_iter().max().unwrap_or(0).max(grown)
    }

    /// The same predictor with the learners alone that did not learn from an inner part.
    fn of_part(&self, i: usize) -> Predictor {
        let mut one = Predictor::of_learners(
            self.about.clone(),
            self.heads.get(i).cloned().into_iter().collect(),
            self.forests.get(i).cloned().into_iter().collect(),
            self.random_forests.get(i).cloned().into_iter().collect(),
            self.lines.get(i).cloned().into_iter().collect(),
        );
        one.grown.clone_from(&self.grown);
        if let Some(grown) = &mut one.grown {
            for forests in [&mut grown.onward, &mut grown.anew] {
                *forests = forests.get(i).cloned().into_iter().collect();
            }
            grown.random = grown.random.get(i).cloned().into_iter().collect();
            grown.lines = grown.lines.get(i).cloned().into_iter().collect();
        }
        one
    }
}

impl PredictorAbout {
    /// How each row of a table stands to the learners, `[n_rows]`, and whether inner parts could not be told again.
    ///
    /// Rows that have come may look like some of the fit: by half of their columns, or as copies. So the rows of the
    /// fit are looked for among all that are known, then among those that are known as they are, then among the first
    /// of these: a sum that the predictor remembers says which are the ones.
    fn standing(&self, n_learners: usize, table: &Table) -> Result<(Vec<Standing>, bool)> {
        let known = self.known(table)?;
        let values = self.target.values(table)?;
        let had = |is_had: &dyn Fn(&Known) -> bool| -> Vec<u32> {
            (0..known.len()).filter(|r| is_had(&known[*r])).map(|r| r as u32).collect()
        };
        let mut of_fit =
            FitRows::find(self, table, &known, &values, &had(&|k| *k != Known::New), usize::MAX)?;
        let whole = had(&|k| matches!(k, Known::Whole(_)));
        for most in [usize::MAX, self.fit_info.n_rows] {
            if !of_fit.is_same {
                let candidate = FitRows::find(self, table, &known, &values, &whole, most)?;
                if candidate.is_same {
                    of_fit = candidate;
                }
            }
        }
        // Where nothing was learned from, there is nothing to tell.
        let is_lost = !of_fit.is_same && !of_fit.rows.is_empty();
        let mut standing = vec![Standing::Fresh; table.n_rows()];
        for (row, part) in of_fit.rows {
            standing[row] = match part {
                Some(part) if of_fit.is_same && part < n_learners => Standing::Part(part),
                _ => Standing::Learned,
            };
        }
        Ok((standing, is_lost))
    }

    /// How each row of a table is known, `[n_rows]`. Where no rows are remembered, each counts as known, in the part
    /// that its cells say.
    pub(super) fn known(&self, table: &Table) -> Result<Vec<Known>> {
        let rows = self.row_parts(table)?;
        Ok(match rows.known {
            Some(known) => known,
            None => rows.parts.into_iter().map(Known::Whole).collect(),
        })
    }
}

/// Rows of a table that may be those of a fit.
struct FitRows {
    /// Rows that were learned from, or are copies of such ones, each with its inner part, if that is known.
    rows: Vec<(usize, Option<usize>)>,
    /// Whether they are the rows of the fit, in the same inner parts.
    is_same: bool,
}

impl FitRows {
    /// Deals the first `most` of the rows `had` that can be learned from into inner parts, as a fit on the rows `had`
    /// does. `known` and `values` are of the whole table.
    fn find(
        about: &PredictorAbout,
        table: &Table,
        known: &[Known],
        values: &[Option<f64>],
        had: &[u32],
        most: usize,
    ) -> Result<Self> {
        // What the fit had: the parts of a split by time depend on all of its rows.
        let rows = table.take(had)?;
        let key_columns = &about.space.key_columns;
        let columns: Vec<String> = key_columns.iter().filter(|c| table.has_column(c)).cloned().collect();
        let split = &about.space.split;
        let units = split.units(&rows, &split.row_hashes(&rows, &columns)?)?;
        let values: Vec<Option<f64>> = had.iter().map(|r| values[*r as usize]).collect();
        let is_learned = |r: &usize| {
            let is_test = about.options.hold_out_test && known[had[*r] as usize].part() == Some(Part::Test);
            !is_test && values[*r].is_some_and(|v| !about.target.is_unseen(v))
        };
        let learned: Vec<usize> = (0..had.len()).filter(is_learned).collect();
        if learned.is_empty() {
            return Ok(FitRows { rows: Vec::new(), is_same: false });
        }
        // A file that does not remember it has a network for each.
        let n_parts = about
            .inner
            .as_ref()
            .map_or_else(|| n_inner_parts(about.fit_info.best_epochs.len()), |inner| inner.n_parts);
        let (first, more) = learned.split_at(learned.len().min(most));
        let fold = inner_parts(first, &units, &values, &about.target, n_parts);
        let is_same = match &about.inner {
            // A number alone says nothing of the first rows of more.
            None => learned.len() == about.fit_info.n_rows,
            Some(inner) => *inner == InnerParts::of(first, &units, &fold, n_parts, inner.is_weighted),
        };
        // A copy that has come is in the part of the row that it repeats.
        let part_of: HashMap<u64, usize> = first.iter().map(|r| (units[*r], fold[*r])).collect();
        let dealt = first.iter().map(|r| (had[*r] as usize, Some(fold[*r])));
        let copies = more.iter().map(|r| (had[*r] as usize, part_of.get(&units[*r]).copied()));
        Ok(FitRows { rows: dealt.chain(copies).collect(), is_same })
    }
}
