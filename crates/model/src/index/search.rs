//! The nearest rows, exactly: every vector is looked at.

use std::cmp::Ordering;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tabgraft_table::threads::in_pool_or_alone;

use super::{RowIndex, check_vectors, stride};
use crate::EmbeddingSpace;
use crate::error::{Error, Result};
use crate::kernel::dots;

/// Queries whose similarities are computed together: each vector of the index is read once for all of them.
const QUERIES: usize = 64;
/// Rows of the index whose similarities are kept at a time.
const ROWS: usize = 512;
/// Rows of the index that one thread looks through.
const SEGMENT: usize = 32 * ROWS;

/// What is near.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Similarity {
    /// Cosine of the angle between two vectors, -1 to 1; 0 where one of them is all zeros.
    #[default]
    Cosine,
    /// Their dot product.
    Dot,
}

impl Similarity {
    /// Every way, in the order of the words.
    pub const ALL: [Similarity; 2] = [Similarity::Cosine, Similarity::Dot];

    /// The word in options and reports.
    pub fn name(self) -> &'static str {
        match self {
            Similarity::Cosine => "cosine",
            Similarity::Dot => "dot",
        }
    }
}

/// What is searched for.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchOptions {
    /// Most rows that are found for each; at least 1.
    pub k: usize,
    /// What is near.
    pub similarity: Similarity,
    /// The keys of the only rows that may be found; `None`: all.
    pub among: Option<Vec<String>>,
}

impl Default for SearchOptions {
    fn default() -> Self {
        SearchOptions { k: 10, similarity: Similarity::Cosine, among: None }
    }
}

/// A row that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// Its number among [`RowIndex::keys`].
    pub row: usize,
    /// How similar it is; see [`Similarity`].
    pub similarity: f32,
}

impl Neighbour {
    /// The more similar first; of equals the one with the smaller number.
    fn order(&self, other: &Self) -> Ordering {
        other.similarity.total_cmp(&self.similarity).then(self.row.cmp(&other.row))
    }
}

impl RowIndex {
    /// The rows of the index that are most similar to each of some vectors, the most similar first.
    ///
    /// What is found for a vector does not depend on those beside it or the number of threads.
    ///
    /// # Shapes
    /// - `vectors`: `[n, space.d_model()]`, as the space gave them
    ///
    /// # Errors
    /// As [`RowIndex::check_space`]; an option error if `k` is 0; a value error if vectors are not whole or not finite,
    /// or if a key of `among` is not known.
    pub fn search(
        &self,
        space: &EmbeddingSpace,
        vectors: &[f32],
        options: &SearchOptions,
    ) -> Result<Vec<Vec<Neighbour>>> {
        self.check_space(space)?;
        if options.k == 0 {
            return Err(Error::option("k is 0").with_hint("1 or more rows can be found for each"));
        }
        let d = space.d_model();
        check_vectors(vectors, d)?;
        let allowed = self.allowed(options)?;
        let mut found = Vec::with_capacity(vectors.len() / d);
        in_pool_or_alone(|| {
            for block in vectors.chunks(QUERIES * d) {
                found.extend(self.search_block(block, d, options, allowed.as_deref()));
            }
        });
        Ok(found)
    }

    /// Which rows may be found.
    fn allowed(&self, options: &SearchOptions) -> Result<Option<Vec<bool>>> {
        let Some(among) = &options.among else { return Ok(None) };
        let mut allowed = vec![false; self.n_rows()];
        for key in among {
            allowed[self.row(key)?] = true;
        }
        Ok(Some(allowed))
    }

    /// The nearest rows of at most [`QUERIES`] vectors.
    fn search_block(
        &self,
        queries: &[f32],
        d: usize,
        options: &SearchOptions,
        allowed: Option<&[bool]>,
    ) -> Vec<Vec<Neighbour>> {
        let stride = stride(self.d_model());
        let n = queries.len() / d;
        let mut padded = vec![0.0; n * stride];
        for (to, from) in padded.chunks_exact_mut(stride).zip(queries.chunks_exact(d)) {
            to[..self.d_model()].copy_from_slice(&from[..self.d_model()]);
        }
        let k = options.k.min(self.n_rows());
        let is_cosine = options.similarity == Similarity::Cosine;
        let of_segment = |segment: usize| {
            let mut best = vec![Best { k, found: Vec::new() }; n];
            let mut products = vec![0.0; n * ROWS];
            let end = ((segment + 1) * SEGMENT).min(self.n_rows());
            for first in (segment * SEGMENT..end).step_by(ROWS) {
                let rows = first..(first + ROWS).min(end);
                let products = &mut products[..n * rows.len()];
                dots(&padded, &self.vectors[rows.start * stride..rows.end * stride], products, stride);
                for (best, products) in best.iter_mut().zip(products.chunks_exact_mut(rows.len())) {
                    if is_cosine {
                        let lengths = &self.inverse_lengths[rows.clone()];
                        products.iter_mut().zip(lengths).for_each(|(product, length)| *product *= length);
                    }
                    best.take(products, first, allowed);
                }
            }
            best
        };
        let segments: Vec<Vec<Best>> =
            (0..self.n_rows().div_ceil(SEGMENT)).into_par_iter().map(of_segment).collect();
        let mut best = vec![Vec::new(); n];
        for segment in segments {
            best.iter_mut().zip(segment).for_each(|(all, own)| all.extend(own.found));
        }
        for (best, query) in best.iter_mut().zip(padded.chunks_exact(stride)) {
            best.sort_unstable_by(Neighbour::order);
            best.truncate(k);
            if is_cosine {
                let length = query.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>().sqrt();
                let inverse = if length > 0.0 { 1.0 / length } else { 0.0 };
                let cosine = |product: f32| ((f64::from(product) * inverse) as f32).clamp(-1.0, 1.0);
                best.iter_mut().for_each(|found| found.similarity = cosine(found.similarity));
            }
        }
        best
    }
}

/// The best rows so far.
#[derive(Debug, Clone)]
struct Best {
    k: usize,
    /// At most twice `k`; the best `k` are among them.
    found: Vec<Neighbour>,
}

impl Best {
    /// Takes what is among the best of the rows from `first` on.
    fn take(&mut self, products: &[f32], first: usize, allowed: Option<&[bool]>) {
        let mut least = self.least();
        for (i, similarity) in products.iter().enumerate() {
            // Rows come in order: of equals the earlier one stays.
            if *similarity <= least || allowed.is_some_and(|allowed| !allowed[first + i]) {
                continue;
            }
            self.found.push(Neighbour { row: first + i, similarity: *similarity });
            if self.found.len() >= 2 * self.k {
                self.cut();
                least = self.least();
            }
        }
        self.cut();
    }

    /// What a row has to be above.
    fn least(&self) -> f32 {
        match self.found.len() {
            n if n < self.k => f32::NEG_INFINITY,
            _ => self.found.iter().map(|found| found.similarity).fold(f32::INFINITY, f32::min),
        }
    }

    fn cut(&mut self) {
        if self.found.len() > self.k {
            self.found.select_nth_unstable_by(self.k - 1, Neighbour::order);
            self.found.truncate(self.k);
        }
    }
}
