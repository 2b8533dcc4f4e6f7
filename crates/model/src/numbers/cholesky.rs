//! Symmetric positive definite equations, by Cholesky's factors.

use super::dot;

/// The lower factor of a symmetric positive definite matrix of `n` rows, of which only the lower
/// triangle is read; `None` if it is not positive definite.
pub fn cholesky(mut a: Vec<f64>, n: usize) -> Option<Vec<f64>> {
    for i in 0..n {
        let (above, rest) = a.split_at_mut(i * n);
        let row = &mut rest[..n];
        for j in 0..=i {
            let left = match j == i {
                true => row[i] - dot(&row[..i], &row[..i]),
                false => row[j] - dot(&row[..j], &above[j * n..j * n + j]),
            };
            if j == i {
                if left.is_nan() || left <= 0.0 {
                    return None;
                }
                row[i] = left.sqrt();
            } else {
                row[j] = left / above[j * n + j];
            }
        }
    }
    Some(a)
}

/// Solves for one right side, given the lower factor.
pub fn solved(factor: &[f64], mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for i in 0..n {
        b[i] = (b[i] - dot(&factor[i * n..i * n + i], &b[..i])) / factor[i * n + i];
    }
    for i in (0..n).rev() {
        b[i] /= factor[i * n + i];
        let (head, tail) = b.split_at_mut(i);
        head.iter_mut().zip(&factor[i * n..i * n + i]).for_each(|(x, f)| *x -= f * tail[0]);
    }
    b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cholesky_solves_a_hand_made_system() {
        // [[4, 2], [2, 3]] x = [2, 5] has the solution [-0.5, 2].
        let factor = cholesky(vec![4.0, f64::NAN, 2.0, 3.0], 2).unwrap();
        let x = solved(&factor, vec![2.0, 5.0]);
        assert!((x[0] + 0.5).abs() < 1e-12 && (x[1] - 2.0).abs() < 1e-12);
        assert!(cholesky(vec![1.0, 2.0, 2.0, 1.0], 2).is_none());
    }
}
