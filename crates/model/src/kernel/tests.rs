//! The gradients of the operations that arrange, that serve members and that make a loss, against finite
//! differences. (The fused ones: `encoder/network/tests.rs`, through a whole network.)

use super::*;

/// Numbers between -1 and 1 without a pattern.
fn some(shape: [usize; 2], salt: usize) -> Vec<f32> {
    (0..shape[0] * shape[1]).map(|i| ((i * 7 + salt * 13 + 1) as f32 * 0.73).sin()).collect()
}

fn leaf(numbers: &[f32], shape: [usize; 2]) -> Tensor {
    Tensor::new(numbers.to_vec(), shape, &Place::Processor).into_leaf()
}

/// A number that every entry pulls at with another weight.
fn pulled(x: Tensor) -> Tensor {
    let n = x.shape()[0] * x.shape()[1];
    let target = (0..n).map(|i| (i as f32 * 1.7).cos()).collect();
    squared_error(x, target, (0..n).map(|i| 0.2 + (i % 5) as f32 / 5.0).collect())
}

/// Holds the gradients of `operation` at inputs of these shapes against differences of its value.
fn holds<const N: usize>(shapes: [[usize; 2]; N], operation: impl Fn([Tensor; N]) -> Tensor) {
    let mut salt = 0;
    let inputs = shapes.map(|shape| {
        salt += 1;
        some(shape, salt)
    });
    let value = |inputs: &[Vec<f32>; N]| {
        let mut shapes = shapes.into_iter();
        let leaves = inputs.each_ref().map(|x| leaf(x, shapes.next().unwrap()));
        (pulled(operation(leaves.clone())), leaves)
    };
    let (out, leaves) = value(&inputs);
    let mut gradients = out.backward();
    for (i, leaf) in leaves.iter().enumerate() {
        let gradient = gradients.take(leaf, None).unwrap_or_else(|| panic!("input {i} was not reached"));
        assert_eq!(gradient.shape(), shapes[i]);
        for (at, gradient) in gradient.read().unwrap().into_iter().enumerate() {
            let moved = |by: f32| {
                let mut moved = inputs.clone();
                moved[i][at] += by;
                f64::from(value(&moved).0.read().unwrap()[0])
            };
            let numeric = (moved(1e-2) - moved(-1e-2)) / 2e-2;
            let gradient = f64::from(gradient);
            assert!(
                (numeric - gradient).abs() < 4e-3 * (1.0 + gradient.abs()),
                "entry {at} of input {i}: {gradient} instead of {numeric}"
            );
        }
    }
}

#[test]
fn arranging_keeps_gradients() {
    holds([[4, 5]], |[x]| columns(x, 1..4));
    holds([[4, 5]], |[x]| side_by_side(columns(x.clone(), 2..5), columns(x, 0..3)));
    holds([[4, 5], [4, 2]], |[x, new]| with_columns(x, 2, new));
    holds([[4, 6], [4, 3]], |[sum, part]| add_at(sum, part, &[0..1, 3..5]));
    holds([[4, 6], [4, 3]], |[sum, part]| add_at(sum, part, std::slice::from_ref(&(2..5))));
    holds([[1, 3]], |[row]| repeated(row, 4));
}

#[test]
fn arranged_columns_are_where_they_should_be() {
    let [x, y] = [1.0, 10.0].map(|f| leaf(&[1.0, 2.0, 3.0, 4.0].map(|v: f32| v * f), [2, 2]));
    let read = |x: Tensor| x.read().unwrap();
    assert_eq!(read(columns(x.clone(), 1..2)), [2.0, 4.0]);
    assert_eq!(read(side_by_side(x.clone(), y.clone())), [1.0, 2.0, 10.0, 20.0, 3.0, 4.0, 30.0, 40.0]);
    assert_eq!(read(with_columns(x.clone(), 1, columns(y.clone(), 0..1))), [1.0, 10.0, 3.0, 30.0]);
    let wide = Tensor::zeros([2, 4], &Place::Processor);
    assert_eq!(read(add_at(wide, y.clone(), &[0..1, 3..4])), [10.0, 0.0, 0.0, 20.0, 30.0, 0.0, 0.0, 40.0]);
    assert_eq!(read(x), [1.0, 2.0, 3.0, 4.0], "what others hold is not written over");
}

#[test]
fn a_map_of_lent_columns_keeps_gradients() {
    holds([[5, 6], [3, 4], [1, 4]], |[x, w, b]| linear(columns(x, 1..4), w, b, None));
    holds([[5, 6], [3, 4], [5, 4]], |[x, w, b]| linear(columns(x, 0..3), w, b, None));
}

#[test]
fn members_keep_gradients() {
    holds([[5, 3], [4, 3]], |[x, scale]| scaled(x, scale, true));
    holds([[20, 3], [4, 3]], |[x, scale]| scaled(x, scale, false));
    holds([[10, 3], [6, 2], [2, 2]], |[x, w, b]| member_products(x, w, b));
    holds([[10, 3], [5, 3]], |[x, part]| add_to_members(x, part));
    holds([[6, 3]], |[x]| gelu(x, Dropout { p_drop: 0.3, seed: 4 }));
}

#[test]
fn members_have_their_own_rows() {
    let x = leaf(&[1.0, 2.0], [2, 1]);
    let scale = leaf(&[10.0, 100.0], [2, 1]);
    let scaled = scaled(x, scale, true);
    assert_eq!(scaled.clone().read().unwrap(), [10.0, 20.0, 100.0, 200.0]);
    let out = member_products(scaled, leaf(&[1.0, 2.0], [2, 1]), leaf(&[0.5, 0.25], [2, 1]));
    let out = add_to_members(out, leaf(&[1000.0, 2000.0], [2, 1]));
    assert_eq!(out.read().unwrap(), [1010.5, 2020.5, 1200.25, 2400.25]);
}

#[test]
fn losses_are_one_number_with_a_gradient() {
    holds([[3, 4], [1, 1]], |[x, y]| total([(x, 0.5), (y, -2.0)]));
    let others = leaf(&some([6, 5], 9), [6, 5]).detached();
    holds([[6, 5]], |[x]| cosine_distance(x, others.clone()));
    let x = leaf(&[3.0, 0.0, 0.0, 2.0], [2, 2]);
    let turned = leaf(&[1.0, 0.0, -1.0, 0.0], [2, 2]).detached();
    assert_eq!(cosine_distance(x.clone(), turned).read().unwrap(), [0.5]);
    assert_eq!(squared_error(x, vec![1.0; 4], vec![1.0, 0.0, 2.0, 0.0]).read().unwrap(), [6.0]);
}

#[test]
fn vectors_of_no_length_have_no_cosine_and_break_nothing() {
    let x = leaf(&[0.0; 4], [2, 2]);
    let distance = cosine_distance(x.clone(), leaf(&[1.0; 4], [2, 2]).detached());
    assert_eq!(distance.clone().read().unwrap(), [1.0]);
    let gradient = distance.backward().take(&x, None).unwrap().read().unwrap();
    assert!(gradient.iter().all(|g| g.is_finite()));
}
