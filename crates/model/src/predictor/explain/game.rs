//! The worth of a coalition: the prediction of a row of which some players are seen.

use tabgraft_table::encoded::EncodedTable;
use tabgraft_table::threads::in_pool;

use super::Scale;
use super::players::Players;
use crate::error::Result;
use crate::predictor::Predictor;
use crate::predictor::calibrate::keep_off_the_ends;
use crate::predictor::sight::Sight;

/// The predictions of a table's rows as a game.
pub(super) struct Game<'a> {
    pub predictor: &'a Predictor,
    /// Cells of the table as each predictor of the chain sees them.
    pub layers: Vec<EncodedTable>,
    pub players: &'a Players,
    pub scale: Scale,
    /// Outputs of the predictor that are asked for.
    pub outputs: &'a [usize],
}

impl Game<'_> {
    /// The worth of each coalition in each of some rows.
    ///
    /// # Shapes
    /// - `hidden`: of each coalition which players are hidden
    /// - returns: `[rows.len(), hidden.len(), outputs.len()]`
    pub fn worth(&self, rows: &[usize], hidden: &[Vec<bool>]) -> Result<Vec<f64>> {
        let asked: Vec<usize> = rows.iter().flat_map(|r| vec![*r; hidden.len()]).collect();
        let of_layer = |layer: usize| -> Vec<bool> {
            let mut of_row = Vec::new();
            hidden.iter().for_each(|hidden| self.players.hide(layer, hidden, &mut of_row));
            of_row.repeat(rows.len())
        };
        let masks: Vec<Vec<bool>> = (0..self.layers.len()).map(of_layer).collect();
        let layers = self.layers.iter().zip(&masks);
        let sights: Vec<Sight<'_>> =
            layers.map(|(cells, hidden)| Sight { cells, rows: &asked, hidden: Some(hidden) }).collect();
        let mut values = in_pool(|| self.predictor.predict_layers(&sights))??;
        let n_outputs = self.predictor.about.target.n_outputs();
        if self.scale != Scale::Number {
            values.chunks_exact_mut(n_outputs).for_each(keep_off_the_ends);
        }
        let of_row =
            |row: &[f64]| -> Vec<f64> { self.outputs.iter().map(|i| self.scaled(row, *i)).collect() };
        Ok(values.chunks_exact(n_outputs).flat_map(of_row).collect())
    }

    fn scaled(&self, row: &[f64], output: usize) -> f64 {
        match self.scale {
            Scale::Number | Scale::Probability => row[output],
            Scale::LogOdds => {
                let others: f64 = row.iter().enumerate().filter(|(i, _)| *i != output).map(|(_, p)| p).sum();
                row[output].ln() - others.ln()
            }
        }
    }
}
