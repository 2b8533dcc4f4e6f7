//! Similar rows: what is found, what an index is bound to, what it refuses.

#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use tabgraft_model::index::{Keys, Neighbour, SearchOptions, Similarity};
use tabgraft_model::space::{Mode, SpaceConfig};
use tabgraft_model::train::{TrainingOptions, quiet};
use tabgraft_model::{
    EmbeddingSpace, Error, ExtendOptions, FitOptions, MergeOptions, ModelFile, PruneOptions, RowIndex,
};
use tabgraft_table::Table;
use tabgraft_table::schema::InferOptions;

/// Rows `first..first + n`, each with an id; `names` says which columns.
fn rows(first: usize, n: usize, names: &[&str]) -> Table {
    let number = |step: usize| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values((first..first + n).map(|i| (i * step % 997) as f64)))
    };
    let column = |name: &str| -> ArrayRef {
        match name {
            "id" => Arc::new(StringArray::from_iter_values((first..first + n).map(|i| format!("r{i}")))),
            "kind" => {
                Arc::new(StringArray::from_iter_values((first..first + n).map(|i| format!("k{}", i * 7 % 5))))
            }
            "a" => number(331),
            "b" => number(89),
            "c" => number(613),
            _ => number(401),
        }
    };
    Table::from_columns(names.iter().map(|name| (*name, column(name)))).unwrap()
}

const EARLY: [&str; 4] = ["id", "kind", "a", "b"];

fn space(name: &str, seed: u64) -> EmbeddingSpace {
    let training = TrainingOptions { seed, ..TrainingOptions::of_epochs(2) };
    let options = FitOptions {
        name: name.into(),
        config: SpaceConfig { training, d_model: 24, ..SpaceConfig::default() },
        infer: InferOptions { ignore: vec!["id".into()], ..InferOptions::default() },
        ..FitOptions::default()
    };
    EmbeddingSpace::fit(&rows(0, 600, &EARLY), None, &options, &mut quiet).unwrap()
}

fn graft(parent: &EmbeddingSpace, column: &str, mode: Mode) -> EmbeddingSpace {
    let table = rows(0, 600, &["id", "kind", "a", "b", column]);
    let options = ExtendOptions {
        mode,
        training: TrainingOptions::of_epochs(1),
        name: Some(format!("with_{column}")),
        ..ExtendOptions::default()
    };
    parent.extend(&table, None, &options, &mut quiet).unwrap()
}

fn indexed(space: &EmbeddingSpace, table: &Table) -> RowIndex {
    let keys = Keys::Column("id").of(table).unwrap();
    RowIndex::new(space, keys, &space.embed(table).unwrap().values).unwrap()
}

fn found(
    index: &RowIndex,
    space: &EmbeddingSpace,
    table: &Table,
    options: &SearchOptions,
) -> Result<Vec<Vec<Neighbour>>, Error> {
    index.search(space, &space.embed(table)?.values, options)
}

fn with(index: &RowIndex, space: &EmbeddingSpace, table: &Table, keys: Keys<'_>) -> RowIndex {
    index.with(space, keys.of(table).unwrap(), &space.embed(table).unwrap().values).unwrap()
}

/// What a plain search finds: every row, by 64-bit sums.
fn plain(vectors: &[Vec<f64>], query: &[f64], k: usize, similarity: Similarity) -> Vec<(usize, f64)> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let mut found: Vec<(usize, f64)> = vectors
        .iter()
        .enumerate()
        .map(|(i, v)| {
            let lengths = (dot(v, v) * dot(query, query)).sqrt();
            (i, if similarity == Similarity::Dot { dot(v, query) } else { dot(v, query) / lengths })
        })
        .collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found.truncate(k);
    found
}

#[test]
fn a_search_finds_what_looking_at_every_row_finds() {
    let space = space("v1", 0);
    let table = rows(0, 600, &EARLY);
    let index = indexed(&space, &table);
    let queries = rows(700, 150, &EARLY);
    let wide = |values: &[f32], d: usize| -> Vec<Vec<f64>> {
        values.chunks(d).map(|v| v.iter().map(|v| f64::from(*v)).collect()).collect()
    };
    let vectors = wide(&space.embed(&table).unwrap().values, 24);
    let asked = wide(&space.embed(&queries).unwrap().values, 24);
    for similarity in Similarity::ALL {
        let options = SearchOptions { k: 7, similarity, among: None };
        let all = found(&index, &space, &queries, &options).unwrap();
        assert_eq!(all.len(), 150);
        for (found, query) in all.iter().zip(&asked) {
            let wanted = plain(&vectors, query, 7, similarity);
            for (found, (row, value)) in found.iter().zip(&wanted) {
                // Near ties may change places by rounding.
                assert!((f64::from(found.similarity) - value).abs() < 1e-4, "{found:?} {row} {value}");
            }
            assert_eq!(found.len(), 7);
            assert!(found.is_sorted_by(|a, b| a.similarity >= b.similarity));
        }
    }
}

#[test]
fn a_row_finds_itself_and_the_same_rows_alone_and_among_others() {
    let space = space("v1", 0);
    let table = rows(0, 600, &EARLY);
    let index = indexed(&space, &table);
    let options = SearchOptions { k: 5, ..SearchOptions::default() };
    let all = found(&index, &space, &table, &options).unwrap();
    let bits = |found: &[Neighbour]| -> Vec<(usize, u32)> {
        found.iter().map(|n| (n.row, n.similarity.to_bits())).collect()
    };
    for i in [0, 1, 63, 64, 599] {
        let alone = found(&index, &space, &table.slice(i, 1), &options).unwrap();
        assert_eq!(bits(&alone[0]), bits(&all[i]));
        assert!((all[i][0].similarity - 1.0).abs() < 1e-5, "{:?}", all[i]);
    }
    let more = SearchOptions { k: 1000, ..options.clone() };
    assert_eq!(
        found(&index, &space, &table.slice(0, 1), &more).unwrap()[0].len(),
        600,
        "no more than there are"
    );
    let among = vec!["r3".to_owned(), "r5".to_owned()];
    let few = SearchOptions { among: Some(among), ..options };
    let few = found(&index, &space, &table.slice(0, 1), &few).unwrap();
    let keys: Vec<&str> = few[0].iter().map(|n| index.keys()[n.row].as_str()).collect();
    assert!(keys.len() == 2 && keys.contains(&"r3") && keys.contains(&"r5"), "{keys:?}");
}

/// Vectors that belong to no table, of numbers between -1 and 1 without a pattern.
fn drawn(n: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut number = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..n).map(|_| number()).collect()
}

#[test]
fn every_row_of_an_index_of_any_size_is_looked_at() {
    let space = space("v1", 0);
    let queries = drawn(130 * 24, 1);
    // As few as leave most of a panel empty, and more than one thread looks through.
    for n in [1, 15, 16, 17, 100, 40_000] {
        let vectors = drawn(n * 24, 2);
        let index = RowIndex::new(&space, (0..n).map(|i| i.to_string()).collect(), &vectors).unwrap();
        assert_eq!(index.vectors(), vectors);
        let wide: Vec<Vec<f64>> =
            vectors.chunks(24).map(|v| v.iter().map(|v| f64::from(*v)).collect()).collect();
        for similarity in Similarity::ALL {
            let all = SearchOptions { k: n.min(200), similarity, among: None };
            let found = index.search(&space, &queries, &all).unwrap();
            assert_eq!(found.len(), 130);
            for i in [0, 59, 60, 129] {
                let query: Vec<f64> = queries[i * 24..][..24].iter().map(|v| f64::from(*v)).collect();
                let wanted = plain(&wide, &query, all.k, similarity);
                for (found, (_, value)) in found[i].iter().zip(&wanted) {
                    assert!((f64::from(found.similarity) - value).abs() < 1e-5, "{n} {found:?} {value}");
                }
                let rows: HashSet<usize> = found[i].iter().map(|found| found.row).collect();
                assert!(rows.len() == all.k && rows.iter().all(|row| *row < n), "{n}: each row once");
                let alone = index.search(&space, &queries[i * 24..][..24], &all).unwrap();
                assert_eq!(alone[0], found[i], "{n}: with the same bits alone");
            }
        }
    }
}

#[test]
fn of_equal_rows_the_earlier_ones_are_found() {
    let space = space("v1", 0);
    let vectors = drawn(24, 3).repeat(50);
    let index = RowIndex::new(&space, (0..50).map(|i| i.to_string()).collect(), &vectors).unwrap();
    let three = SearchOptions { k: 3, ..SearchOptions::default() };
    let found = index.search(&space, &vectors[..24], &three).unwrap();
    assert_eq!(found[0].iter().map(|found| found.row).collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn an_index_serves_frozen_descendants_and_refuses_other_spaces() {
    let v1 = space("v1", 0);
    let table = rows(0, 600, &EARLY);
    let index = indexed(&v1, &table);
    let whole = rows(0, 600, &["id", "kind", "a", "b", "c", "d"]);
    let options = SearchOptions { k: 5, ..SearchOptions::default() };
    let wanted = found(&index, &v1, &table, &options).unwrap();

    let left = graft(&v1, "c", Mode::Frozen);
    let right = graft(&v1, "d", Mode::Frozen);
    let chain = graft(&left, "d", Mode::Frozen);
    let merged = EmbeddingSpace::merge(&[&left, &right], None, &MergeOptions::default(), &mut quiet).unwrap();
    let pruned = merged.prune(&["d".into()], None, &PruneOptions::default(), &mut quiet).unwrap();
    for child in [&left, &chain, &merged, &pruned] {
        assert_eq!(found(&index, child, &whole, &options).unwrap(), wanted, "{}", child.name());
    }
    // The first parent of a merge keeps its place in the vectors, the other does not.
    let first_name = &merged.extension_metadata().unwrap().extended_from_es_name;
    let (first, second) = if left.name() == first_name { (&left, &right) } else { (&right, &left) };
    let [of_first, of_second] = [first, second].map(|space| indexed(space, &whole));
    assert_eq!(
        found(&of_first, &merged, &whole, &options).unwrap(),
        found(&of_first, first, &whole, &options).unwrap()
    );
    let of_left = indexed(&left, &whole);
    let unhealed = PruneOptions { training: TrainingOptions::of_epochs(0), ..PruneOptions::default() };
    let errors = [
        of_second.check_space(&merged),
        index.check_space(&space("other", 1)),
        of_left.check_space(&v1),
        index.check_space(&graft(&v1, "c", Mode::Joint)),
        index.check_space(&v1.prune(&["a".into()], None, &unhealed, &mut quiet).unwrap()),
    ];
    for error in errors {
        let error = error.unwrap_err();
        assert!(error.to_string().contains("the index holds vectors of `"), "{error}");
        assert!(error.hint().unwrap().contains("frozen"), "{error}");
    }
}

#[test]
fn rows_come_go_and_are_replaced() {
    let v1 = space("v1", 0);
    let all = indexed(&v1, &rows(0, 100, &EARLY));
    let first = indexed(&v1, &rows(0, 60, &EARLY));
    let grown = with(&first, &v1, &rows(40, 60, &EARLY), Keys::Column("id"));
    assert_eq!(grown.keys(), all.keys());
    assert_eq!(grown.vector("r99").unwrap(), all.vector("r99").unwrap());
    // By a frozen child, in the coordinates of the index.
    let child = graft(&v1, "c", Mode::Frozen);
    let more = with(&first, &child, &rows(60, 40, &["id", "kind", "a", "b", "c"]), Keys::Column("id"));
    assert_eq!(more.vector("r77").unwrap(), all.vector("r77").unwrap());

    let less = all.without(&["r0", "r50"]).unwrap();
    assert_eq!(less.n_rows(), 98);
    assert!(less.vector("r50").unwrap_err().to_string().contains("no row of the index has the key `r50`"));
    assert_eq!(less.vector("r51").unwrap(), all.vector("r51").unwrap());
    assert!(all.without(&["r999"]).unwrap_err().hint().unwrap().contains("did you mean `r99`?"));
    let none = indexed(&v1, &rows(0, 0, &EARLY));
    let numbered = with(&none, &v1, &rows(0, 3, &EARLY), Keys::NumbersFrom(0));
    let numbered = with(&numbered, &v1, &rows(3, 2, &EARLY), Keys::NumbersFrom(3));
    assert_eq!(numbered.keys(), ["0", "1", "2", "3", "4"]);
    assert_eq!(found(&none, &v1, &rows(0, 2, &EARLY), &SearchOptions::default()).unwrap(), [[], []]);
}

#[test]
fn keys_are_there_and_each_once() {
    let of = |ids: Vec<Option<&str>>| {
        let n = ids.len();
        let ids: ArrayRef = Arc::new(StringArray::from(ids));
        let numbers = rows(0, n, &["kind", "a", "b"]);
        let columns = ["kind", "a", "b"].map(|name| (name, numbers.column(name).unwrap().clone()));
        let table = Table::from_columns(columns.into_iter().chain([("id", ids)])).unwrap();
        Keys::Column("id").of(&table).unwrap_err().to_string()
    };
    let twice = of(vec![Some("x"), Some("y"), Some("x")]);
    assert!(twice.contains("row 2") && twice.contains("`x` is that of row 0"), "{twice}");
    let missing = of(vec![Some("x"), None]);
    assert!(missing.contains("row 1") && missing.contains("missing"), "{missing}");
    let absent = Keys::Column("di").of(&rows(0, 5, &EARLY)).unwrap_err();
    assert!(absent.to_string().contains("`di`"), "{absent}");
}

#[test]
fn an_index_is_one_safe_file_that_is_no_model() {
    let v1 = space("v1", 0);
    let index = indexed(&v1, &rows(0, 50, &EARLY));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.index");
    index.save(&path).unwrap();
    assert_eq!(RowIndex::load(&path).unwrap(), index);
    assert_eq!(RowIndex::from_bytes(&index.to_bytes().unwrap()).unwrap(), index);
    let error = ModelFile::load(&path).unwrap_err();
    assert!(error.to_string().contains("an index of rows, which is no model"), "{error}");
    let model = folder.path().join("v1.tabgraft");
    v1.save(&model).unwrap();
    assert!(RowIndex::load(&model).unwrap_err().to_string().contains("expected `row_index`"));
    let mut bytes = index.to_bytes().unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    assert!(RowIndex::from_bytes(&bytes).unwrap_err().is_verification());
    let zero = SearchOptions { k: 0, ..SearchOptions::default() };
    assert!(found(&index, &v1, &rows(0, 1, &EARLY), &zero).unwrap_err().to_string().contains("k is 0"));
    let plain = SearchOptions::default();
    assert!(index.search(&v1, &[0.0; 20], &plain).is_err(), "vectors have 24 coordinates");
    assert!(index.search(&v1, &[f32::NAN; 24], &plain).is_err());
    assert!(RowIndex::new(&v1, vec!["x".into()], &[0.0; 48]).is_err(), "two vectors for one key");
    let twice = RowIndex::new(&v1, vec!["x".into(), "x".into()], &[0.0; 48]).unwrap_err();
    assert!(twice.to_string().contains("`x` is there twice"), "{twice}");
    let zeros = index.search(&v1, &[0.0; 24], &plain).unwrap();
    assert!(zeros[0].iter().all(|found| found.similarity == 0.0), "{zeros:?}");
}
