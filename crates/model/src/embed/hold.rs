//! Which rows of a token group's matrices a part owns: what has to be held so that it keeps its bits.

use std::ops::Range;

use tabgraft_table::encoded::PartForm;

use super::{D_TOKEN, TokenGroup};
use crate::encoder::param::Param;
use crate::kernel::Layout;

impl TokenGroup {
    /// Holds the rows of these parts, in the tables and in the mixing matrix, until they are frozen:
    /// `[n_parts]`.
    pub fn hold_parts(&mut self, held: &[bool]) {
        let layout = self.layout.clone();
        let table_rows = |i: usize, wanted: fn(PartForm) -> Option<usize>| {
            let part = layout.parts[i];
            wanted(part.form).map(|n| part.first_row..part.first_row + n)
        };
        let tables = &mut self.tables;
        hold(&mut tables.piecewise, held, &layout, |i| {
            table_rows(i, |form| match form {
                PartForm::Piecewise { n_bins } => Some(n_bins),
                _ => None,
            })
        });
        hold(&mut tables.code, held, &layout, |i| {
            table_rows(i, |form| match form {
                PartForm::Code { n_codes } => Some(n_codes),
                _ => None,
            })
        });
        hold(&mut tables.bag, held, &layout, |i| {
            table_rows(i, |form| match form {
                PartForm::Bag { n_slots } => Some(n_slots),
                _ => None,
            })
        });
        hold(&mut tables.bias, held, &layout, |i| layout.parts[i].bias_row.map(|row| row..row + 1));
        hold(&mut tables.special, held, &layout, |i| Some(2 * i..2 * i + 2));
        hold(&mut self.mix, held, &layout, |i| Some(i * D_TOKEN..(i + 1) * D_TOKEN));
    }
}

/// Holds the rows of a matrix that belong to held parts.
fn hold(
    matrix: &mut Param,
    held: &[bool],
    layout: &Layout,
    rows_of_part: impl Fn(usize) -> Option<Range<usize>>,
) {
    // A row that no part owns is padding, which nobody reads: it may count as trained.
    let mut rows = vec![false; matrix.shape()[0]];
    for part in (0..layout.parts.len()).filter(|part| held[*part]) {
        if let Some(own) = rows_of_part(part) {
            rows[own].fill(true);
        }
    }
    matrix.hold_rows(&rows);
}
