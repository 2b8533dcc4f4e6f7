//! Holding parts of a token group: what they own keeps its bits while the rest trains.

use super::TokenGroup;
use super::rows::rows_of_parts;
use crate::param::Params;

impl TokenGroup {
    /// Holds the rows of these parts, in the tables and in the mixing matrix, until they are frozen:
    /// `[n_parts]`.
    pub fn hold_parts(&mut self, held: &[bool]) {
        let layout = self.layout.clone();
        let owners = rows_of_parts(&layout);
        self.each_mut("", &mut |name, matrix| {
            let Some((_, _, rows_of_part)) = owners.iter().find(|owner| owner.0 == name) else { return };
            // A row that no part owns is padding, which nobody reads: it may count as trained.
            let mut rows = vec![false; matrix.shape()[0]];
            for part in (0..held.len()).filter(|part| held[*part]) {
                if let Some(own) = rows_of_part(part) {
                    rows[own].fill(true);
                }
            }
            matrix.hold_rows(&rows);
        });
    }
}
