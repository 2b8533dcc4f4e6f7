//! What columns gave to all predictions of a table together.

use serde::Serialize;

use super::ColumnGroup;
use crate::metric::{Clusters, normal_interval};

/// What a column gave to the predictions of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Importance {
    /// The column, or the group.
    pub column: String,
    /// Mean size of its contributions over rows and outputs.
    pub mean_absolute: f64,
    /// 95 % interval of that mean over tables like this one; none where all rows are one piece of evidence.
    pub interval: Option<[f64; 2]>,
}

/// The importance of each column: equal rows, and those of a group, are one piece of evidence to the intervals.
///
/// # Shapes
/// - `contributions`: `[n_rows, columns.len(), n_outputs]`
pub(super) fn of(
    columns: &[ColumnGroup],
    contributions: &[f64],
    n_outputs: usize,
    clusters: &Clusters,
) -> Vec<Importance> {
    let size = |row: &[f64]| row.iter().map(|given| given.abs()).sum::<f64>() / n_outputs as f64;
    let of_column = |(i, column): (usize, &ColumnGroup)| {
        let rows = contributions.chunks_exact(n_outputs).skip(i).step_by(columns.len());
        let sizes: Vec<f64> = rows.map(size).collect();
        let mean_absolute = sizes.iter().sum::<f64>() / sizes.len() as f64;
        let interval = (clusters.n_clusters() > 1).then(|| {
            let influences = clusters.influences(&sizes);
            let n = influences.len() as f64;
            let squares: f64 = influences.iter().map(|value| (value - mean_absolute).powi(2)).sum();
            let [low, high] = normal_interval(mean_absolute, (squares / (n * (n - 1.0))).sqrt());
            [low.max(0.0), high]
        });
        Importance { column: column.name.clone(), mean_absolute, interval }
    };
    columns.iter().enumerate().map(of_column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn importance_is_a_mean_of_sizes_and_copies_of_rows_tell_nothing_new() {
        let columns = ["a", "b"].map(|name| ColumnGroup { name: name.into(), columns: vec![name.into()] });
        // Two columns, one output, four rows.
        let rows = [1.0, -2.0, -3.0, 0.0, 2.0, 1.0, -2.0, 0.0];
        let once = of(&columns, &rows, 1, &Clusters::of_single_rows(4));
        assert_eq!((once[0].mean_absolute, once[1].mean_absolute), (2.0, 0.75));
        let [low, high] = once[0].interval.unwrap();
        // The standard deviation of 1, 3, 2, 2 is .8165.
        assert!((high - low - 2.0 * 1.959_964 * 0.816_496_6 / 2.0).abs() < 1e-5, "{low} to {high}");
        let keys: Vec<u64> = (0..40).map(|r| r / 10).collect();
        let copied: Vec<f64> = rows.chunks(2).flat_map(|row| row.repeat(10)).collect();
        let copied = of(&columns, &copied, 1, &Clusters::new(&keys, &keys));
        let [low_of_copies, high_of_copies] = copied[0].interval.unwrap();
        assert!((low_of_copies - low).abs() < 1e-12 && (high_of_copies - high).abs() < 1e-12);
        assert_eq!(of(&columns, &rows[..2], 1, &Clusters::of_single_rows(1))[0].interval, None);
    }
}
