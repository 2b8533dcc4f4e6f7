//! What a forest expects of rows that it sees in part.
//!
//! A symmetric tree asks each row the same questions. Where the answers to some are not known, the tree's number is
//! the mean over the rows that it was learned from and that gave the known answers: the mean of those leaves, weighted
//! by the rows that reached them. With two answers and "not known" at every level these are `3^depth` numbers, which
//! are made once for many rows.

use super::{DEPTH, Forest, N_LEAVES, ROWS_AT_ONCE, Tree};

/// Ways in which the questions of a tree are answered: no, yes, not known.
const N_ANSWERS: usize = 3usize.pow(DEPTH as u32);
/// The digit of a question whose answer is not known.
const UNKNOWN: u8 = 2;

impl Forest {
    /// Adds what its trees say of rows to their sums; columns of the encoded table may be hidden from a row.
    ///
    /// # Shapes
    /// - `bins`: `[plan.n_columns()][n_rows]`, of the columns that are asked about; `hidden`: `[n_rows, n_columns]`;
    ///   `sums`: `[n_rows, n_outputs]`
    pub(super) fn add_seen_in_part(
        &self,
        bins: &[Vec<u8>],
        hidden: &[bool],
        n_columns: usize,
        sums: &mut [f32],
    ) {
        let cells = self.asking.hidden_cells(&self.asked(), hidden, n_columns);
        let unknown =
            |cells: Vec<bool>| cells.iter().map(|hidden| if *hidden { UNKNOWN } else { 0 }).collect();
        let unknown: Vec<Vec<u8>> = cells.into_iter().map(unknown).collect();
        for tree in &self.trees {
            tree.add_seen_in_part(bins, &unknown, sums, self.start.len());
        }
    }
}

impl Tree {
    fn add_seen_in_part(&self, bins: &[Vec<u8>], unknown: &[Vec<u8>], sums: &mut [f32], n_outputs: usize) {
        let means = self.means(n_outputs);
        let asked = self.questions.map(|q| {
            let column = usize::from(q.column);
            (&bins[column][..], &unknown[column][..], q.bin)
        });
        let mut answers = [0u16; ROWS_AT_ONCE];
        for (block, sums) in sums.chunks_mut(ROWS_AT_ONCE * n_outputs).enumerate() {
            let answers = &mut answers[..sums.len() / n_outputs];
            answers.fill(0);
            for (bins, unknown, bin) in asked {
                let rows = block * ROWS_AT_ONCE..block * ROWS_AT_ONCE + answers.len();
                let cells = bins[rows.clone()].iter().zip(&unknown[rows]);
                answers.iter_mut().zip(cells).for_each(|(answer, (own, unknown))| {
                    *answer = *answer * 3 + u16::from(u8::from(*own > bin).max(*unknown));
                });
            }
            for (sums, answer) in sums.chunks_exact_mut(n_outputs).zip(&*answers) {
                let own = &means[usize::from(*answer) * n_outputs..][..n_outputs];
                sums.iter_mut().zip(own).for_each(|(sum, value)| *sum += value);
            }
        }
    }

    /// What the tree says for each way in which its questions are answered. Where all are, the leaf's own numbers; 0
    /// where no row learned from gave these answers, as in a leaf without rows.
    ///
    /// # Shapes
    /// - returns: `[N_ANSWERS, n_outputs]`, the answer to the first question being the highest digit
    fn means(&self, n_outputs: usize) -> Vec<f32> {
        let width = n_outputs + 1;
        // Weight, and weighted sums, of each leaf.
        let mut totals = Vec::with_capacity(N_LEAVES * width);
        for (leaf, values) in self.leaves.chunks_exact(n_outputs).enumerate() {
            let cover = self.covers.as_ref().map_or(0.0, |covers| f64::from(covers[leaf]));
            totals.push(cover);
            totals.extend(values.iter().map(|value| cover * f64::from(*value)));
        }
        // From the last question to the first, "not known" is put beside no and yes.
        let mut below = width;
        for _ in 0..DEPTH {
            let mut wider = Vec::with_capacity(totals.len() / 2 * 3);
            for pair in totals.chunks_exact(2 * below) {
                let (no, yes) = pair.split_at(below);
                wider.extend_from_slice(pair);
                wider.extend(no.iter().zip(yes).map(|(no, yes)| no + yes));
            }
            totals = wider;
            below *= 3;
        }
        let mut means = Vec::with_capacity(N_ANSWERS * n_outputs);
        for (answers, totals) in totals.chunks_exact(width).enumerate() {
            match leaf(answers) {
                Some(leaf) => means.extend_from_slice(&self.leaves[leaf * n_outputs..][..n_outputs]),
                None if totals[0] > 0.0 => {
                    means.extend(totals[1..].iter().map(|sum| (sum / totals[0]) as f32))
                }
                None => means.resize(means.len() + n_outputs, 0.0),
            }
        }
        means
    }
}

/// The leaf that answers lead to; none where one of them is not known.
fn leaf(answers: usize) -> Option<usize> {
    let mut digits = (0..DEPTH).rev().map(|level| answers / 3usize.pow(level as u32) % 3);
    digits.try_fold(0, |leaf, digit| (digit < 2).then_some(leaf << 1 | digit))
}

#[cfg(test)]
mod tests {
    use super::super::Question;
    use super::*;

    /// A tree of two outputs whose leaves have their number, and one more, as values.
    fn tree() -> Tree {
        let question = |column: u16| Question { column, bin: 1 };
        Tree {
            questions: [0, 1, 0, 2, 1, 2].map(question),
            leaves: (0..N_LEAVES).flat_map(|leaf| [leaf as f32, leaf as f32 + 1.0]).collect(),
            covers: Some((0..N_LEAVES).map(|leaf| (leaf * leaf % 7) as f32).collect()),
        }
    }

    #[test]
    fn a_tree_says_the_mean_of_the_leaves_that_known_answers_lead_to() {
        let tree = tree();
        let means = tree.means(2);
        let covers = tree.covers.clone().unwrap();
        for answers in 0..N_ANSWERS {
            let digits: Vec<usize> =
                (0..DEPTH).map(|l| answers / 3usize.pow((DEPTH - 1 - l) as u32) % 3).collect();
            let fits = |leaf: &usize| {
                digits.iter().enumerate().all(|(l, d)| *d == 2 || leaf >> (DEPTH - 1 - l) & 1 == *d)
            };
            let (mut sum, mut weight) = (0.0, 0.0);
            for leaf in (0..N_LEAVES).filter(fits) {
                sum += f64::from(covers[leaf]) * leaf as f64;
                weight += f64::from(covers[leaf]);
            }
            let wanted = match (digits.contains(&2), weight > 0.0) {
                (false, _) => (0..N_LEAVES).find(fits).unwrap() as f64,
                (true, true) => sum / weight,
                (true, false) => 0.0,
            };
            let [found, next] = [0, 1].map(|k| f64::from(means[answers * 2 + k]));
            assert!((found - wanted).abs() < 1e-5, "{digits:?}: {found}, not {wanted}");
            if wanted > 0.0 {
                assert!((next - wanted - 1.0).abs() < 1e-5, "{digits:?}: {next}");
            }
        }
    }

    #[test]
    fn rows_that_are_seen_whole_reach_their_leaves_and_a_column_that_is_not_asked_about_hides_nothing() {
        let tree = tree();
        let n = 600;
        let bins: Vec<Vec<u8>> =
            (0..3).map(|c| (0..n).map(|r| ((r * (c + 3)) % 4) as u8).collect()).collect();
        let (mut wanted, mut found) = (vec![0.0; n * 2], vec![0.0; n * 2]);
        tree.add(&bins, &mut wanted, 2);
        tree.add_seen_in_part(&bins, &vec![vec![0; n]; 3], &mut found, 2);
        assert_eq!(found, wanted);
    }
}
