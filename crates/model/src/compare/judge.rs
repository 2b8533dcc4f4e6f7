//! Predictors fitted alike on two spaces, and what they say of rows that they did not learn from.

use tabgraft_table::Table;
use tabgraft_table::schema::ColumnSpec;

use super::rows::Folds;
use crate::error::{Error, Result};
use crate::metric::{Clusters, Prediction, Task, Truth};
use crate::predictor::{Predictor, PredictorOptions, Target, TargetKind};
use crate::space::{EmbeddingSpace, clusters};
use crate::train::{Event, Sink};

/// Predictions of the judged rows, in one order.
pub(super) struct Judged {
    pub target: Target,
    /// The judged rows.
    pub rows: Table,
    pub truth: Truth,
    /// Which of the judged rows are one piece of evidence.
    pub clusters: Clusters,
    /// Judged rows of a class that the predictors had no row of to learn from.
    pub n_unseen: usize,
    /// From the first space.
    pub a: Prediction,
    /// From the second space.
    pub b: Prediction,
    /// From the second space with the cells of one column hidden, for each column that only it has.
    pub hidden: Vec<(String, Prediction)>,
}

/// Fits predictors on both spaces for every fold and gathers their predictions.
pub(super) fn judge(
    spaces: [&EmbeddingSpace; 2],
    table: &Table,
    folds: &Folds,
    options: &PredictorOptions,
    sink: &mut Sink<'_>,
) -> Result<Judged> {
    let [first, second] = spaces;
    let new: Vec<String> =
        lacking(second, first).filter(|c| table.has_column(&c.name)).map(|c| c.name.clone()).collect();
    let (mut a, mut b, mut hidden) = (Vec::new(), Vec::new(), vec![Vec::new(); new.len()]);
    let (mut order, mut n_unseen) = (Vec::new(), 0);
    for (i, [learned, judged]) in folds.parts.iter().enumerate() {
        let place = match folds.parts.len() {
            1 => String::new(),
            n => format!(", fold {} of {n}", i + 1),
        };
        let learned = table.take(learned)?;
        let on_a = fit(spaces, &learned, &folds.target, options, &place, sink)?;
        let on_b = fit([second, first], &learned, &folds.target, options, &place, sink)?;
        let rows = table.take(judged)?;
        if let Some(unseen) = on_a.target().unseen_in_words(&rows)? {
            let _ = sink(&Event::Warning { text: format!("{unseen}{place}; scored as wrong") });
            let known = on_a.target().values(&rows)?;
            n_unseen += known.into_iter().flatten().filter(|v| on_a.target().is_unseen(*v)).count();
        }
        a.extend(on_a.predict(&rows)?.of_classes(folds.target.classes()));
        b.extend(on_b.predict(&rows)?.of_classes(folds.target.classes()));
        for (column, values) in new.iter().zip(&mut hidden) {
            let predicted = on_b.predict_any(&rows.without(std::slice::from_ref(column))?)?;
            values.extend(predicted.of_classes(folds.target.classes()));
        }
        order.extend_from_slice(judged);
    }
    let rows = table.take(&order)?;
    let values: Vec<f64> = folds.target.values(&rows)?.into_iter().flatten().collect();
    let n_outputs = folds.target.n_outputs();
    let hidden: Result<Vec<(String, Prediction)>> = new
        .into_iter()
        .zip(hidden)
        .map(|(column, values)| Ok((column, Prediction::new(values, n_outputs)?)))
        .collect();
    Ok(Judged {
        truth: folds.target.truth(&values),
        clusters: clusters(&[&first.about, &second.about], &rows)?,
        n_unseen,
        target: folds.target.clone(),
        rows,
        a: Prediction::new(a, n_outputs)?,
        b: Prediction::new(b, n_outputs)?,
        hidden: hidden?,
    })
}

/// The columns that `space` has and `other` lacks.
fn lacking<'a>(
    space: &'a EmbeddingSpace,
    other: &'a EmbeddingSpace,
) -> impl Iterator<Item = &'a ColumnSpec> + 'a {
    space.columns().iter().filter(|c| other.columns().iter().all(|own| own.name != c.name))
}

/// Fits a predictor on the first space; the second is the other one that is compared.
fn fit(
    [space, other]: [&EmbeddingSpace; 2],
    learned: &Table,
    target: &Target,
    options: &PredictorOptions,
    place: &str,
    sink: &mut Sink<'_>,
) -> Result<Predictor> {
    let _ = sink(&Event::Task { name: format!("predictor on {}{place}", space.name()) });
    // That one space lacks columns of the other is what is compared, and no news. What it has left out it
    // says nothing of; a pruned column may still tell its rows apart.
    let is_unknown = |c: &&ColumnSpec| space.excluded().iter().all(|e| e.name != c.name);
    let others: Vec<String> = lacking(other, space).filter(is_unknown).map(|c| c.name.clone()).collect();
    // A fold may look otherwise than the whole table; the target's kind is that of the table.
    let target_kind = match target.task() {
        Task::Regression => TargetKind::Scalar,
        Task::Binary | Task::Multiclass => TargetKind::Set,
    };
    let options = PredictorOptions { hold_out_test: false, target_kind, ..options.clone() };
    let fitted = Predictor::fit(space, &learned.without(&others)?, target.column(), &options, sink)?;
    if fitted.fit_info().interrupted {
        return Err(Error::interrupted("interrupted: predictors that were not fitted alike do not compare"));
    }
    Ok(fitted)
}
