//! A space's network: tokens, trunks, sides.

use super::cells::Cells;
use super::lookup::{Lookup, PartTable};
use super::onnx::graph::{Attribute, Element, Graph, Value};
use crate::embed::{D_TOKEN, TokenGroup};
use crate::encoder::Network;
use crate::encoder::trunk::Trunk;
use crate::kernel::NORM_EPSILON;
use crate::param::Param;

impl Graph {
    /// A weight matrix as it is.
    pub fn matrix(&mut self, param: &Param) -> Value {
        self.floats(&param.shape(), &param.values())
    }

    /// A row of weights as a vector.
    pub fn vector(&mut self, param: &Param) -> Value {
        self.floats(&[param.shape()[1]], &param.values())
    }

    /// `x w + b` of matrices.
    pub fn linear(&mut self, x: &Value, w: &Value, b: &Value) -> Value {
        let product = self.product(x, w);
        self.add(&product, b)
    }

    /// GELU in its tanh form.
    pub fn gelu(&mut self, x: &Value) -> Value {
        self.node("Gelu", &[x], &[("approximate", Attribute::Text("tanh"))])
    }
}

/// The pieces of z side by side: `[n_rows, d_model]`.
pub(super) fn z(graph: &mut Graph, network: &Network, cells: &Cells) -> Value {
    let bias = network.trunk.bias.values();
    let mut sum = cells.in_every_row(graph, &bias);
    for group in &network.groups {
        sum = with_group(graph, group, cells, sum);
    }
    let mut pieces = vec![trunk(graph, &network.trunk, sum)];
    for side in &network.sides {
        let bias = side.trunk.bias.values();
        let start = cells.in_every_row(graph, &bias);
        let mut sum = with_group(graph, &side.tokens, cells, start);
        if !side.reads.is_empty() {
            let read: Vec<Value> = side.reads.iter().map(|piece| pieces[*piece].clone()).collect();
            let (read, up) = (graph.concat(&read, 1), graph.matrix(&side.up));
            sum = graph.linear(&read, &up, &sum);
        }
        pieces.push(trunk(graph, &side.trunk, sum));
    }
    graph.concat(&pieces, 1)
}

/// A group's share of a trunk's input, added to `sum`: `[n_rows, d]`.
fn with_group(g: &mut Graph, group: &TokenGroup, cells: &Cells, mut sum: Value) -> Value {
    let parts = cells.parts(group.columns.clone());
    if parts.is_empty() {
        return sum;
    }
    let tables = PartTable::of_tables(&group.layout, &group.tables);
    let lookup = Lookup { element: Element::Float, width: D_TOKEN, is_cut: true };
    let vectors = lookup.vectors(g, cells, &parts, &tables);
    let ([_, d], mix) = (group.mix.shape(), group.mix.values());
    let rows_of = |part: usize| &mix[part * D_TOKEN * d..(part + 1) * D_TOKEN * d];
    let mut constant = vec![0.0f32; d];
    for part in vectors.absent {
        for (token, row) in tables[part].missing.iter().zip(rows_of(part).chunks_exact(d)) {
            constant.iter_mut().zip(row).for_each(|(c, w)| *c += *token as f32 * w);
        }
    }
    if constant.iter().any(|c| *c != 0.0) {
        let constant = g.floats(&[1, d], &constant);
        sum = g.add(&sum, &constant);
    }
    for (tokens, places) in vectors.found {
        let width = places.len() * D_TOKEN;
        let rows: Vec<f32> = places.iter().flat_map(|part| rows_of(*part).iter().copied()).collect();
        let (tokens, rows) = (g.reshaped(&tokens, &[0, width as i64]), g.floats(&[width, d], &rows));
        sum = g.linear(&tokens, &rows, &sum);
    }
    sum
}

fn trunk(g: &mut Graph, trunk: &Trunk, mut h: Value) -> Value {
    for block in &trunk.blocks {
        let unit = norm(g, &h, &block.gain, &block.shift);
        let (w1, b1) = (g.matrix(&block.w1), g.matrix(&block.b1));
        let inner = g.linear(&unit, &w1, &b1);
        let inner = g.gelu(&inner);
        let (w2, b2) = (g.matrix(&block.w2), g.matrix(&block.b2));
        let out = g.linear(&inner, &w2, &b2);
        h = g.add(&h, &out);
    }
    norm(g, &h, &trunk.gain, &trunk.shift)
}

fn norm(g: &mut Graph, x: &Value, gain: &Param, shift: &Param) -> Value {
    let (gain, shift) = (g.vector(gain), g.vector(shift));
    let attributes = [("axis", Attribute::Int(-1)), ("epsilon", Attribute::Float(NORM_EPSILON))];
    g.node("LayerNormalization", &[x, &gain, &shift], &attributes)
}
