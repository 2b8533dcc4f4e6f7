//! A forest as what it asks of numbers, for those who write it in another language.

use super::borders::Borders;
use super::columns::Source;
use super::{DEPTH, Forest};

/// Where a number that trees ask about comes from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TreeSource {
    /// Bin + position, or the code.
    Value { column: usize, part: usize },
    /// One slot of a bag; 0 where it is empty.
    Slot { column: usize, part: usize, slot: usize },
    /// What stands for each code, and last for a missing cell.
    Statistic { column: usize, part: usize, values: Vec<f32> },
}

/// A column of numbers, and the number that stands for a missing cell: the answers are those of its bin.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AskedColumn {
    pub source: TreeSource,
    pub absent: f32,
}

/// All questions of a forest: whether a number is at least another.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    /// The columns that any question is about.
    pub columns: Vec<AskedColumn>,
    /// `[n_trees * depth]`: a column of these, and the least number that goes right.
    pub questions: Vec<(usize, f32)>,
    pub depth: usize,
    /// `[n_trees][2^depth, n_outputs]`; the answer to the first question is the highest digit.
    pub leaves: Vec<&'a [f32]>,
    /// `[n_outputs]`.
    pub start: &'a [f32],
}

impl TreeSource {
    /// Column and part that the number comes from.
    pub fn part(&self) -> (usize, usize) {
        match self {
            TreeSource::Value { column, part }
            | TreeSource::Slot { column, part, .. }
            | TreeSource::Statistic { column, part, .. } => (*column, *part),
        }
    }
}

impl Source {
    /// The same for those who know no plan.
    pub(super) fn in_words(self, statistics: &[f32]) -> TreeSource {
        match self {
            Source::Value { column, part } => TreeSource::Value { column, part },
            Source::Slot { column, part, slot } => TreeSource::Slot { column, part, slot: slot as usize },
            Source::Statistic { column, part, first, n_codes, which } => {
                let own = &statistics[first + which * (n_codes + 1)..][..=n_codes];
                TreeSource::Statistic { column, part, values: own.to_vec() }
            }
        }
    }
}

impl Forest {
    /// What it asks, and what follows from the answers.
    pub fn asked_questions(&self) -> Asked<'_> {
        let asked = self.asked();
        let columns = self.asking.columns(&asked);
        let place = |column: u16| asked.partition_point(|known| *known < usize::from(column));
        let questions = self.trees.iter().flat_map(|tree| tree.questions);
        Asked {
            columns,
            questions: questions
                .map(|q| (place(q.column), self.asking.borders.least_above(usize::from(q.column), q.bin)))
                .collect(),
            depth: DEPTH,
            leaves: self.trees.iter().map(|tree| &tree.leaves[..]).collect(),
            start: &self.start,
        }
    }
}

impl Borders {
    /// The least number whose bin is above this one. All numbers that are not missing are above bin 0.
    pub(super) fn least_above(&self, column: usize, bin: u8) -> f32 {
        match usize::from(bin).checked_sub(1) {
            None => f32::MIN,
            Some(i) => self.edges[column].get(i).copied().unwrap_or(f32::INFINITY),
        }
    }

    /// A number that has the bin of a missing cell.
    pub(super) fn number_of_missing(&self, column: usize) -> f32 {
        match self.missing[column] {
            0 => f32::NEG_INFINITY,
            1 => f32::MIN,
            bin => self.edges[column][usize::from(bin) - 2],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_as_comparisons_have_the_answers_of_bins() {
        for missing in 0..=4u8 {
            let borders = Borders { edges: vec![vec![-1.0, 0.5, 2.0]], missing: vec![missing] };
            let absent = borders.number_of_missing(0);
            for question in [0, 1, 2, 3, 4, 255] {
                let least = borders.least_above(0, question);
                for value in [-50.0, -1.0, 0.0, 0.5, 1.9, 2.0, 99.0] {
                    let bin = borders.bins_of(0, &[value])[0];
                    assert_eq!(bin > question, value >= least, "{value} above bin {question}");
                }
                assert_eq!(missing > question, absent >= least, "missing, bin {missing} above {question}");
            }
        }
    }
}
