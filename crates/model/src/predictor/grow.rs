//! A predictor grows with its space: the old one stays as it is, and forests and a linear model learn what the new
//! columns add.
//!
//! Boosted forests start from what the old predictor says of a row, by learners that did not learn from it
//! (`held_out.rs`), so that few trees are enough; or from nothing, for what the new columns say may outweigh all else: the
//! rows of the first inner part tell which. Random forests and the linear model start from nothing. The shares of all
//! are fitted on rows that they did not learn from, and so is the sharpness.

use std::time::Instant;

use tabgraft_table::Table;
use tabgraft_table::split::Part;
use tabgraft_table::table::quoted;

use super::bag::BagData;
use super::blend::{mixed, shares};
use super::fair::rows_beside;
use super::fit::{LEAST_ROWS, cell_order, labels, relative_weights};
use super::grown::{Grown, Growth, MOST_IN_A_CHAIN, in_unit, margins, standardised};
use super::held_out::Encoded;
use super::inner::{InnerParts, inner_parts, n_inner_parts};
use super::interval::Distances;
use super::kept::{Growing, HeldOutRows, JudgedOn, KeepGrown};
use super::lines::fit_lines;
use super::told::Told;
use super::trees::{self, Grove, TreeData, fit_grove, random_with_share, with_share};
use super::{FitInfo, Predictor, PredictorAbout, PredictorOptions, SecondsSpent, derived, threshold};
use crate::error::{Error, Result};
use crate::space::{EmbeddingSpace, Known, SoftwareVersion, UnseenCounts, clusters, extended_name, now};
use crate::train::{Event, Sink};
use crate::tree::{BoostOptions, Forest, RandomForest};
use crate::weights::WeightedRows;

/// How much larger the steps of the new forests are than those of a fit from nothing, of which growing may take a fifth
/// of the time.
const HASTE: f64 = 2.0;
/// Which of the two ways to fit forests is the one that starts from what the old predictor says.
const ONWARD: usize = 0;
/// Trees that speak for a random forest of the rows that it stops on; a fit from nothing has more.
const N_HELD_OUT_TREES: usize = 60;
/// Fewest test rows that the old and the grown predictor are compared on; with fewer, rows of the fit by learners
/// that did not learn from them.
const LEAST_TEST_ROWS: usize = 50;

/// How a predictor grows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GrowOptions {
    /// Name of the grown predictor. Default: the old one's with `_extended`.
    pub name: Option<String>,
    /// Seed of the new forests. Default: the old predictor's.
    pub seed: Option<u64>,
    /// What is kept.
    pub keep: KeepGrown,
}

impl Predictor {
    /// Takes the predictor to `child`, a descendant of its space: old learners stay, bit for bit, and see the cells
    /// that they always saw; new forests and a linear model learn from all columns of `child` what the old learners do
    /// not say.
    ///
    /// `table` is that of the fit with the new columns; rows may have come, and are learned from too. Rows of the
    /// fit are learned from where it can be told which old learner did not learn from them. Columns that `child`
    /// has lost are missing cells to the old learners. `row_weights` are those of the fit, if it had some.
    ///
    /// # Errors
    /// A schema error if `child` does not come from the predictor's space, is that space, codes its columns
    /// otherwise, or has none of them left; a value error if too few rows can be learned from, and why.
    pub fn extend(
        &self,
        child: &EmbeddingSpace,
        table: &Table,
        row_weights: Option<&[f64]>,
        options: &GrowOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Growing> {
        self.about.check_goes_on_with(&child.about)?;
        if self.about.chain_length() >= MOST_IN_A_CHAIN {
            return Err(Error::option(format!(
                "predictor `{}` has grown {} times, {} are allowed: a prediction asks all of the chain",
                self.name(),
                MOST_IN_A_CHAIN - 1,
                MOST_IN_A_CHAIN - 1
            ))
            .with_hint("fit a predictor on this space"));
        }
        let lost = self.about.lost_columns(&child.about);
        if !lost.is_empty() {
            let text = format!(
                "`{}` has lost {}: they are missing cells to the learners of `{}`",
                child.name(),
                quoted(&lost),
                self.name()
            );
            let _ = sink(&Event::Note { text });
        }
        let is_weighted = self.about.inner.as_ref().map(|inner| inner.is_weighted);
        match (is_weighted, row_weights) {
            (Some(true), None) => {
                return Err(Error::option(format!(
                    "predictor `{}` was fitted with weights of rows and has none to go on with",
                    self.name()
                ))
                .with_hint("give the weights of the fit, and those of rows that have come"));
            }
            (Some(false), Some(_)) => {
                return Err(Error::option(format!(
                    "predictor `{}` was fitted without weights of rows, and cannot go on with some",
                    self.name()
                ))
                .with_hint("leave them out, or fit a predictor with weights on this space"));
            }
            _ => {}
        }
        let table = &*child.completed(table, sink)?;
        child.about.check_known(table)?;
        let Some(weights) = row_weights else { return self.grow(child, table, None, options, sink) };
        let is_test = self.is_test(child, table)?;
        let rows = WeightedRows::new(table, weights, |r| is_test[r])?;
        let mut made = self.grow(child, &rows.table, rows.weights.as_deref(), options, sink)?;
        if made.kept {
            let about = &mut made.predictor.about;
            about.fit_info.n_rows_without_weight = rows.n_without_weight;
            about.inner.iter_mut().for_each(|inner| inner.is_weighted = true);
            about.seal();
        }
        Ok(made)
    }

    /// The predictor that it grew from; none if it was fitted from nothing.
    pub fn base(&self) -> Option<&Predictor> {
        self.grown.as_ref().map(|grown| &*grown.base)
    }

    /// Which rows of a table score and are not learned from: what the old predictor knows of a row goes before what
    /// the space says.
    fn is_test(&self, child: &EmbeddingSpace, table: &Table) -> Result<Vec<bool>> {
        if !self.about.options.hold_out_test {
            return Ok(vec![false; table.n_rows()]);
        }
        let known = self.about.known(table)?;
        let parts = child.row_parts(table)?.parts;
        let part = |(known, part): (Known, Part)| known.part().unwrap_or(part) == Part::Test;
        Ok(known.into_iter().zip(parts).map(part).collect())
    }

    fn grow(
        &self,
        child: &EmbeddingSpace,
        table: &Table,
        row_weights: Option<&[f64]>,
        options: &GrowOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Growing> {
        let start = Instant::now();
        let target = &self.about.target;
        let mut columns = child.column_report(table);
        columns.ignored_columns.retain(|c| c.name != target.column());
        let mut cells = child.encode(table)?;
        for column in UnseenCounts::of(&cells).mostly(child.columns(), child.codecs(), table)? {
            let _ = sink(&Event::Warning { text: column.to_string() });
        }
        let is_test = self.is_test(child, table)?;
        let values = target.values(table)?;
        let before = self.held_out_of(Encoded { about: &child.about, table, cells: &cells })?;
        let is_learned = |r: &usize| {
            !is_test[*r] && before.is_known[*r] && values[*r].is_some_and(|v| !target.is_unseen(v))
        };
        let mut rows: Vec<usize> = (0..table.n_rows()).filter(is_learned).collect();
        if before.is_lost {
            let text = format!(
                "the table's rows are not those that `{}` was fitted on: which of its learners did not learn from \
                 a row cannot be told, and only the {} rows that are new to it are learned from",
                self.name(),
                rows.len()
            );
            let _ = sink(&Event::Warning { text });
        }
        if rows.len() < LEAST_ROWS {
            return Err(Error::value(format!(
                "{} row(s) are left to learn from, at least {LEAST_ROWS} are needed: rows with a target that the \
                 learners of `{}` did not learn from",
                rows.len(),
                self.name()
            ))
            .with_hint(match table.whole() {
                Some(_) => "raise the limit of memory: all rows of the fit have to be among those that are drawn",
                None => "give the table of the fit, whole and with its cells as they were, with the new columns",
            }));
        }
        let place = cell_order(child, table, target.column())?;
        rows.sort_by_key(|r| (place[*r], *r));
        let test_rows: Vec<u32> = (0..table.n_rows()).filter(|r| is_test[*r]).map(|r| r as u32).collect();
        let derived = derived::find(child, table, &rows)?;
        derived::add(&derived, child.columns(), table, &mut cells)?;
        let codecs = derived::codecs(child.codecs(), &derived);
        let n_forests = self.about.options.n_parts_for(rows.len());
        let n_parts = n_inner_parts(n_forests);
        // As a later step will look at them: without rows that no predictor learned from or was tested on.
        let units = self.units(child, table)?;
        let offsets = margins(target, &before.values);
        let own_weights = relative_weights(row_weights, &rows, table.n_rows())?;
        let of_classes = self.about.options.class_weight.as_ref();
        let of_classes = of_classes.map(|w| w.of_rows(target, &values, row_weights, &rows)).transpose()?;
        let row_weights = of_classes.as_deref().or(row_weights);
        let data = BagData {
            groups: Vec::new(),
            labels: labels(target, &values),
            weights: relative_weights(row_weights, &rows, table.n_rows())?,
            fold: inner_parts(&rows, &units, &values, target, n_parts),
            rows,
        };
        let inner = InnerParts::of(&data.rows, &units, &data.fold, n_parts, false);
        let held_out_rows: Vec<usize> =
            data.rows.iter().copied().filter(|r| data.fold[*r] < n_forests).collect();
        let trees = TreeData {
            table: &cells,
            units: &units,
            bag: &data,
            held_out_rows: &held_out_rows,
            n_forests,
            // Onward, and anew.
            boosts: &[Some(&offsets[..]), None].map(|offsets| BoostOptions { offsets, haste: HASTE }),
            n_held_out: N_HELD_OUT_TREES,
            seed: options.seed.unwrap_or(self.about.options.seed),
        };
        let told = Told::new(sink, 2 * n_forests);
        let mut spent = SecondsSpent::default();
        let begin = Instant::now();
        let ruled = fit_lines(trees::loss(target), &codecs, &cells, &data, &held_out_rows, n_forests, &told)?;
        spent.linear = begin.elapsed().as_secs_f64();
        let begin = Instant::now();
        let grove = match told.is_stopped() {
            true => None,
            false => fit_grove(target, &codecs, &trees, &told)?,
        };
        spent.trees = begin.elapsed().as_secs_f64();
        let interrupted = told.is_stopped();
        told.end();
        let n_outputs = target.n_outputs();
        let of_row = |r: &usize| before.values[r * n_outputs..(r + 1) * n_outputs].iter().copied();
        let old: Vec<f64> = standardised(target, &held_out_rows.iter().flat_map(of_row).collect::<Vec<_>>());
        let (onward, anew, random) = match grove {
            None => (None, None, None),
            Some(Grove { boosted, boost: ONWARD, random }) => (Some(boosted), None, random),
            Some(Grove { boosted, random, .. }) => (None, Some(boosted), random),
        };
        let came = [
            onward.as_ref().map(|onward| &onward.held_out[..]),
            anew.as_ref().map(|anew| &anew.held_out[..]),
            ruled.as_ref().map(|ruled| &ruled.held_out[..]),
            random.as_ref().map(|random| &random.held_out[..]),
        ];
        let said: Vec<&[f64]> = [&old[..]].into_iter().chain(came.into_iter().flatten()).collect();
        let chosen = shares(&said, &data.labels, &held_out_rows, &data.weights);
        let after = mixed(&said, &chosen);
        let mut chosen = chosen.into_iter();
        let mut next = |is_there: bool| if is_there { chosen.next().unwrap_or(0.0) } else { 0.0 };
        let shares = [next(true), next(onward.is_some()), next(anew.is_some())];
        let (share_of_linear, share_of_random_forests) = (next(ruled.is_some()), next(random.is_some()));
        let onward = with_share(onward, shares[1]);
        let anew = with_share(anew, shares[2]);
        let random = random_with_share(random, share_of_random_forests);
        let lines = ruled.filter(|_| share_of_linear > 0.0).map(|ruled| ruled.lines).unwrap_or_default();
        let of_rows = HeldOutRows { rows: &held_out_rows, values: &values, weights: &data.weights };
        let sharpness = of_rows.sharpness(target, &after);
        let own_options = self.options_of(options);
        let said = in_unit(target, after.clone(), sharpness);
        let truth = of_rows.targets();
        let own_weights: Vec<f32> = held_out_rows.iter().map(|r| own_weights[*r]).collect();
        let threshold = threshold::chosen(target, &own_options, &said, &truth, &own_weights);
        let about = PredictorAbout {
            name: own_options.name.clone(),
            created: now(),
            software: SoftwareVersion::current(),
            options: own_options,
            threshold,
            distances: Distances::of_target(target, &said, &truth),
            target: target.clone(),
            sharpness,
            space: child.about.clone(),
            derived,
            rows: self.rows_of(child, table, &is_test)?,
            rows_hash: None,
            reading: table.origin().reading.clone(),
            fit_info: FitInfo {
                n_rows: data.rows.len(),
                n_rows_without_target: values.iter().filter(|v| v.is_none()).count(),
                n_rows_infinite_target: target.n_infinite(table)?,
                n_rows_test: test_rows.len(),
                n_rows_unseen: values.iter().flatten().filter(|v| target.is_unseen(**v)).count(),
                n_copies: n_copies(child, table, &data.rows)?,
                columns,
                interrupted,
                seconds_spent: spent,
                ..FitInfo::default()
            },
            inner: Some(inner),
            growth: Some(Growth {
                base: Box::new(self.about.clone()),
                base_id: self.id().as_str().to_owned(),
                n_trees_onward: onward.iter().map(Forest::n_trees).collect(),
                n_trees_anew: anew.iter().map(Forest::n_trees).collect(),
                n_random_trees: random.iter().map(RandomForest::n_trees).collect(),
                shares,
                share_of_linear,
                share_of_random_forests,
            }),
            refused_growths: Vec::new(),
            claims: None,
        };
        let grown = Grown { base: Box::new(self.clone()), onward, anew, random, lines };
        let mut predictor = Predictor::of_growth(about, grown);
        let test = table.take(&test_rows)?;
        if test_rows.iter().filter(|r| values[**r as usize].is_some()).count() >= 2 {
            predictor.about.fit_info.scores = predictor.evaluate(&test)?;
        }
        predictor.about.fit_info.seconds = start.elapsed().as_secs_f64();
        predictor.about.seal();
        let (difference, judged_on) = match test.n_rows() >= LEAST_TEST_ROWS {
            true => (self.compare(&predictor, &test).ok(), JudgedOn::TestRows),
            false => (of_rows.compare(child, table, target, &old, &after).ok(), JudgedOn::HeldOutRows),
        };
        Ok(self.choose(predictor, difference, judged_on, options.keep, sink))
    }

    fn options_of(&self, options: &GrowOptions) -> PredictorOptions {
        let own = &self.about.options;
        PredictorOptions {
            name: options.name.clone().unwrap_or_else(|| extended_name(&own.name)),
            seed: options.seed.unwrap_or(own.seed),
            ..own.clone()
        }
    }

    /// Rows that this predictor or the new one was fitted on and that `child` does not know.
    fn rows_of(
        &self,
        child: &EmbeddingSpace,
        table: &Table,
        is_test: &[bool],
    ) -> Result<Option<crate::space::KnownRows>> {
        let mut rows = rows_beside(child, table, is_test)?;
        match (&mut rows, &self.about.rows) {
            (Some(rows), Some(old)) => rows.join(old),
            (None, Some(old)) if child.about.rows.is_some() => rows = Some(old.clone()),
            _ => {}
        }
        Ok(rows)
    }

    /// Units of the rows, `[n_rows]`.
    fn units(&self, child: &EmbeddingSpace, table: &Table) -> Result<Vec<u64>> {
        child.split().units(table, &child.keys_of(table)?)
    }
}

fn n_copies(child: &EmbeddingSpace, table: &Table, rows: &[usize]) -> Result<usize> {
    let rows: Vec<u32> = rows.iter().map(|r| *r as u32).collect();
    Ok(clusters(&[&child.about], &table.take(&rows)?)?.n_copies())
}
