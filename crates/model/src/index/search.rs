//! The nearest rows, exactly: every vector is looked at.

use std::cmp::Ordering;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tabgraft_table::threads::in_pool_or_alone;

use super::{RowIndex, check_vectors};
use crate::EmbeddingSpace;
use crate::error::{Error, Result};
use crate::kernel::{LANES, LEFT, dots, vectorised};

/// Queries whose similarities are computed together: each vector of the index comes from memory once for all of them.
const QUERIES: usize = 10 * LEFT;
/// Panels of the index that one thread looks through.
const SEGMENT: usize = 1024;

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
        let of_block = |block| self.search_block(block, d, options, allowed.as_deref());
        let blocks: Vec<_> = in_pool_or_alone(|| vectors.par_chunks(QUERIES * d).map(of_block).collect());
        Ok(blocks.into_iter().flatten().collect())
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
        let own = self.d_model();
        let queries: Vec<f32> = queries.chunks_exact(d).flat_map(|query| &query[..own]).copied().collect();
        let n = queries.len() / own;
        let k = options.k.min(self.n_rows());
        let is_cosine = options.similarity == Similarity::Cosine;
        let of_segment = |(segment, panels): (usize, &[[f32; LANES]])| {
            let mut best = vec![Best { k, least: f32::NEG_INFINITY, found: Vec::new() }; n];
            let mut products = vec![[0.0; LANES]; n];
            for (i, panel) in panels.chunks_exact(own).enumerate() {
                dots(&queries, panel, &mut products);
                let panel = segment * SEGMENT + i;
                let scales = if is_cosine { self.inverse_lengths[panel] } else { [1.0; LANES] };
                let may_be_found =
                    |row: usize| row < self.n_rows() && allowed.is_none_or(|allowed| allowed[row]);
                take(&mut best, &products, &scales, panel * LANES, &may_be_found);
            }
            best
        };
        let panels = self.panels.par_chunks(SEGMENT * own).enumerate();
        let segments: Vec<Vec<Best>> = panels.map(of_segment).collect();
        let mut best = vec![Vec::new(); n];
        for segment in segments {
            best.iter_mut().zip(segment).for_each(|(all, own)| all.extend(own.found));
        }
        for (best, query) in best.iter_mut().zip(queries.chunks_exact(own)) {
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

/// Takes what is among the best of a panel, whose rows begin with `first`.
///
/// # Shapes
/// - `best`, `products`: one per query; `scales`: what the products of a row are multiplied by
fn take(
    best: &mut [Best],
    products: &[[f32; LANES]],
    scales: &[f32; LANES],
    first: usize,
    may_be_found: &impl Fn(usize) -> bool,
) {
    vectorised(
        #[inline(always)]
        || {
            for (best, products) in best.iter_mut().zip(products) {
                // Hardly any row is among the best: all lanes are asked at once.
                let mut is_any = false;
                let mut similarities = [0.0; LANES];
                for lane in 0..LANES {
                    similarities[lane] = products[lane] * scales[lane];
                    is_any |= similarities[lane] > best.least;
                }
                if is_any {
                    best.take(&similarities, first, may_be_found);
                }
            }
        },
    );
}

/// The best rows so far.
#[derive(Debug, Clone)]
struct Best {
    k: usize,
    /// What a row has to be above.
    least: f32,
    /// Fewer than twice `k`; the best `k` are among them.
    found: Vec<Neighbour>,
}

impl Best {
    /// Takes what is among the best of the rows from `first` on. What is no number, by an overflow, is not.
    #[inline(never)]
    fn take(&mut self, similarities: &[f32; LANES], first: usize, may_be_found: &impl Fn(usize) -> bool) {
        for (row, similarity) in (first..).zip(similarities.iter().copied()) {
            // Rows come in order: of equals the earlier one stays.
            if similarity > self.least && may_be_found(row) {
                self.found.push(Neighbour { row, similarity });
                if self.found.len() == 2 * self.k {
                    let (_, last, _) = self.found.select_nth_unstable_by(self.k - 1, Neighbour::order);
                    self.least = last.similarity;
                    self.found.truncate(self.k);
                }
            }
        }
    }
}
