//! From encoded cells to vectors, by products and gathers of whole tensors.

use burn_tensor::activation::relu;
use burn_tensor::{Device, IndexingUpdateOp, Tensor};
use tabgraft_table::encoded::PartForm;

use super::super::lookup::{Cells, Join, Layout, MASKED, MISSING, PRESENT};
use super::{numbers, ordered, places};

pub(in super::super) fn lookup(tables: [Tensor<2>; 5], cells: &Cells, join: Join) -> Tensor<2> {
    let layout = &*cells.layout;
    let [piecewise_rows, code_rows, bag_rows, bias, special] = tables;
    let (device, width) = (special.device(), special.dims()[1]);
    let (n_rows, n_parts) = (cells.n_rows, layout.parts.len());
    let (by_number, by_bag) = (layout.n_piecewise, layout.n_bag);
    let mut vectors = Vec::new();
    if by_number > 0 {
        let bias = bias.clone().slice([0..by_number, 0..width]).reshape([1, by_number, width]);
        vectors.push(piecewise(piecewise_rows, cells, &device) + bias);
    }
    if by_bag > 0 {
        let bias = bias.slice([by_number..by_number + by_bag, 0..width]);
        vectors.push(bags(bag_rows, cells, &device) + bias.reshape([1, by_bag, width]));
    }
    if join == Join::Concat {
        vectors = vectors.into_iter().map(relu).collect();
    }
    if layout.n_code > 0 {
        vectors.push(codes(code_rows, cells, &device));
    }
    let by_part = ordered(Tensor::cat(vectors, 1), 1, places_by_part(layout));
    let state = |wanted: u8| {
        let is = cells.state.iter().map(|s| f32::from(u8::from(*s == wanted))).collect();
        numbers(is, [n_rows, n_parts, 1], &device)
    };
    let special = special.reshape([n_parts, 2, width]);
    let special =
        |nth: usize| special.clone().slice([0..n_parts, nth..nth + 1, 0..width]).reshape([1, n_parts, width]);
    let all = by_part * state(PRESENT) + special(0) * state(MISSING) + special(1) * state(MASKED);
    match join {
        Join::Concat => all.reshape([n_rows, n_parts * width]),
        Join::Sum => all.sum_dim(1).reshape([n_rows, width]),
    }
}

/// Where each part's vector stands among those of all numbers, then all bags, then all codes.
fn places_by_part(layout: &Layout) -> Vec<usize> {
    let place = |form: PartForm| match form {
        PartForm::Piecewise { .. } => 0,
        PartForm::Bag { .. } => layout.n_piecewise,
        PartForm::Code { .. } => layout.n_piecewise + layout.n_bag,
    };
    layout.parts.iter().map(|part| place(part.form) + part.nth).collect()
}

/// The product of each number's `[1, .., 1, position, 0, ..]` with its table: `[n_rows, n_piecewise, width]`.
fn piecewise(table: Tensor<2>, cells: &Cells, device: &Device) -> Tensor<3> {
    let layout = &*cells.layout;
    let (n_rows, n, width) = (cells.n_rows, layout.n_piecewise, table.dims()[1]);
    let bins = || {
        layout.parts.iter().filter_map(|part| match part.form {
            PartForm::Piecewise { n_bins } => Some((part.first_row, n_bins)),
            _ => None,
        })
    };
    let most = bins().map(|(_, n_bins)| n_bins).max().unwrap_or(1);
    // Tables of fewer bins repeat their last row, which no cell asks for.
    let rows = bins().flat_map(|(first, n_bins)| (0..most).map(move |i| first + i.min(n_bins - 1)));
    let tables = ordered(table, 0, rows.collect()).reshape([n, most, width]);
    let bin = numbers(cells.bin.iter().map(|b| f32::from(*b)).collect(), [n_rows, n, 1], device);
    let position = numbers(cells.position.clone(), [n_rows, n, 1], device);
    let step = numbers((0..most).map(|i| i as f32).collect(), [1, 1, most], device);
    let (step, bin) = (step.expand([n_rows, n, most]), bin.expand([n_rows, n, most]));
    let steps = step.clone().lower(bin.clone()).float() + step.equal(bin).float() * position;
    steps.swap_dims(0, 1).matmul(tables).swap_dims(0, 1)
}

/// The row of each code: `[n_rows, n_code, width]`.
fn codes(table: Tensor<2>, cells: &Cells, device: &Device) -> Tensor<3> {
    let layout = &*cells.layout;
    let (n_rows, n, width) = (cells.n_rows, layout.n_code, table.dims()[1]);
    let first = first_rows(layout, |form| matches!(form, PartForm::Code { .. }));
    let rows = cells.code.chunks_exact(n).flat_map(|row| row.iter().zip(&first));
    let rows = rows.map(|(code, first)| *code as i32 + *first as i32).collect();
    table.select(0, places(rows, [n_rows * n], device)).reshape([n_rows, n, width])
}

/// Where the parts of a form begin in its table.
fn first_rows(layout: &Layout, is_wanted: impl Fn(PartForm) -> bool) -> Vec<usize> {
    layout.parts.iter().filter(|part| is_wanted(part.form)).map(|part| part.first_row).collect()
}

/// The sum of each bag's entries: `[n_rows, n_bag, width]`.
fn bags(table: Tensor<2>, cells: &Cells, device: &Device) -> Tensor<3> {
    let layout = &*cells.layout;
    let (n_rows, n, width) = (cells.n_rows, layout.n_bag, table.dims()[1]);
    let first = first_rows(layout, |form| matches!(form, PartForm::Bag { .. }));
    let sums = Tensor::zeros([n_rows * n, width], &device.clone().inner());
    let (mut owners, mut rows) = (Vec::new(), Vec::new());
    for (bag, bounds) in cells.bag_start.windows(2).enumerate() {
        for entry in bounds[0]..bounds[1] {
            owners.push(bag as i32);
            rows.push((first[bag % n] + cells.bag_slot[entry as usize] as usize) as i32);
        }
    }
    let n_entries = rows.len();
    if n_entries == 0 {
        return sums.reshape([n_rows, n, width]);
    }
    let values = numbers(cells.bag_value.clone(), [n_entries, 1], device);
    let entries = table.select(0, places(rows, [n_entries], device)) * values;
    let owners = places(owners, [n_entries], device);
    sums.select_assign(0, owners, entries, IndexingUpdateOp::Add).reshape([n_rows, n, width])
}
