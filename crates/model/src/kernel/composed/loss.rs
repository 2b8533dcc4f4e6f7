//! Cross-entropy of many columns, those of one number of classes at a time.

use std::collections::BTreeMap;

use burn_tensor::activation::log_softmax;
use burn_tensor::{Device, Tensor};
use tabgraft_table::encoded::NO_TARGET;

use super::super::loss::ColumnTargets;
use super::{numbers, ordered, places};

/// As the fused one, but a cell is left out, and counted, if any logit of its column is not finite.
pub(in super::super) fn column_loss(logits: Tensor<2>, targets: &ColumnTargets) -> Tensor<2> {
    let device = logits.device();
    let mut by_width: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (c, bounds) in targets.first.windows(2).enumerate() {
        by_width.entry(bounds[1] - bounds[0]).or_default().push(c);
    }
    let (mut losses, mut counts) = (Vec::new(), Vec::new());
    for columns in by_width.values() {
        let own = columns.iter().flat_map(|c| targets.first[*c]..targets.first[*c + 1]).collect();
        let (loss, count) = alike(ordered(logits.clone(), 1, own), targets, columns, &device);
        losses.push(loss);
        counts.push(count);
    }
    let mut order = vec![0; targets.scale.len()];
    by_width.values().flatten().enumerate().for_each(|(place, c)| order[*c] = place);
    let by_column = |parts: Vec<Tensor<2>>| ordered(Tensor::cat(parts, 1), 1, order.clone());
    Tensor::cat(vec![by_column(losses), by_column(counts)], 0)
}

/// Losses and counts of columns with one number of classes.
///
/// # Shapes
/// - `logits`: `[n_rows, columns.len() * n_classes]`; returns two of `[1, columns.len()]`
fn alike(
    logits: Tensor<2>,
    targets: &ColumnTargets,
    columns: &[usize],
    device: &Device,
) -> (Tensor<2>, Tensor<2>) {
    let ([n_rows, n_logits], n) = (logits.dims(), columns.len());
    let n_classes = n_logits / n;
    let (mut class, mut weight, mut asked) = (Vec::new(), Vec::new(), Vec::new());
    for r in 0..n_rows {
        for c in columns {
            let cell = r * targets.scale.len() + c;
            let counts = targets.class[cell] != NO_TARGET && targets.weight[cell] != 0.0;
            class.push(if counts { i32::from(targets.class[cell]) } else { 0 });
            weight.push(if counts { targets.weight[cell] * targets.scale[*c] } else { 0.0 });
            asked.push(f32::from(u8::from(counts)));
        }
    }
    let scores = logits.reshape([n_rows, n, n_classes]);
    let whole = scores.clone().is_finite().all_dim(2);
    let broken = whole.clone().bool_not().expand([n_rows, n, n_classes]);
    // Zeros before the logarithm: a NaN times a gradient of 0 would be NaN again.
    let likelihood = log_softmax(scores.mask_fill(broken, 0.0), 2)
        .gather(2, places(class, [n_rows, n, 1], device))
        .reshape([n_rows, n]);
    let whole = whole.float().reshape([n_rows, n]);
    let loss = likelihood * numbers(weight, [n_rows, n], device) * whole.clone() * -1.0;
    let count = (whole * -1.0 + 1.0) * numbers(asked, [n_rows, n], device);
    (loss.sum_dim(0), count.sum_dim(0))
}
