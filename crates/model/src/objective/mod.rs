//! The pretext task: hide cells, predict every column's class from the row's vector.
//!
//! A row draws a hiding rate `p` from U(0.1, 0.7) and hides each of its cells with probability
//! `p`. Every column with a value is then predicted by cross-entropy over `ln(number of classes)`,
//! hidden cells with weight 1, visible ones with [`VISIBLE_WEIGHT`]. Missing cells are never
//! targets. A graft may give its new columns another [`Role`].

use std::ops::Range;

use tabgraft_table::encoded::{EncodedTable, NO_TARGET};
pub(crate) use tabgraft_table::stats::hash::mix as splitmix;

use crate::embed::Masks;
use crate::kernel::ColumnTargets;

/// Range of a row's hiding rate.
const HIDING_RATE: Range<f32> = 0.1..0.7;
/// Hiding rate of every row in validation, so that epochs are comparable.
const VALIDATION_HIDING_RATE: f32 = 0.3;
/// Weight of a cell that the network sees, against 1 for a hidden one.
const VISIBLE_WEIGHT: f32 = 0.3;

/// How one column takes part in a training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Role {
    /// Weight of the column in the training loss.
    pub weight: f32,
    /// Weight of its visible cells, against 1 for a hidden one.
    pub visible: f32,
    /// Share of the row's hiding rate at which its cells are hidden.
    pub hiding: f32,
}

impl Role {
    /// A column of a first training, or one that a graft's parent had.
    pub const OLD: Role = Role { weight: 1.0, visible: VISIBLE_WEIGHT, hiding: 1.0 };
}

/// Classes of all cells, row-major, and what a column's loss counts.
#[derive(Debug, Clone)]
pub(crate) struct Objective {
    n_columns: usize,
    /// `[n_rows, n_columns]`.
    class: Vec<u16>,
    first_logit: Vec<usize>,
    /// `[n_columns]`: `1 / ln(n_classes)`, or 0 where there is nothing to predict.
    scale: Vec<f32>,
    /// `[n_columns]`.
    roles: Vec<Role>,
    /// `[n_columns]`: what tells the columns apart when cells are hidden; their places by default.
    column_key: Vec<u64>,
    /// `[n_rows]`: a hash of each row's original cells, so that a row is hidden alike wherever it
    /// stands in a table.
    row_key: Vec<u64>,
}

impl Objective {
    /// The classes of a table for a network with these logits.
    pub fn new(table: &EncodedTable, first_logit: &[usize], roles: Vec<Role>, row_key: Vec<u64>) -> Self {
        let mut objective = Self::with_room(first_logit, roles, row_key);
        objective.push(table);
        objective
    }

    /// No classes yet, of the rows of these keys.
    pub fn with_room(first_logit: &[usize], roles: Vec<Role>, row_key: Vec<u64>) -> Self {
        let n_columns = first_logit.len().saturating_sub(1);
        let class = Vec::with_capacity(row_key.len() * n_columns);
        let scale = first_logit
            .windows(2)
            .map(|w| match w[1] - w[0] {
                0 | 1 => 0.0,
                n => 1.0 / (n as f32).ln(),
            })
            .collect();
        let column_key = (0..n_columns as u64).collect();
        Objective { n_columns, class, first_logit: first_logit.to_vec(), scale, roles, column_key, row_key }
    }

    /// The classes of further rows.
    pub fn push(&mut self, table: &EncodedTable) {
        let first = self.class.len();
        self.class.resize(first + table.n_rows * self.n_columns, NO_TARGET);
        for (c, column) in table.columns.iter().enumerate() {
            for (r, t) in column.target.iter().enumerate() {
                self.class[first + r * self.n_columns + c] = *t;
            }
        }
    }

    /// Hides each column's cells by its own number, wherever the column stands, so that losses of
    /// versions are paired: `[n_columns]`.
    pub fn with_column_keys(self, keys: &[u64]) -> Self {
        Objective { column_key: keys.to_vec(), ..self }
    }

    /// Number of columns.
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// Number of cells.
    pub fn n_cells(&self) -> usize {
        self.class.len()
    }

    /// Bytes of classes and row keys.
    pub fn n_bytes(&self) -> u64 {
        (2 * self.class.len() + 8 * self.row_key.len()) as u64
    }

    /// How each column takes part.
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// The class of a cell, or [`NO_TARGET`].
    pub fn class(&self, row: usize, column: usize) -> u16 {
        self.class[row * self.n_columns + column]
    }

    /// `[n_rows]`: the hash of each row's original cells.
    pub fn row_keys(&self) -> &[u64] {
        &self.row_key
    }

    /// Which cells of these rows to hide in one epoch of training. A function of its arguments.
    pub fn training_masks(&self, rows_idx: &[usize], seed: u64, epoch: usize) -> Masks {
        self.masks(rows_idx, seed ^ (epoch as u64 + 1).wrapping_mul(0xa076_1d64_78bd_642f), |u, c| {
            (HIDING_RATE.start + u * (HIDING_RATE.end - HIDING_RATE.start)) * self.roles[c].hiding
        })
    }

    /// Which cells to hide in validation: the same ones in every epoch, and for the old columns of
    /// a grafted space the same ones as in its parent.
    pub fn validation_masks(&self, rows_idx: &[usize], seed: u64) -> Masks {
        self.masks(rows_idx, !seed, |_, _| VALIDATION_HIDING_RATE)
    }

    fn masks(&self, rows_idx: &[usize], seed: u64, rate: impl Fn(f32, usize) -> f32) -> Masks {
        let n_columns = self.n_columns;
        let mut hidden = Vec::with_capacity(rows_idx.len() * n_columns);
        for r in rows_idx {
            let row_seed = splitmix(seed ^ splitmix(self.row_key[*r]));
            let u = unit(splitmix(row_seed));
            let keys = self.column_key.iter().enumerate();
            hidden.extend(keys.map(|(c, key)| unit(splitmix(row_seed ^ (key + 1) << 32)) < rate(u, c)));
        }
        Masks { n_columns, hidden }
    }

    /// Targets of a training batch, and the sum of their weights.
    pub fn training_targets(&self, rows_idx: &[usize], masks: &Masks) -> (ColumnTargets, f32) {
        let weight = |c: usize, hidden: bool| {
            let role = &self.roles[c];
            role.weight * if hidden { 1.0 } else { role.visible }
        };
        self.targets(rows_idx, masks, weight)
    }

    /// Targets of a validation batch: hidden cells only, all columns alike. The second value is
    /// how many cells of each column count.
    pub fn validation_targets(&self, rows_idx: &[usize], masks: &Masks) -> (ColumnTargets, Vec<usize>) {
        let (targets, _) = self.targets(rows_idx, masks, |_, hidden| f32::from(u8::from(hidden)));
        let mut counts = vec![0; self.n_columns];
        for (weights, classes) in
            targets.weight.chunks_exact(self.n_columns).zip(targets.class.chunks_exact(self.n_columns))
        {
            for ((count, w), class) in counts.iter_mut().zip(weights).zip(classes) {
                *count += usize::from(*w > 0.0 && *class != NO_TARGET);
            }
        }
        (targets, counts)
    }

    fn targets(
        &self,
        rows_idx: &[usize],
        masks: &Masks,
        weigh: impl Fn(usize, bool) -> f32,
    ) -> (ColumnTargets, f32) {
        let n = self.n_columns;
        let mut targets = ColumnTargets {
            first: self.first_logit.clone(),
            class: Vec::with_capacity(rows_idx.len() * n),
            weight: Vec::with_capacity(rows_idx.len() * n),
            scale: self.scale.clone(),
        };
        let mut total = 0.0;
        for (i, r) in rows_idx.iter().enumerate() {
            for c in 0..n {
                let class = self.class[r * n + c];
                let counts = class != NO_TARGET && self.scale[c] > 0.0;
                let weight = if counts { weigh(c, masks.hidden[i * n + c]) } else { 0.0 };
                targets.class.push(class);
                targets.weight.push(weight);
                total += weight;
            }
        }
        (targets, total)
    }
}

/// A hash as a number in `[0, 1)`.
pub(crate) fn unit(hash: u64) -> f32 {
    (hash >> 40) as f32 / (1u64 << 24) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use tabgraft_table::encoded::EncodedColumn;

    fn objective(n_columns: usize) -> Objective {
        let column = EncodedColumn { parts: vec![], missing: vec![false; 50], target: vec![1; 50] };
        let table = EncodedTable { n_rows: 50, columns: vec![column; n_columns] };
        let first: Vec<usize> = (0..=n_columns).map(|c| 3 * c).collect();
        Objective::new(&table, &first, vec![Role::OLD; n_columns], (0..50).collect())
    }

    #[test]
    fn masks_of_old_columns_do_not_depend_on_new_ones() {
        let rows: Vec<usize> = (0..50).collect();
        let (old, new) = (objective(4).validation_masks(&rows, 7), objective(6).validation_masks(&rows, 7));
        for r in 0..50 {
            assert_eq!(old.hidden[r * 4..r * 4 + 4], new.hidden[r * 6..r * 6 + 4]);
        }
        let share = new.hidden.iter().filter(|h| **h).count() as f32 / 300.0;
        assert!((share - VALIDATION_HIDING_RATE).abs() < 0.1, "{share}");
        assert_ne!(
            objective(4).training_masks(&rows, 7, 0).hidden,
            objective(4).training_masks(&rows, 7, 1).hidden
        );
    }

    /// Which cells are hidden decides what a seed trains to, and makes the losses of a child comparable with its
    /// parent's. Computed outside of this library.
    #[test]
    fn masks_and_weights_are_frozen() {
        let n_columns = 4;
        let column = EncodedColumn { parts: vec![], missing: vec![false; 8], target: vec![1; 8] };
        let table = EncodedTable { n_rows: 8, columns: vec![column; n_columns] };
        let first: Vec<usize> = (0..=n_columns).map(|c| 3 * c).collect();
        let mut roles = vec![Role::OLD; n_columns];
        roles[3] = Role { weight: 4.0, visible: 0.75, hiding: 0.5 };
        let o = Objective::new(&table, &first, roles, (0..8).map(splitmix).collect());
        let rows: Vec<usize> = (0..8).collect();
        let shown = |masks: &Masks| {
            let row = |row: &[bool]| row.iter().map(|hidden| if *hidden { '#' } else { '.' }).collect();
            masks.hidden.chunks_exact(n_columns).map(row).collect::<Vec<String>>()
        };
        let masks = o.training_masks(&rows, 7, 0);
        assert_eq!(shown(&masks), ["#.##", ".##.", "#.#.", ".##.", "#...", "...#", "....", "##.."]);
        let later = o.training_masks(&rows, 7, 1);
        assert_eq!(shown(&later), ["##..", "##..", ".###", "###.", "##..", "...#", ".##.", "#..#"]);
        let valid = o.validation_masks(&rows, 7);
        assert_eq!(shown(&valid), [".#..", ".#..", "..#.", "....", "....", "#...", "...#", "...."]);
        let (targets, total) = o.training_targets(&rows[..2], &masks);
        assert_eq!(targets.weight, [1.0, 0.3, 1.0, 4.0, 0.3, 1.0, 1.0, 3.0]);
        assert_eq!(total, targets.weight.iter().sum::<f32>());
        assert_eq!(targets.scale, [1.0 / 3.0_f32.ln(); 4]);
        let (targets, counts) = o.validation_targets(&rows, &valid);
        assert_eq!((targets.weight.iter().sum::<f32>(), counts), (5.0, vec![1, 2, 1, 1]));
    }

    #[test]
    fn validation_counts_hidden_cells_only() {
        let o = objective(4);
        let rows: Vec<usize> = (0..50).collect();
        let masks = o.validation_masks(&rows, 3);
        let (_, counts) = o.validation_targets(&rows, &masks);
        assert_eq!(counts.iter().sum::<usize>(), masks.hidden.iter().filter(|h| **h).count());
    }

    /// Two columns of three classes and one of a single class, which there is nothing to predict of.
    fn small() -> Objective {
        let part = |targets: [Vec<u16>; 3]| EncodedTable {
            n_rows: targets[0].len(),
            columns: targets
                .map(|target| EncodedColumn { parts: vec![], missing: vec![false; target.len()], target })
                .to_vec(),
        };
        let mut objective = Objective::with_room(&[0, 3, 6, 7], vec![Role::OLD; 3], vec![11, 12, 13]);
        objective.push(&part([vec![0, 1], vec![2, NO_TARGET], vec![0, 0]]));
        objective.push(&part([vec![2], vec![1], vec![0]]));
        objective
    }

    #[test]
    fn classes_of_parts_stand_row_by_row_and_are_counted() {
        let o = small();
        let rows: Vec<Vec<u16>> = (0..3).map(|r| (0..3).map(|c| o.class(r, c)).collect()).collect();
        assert_eq!(rows, [vec![0, 2, 0], vec![1, NO_TARGET, 0], vec![2, 1, 0]]);
        assert_eq!((o.n_columns(), o.n_cells(), o.n_bytes()), (3, 9, 2 * 9 + 8 * 3));
        assert_eq!((o.row_keys(), o.roles()), (&[11, 12, 13][..], &[Role::OLD; 3][..]));
    }

    #[test]
    fn cells_without_a_class_or_of_one_class_alone_weigh_nothing() {
        let o = small();
        let masks =
            Masks { n_columns: 3, hidden: vec![true, false, true, false, true, true, false, true, false] };
        let (targets, total) = o.training_targets(&[0, 1, 2], &masks);
        assert_eq!(targets.weight, [1.0, 0.3, 0.0, 0.3, 0.0, 0.0, 0.3, 1.0, 0.0]);
        assert_eq!(total, 1.0 + 0.3 + 0.3 + 0.3 + 1.0);
        assert_eq!(targets.scale, [1.0 / 3.0_f32.ln(), 1.0 / 3.0_f32.ln(), 0.0]);
        let (targets, counts) = o.validation_targets(&[2, 0], &Masks { n_columns: 3, hidden: vec![true; 6] });
        assert_eq!((targets.class, counts), (vec![2, 1, 0, 0, 2, 0], vec![2, 2, 0]));
    }

    #[test]
    fn a_column_is_hidden_by_its_number_wherever_it_stands() {
        let rows: Vec<usize> = (0..50).collect();
        let plain = objective(3).validation_masks(&rows, 5).hidden;
        let turned = objective(3).with_column_keys(&[2, 0, 1]).validation_masks(&rows, 5).hidden;
        for (plain, turned) in plain.chunks_exact(3).zip(turned.chunks_exact(3)) {
            assert_eq!(turned, [plain[2], plain[0], plain[1]]);
        }
    }
}
