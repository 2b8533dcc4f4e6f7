//! How old and new columns take part in the training of a graft.

use crate::objective::Role;
use crate::space::Mode;

/// A new column's role in every mode: its cells weigh more than old ones (1), are hidden half as often, and
/// are asked for nearly as much where they are shown. What is new must be made to enter the vectors; without
/// this, training from scratch for as many epochs is as good as grafting (docs/decisions/0015).
pub(super) const NEW: Role = Role { weight: 4.0, visible: 0.9, hiding: 0.5 };
/// A frozen parent says what old cells it is shown as well as it ever will: nothing is asked of the side
/// network there, which saves more than half of the loss's work.
const FROZEN_OLD: Role = Role { visible: 0.0, ..Role::OLD };

/// The role of each column of a graft, `[n_old + n_new]`: old ones stand first.
pub(super) fn roles(mode: Mode, n_old: usize, n_new: usize) -> Vec<Role> {
    let old = match mode {
        Mode::Frozen => FROZEN_OLD,
        Mode::Joint | Mode::Anchored => Role::OLD,
    };
    let mut roles = vec![old; n_old];
    roles.extend(vec![NEW; n_new]);
    roles
}

#[cfg(test)]
mod tests {
    use tabgraft_table::encoded::{EncodedColumn, EncodedTable};

    use super::*;
    use crate::objective::Objective;

    const N_ROWS: usize = 4000;

    /// Of an old and a new column of two classes each, both without a missing cell: the share of cells that a
    /// training hides, and what its loss counts for a hidden and for a visible cell.
    fn counted(mode: Mode) -> [(f64, f32, f32); 2] {
        let column =
            || EncodedColumn { parts: vec![], missing: vec![false; N_ROWS], target: vec![0; N_ROWS] };
        let table = EncodedTable { n_rows: N_ROWS, columns: vec![column(), column()] };
        let keys = (0..N_ROWS as u64).collect();
        let objective = Objective::new(&table, &[0, 2, 4], roles(mode, 1, 1), keys);
        let rows: Vec<usize> = (0..N_ROWS).collect();
        let masks = objective.training_masks(&rows, 0, 0);
        let (targets, _) = objective.training_targets(&rows, &masks);
        [0, 1].map(|c| {
            let cells = || masks.hidden.iter().zip(&targets.weight).skip(c).step_by(2);
            let weight = |hidden| cells().find(|(h, _)| **h == hidden).map_or(f32::NAN, |(_, w)| *w);
            let share = cells().filter(|(hidden, _)| **hidden).count() as f64 / N_ROWS as f64;
            (share, weight(true), weight(false))
        })
    }

    #[test]
    fn a_new_column_weighs_four_times_is_hidden_half_as_often_and_asked_for_where_it_is_shown() {
        for mode in [Mode::Frozen, Mode::Joint, Mode::Anchored] {
            let [old, new] = counted(mode);
            assert!((old.0 - 0.4).abs() < 0.03 && (new.0 - 0.2).abs() < 0.03, "{mode:?}: {old:?} {new:?}");
            assert!((new.1 - 4.0).abs() < 1e-5 && (new.2 - 3.6).abs() < 1e-5, "{mode:?}: {new:?}");
            assert!((old.1 - 1.0).abs() < 1e-5, "{mode:?}: {old:?}");
            let shown = if mode == Mode::Frozen { 0.0 } else { 0.3 };
            assert!((old.2 - shown).abs() < 1e-5, "{mode:?}: {old:?}");
        }
    }
}
