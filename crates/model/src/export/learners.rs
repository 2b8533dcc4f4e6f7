//! A predictor's learners: networks, forests and the linear model, mixed and calibrated; and what it grew from.

use std::collections::BTreeSet;

use tabgraft_table::encoded::PartForm;

use super::OnnxOptions;
use super::cells::{Cells, Part, Read};
use super::columns::Columns;
use super::forest::{margins, means};
use super::lookup::{Lookup, PartTable};
use super::network::z;
use super::onnx::graph::{Attribute, Element, Graph, Value};
use super::read_of;
use super::typed::Typed;
use crate::error::{Error, Result};
use crate::linear::{CellSource, of_number};
use crate::predictor::{
    DAY, Head, LEAST_BEFORE, Lines, Predictor, PredictorAbout, TINY, Target, codecs_with_derived, loss,
    mean_line,
};
use crate::tree::{Forest, Loss, RandomForest};

/// What a predictor says of the rows, in the target's unit, 64 bits: `[n_rows, n_outputs]`; and the cells that it sees.
///
/// `given` are the columns that it may see, where it is one that another grew from.
///
/// # Errors
/// A schema error that names what a graph cannot compute.
pub(super) fn values(
    graph: &mut Graph,
    predictor: &Predictor,
    columns: &mut Columns,
    given: Option<&BTreeSet<&str>>,
    options: &OnnxOptions,
) -> Result<(Value, Cells)> {
    let cells = cells(graph, predictor, columns, given, options)?;
    let target = &predictor.about.target;
    let Some((grown, growth)) = predictor.grown.as_ref().zip(predictor.about.growth.as_ref()) else {
        let learners = learners(graph, predictor, &cells);
        let mean = mixed(graph, &learners);
        return Ok((in_unit(graph, target, &mean, predictor.about.sharpness), cells));
    };
    let own: BTreeSet<&str> = predictor.about.space.columns.iter().map(|c| c.name.as_str()).collect();
    let own = given.map_or(own.clone(), |given| own.intersection(given).copied().collect());
    let (before, _) = values(graph, &grown.base, columns, Some(&own), options)?;
    let loss = loss(target);
    let [of_old, of_onward, of_anew, of_linear, of_random] = growth.all_shares();
    let mut parts = vec![(standardised(graph, target, &before), of_old)];
    if !grown.onward.is_empty() {
        let start = margins_of(graph, target, &before);
        parts.push((of_forests(graph, &grown.onward, loss, &cells, Some(&start)), of_onward));
    }
    if !grown.anew.is_empty() {
        parts.push((of_forests(graph, &grown.anew, loss, &cells, None), of_anew));
    }
    if let Some(line) = of_lines(graph, &grown.lines, &predictor.about, loss, &cells) {
        parts.push((line, of_linear));
    }
    if !grown.random.is_empty() {
        parts.push((of_random_forests(graph, &grown.random, loss, &cells), of_random));
    }
    let mean = mixed(graph, &parts);
    Ok((in_unit(graph, target, &mean, predictor.about.sharpness), cells))
}

/// The cells of its space's columns, and behind them of those that follow from them.
fn cells(
    graph: &mut Graph,
    predictor: &Predictor,
    columns: &mut Columns,
    given: Option<&BTreeSet<&str>>,
    options: &OnnxOptions,
) -> Result<Cells> {
    let space = &predictor.about.space;
    let mut read = read_of(graph, space, columns, given, options)?;
    for derived in &predictor.about.derived {
        let of: Vec<Option<Typed>> = derived.of.iter().map(|i| read[*i].values.clone()).collect();
        let values = match &of[..] {
            [Some(Typed::Time(from)), Some(Typed::Time(to))] => {
                let (from, to, day) = (graph.seconds(from), graph.seconds(to), graph.double(DAY));
                let between = graph.sub(&to, &from);
                Some(Typed::Number(graph.div(&between, &day)))
            }
            [Some(text)] => Some(text.clone()),
            _ => None,
        };
        read.push(Read { name: &space.columns[derived.of[0]].name, codec: &derived.codec, values });
    }
    Cells::new(graph, &read, options)
}

/// What each learner says, standardised or as probabilities, and its share.
fn learners(g: &mut Graph, predictor: &Predictor, cells: &Cells) -> Vec<(Value, f64)> {
    let (info, target) = (&predictor.about.fit_info, &predictor.about.target);
    let loss = loss(target);
    let mut learners = Vec::new();
    if !predictor.heads.is_empty() {
        let of_heads: Vec<Value> =
            predictor.predicting_heads().iter().map(|head| of_head(g, head, cells, target)).collect();
        learners.push((mean(g, &of_heads), info.share_of_networks()));
    }
    if !predictor.forests.is_empty() {
        learners.push((of_forests(g, &predictor.forests, loss, cells, None), info.share_of_trees));
    }
    if !predictor.random_forests.is_empty() {
        let said = of_random_forests(g, &predictor.random_forests, loss, cells);
        learners.push((said, info.share_of_random_forests));
    }
    if let Some(line) = of_lines(g, &predictor.lines, &predictor.about, loss, cells) {
        learners.push((line, info.share_of_linear));
    }
    learners
}

/// The mean of a network's members.
fn of_head(g: &mut Graph, head: &Head, cells: &Cells, target: &Target) -> Value {
    let n_outputs = target.n_outputs();
    let z = z(g, &head.space, cells);
    let (d_hidden, n_members) = (head.members.w1.shape()[1], head.members.n_members());
    let of_members = |g: &mut Graph, values: &[f32], width: usize| g.floats(&[n_members, 1, width], values);
    let scale_in = of_members(g, &head.members.scale_in.values(), z_width(head));
    let z = g.raised(&z, 0);
    let scaled = g.mul(&z, &scale_in);
    let (w1, b1) = (g.matrix(&head.members.w1), g.matrix(&head.members.b1));
    let hidden = g.linear(&scaled, &w1, &b1);
    let hidden = g.gelu(&hidden);
    let scale_out = of_members(g, &head.members.scale_out.values(), d_hidden);
    let hidden = g.mul(&hidden, &scale_out);
    let w2 = g.floats(&[n_members, d_hidden, n_outputs], &head.members.w2.values());
    let b2 = of_members(g, &head.members.b2.values(), n_outputs);
    let mut outputs = g.linear(&hidden, &w2, &b2);
    let lookup = Lookup { element: Element::Float, width: n_outputs, is_cut: false };
    for (group, tables) in head.space.token_groups().iter().zip(&head.wide) {
        let parts = cells.parts(group.columns.clone());
        if !parts.is_empty() {
            let wide = lookup.sum(g, cells, &parts, &PartTable::of_tables(&group.layout, tables));
            outputs = g.add(&outputs, &wide);
        }
    }
    let mut outputs = g.cast(&outputs, Element::Double);
    if matches!(target, Target::Classes { .. }) {
        outputs = softmax(g, &outputs);
    }
    g.reduced("ReduceMean", &outputs, 0, false)
}

fn z_width(head: &Head) -> usize {
    head.members.scale_in.shape()[1]
}

fn softmax(g: &mut Graph, logits: &Value) -> Value {
    g.node("Softmax", &[logits], &[("axis", Attribute::Int(-1))])
}

/// The mean of forests; with `before`, each starts from these margins.
fn of_forests(g: &mut Graph, forests: &[Forest], loss: Loss, cells: &Cells, before: Option<&Value>) -> Value {
    let each: Vec<Value> = forests
        .iter()
        .map(|forest| {
            let own = margins(g, forest, cells);
            let all = match before {
                Some(before) => g.add(&own, before),
                None => own,
            };
            predicted(g, loss, &all)
        })
        .collect();
    mean(g, &each)
}

/// The mean of random forests.
fn of_random_forests(g: &mut Graph, forests: &[RandomForest], loss: Loss, cells: &Cells) -> Value {
    let of_forest = |forest: &RandomForest| {
        let said = means(g, forest, cells);
        let said = g.cast(&said, Element::Double);
        match loss {
            Loss::Squared | Loss::Softmax { .. } => said,
            Loss::Logistic => with_first(g, &said),
        }
    };
    let each: Vec<Value> = forests.iter().map(of_forest).collect();
    mean(g, &each)
}

/// Probabilities of two classes by that of the second.
fn with_first(g: &mut Graph, second: &Value) -> Value {
    let one = g.double(1.0);
    let first = g.sub(&one, second);
    g.concat(&[first, second.clone()], 1)
}

/// What margins of 32 bits predict.
fn predicted(g: &mut Graph, loss: Loss, margins: &Value) -> Value {
    let margins = g.cast(margins, Element::Double);
    match loss {
        Loss::Squared => margins,
        Loss::Softmax { .. } => softmax(g, &margins),
        Loss::Logistic => {
            let second = g.node("Sigmoid", &[&margins], &[]);
            with_first(g, &second)
        }
    }
}

/// The linear learner; none where it has no share.
fn of_lines(
    g: &mut Graph,
    lines: &[Lines],
    about: &PredictorAbout,
    loss: Loss,
    cells: &Cells,
) -> Option<Value> {
    let (plan, coefficients) = mean_line(lines)?;
    let width = loss.n_outputs();
    let of_feature = |feature: usize| &coefficients[feature * width..(feature + 1) * width];
    let codecs = codecs_with_derived(&about.space.codecs, &about.derived);
    let (mut tables, mut parts): (Vec<PartTable>, Vec<Part>) = (Vec::new(), Vec::new());
    for (((sources, missing), codec), cell) in plan.columns().iter().zip(codecs).zip(&cells.columns) {
        for (i, (source, form)) in sources.iter().zip(codec.parts()).enumerate() {
            let mut table = PartTable {
                // All parts are missing together, and that counts once.
                missing: if i == 0 { of_feature(*missing).to_vec() } else { vec![0.0; width] },
                ..PartTable::default()
            };
            let rows_of = |first: usize, n: usize| coefficients[first * width..(first + n) * width].to_vec();
            match (source, form) {
                (CellSource::Number { first, edges }, _) => {
                    for bin in 0..edges.len() - 1 {
                        let [from, to] = [0.0, 1.0].map(|position| of_number(edges, bin, position));
                        let own = of_feature(*first).iter().zip(of_feature(first + 1));
                        table
                            .rows
                            .extend(own.clone().map(|(place, share)| place * from[0] + share * from[1]));
                        let slope =
                            own.map(|(place, share)| place * (to[0] - from[0]) + share * (to[1] - from[1]));
                        table.slopes.extend(slope);
                    }
                }
                (CellSource::Code { first }, PartForm::Code { n_codes: n })
                | (CellSource::Bag { first }, PartForm::Bag { n_slots: n }) => {
                    table.rows = rows_of(*first, n)
                }
                _ => {}
            }
            tables.push(table);
            parts.push(cell.parts[i]);
        }
    }
    let lookup = Lookup { element: Element::Double, width, is_cut: false };
    let sum = lookup.sum(g, cells, &parts, &tables);
    let constant = g.doubles(&[1, width], of_feature(plan.n_features()));
    let margins = g.add(&sum, &constant);
    let margins = g.cast(&margins, Element::Float);
    Some(predicted(g, loss, &margins))
}

fn mean(g: &mut Graph, each: &[Value]) -> Value {
    let share = g.double(1.0 / each.len() as f64);
    let sum = total(g, each);
    g.mul(&sum, &share)
}

fn total(g: &mut Graph, each: &[Value]) -> Value {
    match each {
        [one] => one.clone(),
        _ => g.node("Sum", &each.iter().collect::<Vec<_>>(), &[]),
    }
}

/// The mean of learners by their shares.
fn mixed(g: &mut Graph, learners: &[(Value, f64)]) -> Value {
    let parts: Vec<Value> = learners
        .iter()
        .filter(|(_, share)| *share > 0.0)
        .map(|(value, share)| {
            let share = g.double(*share);
            g.mul(value, &share)
        })
        .collect();
    total(g, &parts)
}

/// Calibrated probabilities, or the number in the target's unit.
fn in_unit(g: &mut Graph, target: &Target, mean: &Value, sharpness: f64) -> Value {
    match target {
        Target::Classes { .. } => {
            let (tiny, exponent) = (g.double(TINY), g.double(sharpness));
            let bounded = g.node("Max", &[mean, &tiny], &[]);
            let powers = g.node("Pow", &[&bounded, &exponent], &[]);
            shares(g, &powers)
        }
        Target::Number { mean: centre, deviation, .. } => {
            let (centre, deviation) = (g.double(*centre), g.double(*deviation));
            let scaled = g.mul(mean, &deviation);
            g.add(&scaled, &centre)
        }
    }
}

/// Numbers of each row that sum to 1.
pub(super) fn shares(g: &mut Graph, values: &Value) -> Value {
    let total = g.sum_along(values, 1, true);
    g.div(values, &total)
}

/// Predictions as the learners make them.
fn standardised(g: &mut Graph, target: &Target, values: &Value) -> Value {
    match target {
        Target::Classes { .. } => values.clone(),
        Target::Number { mean, deviation, .. } => {
            let (mean, deviation) = (g.double(*mean), g.double(*deviation));
            let from_mean = g.sub(values, &mean);
            g.div(&from_mean, &deviation)
        }
    }
}

/// Margins of 32 bits that predictions stand for.
fn margins_of(g: &mut Graph, target: &Target, values: &Value) -> Value {
    let loss = loss(target);
    let margins = match loss {
        Loss::Squared => standardised(g, target, values),
        Loss::Logistic | Loss::Softmax { .. } => {
            let (least, most) = (g.double(LEAST_BEFORE), g.double(1.0));
            let bounded = g.node("Clip", &[values, &least, &most], &[]);
            let logs = g.node("Log", &[&bounded], &[]);
            match loss {
                Loss::Logistic => {
                    let (first, second) = (g.columns(&logs, &[0], 2), g.columns(&logs, &[1], 2));
                    g.sub(&second, &first)
                }
                _ => logs,
            }
        }
    };
    g.cast(&margins, Element::Float)
}

/// A predictor without any learner that a file could hold.
pub(super) fn check(predictor: &Predictor) -> Result<()> {
    if predictor.heads.is_empty()
        && predictor.forests.is_empty()
        && predictor.random_forests.is_empty()
        && predictor.lines.is_empty()
        && predictor.grown.is_none()
    {
        return Err(Error::malformed("the predictor has no learner"));
    }
    Ok(())
}
