//! From encoded cells to vectors by table lookup.
//!
//! A piecewise-linear number stands for the vector `[1, .., 1, position, 0, ..]` over its bins
//! (Gorishniy et al. 2022, arXiv:2203.05556, section 3.2), so that its product with a weight table
//! is `sum of the rows below the bin + position * row of the bin`. The sums are made once for a
//! batch; a cell then costs one row instead of `n_bins` of them.
//!
//! ```text
//! piecewise  bias + sums[bin] + position * table[bin]
//! code       table[code]
//! bag        bias + sum of value * table[slot]
//! missing or masked: the part's own rows of `special` instead
//! ```

use std::sync::Arc;

use rayon::prelude::*;
use tabgraft_table::encoded::PartForm;

use super::matrix::ROW_BLOCK;
use super::simd::vectorised;
use super::trained::TrainedRows;

/// What stands in a cell of a batch.
pub const PRESENT: u8 = 0;
/// The cell has no value: row 0 of its part's two special rows.
pub const MISSING: u8 = 1;
/// The cell is hidden from the network: row 1 of its part's two special rows.
pub const MASKED: u8 = 2;

/// Where one part finds its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartSlot {
    /// The part's form.
    pub form: PartForm,
    /// Its first row in the table of its form.
    pub first_row: usize,
    /// Its place among the parts of its form.
    pub nth: usize,
    /// Its row in `bias`; parts of codes have none.
    pub bias_row: Option<usize>,
}

/// The parts of a group of columns, and how many table rows they need.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layout {
    /// The parts in column order.
    pub parts: Vec<PartSlot>,
    /// Parts and table rows of the three forms.
    pub n_piecewise: usize,
    /// Number of parts that are codes.
    pub n_code: usize,
    /// Number of parts that are bags.
    pub n_bag: usize,
    /// Rows of the piecewise table.
    pub piecewise_rows: usize,
    /// Rows of the code table.
    pub code_rows: usize,
    /// Rows of the bag table.
    pub bag_rows: usize,
}

impl Layout {
    /// Gives every part its place.
    pub fn new(forms: impl IntoIterator<Item = PartForm>) -> Self {
        let mut layout = Layout::default();
        for form in forms {
            let (count, rows, size) = match form {
                PartForm::Piecewise { n_bins } => {
                    (&mut layout.n_piecewise, &mut layout.piecewise_rows, n_bins)
                }
                PartForm::Code { n_codes } => (&mut layout.n_code, &mut layout.code_rows, n_codes),
                PartForm::Bag { n_slots } => (&mut layout.n_bag, &mut layout.bag_rows, n_slots),
            };
            let (nth, first_row) = (*count, *rows);
            *count += 1;
            *rows += size;
            layout.parts.push(PartSlot { form, first_row, nth, bias_row: None });
        }
        // Piecewise biases come first, then those of bags.
        for part in &mut layout.parts {
            part.bias_row = match part.form {
                PartForm::Piecewise { .. } => Some(part.nth),
                PartForm::Bag { .. } => Some(layout.n_piecewise + part.nth),
                PartForm::Code { .. } => None,
            };
        }
        layout
    }
}

/// The cells of one batch, row-major, for one [`Layout`].
#[derive(Debug, Clone, PartialEq)]
pub struct Cells {
    /// The layout that the arrays follow.
    pub layout: Arc<Layout>,
    /// Number of rows.
    pub n_rows: usize,
    /// `[n_rows, n_parts]`: [`PRESENT`], [`MISSING`] or [`MASKED`].
    pub state: Vec<u8>,
    /// `[n_rows, n_piecewise]` bins.
    pub bin: Vec<u16>,
    /// `[n_rows, n_piecewise]` positions.
    pub position: Vec<f32>,
    /// `[n_rows, n_code]` codes.
    pub code: Vec<u32>,
    /// `[n_rows * n_bag + 1]` starts of each bag's entries.
    pub bag_start: Vec<u32>,
    /// Slots of the entries.
    pub bag_slot: Vec<u32>,
    /// Values of the entries.
    pub bag_value: Vec<f32>,
}

/// The weight tables, borrowed.
///
/// # Shapes
/// - `piecewise`: `[piecewise_rows, width]`, `code`: `[code_rows, width]`, `bag`: `[bag_rows, width]`
/// - `bias`: `[n_piecewise + n_bag, width]`, `special`: `[2 n_parts, width]`
///
/// A table without rows has one row of padding.
#[derive(Clone, Copy)]
pub struct Tables<'a> {
    pub piecewise: &'a [f32],
    pub code: &'a [f32],
    pub bag: &'a [f32],
    pub bias: &'a [f32],
    pub special: &'a [f32],
    pub width: usize,
}

/// Gradients in the order of [`Tables`].
pub struct TableGradients {
    pub piecewise: Vec<f32>,
    pub code: Vec<f32>,
    pub bag: Vec<f32>,
    pub bias: Vec<f32>,
    pub special: Vec<f32>,
}

/// How the vectors of a row's parts become the row's vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// Side by side, numbers and bags through a ReLU: `[n_rows, n_parts * width]`, the tokens.
    Concat,
    /// Added up, linear: `[n_rows, width]`, a linear model of the cells.
    Sum,
}

/// Numbers of a row that [`forward`] gives.
pub fn row_width(layout: &Layout, width: usize, join: Join) -> usize {
    match join {
        Join::Concat => layout.parts.len() * width,
        Join::Sum => width,
    }
}

/// Looks up all cells.
pub fn forward(cells: &Cells, tables: Tables<'_>, join: Join) -> Vec<f32> {
    let width = tables.width;
    let sums = running_sums(&cells.layout, tables);
    let row_width = row_width(&cells.layout, width, join);
    let mut out = vec![0.0; cells.n_rows * row_width];
    out.par_chunks_mut(ROW_BLOCK * row_width).enumerate().for_each(|(block, out)| {
        vectorised(
            #[inline(always)]
            || {
                let mut token = vec![0.0; width];
                for (i, row) in out.chunks_exact_mut(row_width).enumerate() {
                    let r = block * ROW_BLOCK + i;
                    for (p, part) in cells.layout.parts.iter().enumerate() {
                        let target = match join {
                            Join::Concat => &mut row[p * width..(p + 1) * width],
                            Join::Sum => &mut token[..],
                        };
                        part_vector(cells, tables, &sums, r, p, part, join, target);
                        if join == Join::Sum {
                            for (o, t) in row.iter_mut().zip(&token) {
                                *o += t;
                            }
                        }
                    }
                }
            },
        );
    });
    out
}

/// For each piecewise part `bias + sum of the rows below`, in the table's own layout.
fn running_sums(layout: &Layout, tables: Tables<'_>) -> Vec<f32> {
    let width = tables.width;
    let mut sums = vec![0.0; layout.piecewise_rows * width];
    for part in &layout.parts {
        let (PartForm::Piecewise { n_bins }, Some(bias_row)) = (part.form, part.bias_row) else { continue };
        let mut running = tables.bias[bias_row * width..(bias_row + 1) * width].to_vec();
        for row in part.first_row..part.first_row + n_bins {
            let range = row * width..(row + 1) * width;
            sums[range.clone()].copy_from_slice(&running);
            for (s, w) in running.iter_mut().zip(&tables.piecewise[range]) {
                *s += w;
            }
        }
    }
    sums
}

#[allow(clippy::too_many_arguments)]
#[inline(always)]
fn part_vector(
    cells: &Cells,
    tables: Tables<'_>,
    sums: &[f32],
    r: usize,
    p: usize,
    part: &PartSlot,
    join: Join,
    out: &mut [f32],
) {
    let width = tables.width;
    let layout = &*cells.layout;
    let state = cells.state[r * layout.parts.len() + p];
    if state != PRESENT {
        let row = 2 * p + usize::from(state == MASKED);
        out.copy_from_slice(&tables.special[row * width..(row + 1) * width]);
        return;
    }
    match part.form {
        PartForm::Piecewise { .. } => {
            let cell = r * layout.n_piecewise + part.nth;
            let row = part.first_row + usize::from(cells.bin[cell]);
            let position = cells.position[cell];
            let range = row * width..(row + 1) * width;
            for ((o, s), w) in out.iter_mut().zip(&sums[range.clone()]).zip(&tables.piecewise[range]) {
                *o = position.mul_add(*w, *s);
            }
        }
        PartForm::Code { .. } => {
            let row = part.first_row + cells.code[r * layout.n_code + part.nth] as usize;
            out.copy_from_slice(&tables.code[row * width..(row + 1) * width]);
            return;
        }
        PartForm::Bag { .. } => {
            if let Some(bias_row) = part.bias_row {
                out.copy_from_slice(&tables.bias[bias_row * width..(bias_row + 1) * width]);
            }
            for entry in bag_entries(cells, r, part.nth) {
                let row = part.first_row + cells.bag_slot[entry] as usize;
                let value = cells.bag_value[entry];
                for (o, w) in out.iter_mut().zip(&tables.bag[row * width..(row + 1) * width]) {
                    *o = value.mul_add(*w, *o);
                }
            }
        }
    }
    if join == Join::Concat {
        // NaN stays what it is.
        out.iter_mut().for_each(|v| *v = if *v < 0.0 { 0.0 } else { *v });
    }
}

fn bag_entries(cells: &Cells, r: usize, nth: usize) -> std::ops::Range<usize> {
    let bag = r * cells.layout.n_bag + nth;
    cells.bag_start[bag] as usize..cells.bag_start[bag + 1] as usize
}

/// Gradients of [`forward`]; `out` is what it returned, `dout` has the same shape. Those of parts
/// beside the `trained` ones stay 0.
///
/// Each part is done by one thread over all rows, so no partial sums meet.
pub fn backward(
    cells: &Cells,
    tables: Tables<'_>,
    join: Join,
    out: &[f32],
    dout: &[f32],
    trained: Option<&TrainedRows>,
) -> TableGradients {
    let width = tables.width;
    let parts = &cells.layout.parts;
    let pieces: Vec<Option<(Vec<f32>, Vec<f32>)>> = parts
        .par_iter()
        .enumerate()
        .map(|(p, part)| {
            let trains = trained.is_none_or(|trained| trained.contains(p));
            trains.then(|| {
                vectorised(
                    #[inline(always)]
                    || part_gradient(cells, join, out, dout, p, part, width),
                )
            })
        })
        .collect();
    let mut gradients = TableGradients {
        piecewise: vec![0.0; tables.piecewise.len()],
        code: vec![0.0; tables.code.len()],
        bag: vec![0.0; tables.bag.len()],
        bias: vec![0.0; tables.bias.len()],
        special: vec![0.0; tables.special.len()],
    };
    for (p, (part, piece)) in parts.iter().zip(pieces).enumerate() {
        let Some((rows, extra)) = piece else { continue };
        let table = match part.form {
            PartForm::Piecewise { .. } => &mut gradients.piecewise,
            PartForm::Code { .. } => &mut gradients.code,
            PartForm::Bag { .. } => &mut gradients.bag,
        };
        table[part.first_row * width..][..rows.len()].copy_from_slice(&rows);
        gradients.special[2 * p * width..][..2 * width].copy_from_slice(&extra[width..]);
        if let Some(bias_row) = part.bias_row {
            gradients.bias[bias_row * width..][..width].copy_from_slice(&extra[..width]);
        }
    }
    gradients
}

/// The gradient of one part's table rows, and of its bias and two special rows behind each other.
#[inline(always)]
fn part_gradient(
    cells: &Cells,
    join: Join,
    out: &[f32],
    dout: &[f32],
    p: usize,
    part: &PartSlot,
    width: usize,
) -> (Vec<f32>, Vec<f32>) {
    let layout = &*cells.layout;
    let n_parts = layout.parts.len();
    let n_rows_table = match part.form {
        PartForm::Piecewise { n_bins } => n_bins,
        PartForm::Code { n_codes } => n_codes,
        PartForm::Bag { n_slots } => n_slots,
    };
    let mut rows = vec![0.0; n_rows_table * width];
    // For numbers: gradients that reach every row below a bin, gathered by bin.
    let mut below = vec![0.0; if part.bias_row.is_some() { n_rows_table * width } else { 0 }];
    let mut extra = vec![0.0; 3 * width];
    let mut gated = vec![0.0; width];
    for r in 0..cells.n_rows {
        let at = match join {
            Join::Concat => (r * n_parts + p) * width,
            Join::Sum => r * width,
        };
        let d = &dout[at..at + width];
        let state = cells.state[r * n_parts + p];
        if state != PRESENT {
            let start = width * (1 + usize::from(state == MASKED));
            add(&mut extra[start..start + width], d, 1.0);
            continue;
        }
        if let PartForm::Code { .. } = part.form {
            let code = cells.code[r * layout.n_code + part.nth] as usize;
            add(&mut rows[code * width..(code + 1) * width], d, 1.0);
            continue;
        }
        match join {
            Join::Sum => gated.copy_from_slice(d),
            Join::Concat => {
                for ((g, d), o) in gated.iter_mut().zip(d).zip(&out[at..at + width]) {
                    *g = if *o > 0.0 { *d } else { 0.0 };
                }
            }
        }
        if let PartForm::Piecewise { .. } = part.form {
            let cell = r * layout.n_piecewise + part.nth;
            let range = usize::from(cells.bin[cell]) * width..(usize::from(cells.bin[cell]) + 1) * width;
            add(&mut below[range.clone()], &gated, 1.0);
            add(&mut rows[range], &gated, cells.position[cell]);
        } else {
            for entry in bag_entries(cells, r, part.nth) {
                let slot = cells.bag_slot[entry] as usize;
                add(&mut rows[slot * width..(slot + 1) * width], &gated, cells.bag_value[entry]);
            }
            add(&mut extra[..width], &gated, 1.0);
        }
    }
    if let PartForm::Piecewise { n_bins } = part.form {
        // Row i is switched fully on by every cell in a bin above i; the bias by every cell.
        let mut above = vec![0.0; width];
        for bin in (0..n_bins).rev() {
            let range = bin * width..(bin + 1) * width;
            add(&mut rows[range.clone()], &above, 1.0);
            add(&mut above, &below[range], 1.0);
        }
        extra[..width].copy_from_slice(&above);
    }
    (rows, extra)
}

#[inline(always)]
fn add(to: &mut [f32], from: &[f32], scale: f32) {
    for (t, f) in to.iter_mut().zip(from) {
        *t = scale.mul_add(*f, *t);
    }
}
