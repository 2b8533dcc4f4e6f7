//! Cells to vectors by lookup in tables, as the networks and the linear learner do it.

use tabgraft_table::encoded::PartForm;

use super::cells::{Bag, Cells, Part, offset};
use super::onnx::graph::{Element, Graph, Value};
use crate::embed::Tables;
use crate::kernel::{Layout, PartSlot};

/// What one part of a column is looked up in: rows of `width` numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct PartTable {
    /// Of a bin its value at position 0; of a code, or of a slot, its row.
    pub rows: Vec<f64>,
    /// Of a bin: what one more of position adds.
    pub slopes: Vec<f64>,
    /// Of a bag: where its sum starts.
    pub start: Vec<f64>,
    /// Of a missing cell.
    pub missing: Vec<f64>,
}

impl PartTable {
    /// The tables of a network's parts.
    pub fn of_tables(layout: &Layout, tables: &Tables) -> Vec<Self> {
        let width = tables.special.shape()[1];
        let [piecewise, code, bag, bias, special] =
            [&tables.piecewise, &tables.code, &tables.bag, &tables.bias, &tables.special].map(|p| p.values());
        let wide = |values: &[f32]| values.iter().map(|v| f64::from(*v)).collect::<Vec<f64>>();
        let rows_of =
            |table: &[f32], first: usize, n: usize| wide(&table[first * width..(first + n) * width]);
        let part = |(p, part): (usize, &PartSlot)| {
            let start =
                part.bias_row.map(|row| bias[row * width..(row + 1) * width].to_vec()).unwrap_or_default();
            let missing = rows_of(&special, 2 * p, 1);
            match part.form {
                PartForm::Piecewise { n_bins } => {
                    let (mut running, mut rows) = (start, Vec::with_capacity(n_bins * width));
                    for row in part.first_row..part.first_row + n_bins {
                        rows.extend(wide(&running));
                        let own = &piecewise[row * width..(row + 1) * width];
                        running.iter_mut().zip(own).for_each(|(s, w)| *s += w);
                    }
                    let slopes = rows_of(&piecewise, part.first_row, n_bins);
                    PartTable { rows, slopes, start: Vec::new(), missing }
                }
                PartForm::Code { n_codes } => {
                    let rows = rows_of(&code, part.first_row, n_codes);
                    PartTable { rows, missing, ..PartTable::default() }
                }
                PartForm::Bag { n_slots } => {
                    let rows = rows_of(&bag, part.first_row, n_slots);
                    PartTable { rows, slopes: Vec::new(), start: wide(&start), missing }
                }
            }
        };
        layout.parts.iter().enumerate().map(part).collect()
    }
}

/// How the looked-up numbers are computed with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lookup {
    pub element: Element,
    pub width: usize,
    /// Whether what bins and bags give is cut off at 0, as tokens are.
    pub is_cut: bool,
}

/// Vectors of parts: `[n_rows, parts.len(), width]`, and which parts these are.
pub(super) struct Vectors {
    pub found: Vec<(Value, Vec<usize>)>,
    /// Parts that are missing in all rows.
    pub absent: Vec<usize>,
}

impl Lookup {
    /// Looks up all parts.
    pub fn vectors(self, graph: &mut Graph, cells: &Cells, parts: &[Part], tables: &[PartTable]) -> Vectors {
        let places = |wanted: &dyn Fn(&Part) -> bool| -> Vec<usize> {
            (0..parts.len()).filter(|i| wanted(&parts[*i])).collect()
        };
        let mut found = Vec::new();
        let piecewise = places(&|part| matches!(part, Part::Piecewise(_)));
        if let (false, Some(vectors)) =
            (piecewise.is_empty(), self.piecewise(graph, cells, parts, tables, &piecewise))
        {
            found.push((vectors, piecewise));
        }
        let codes = places(&|part| matches!(part, Part::Code(_)));
        if let (false, Some(vectors)) = (codes.is_empty(), self.codes(graph, cells, parts, tables, &codes)) {
            found.push((vectors, codes));
        }
        for i in places(&|part| matches!(part, Part::Bag(_))) {
            if let Part::Bag(bag) = parts[i] {
                let vector = self.bag(graph, &cells.bags[bag], &tables[i]);
                found.push((graph.raised(&vector, 1), vec![i]));
            }
        }
        Vectors { found, absent: places(&|part| *part == Part::Missing) }
    }

    /// The sum of the vectors of all parts: `[n_rows, width]`.
    pub fn sum(self, graph: &mut Graph, cells: &Cells, parts: &[Part], tables: &[PartTable]) -> Value {
        let vectors = self.vectors(graph, cells, parts, tables);
        let mut constant = vec![0.0; self.width];
        for i in vectors.absent {
            constant.iter_mut().zip(&tables[i].missing).for_each(|(c, m)| *c += m);
        }
        let zeros = graph.cast(&cells.zeros, self.element);
        let constant = self.numbers(graph, &[1, self.width], &constant);
        let mut sum = graph.add(&zeros, &constant);
        for (vectors, _) in vectors.found {
            let own = graph.sum_along(&vectors, 1, false);
            sum = graph.add(&sum, &own);
        }
        sum
    }

    fn piecewise(
        self,
        g: &mut Graph,
        cells: &Cells,
        parts: &[Part],
        tables: &[PartTable],
        places: &[usize],
    ) -> Option<Value> {
        let wanted: Vec<usize> = places
            .iter()
            .filter_map(|i| if let Part::Piecewise(at) = parts[*i] { Some(at) } else { None })
            .collect();
        let [bins, positions, absent] = [&cells.bins, &cells.positions, &cells.absent].map(Option::as_ref);
        let (bins, positions, absent) = (bins?, positions?, absent?);
        let [bins, positions, absent] =
            [bins, positions, absent].map(|matrix| g.columns(matrix, &wanted, cells.n_piecewise));
        let sizes: Vec<usize> = places.iter().map(|i| tables[*i].rows.len() / self.width).collect();
        let rows = offset(g, &bins, &sizes);
        let all = |of: &dyn Fn(&PartTable) -> &Vec<f64>| -> Vec<f64> {
            places.iter().flat_map(|i| of(&tables[*i]).iter().copied()).collect()
        };
        let n: usize = sizes.iter().sum();
        let starts = self.numbers(g, &[n, self.width], &all(&|table| &table.rows));
        let slopes = self.numbers(g, &[n, self.width], &all(&|table| &table.slopes));
        let (start, slope) = (g.gather(&starts, &rows, 0), g.gather(&slopes, &rows, 0));
        let positions = match self.element {
            Element::Double => g.cast(&positions, Element::Double),
            _ => positions,
        };
        let position = g.raised(&positions, 2);
        let way = g.mul(&position, &slope);
        let value = g.add(&start, &way);
        let value = self.cut(g, value);
        let missing = self.numbers(g, &[1, places.len(), self.width], &all(&|table| &table.missing));
        let absent = g.raised(&absent, 2);
        Some(g.choose(&absent, &missing, &value))
    }

    fn codes(
        self,
        g: &mut Graph,
        cells: &Cells,
        parts: &[Part],
        tables: &[PartTable],
        places: &[usize],
    ) -> Option<Value> {
        let wanted: Vec<usize> = places
            .iter()
            .filter_map(|i| if let Part::Code(at) = parts[*i] { Some(at) } else { None })
            .collect();
        let codes = g.columns(cells.codes.as_ref()?, &wanted, cells.n_code);
        // The row of a missing cell stands behind those of the codes.
        let sizes: Vec<usize> = places.iter().map(|i| 1 + tables[*i].rows.len() / self.width).collect();
        let rows = offset(g, &codes, &sizes);
        let all: Vec<f64> =
            places.iter().flat_map(|i| tables[*i].rows.iter().chain(&tables[*i].missing).copied()).collect();
        let all = self.numbers(g, &[sizes.iter().sum(), self.width], &all);
        Some(g.gather(&all, &rows, 0))
    }

    fn bag(self, g: &mut Graph, bag: &Bag, table: &PartTable) -> Value {
        let rows = self.numbers(g, &[table.rows.len() / self.width, self.width], &table.rows);
        let slots = match self.element {
            Element::Double => g.cast(&bag.slots, Element::Double),
            _ => bag.slots.clone(),
        };
        let mut sum = g.product(&slots, &rows);
        if !table.start.is_empty() {
            let start = self.numbers(g, &[1, self.width], &table.start);
            sum = g.add(&sum, &start);
        }
        let sum = self.cut(g, sum);
        let of_missing = self.numbers(g, &[1, self.width], &table.missing);
        g.choose(&bag.missing, &of_missing, &sum)
    }

    fn cut(self, g: &mut Graph, value: Value) -> Value {
        if self.is_cut { g.node("Relu", &[&value], &[]) } else { value }
    }

    fn numbers(self, g: &mut Graph, shape: &[usize], values: &[f64]) -> Value {
        match self.element {
            Element::Double => g.doubles(shape, values),
            _ => g.floats(shape, &values.iter().map(|v| *v as f32).collect::<Vec<_>>()),
        }
    }
}
