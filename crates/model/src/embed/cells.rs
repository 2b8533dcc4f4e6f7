//! Encoded columns as row-major cells, and batches of them.

use std::sync::Arc;

use tabgraft_table::encoded::{EncodedColumn, PartForm, PartValues};
use tabgraft_table::stats::hash::mix;

use crate::kernel::{Cells, Layout, MASKED, MISSING, PRESENT};

/// How much more room than the rows so far ask for is made for entries of bags.
const ROOM_TO_SPARE: f64 = 1.03;

/// Which cells of a batch the network may not see: `[n_rows, n_columns]`.
#[derive(Debug, Clone)]
pub(crate) struct Masks {
    pub n_columns: usize,
    pub hidden: Vec<bool>,
}

impl Masks {
    /// Those of some rows.
    pub fn of_rows(&self, first: usize, n_rows: usize) -> Masks {
        let hidden = self.hidden[first * self.n_columns..(first + n_rows) * self.n_columns].to_vec();
        Masks { n_columns: self.n_columns, hidden }
    }

    /// Takes over the first `n` columns of other masks for the same rows.
    pub fn take_columns(&mut self, other: &Masks, n: usize) {
        let rows = self.hidden.chunks_exact_mut(self.n_columns);
        for (mine, theirs) in rows.zip(other.hidden.chunks_exact(self.n_columns)) {
            mine[..n].copy_from_slice(&theirs[..n]);
        }
    }
}

/// What one cell is to its column's codec.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum CellState {
    /// It has no value.
    Missing,
    /// A category that no training row has.
    Unseen,
    /// A number or time outside those of the training rows, so many widths of the outer bin: above 0, at most 3.
    Beyond(f32),
    /// Any other value.
    Usual,
}

/// All rows of a group of columns, row-major, ready to be cut into batches.
#[derive(Debug, Clone)]
pub(crate) struct CellTable {
    cells: Cells,
    /// Rows that there is room for.
    room: usize,
    /// For each part the place of its column in the group.
    part_column: Vec<usize>,
}

impl CellTable {
    /// Lays out the group's columns row by row.
    pub fn new(layout: Arc<Layout>, columns: &[EncodedColumn], n_rows: usize) -> Self {
        let n_parts: Vec<usize> = columns.iter().map(|column| column.parts.len()).collect();
        let mut table = Self::with_room(layout, &n_parts, n_rows);
        table.push(columns, n_rows);
        table
    }

    /// A number that other cells, and the same ones in another order, do not have.
    pub fn fingerprint(&self) -> u64 {
        let Cells { layout: _, n_rows, state, bin, position, code, bag_start, bag_slot, bag_value } =
            &self.cells;
        let numbers =
            |values: &[f32], sum: u64| values.iter().fold(sum, |sum, v| mix(sum ^ u64::from(v.to_bits())));
        let codes = |values: &[u32], sum: u64| values.iter().fold(sum, |sum, v| mix(sum ^ u64::from(*v)));
        let sum = state.iter().fold(*n_rows as u64, |sum, v| mix(sum ^ u64::from(*v)));
        let sum = bin.iter().fold(sum, |sum, v| mix(sum ^ u64::from(*v)));
        let sum = codes(code, numbers(position, sum));
        numbers(bag_value, codes(bag_slot, codes(bag_start, sum)))
    }

    /// No row yet, of a group of columns with so many parts each, and room for so many.
    pub fn with_room(layout: Arc<Layout>, n_parts: &[usize], n_rows: usize) -> Self {
        let part_column = n_parts.iter().enumerate().flat_map(|(c, n)| vec![c; *n]).collect();
        let mut bag_start = Vec::with_capacity(n_rows * layout.n_bag + 1);
        bag_start.push(0);
        let cells = Cells {
            n_rows: 0,
            state: Vec::with_capacity(n_rows * layout.parts.len()),
            bin: Vec::with_capacity(n_rows * layout.n_piecewise),
            position: Vec::with_capacity(n_rows * layout.n_piecewise),
            code: Vec::with_capacity(n_rows * layout.n_code),
            bag_start,
            bag_slot: Vec::new(),
            bag_value: Vec::new(),
            layout,
        };
        CellTable { cells, room: n_rows, part_column }
    }

    /// Lays out further rows behind those that are there.
    pub fn push(&mut self, columns: &[EncodedColumn], n_rows: usize) {
        let CellTable { cells, room, part_column } = self;
        let (first, layout) = (cells.n_rows, cells.layout.clone());
        let n_parts = layout.parts.len();
        let parts: Vec<&PartValues> = columns.iter().flat_map(|c| &c.parts).collect();
        cells.n_rows += n_rows;
        cells.state.resize(cells.n_rows * n_parts, PRESENT);
        cells.bin.resize(cells.n_rows * layout.n_piecewise, 0);
        cells.position.resize(cells.n_rows * layout.n_piecewise, 0.0);
        cells.code.resize(cells.n_rows * layout.n_code, 0);
        for (p, (slot, values)) in layout.parts.iter().zip(&parts).enumerate() {
            for (r, missing) in (first..).zip(&columns[part_column[p]].missing) {
                if *missing {
                    cells.state[r * n_parts + p] = MISSING;
                }
            }
            match values {
                PartValues::Piecewise { bin, position } => {
                    let step = layout.n_piecewise;
                    for (r, (b, x)) in (first..).zip(bin.iter().zip(position)) {
                        cells.bin[r * step + slot.nth] = *b;
                        cells.position[r * step + slot.nth] = *x;
                    }
                }
                PartValues::Code { code } => {
                    for (r, c) in (first..).zip(code) {
                        cells.code[r * layout.n_code + slot.nth] = *c;
                    }
                }
                PartValues::Bag { .. } => {}
            }
        }
        let bags: Vec<&PartValues> = layout
            .parts
            .iter()
            .zip(&parts)
            .filter(|(slot, _)| matches!(slot.form, PartForm::Bag { .. }))
            .map(|(_, values)| *values)
            .collect();
        make_room(cells, &bags, n_rows, *room);
        for r in 0..n_rows {
            for bag in &bags {
                if let PartValues::Bag { offsets, slots, values } = bag {
                    let entries = offsets[r] as usize..offsets[r + 1] as usize;
                    cells.bag_slot.extend_from_slice(&slots[entries.clone()]);
                    cells.bag_value.extend_from_slice(&values[entries]);
                }
                cells.bag_start.push(cells.bag_slot.len() as u32);
            }
        }
    }

    /// What the cell of a row in the group's `nth` column is.
    pub fn state(&self, row: usize, nth: usize) -> CellState {
        let Cells { state, bin, position, code, layout, .. } = &self.cells;
        let Some(part) = self.part_column.iter().position(|column| *column == nth) else {
            return CellState::Usual;
        };
        if state[row * layout.parts.len() + part] == MISSING {
            return CellState::Missing;
        }
        let slot = &layout.parts[part];
        match slot.form {
            PartForm::Piecewise { n_bins } => {
                let at = row * layout.n_piecewise + slot.nth;
                let beyond = match bin[at] {
                    0 if position[at] < 0.0 => -position[at],
                    last if usize::from(last) + 1 == n_bins => position[at] - 1.0,
                    _ => 0.0,
                };
                if beyond > 0.0 { CellState::Beyond(beyond) } else { CellState::Usual }
            }
            PartForm::Code { .. } if code[row * layout.n_code + slot.nth] == 0 => CellState::Unseen,
            _ => CellState::Usual,
        }
    }

    /// Takes the values of the group's `nth` column away: its cells are missing in all rows.
    pub fn take_away(&mut self, nth: usize) {
        let n_parts = self.part_column.len();
        for row in self.cells.state.chunks_exact_mut(n_parts.max(1)) {
            for (state, _) in row.iter_mut().zip(&self.part_column).filter(|(_, column)| **column == nth) {
                *state = MISSING;
            }
        }
    }

    /// Bytes of the cells.
    pub fn n_bytes(&self) -> u64 {
        let Cells { state, bin, position, code, bag_start, bag_slot, bag_value, .. } = &self.cells;
        let numbers = position.len() + code.len() + bag_start.len() + bag_slot.len() + bag_value.len();
        (state.len() + 2 * bin.len() + 4 * numbers) as u64
    }

    /// The rows at `rows_idx`, padded with copies of the last one to at least `min_rows`; cells
    /// that `masks` hides are masked. `first_column` is the group's first column in the masks.
    pub fn batch(&self, rows_idx: &[usize], min_rows: usize, masks: Option<(&Masks, usize)>) -> Arc<Cells> {
        let all = &self.cells;
        let layout = all.layout.clone();
        let (n_parts, n_piecewise, n_code, n_bag) =
            (layout.parts.len(), layout.n_piecewise, layout.n_code, layout.n_bag);
        let n_rows = rows_idx.len().max(min_rows);
        let mut cells = Cells {
            layout,
            n_rows,
            state: Vec::with_capacity(n_rows * n_parts),
            bin: Vec::with_capacity(n_rows * n_piecewise),
            position: Vec::with_capacity(n_rows * n_piecewise),
            code: Vec::with_capacity(n_rows * n_code),
            bag_start: Vec::with_capacity(n_rows * n_bag + 1),
            bag_slot: Vec::new(),
            bag_value: Vec::new(),
        };
        cells.bag_start.push(0);
        let padding = std::iter::repeat_n(rows_idx.last().copied().unwrap_or(0), n_rows - rows_idx.len());
        for r in rows_idx.iter().copied().chain(padding) {
            cells.state.extend_from_slice(&all.state[r * n_parts..(r + 1) * n_parts]);
            cells.bin.extend_from_slice(&all.bin[r * n_piecewise..(r + 1) * n_piecewise]);
            cells.position.extend_from_slice(&all.position[r * n_piecewise..(r + 1) * n_piecewise]);
            cells.code.extend_from_slice(&all.code[r * n_code..(r + 1) * n_code]);
            for bag in r * n_bag..(r + 1) * n_bag {
                let entries = all.bag_start[bag] as usize..all.bag_start[bag + 1] as usize;
                cells.bag_slot.extend_from_slice(&all.bag_slot[entries.clone()]);
                cells.bag_value.extend_from_slice(&all.bag_value[entries]);
                cells.bag_start.push(cells.bag_slot.len() as u32);
            }
        }
        if let Some((masks, first_column)) = masks {
            let rows = cells.state.chunks_exact_mut(n_parts.max(1));
            for (state, hidden) in rows.zip(masks.hidden.chunks_exact(masks.n_columns)) {
                for (s, c) in state.iter_mut().zip(&self.part_column) {
                    if hidden[first_column + c] {
                        *s = MASKED;
                    }
                }
            }
        }
        Arc::new(cells)
    }
}

/// Makes room for the entries of `n_rows` further rows, and where that is more than there is, for about as many in each of
/// the rows up to `room`: doubled whenever it is full, a table of texts would stand in memory three times.
fn make_room(cells: &mut Cells, bags: &[&PartValues], n_rows: usize, room: usize) {
    let entries = |part: &&PartValues| match part {
        PartValues::Bag { slots, .. } => slots.len(),
        _ => 0,
    };
    let n_new: usize = bags.iter().map(entries).sum();
    let n_all = cells.bag_slot.len() + n_new;
    if n_all <= cells.bag_slot.capacity() {
        return;
    }
    let expected = (n_all as f64 * ROOM_TO_SPARE * room as f64 / cells.n_rows.max(1) as f64) as usize;
    let n_more = if n_rows < room { expected.max(n_all) } else { n_all } - cells.bag_slot.len();
    cells.bag_slot.reserve_exact(n_more);
    cells.bag_value.reserve_exact(n_more);
}
