//! Columns as the codecs read them: bins and positions, codes, cycles.

use tabgraft_table::cell::parse_truth;
use tabgraft_table::codec::{CategoricalCodec, Codec, TimestampCodec};
use tabgraft_table::encoded::PartForm;
use tabgraft_table::stats::calendar::Cycle;

use super::calendar::{Calendar, times};
use super::fitted::{MOST_NUMBERS, code_of_number};
use super::onnx::graph::{Element, Graph, Value};
use super::typed::{Typed, truth_keys};
use super::{OnnxOptions, Rare, Texts};
use crate::error::{Error, Result};

/// How far a position may fall below the first bin and rise in the last.
const POSITIONS: [f32; 2] = [-3.0, 4.0];

/// A column to encode; without values all of its cells are missing.
pub(super) struct Read<'a> {
    pub name: &'a str,
    pub codec: &'a Codec,
    pub values: Option<Typed>,
}

/// Where the numbers of one part are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Its column in [`Cells::bins`], [`Cells::positions`] and [`Cells::absent`].
    Piecewise(usize),
    /// Its column in [`Cells::codes`].
    Code(usize),
    /// Its place in [`Cells::bags`].
    Bag(usize),
    /// Missing in all rows.
    Missing,
}

/// One column's parts, and which of its cells are out of the usual.
pub(super) struct Cell {
    pub parts: Vec<Part>,
    /// `[n_rows]`; none where all are.
    pub missing: Option<Value>,
    /// `[n_rows]`; none where none can be.
    pub unseen: Option<Value>,
}

/// The slots of a date's cycles.
pub(super) struct Bag {
    /// `[n_rows, n_slots]` of 32 bits.
    pub slots: Value,
    /// `[n_rows, 1]`: whether the cell is missing.
    pub missing: Value,
    pub n_slots: usize,
}

/// The cells of a table as numbers.
pub(super) struct Cells {
    /// `[n_rows, 1]` zeros: what makes a row of a constant.
    pub zeros: Value,
    /// `[n_rows, n_piecewise]` whole numbers.
    pub bins: Option<Value>,
    /// `[n_rows, n_piecewise]`, 32 bits.
    pub positions: Option<Value>,
    /// `[n_rows, n_piecewise]`: whether the cell is missing.
    pub absent: Option<Value>,
    pub n_piecewise: usize,
    /// `[n_rows, n_code]` whole numbers; a missing cell has the one after the last.
    pub codes: Option<Value>,
    pub n_code: usize,
    /// Codes of each of them, without the missing one.
    pub n_codes: Vec<usize>,
    pub bags: Vec<Bag>,
    pub columns: Vec<Cell>,
}

impl Cells {
    /// Encodes columns, at least one of which has values.
    ///
    /// # Errors
    /// A schema error that names all columns that a graph cannot encode, each with its reason.
    pub fn new(graph: &mut Graph, read: &[Read<'_>], options: &OnnxOptions) -> Result<Self> {
        let g = graph;
        let (mut numbers, mut edges, mut codes, mut bags) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut columns, mut sizes, mut problems) = (Vec::new(), Vec::new(), Vec::new());
        for column in read {
            let Some(values) = &column.values else {
                let parts = vec![Part::Missing; column.codec.parts().len()];
                columns.push(Cell { parts, missing: None, unseen: None });
                continue;
            };
            let encoded = match column.codec {
                Codec::Numeric(_) => number(g, values).map(|number| {
                    let missing = g.is_nan(&number);
                    numbers.push(number);
                    edges.push(column.codec.edges().unwrap_or(&[0.0, 1.0]));
                    Cell {
                        parts: vec![Part::Piecewise(numbers.len() - 1)],
                        missing: Some(missing),
                        unseen: None,
                    }
                }),
                Codec::Timestamp(codec) => seconds(g, values).map(|seconds| {
                    let missing = g.is_nan(&seconds);
                    let mut parts = vec![Part::Piecewise(numbers.len())];
                    if !codec.cycles().is_empty() {
                        parts.push(Part::Bag(bags.len()));
                        let (slots, missing) = (cycles(g, codec, &seconds), g.raised(&missing, 1));
                        bags.push(Bag { slots, missing, n_slots: 2 * codec.cycles().len() });
                    }
                    numbers.push(seconds);
                    edges.push(codec.edges());
                    Cell { parts, missing: Some(missing), unseen: None }
                }),
                Codec::Categorical(codec) => code(g, values, codec, column.codec, options).map(|code| {
                    let (unseen, missing) = (g.ints(&[], &[0]), g.ints(&[], &[n_codes(column.codec) as i64]));
                    let (unseen, missing) = (g.equal(&code, &unseen), g.equal(&code, &missing));
                    codes.push(code);
                    sizes.push(n_codes(column.codec));
                    let parts = vec![Part::Code(codes.len() - 1)];
                    Cell { parts, missing: Some(missing), unseen: Some(unseen) }
                }),
                Codec::Text(_) if options.texts == Texts::Missing => {
                    Ok(Cell { parts: vec![Part::Missing], missing: None, unseen: None })
                }
                Codec::Text(_) => Err(Error::schema(
                    "is text, of which the model reads hashed words and letters: ONNX cannot hash texts",
                )),
            };
            match encoded {
                Ok(cell) => columns.push(cell),
                Err(error) => problems.push(format!("column `{}` {error}", column.name)),
            }
        }
        if !problems.is_empty() {
            return Err(Error::schema(problems.join("; ")).with_hint(
                "prune these columns from the space, which keeps all others as they are; or export with option \
                 `texts` = `missing`, for which text cells count as missing, or `rare` = `unseen`",
            ));
        }
        let any = numbers.first().or(codes.first());
        let Some(any) = any else {
            return Err(Error::schema("no column is left that a graph could be given")
                .with_hint("export a space with a column that is no text"));
        };
        let zeros = zeros(g, any);
        let mut cells = Cells {
            zeros,
            bins: None,
            positions: None,
            absent: None,
            n_piecewise: numbers.len(),
            n_code: codes.len(),
            n_codes: sizes,
            codes: (!codes.is_empty()).then(|| g.beside(&codes)),
            bags,
            columns,
        };
        if !numbers.is_empty() {
            let numbers = g.beside(&numbers);
            cells.place(g, &numbers, &edges);
        }
        Ok(cells)
    }

    /// Bins and positions of numbers `[n_rows, n_piecewise]`.
    fn place(&mut self, g: &mut Graph, numbers: &Value, edges: &[&[f64]]) {
        let absent = g.is_nan(numbers);
        let zero = g.double(0.0);
        let present = g.choose(&absent, &zero, numbers);
        // Infinities lie beyond all edges, but not beyond what stands for no edge.
        let (low, high) = (g.double(f64::MIN), g.double(f64::MAX));
        let bounded = g.node("Clip", &[&present, &low, &high], &[]);
        let n_bins: Vec<usize> = edges.iter().map(|edges| edges.len() - 1).collect();
        let most_inner = n_bins.iter().max().map_or(0, |n| n - 1);
        let bins = match most_inner {
            0 => {
                let (bins, none) = (g.cast(&bounded, Element::Int64), g.ints(&[], &[0]));
                g.mul(&bins, &none)
            }
            _ => {
                let padded = edges.iter().flat_map(|edges| {
                    let inner = &edges[1..edges.len() - 1];
                    inner.iter().copied().chain(std::iter::repeat_n(f64::INFINITY, most_inner - inner.len()))
                });
                let inner = g.doubles(&[1, edges.len(), most_inner], &padded.collect::<Vec<_>>());
                let column = g.raised(&bounded, 2);
                let reached = g.at_least(&column, &inner);
                g.count(&reached)
            }
        };
        let (mut lows, mut widths, mut factors) = (Vec::new(), Vec::new(), Vec::new());
        for pair in edges.iter().flat_map(|edges| edges.windows(2)) {
            // The width of two huge edges overflows; halves of them do not.
            let factor = if (pair[1] - pair[0]).is_finite() { 1.0 } else { 0.5 };
            lows.push(pair[0] * factor);
            widths.push(pair[1] * factor - pair[0] * factor);
            factors.push(factor);
        }
        let rows = offset(g, &bins, &n_bins);
        let (low, width) = (g.doubles(&[lows.len()], &lows), g.doubles(&[widths.len()], &widths));
        let (low, width) = (g.gather(&low, &rows, 0), g.gather(&width, &rows, 0));
        let scaled = match factors.iter().all(|factor| *factor == 1.0) {
            true => present,
            false => {
                let factors = g.doubles(&[factors.len()], &factors);
                let factor = g.gather(&factors, &rows, 0);
                g.mul(&present, &factor)
            }
        };
        let way = g.sub(&scaled, &low);
        let position = g.div(&way, &width);
        let [floor, ceiling] = POSITIONS.map(f64::from);
        let (floor, ceiling) = (g.double(floor), g.double(ceiling));
        let position = g.node("Clip", &[&position, &floor, &ceiling], &[]);
        self.positions = Some(g.cast(&position, Element::Float));
        self.bins = Some(bins);
        self.absent = Some(absent);
    }

    /// Constants of 32 bits in every row: `[n_rows, values.len()]`.
    pub fn in_every_row(&self, graph: &mut Graph, values: &[f32]) -> Value {
        let values = graph.floats(&[1, values.len()], values);
        graph.add(&self.zeros, &values)
    }

    /// All parts of some columns, in order.
    pub fn parts(&self, columns: std::ops::Range<usize>) -> Vec<Part> {
        self.columns[columns].iter().flat_map(|cell| cell.parts.iter().copied()).collect()
    }
}

/// Codes of a categorical codec, *unseen* among them; a missing cell has the one after them.
fn n_codes(codec: &Codec) -> usize {
    match codec.parts()[..] {
        [PartForm::Code { n_codes }] => n_codes,
        _ => 0,
    }
}

/// Rows in tables that stand below each other, each with so many rows: `[n_rows, sizes.len()]`.
pub(super) fn offset(graph: &mut Graph, rows: &Value, sizes: &[usize]) -> Value {
    if sizes.len() == 1 {
        return rows.clone();
    }
    let starts: Vec<i64> = sizes
        .iter()
        .scan(0, |end, size| {
            *end += size;
            Some((*end - size) as i64)
        })
        .collect();
    let starts = graph.ints(&[1, starts.len()], &starts);
    graph.add(rows, &starts)
}

/// `[n_rows, 1]` zeros of 32 bits, as many rows as a vector has.
fn zeros(g: &mut Graph, any: &Value) -> Value {
    let shape = g.node("Shape", &[any], &[]);
    let one = g.ints(&[1], &[1]);
    let shape = g.concat(&[shape, one], 0);
    let zero = g.floats(&[], &[0.0]);
    g.node("Expand", &[&zero, &shape], &[])
}

fn number(g: &mut Graph, values: &Typed) -> Result<Value> {
    match values {
        Typed::Number(number) => Ok(number.clone()),
        Typed::Truth(truth) => Ok(g.number_of_truth(truth)),
        Typed::Text(text) => Ok(g.number_of_text(text)),
        Typed::Time(_) => Err(Error::schema("is a number to the space and a time to its feature")),
    }
}

fn seconds(g: &mut Graph, values: &Typed) -> Result<Value> {
    match values {
        Typed::Time(micros) => Ok(g.seconds(micros)),
        _ => Err(Error::schema(
            "is a time to the space and not to its feature: ONNX cannot read times from texts",
        )),
    }
}

fn cycles(g: &mut Graph, codec: &TimestampCodec, seconds: &Value) -> Value {
    let calendar = Calendar::of(g, seconds);
    let circles: Vec<Value> = codec
        .cycles()
        .iter()
        .map(|cycle| {
            let position = match cycle {
                Cycle::Year => calendar.day_of_year.clone(),
                Cycle::Week => calendar.weekday.clone(),
                Cycle::Hour => calendar.minute.clone(),
                Cycle::Month => {
                    let one = g.ints(&[], &[1]);
                    g.sub(&calendar.day, &one)
                }
                Cycle::Day => {
                    let minutes = times(g, &calendar.hour, 60);
                    g.add(&minutes, &calendar.minute)
                }
            };
            let n = cycle.n_positions();
            let table: Vec<f32> = (0..n as u32).flat_map(|position| cycle.circle(position)).collect();
            let table = g.floats(&[n, 2], &table);
            g.gather(&table, &position, 0)
        })
        .collect();
    g.concat(&circles, 1)
}

fn code(
    g: &mut Graph,
    values: &Typed,
    codec: &CategoricalCodec,
    whole: &Codec,
    options: &OnnxOptions,
) -> Result<Value> {
    if codec.n_rare() > 0 && options.rare == Rare::Error {
        return Err(Error::schema(format!(
            "has {} rare values, of which the model keeps hashes: ONNX cannot tell them from unseen ones",
            codec.n_rare()
        )));
    }
    let absent = n_codes(whole) as i64;
    let (vocabulary, known): (Vec<String>, Vec<i64>) =
        codec.levels().map(|(text, code)| (text.to_owned(), i64::from(code))).unzip();
    let text = match values {
        Typed::Text(text) => text.clone(),
        Typed::Truth(truth) => g.text_of_truth(truth),
        Typed::Number(number) => {
            let Some(code) = code_of_number(g, number, &vocabulary, &known, 0) else {
                return Err(Error::schema(format!(
                    "has more than {MOST_NUMBERS} categories that are numbers of a feature"
                )));
            };
            let (missing, absent) = (g.is_nan(number), g.ints(&[], &[absent]));
            return Ok(g.choose(&missing, &absent, &code));
        }
        Typed::Time(_) => {
            return Err(Error::schema("has categories that are the texts of times, which ONNX cannot write"));
        }
    };
    let (mut keys, mut codes) = (vec![String::new()], vec![absent]);
    if codec.is_boolean() {
        let (words, _) = truth_keys();
        for word in words {
            let truth = parse_truth(&word).unwrap_or_default().to_string();
            codes.push(vocabulary.iter().position(|known| *known == truth).map_or(0, |i| known[i]));
            keys.push(word);
        }
        return Ok(g.encoded(&text, &keys, &codes, 0));
    }
    for (text, code) in vocabulary.iter().zip(known) {
        keys.push(text.clone());
        codes.push(code);
        // Whole numbers are the same with the `.0` that some programs write.
        if is_whole(text) {
            keys.push(format!("{text}.0"));
            codes.push(code);
        }
    }
    Ok(g.encoded(&text, &keys, &codes, 0))
}

fn is_whole(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    is_number && (text == "0" || !digits.starts_with('0'))
}
