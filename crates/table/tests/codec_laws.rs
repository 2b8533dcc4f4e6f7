//! Laws that every codec keeps, on random columns.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray, UInt32Array};
use arrow::compute::take;
use proptest::prelude::*;
use tabgraft_table::Table;
use tabgraft_table::codec::{CellFlag, Codec, CodecConfig, Severity, encode, fit_codecs, notes};
use tabgraft_table::encoded::{EncodedColumn, NO_TARGET, PartForm, PartValues};
use tabgraft_table::schema::{ColumnSpec, DateFormat, Kind, Schema};
use tabgraft_table::stats::ColumnStats;

fn spec(kind: Kind) -> ColumnSpec {
    let date_format = (kind == Kind::Timestamp).then(|| DateFormat::Text("%s".into()));
    ColumnSpec { name: "c".into(), kind, reason: "test".into(), date_format }
}

/// Small sizes, so that small columns reach every branch: merged edges, rare categories.
fn config() -> CodecConfig {
    CodecConfig {
        n_bins: 5,
        n_targets: 4,
        max_categories: 4,
        min_category_rows: Some(3),
        text_slots: 16,
        private: false,
    }
}

fn fit(kind: Kind, column: &ArrayRef) -> Codec {
    Codec::fit(&spec(kind), column, &config()).unwrap()
}

fn text(cells: &[Option<String>]) -> ArrayRef {
    Arc::new(cells.iter().map(Option::as_deref).collect::<StringArray>())
}

fn rows(column: &ArrayRef, rows_idx: Vec<u32>) -> ArrayRef {
    take(column, &UInt32Array::from(rows_idx), None).unwrap()
}

/// Everything that the network reads of one row.
fn row(encoded: &EncodedColumn, i: usize) -> (Vec<Vec<(u32, u32)>>, bool, u16) {
    let part = |part: &PartValues| match part {
        PartValues::Piecewise { bin, position } => vec![(u32::from(bin[i]), position[i].to_bits())],
        PartValues::Code { code } => vec![(code[i], 0)],
        PartValues::Bag { offsets, slots, values } => {
            let entries = offsets[i] as usize..offsets[i + 1] as usize;
            entries.map(|e| (slots[e], values[e].to_bits())).collect()
        }
    };
    (encoded.parts.iter().map(part).collect(), encoded.missing[i], encoded.target[i])
}

/// The promises of `encoded.rs`.
fn assert_within_forms(codec: &Codec, encoded: &EncodedColumn, n_rows: usize) {
    let forms = codec.parts();
    assert_eq!(encoded.parts.len(), forms.len());
    assert_eq!((encoded.missing.len(), encoded.target.len()), (n_rows, n_rows));
    for (form, part) in forms.iter().zip(&encoded.parts) {
        match (form, part) {
            (PartForm::Piecewise { n_bins }, PartValues::Piecewise { bin, position }) => {
                assert_eq!((bin.len(), position.len()), (n_rows, n_rows));
                for (bin, position) in bin.iter().zip(position) {
                    let low = if *bin == 0 { -3.0 } else { 0.0 };
                    let high = if usize::from(*bin) + 1 == *n_bins { 4.0 } else { 1.0 };
                    assert!(
                        usize::from(*bin) < *n_bins && (low..=high).contains(position),
                        "{bin} {position}"
                    );
                }
            }
            (PartForm::Code { n_codes }, PartValues::Code { code }) => {
                assert_eq!(code.len(), n_rows);
                assert!(*n_codes >= 2 && code.iter().all(|c| (*c as usize) < *n_codes));
            }
            (PartForm::Bag { n_slots }, PartValues::Bag { offsets, slots, values }) => {
                assert_eq!((offsets.len(), offsets[n_rows] as usize), (n_rows + 1, slots.len()));
                assert_eq!(slots.len(), values.len());
                assert!(offsets.is_sorted() && slots.iter().all(|s| (*s as usize) < *n_slots));
                assert!(values.iter().all(|v| v.is_finite()));
            }
            other => panic!("form and values differ: {other:?}"),
        }
    }
    let n_targets = codec.n_targets();
    assert!(n_targets >= 1 && n_targets < usize::from(NO_TARGET));
    for i in 0..n_rows {
        let (parts, missing, target) = row(encoded, i);
        assert!(target == NO_TARGET || usize::from(target) < n_targets);
        if missing {
            assert_eq!(target, NO_TARGET);
            assert!(
                parts.iter().flatten().all(|entry| *entry == (0, 0)),
                "a missing cell has values: {parts:?}"
            );
        }
    }
}

/// A column that fits the kind, as text, as a CSV reader gives it.
fn column(kind: Kind) -> BoxedStrategy<Vec<Option<String>>> {
    let cell = match kind {
        Kind::Numeric => prop_oneof![
            (-5i32..5).prop_map(|v| v.to_string()),
            any::<f64>().prop_map(|v| v.to_string()),
            Just("inf".to_owned()),
        ]
        .boxed(),
        Kind::Categorical => prop_oneof!["[a-f]", "\\PC{1,4}"].boxed(),
        Kind::Boolean => prop::sample::select(vec!["yes", "NO", "1", "f"]).prop_map(str::to_owned).boxed(),
        Kind::Timestamp => (0i64..1_000_000_000_000).prop_map(|s| s.to_string()).boxed(),
        Kind::Text => prop_oneof!["[a-c ]{1,8}", "\\PC{1,20}"].boxed(),
    };
    prop::collection::vec(prop::option::weighted(0.9, cell), 0..40).boxed()
}

fn any_kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(vec![Kind::Numeric, Kind::Categorical, Kind::Boolean, Kind::Timestamp, Kind::Text])
}

fn any_column() -> impl Strategy<Value = (Kind, ArrayRef)> {
    any_kind().prop_flat_map(|kind| (Just(kind), column(kind).prop_map(|cells| text(&cells))))
}

fn two_columns() -> impl Strategy<Value = (Kind, ArrayRef, ArrayRef)> {
    let of_kind = |kind| column(kind).prop_map(|cells| text(&cells));
    any_kind().prop_flat_map(move |kind| (Just(kind), of_kind(kind), of_kind(kind)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..Default::default() })]

    #[test]
    fn row_order_does_not_matter_to_fit((kind, column) in any_column(), turn in 0usize..40) {
        let n = column.len();
        let turned = (0..n).map(|i| ((n - 1 - i + turn) % n) as u32).collect();
        prop_assert_eq!(fit(kind, &column), fit(kind, &rows(&column, turned)));
    }

    #[test]
    fn merged_parts_equal_the_whole((kind, column) in any_column(), cut in 0usize..40) {
        let cut = cut.min(column.len());
        let stats = |part: ArrayRef| {
            let mut stats = ColumnStats::new(kind);
            stats.update(&spec(kind), &part).unwrap();
            stats
        };
        let mut merged = stats(column.slice(cut, column.len() - cut));
        merged.merge(&stats(column.slice(0, cut))).unwrap();
        prop_assert_eq!(&merged, &stats(column.clone()));
        let codec = Codec::fit_from_stats(&spec(kind), &merged, &config()).unwrap();
        prop_assert_eq!(codec, fit(kind, &column));
    }

    #[test]
    fn apply_is_a_pure_function_of_each_row((kind, train, column) in two_columns()) {
        let codec = fit(kind, &train);
        let before = codec.clone();
        let whole = codec.apply("c", &column).unwrap();
        assert_within_forms(&codec, &whole, column.len());
        for i in 0..column.len() {
            let alone = codec.apply("c", &column.slice(i, 1)).unwrap();
            prop_assert_eq!(row(&alone, 0), row(&whole, i));
        }
        prop_assert_eq!(codec.flags("c", &column).unwrap().len(), column.len());
        prop_assert_eq!(codec, before);
    }

    #[test]
    fn a_stored_codec_is_the_same((kind, column) in any_column()) {
        let codec = fit(kind, &column);
        codec.check().unwrap();
        let stored: Codec = serde_json::from_str(&serde_json::to_string(&codec).unwrap()).unwrap();
        prop_assert_eq!(&stored, &codec);
        prop_assert_eq!(stored.apply("c", &column).unwrap(), codec.apply("c", &column).unwrap());
    }

    #[test]
    fn training_cells_are_never_unseen_and_targets_have_words((kind, column) in any_column()) {
        let codec = fit(kind, &column);
        let encoded = codec.apply("c", &column).unwrap();
        for (target, missing) in encoded.target.iter().zip(&encoded.missing) {
            prop_assert_eq!(*target == NO_TARGET, *missing);
            prop_assert!(*missing || !codec.inverse_target(*target).is_empty());
        }
        prop_assert!(codec.flags("c", &column).unwrap().iter().all(|flag| *flag != CellFlag::Unseen));
    }

    #[test]
    fn unseen_never_equals_a_seen_code_and_missing_never_unseen(cells in column(Kind::Categorical), new in "[A-Z]{5}") {
        prop_assume!(!cells.contains(&Some(new.clone())));
        let codec = fit(Kind::Categorical, &text(&cells));
        let mut later = cells;
        later.extend([Some(new), None]);
        let encoded = codec.apply("c", &text(&later)).unwrap();
        let n = later.len();
        let (unseen, missing) = (row(&encoded, n - 2), row(&encoded, n - 1));
        prop_assert_ne!(&unseen, &missing);
        prop_assert!(!unseen.1 && unseen.2 == NO_TARGET);
        for i in 0..n - 2 {
            let seen = row(&encoded, i);
            prop_assert!(seen.1 || seen.0 != unseen.0);
        }
    }

    #[test]
    fn numbers_are_monotone(train in column(Kind::Numeric), mut values in prop::collection::vec(any::<f64>(), 2..20)) {
        values.retain(|v| !v.is_nan());
        values.sort_by(f64::total_cmp);
        let codec = fit(Kind::Numeric, &text(&train));
        let encoded = codec.apply("c", &(Arc::new(Float64Array::from(values)) as ArrayRef)).unwrap();
        let PartValues::Piecewise { bin, position } = &encoded.parts[0] else { panic!("not a number") };
        let place: Vec<f64> = bin.iter().zip(position).map(|(b, p)| f64::from(*b) + f64::from(*p)).collect();
        prop_assert!(place.is_sorted(), "{place:?}");
        prop_assert!(encoded.target.is_sorted());
    }

    #[test]
    fn garbage_gives_an_error_or_numbers_within_the_forms(
        (kind, train) in any_column(),
        cells in prop::collection::vec(prop::option::of("\\PC{0,12}"), 0..12),
        numbers in prop::collection::vec(any::<f64>(), 0..12),
    ) {
        let codec = fit(kind, &train);
        let numbers: ArrayRef = Arc::new(Float64Array::from(numbers));
        for column in [text(&cells), numbers, Arc::new(Int64Array::from(vec![i64::MIN, 0, i64::MAX])) as ArrayRef] {
            match codec.apply("c", &column) {
                Ok(encoded) => assert_within_forms(&codec, &encoded, column.len()),
                Err(error) => prop_assert!(error.is_value() && error.to_string().contains("row"), "{}", error),
            }
        }
    }

    #[test]
    fn check_refuses_or_the_codec_works((kind, train) in any_column(), bad in any_bad_number(), at in 0usize..99) {
        // One number anywhere in the stored state is replaced.
        let mut json = serde_json::to_value(fit(kind, &train)).unwrap();
        replace_number(&mut json, &mut at.clone(), &bad);
        let Ok(codec) = serde_json::from_value::<Codec>(json) else { return Ok(()) };
        if codec.check().is_ok() {
            let encoded = codec.apply("c", &train).unwrap();
            assert_within_forms(&codec, &encoded, train.len());
        }
    }
}

fn any_bad_number() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        any::<f64>().prop_map(|v| serde_json::json!(v)),
        prop::sample::select(vec![-1i64, 0, 1, 7, i64::MAX]).prop_map(|v| serde_json::json!(v)),
    ]
}

fn replace_number(json: &mut serde_json::Value, at: &mut usize, with: &serde_json::Value) {
    match json {
        serde_json::Value::Number(_) if *at == 0 => {
            *json = with.clone();
            *at = usize::MAX;
        }
        serde_json::Value::Number(_) => *at -= 1,
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| replace_number(item, at, with)),
        serde_json::Value::Object(fields) => {
            fields.values_mut().for_each(|field| replace_number(field, at, with));
        }
        _ => {}
    }
}

#[test]
fn corrupted_states_are_refused() {
    let numbers = text(&["1", "2", "3", "4", "5", "6"].map(|c| Some(c.to_owned())));
    let words = text(&["a", "b", "c", "d", "e", "a"].map(|c| Some(c.to_owned())));
    let levels = text(
        &["a", "b", "c", "d", "e"].repeat(3).into_iter().map(|c| Some(c.to_owned())).collect::<Vec<_>>(),
    );
    let broken = |kind: Kind, column: &ArrayRef, pointer: &str, value: serde_json::Value| {
        let mut json = serde_json::to_value(fit(kind, column)).unwrap();
        *json.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value;
        let codec: Result<Codec, _> = serde_json::from_value(json);
        codec.is_err() || codec.unwrap().check().unwrap_err().is_malformed()
    };
    use serde_json::json;
    for (kind, column, pointer, value) in [
        (Kind::Numeric, &numbers, "/edges", json!([1.0])),
        (Kind::Numeric, &numbers, "/edges", json!([2.0, 1.0])),
        (Kind::Numeric, &numbers, "/edges", json!(vec![0.0; 9999])),
        (Kind::Numeric, &numbers, "/classes/cuts", json!([3.0, 3.0])),
        (Kind::Numeric, &numbers, "/std", json!(-1.0)),
        (Kind::Numeric, &numbers, "/mean", json!(null)),
        (Kind::Categorical, &words, "/vocabulary", json!(["a", "a"])),
        (Kind::Categorical, &words, "/rare", json!([2, 1])),
        (Kind::Categorical, &words, "/boolean", json!(true)),
        (Kind::Categorical, &levels, "/n_classes", json!(1)),
        (Kind::Categorical, &levels, "/n_classes", json!(5)),
        (Kind::Timestamp, &numbers, "/cycles", json!(["week", "week"])),
        (Kind::Timestamp, &numbers, "/format", json!({"text": "no date"})),
        (Kind::Text, &words, "/n_slots", json!(3)),
        (Kind::Text, &words, "/n_slots", json!(1u64 << 40)),
        (Kind::Text, &words, "/target_words", json!(["a", "a"])),
    ] {
        assert!(broken(kind, column, pointer, value.clone()), "{kind:?} {pointer} {value}");
    }
    let unknown = json!({"codec": "text", "n_slots": 16, "target_words": [], "more": 1});
    assert!(serde_json::from_value::<Codec>(unknown).is_err());
}

#[test]
fn flags_tell_how_far_a_number_is_from_training() {
    // Mean 0, standard deviation 1.
    let codec = fit(Kind::Numeric, &text(&["-1", "1"].map(|c| Some(c.to_owned()))));
    let later: ArrayRef = Arc::new(Float64Array::from(vec![
        Some(0.5),
        None,
        Some(-2.0),
        Some(3.5),
        Some(-5.0),
        Some(50.0),
        Some(-1e200),
        Some(f64::INFINITY),
    ]));
    let flags = codec.flags("c", &later).unwrap();
    assert_eq!(
        flags[..4],
        [CellFlag::None, CellFlag::Missing, CellFlag::OutOfRange, CellFlag::Outlier { z: 3.5 }]
    );
    let severities: Vec<Option<Severity>> = flags.iter().map(CellFlag::severity).collect();
    let expected =
        [Severity::Outlier, Severity::Extrapolation, Severity::Severe, Severity::Error, Severity::Error];
    assert_eq!(severities[3..], expected.map(Some));
    assert_eq!(flags[7], CellFlag::NonFinite);
}

#[test]
fn rare_categories_share_a_code_that_is_not_unseen() {
    let cells = ["a", "a", "a", "b", "b", "c", "d", "e"].map(|c| Some(c.to_owned()));
    let codec = fit(Kind::Categorical, &text(&cells));
    let later = ["a", "b", "c", "d", "e", "z"].map(|c| Some(c.to_owned()));
    let encoded = codec.apply("c", &text(&later)).unwrap();
    assert_eq!(encoded.parts, [PartValues::Code { code: vec![1, 2, 3, 4, 4, 0] }]);
    assert_eq!(encoded.target, [0, 1, 2, 3, 3, NO_TARGET]);
    assert_eq!(codec.inverse_target(1), "b");
    assert_eq!(codec.inverse_target(3), "one of 2 rare values");
}

#[test]
fn every_category_with_enough_rows_has_a_code_of_its_own() {
    // 600 stores of 3 rows, 40 kiosks of one row.
    let cells = (0..600).flat_map(|i| vec![format!("store-{i:03}"); 3]);
    let cells: Vec<Option<String>> = cells.chain((0..40).map(|i| format!("kiosk-{i}"))).map(Some).collect();
    let column = text(&cells);
    let codec = Codec::fit(&spec(Kind::Categorical), &column, &CodecConfig::default()).unwrap();
    codec.check().unwrap();
    let encoded = codec.apply("c", &column).unwrap();
    let PartValues::Code { code } = &encoded.parts[0] else { panic!("no code") };
    let distinct: std::collections::BTreeSet<u32> = code[..1800].iter().copied().collect();
    assert_eq!(distinct.len(), 600);
    assert!(code[1800..].iter().all(|c| *c == 601), "the rare ones share the last code");
    assert_eq!(codec.parts(), [PartForm::Code { n_codes: 602 }]);

    // The head stays as small as ever; no class is empty or has more than its share of the codes.
    assert_eq!(codec.n_targets(), 256);
    let mut codes_of_class = vec![0; 256];
    for place in 0..600 {
        codes_of_class[usize::from(encoded.target[3 * place])] += 1;
    }
    assert_eq!(codes_of_class[..127], [1; 127]);
    assert!(codes_of_class[127..255].iter().all(|n| (3..=4).contains(n)), "{codes_of_class:?}");
    assert_eq!(codes_of_class[255], 0);
    assert!(encoded.target[1800..].iter().all(|t| *t == 255));
    assert_eq!(codec.inverse_target(0), "store-000");
    assert_eq!(codec.inverse_target(127), "one of 4 values (`store-127`, `store-255`, `store-383`, ...)");
    assert_eq!(codec.inverse_target(255), "one of 40 rare values");

    let [note] = &notes(&[spec(Kind::Categorical)], &[codec], &CodecConfig::default())[..] else {
        panic!("one note")
    };
    for part in ["`c`", "40 of its 640 categories", "fewer than 2 training rows", "`min_category_rows`"] {
        assert!(note.contains(part), "{note}");
    }
    let all = CodecConfig::default().with_min_category_rows(1);
    let codec = Codec::fit(&spec(Kind::Categorical), &column, &all).unwrap();
    assert_eq!(codec.parts(), [PartForm::Code { n_codes: 641 }]);
    assert!(notes(&[spec(Kind::Categorical)], &[codec], &all).is_empty());
}

#[test]
fn a_codec_of_an_older_file_gives_every_category_a_class() {
    let old = r#"{"codec": "categorical", "boolean": false, "vocabulary": ["a", "b"], "rare": [7]}"#;
    let codec: Codec = serde_json::from_str(old).unwrap();
    codec.check().unwrap();
    assert_eq!(codec.n_targets(), 3);
    let same = serde_json::to_value(&codec).unwrap();
    assert_eq!(same, serde_json::from_str::<serde_json::Value>(old).unwrap(), "its hash stays what it was");
}

#[test]
fn a_table_is_encoded_in_the_columns_order_and_absent_columns_are_missing() {
    let columns = [("a", Kind::Numeric), ("b", Kind::Categorical)];
    let columns = columns.map(|(name, kind)| ColumnSpec { name: name.into(), ..spec(kind) });
    let schema = Schema { columns: columns.to_vec(), ..Default::default() };
    let numbers = text(&["1", "2", "3"].map(|c| Some(c.to_owned())));
    let words = text(&["x", "y", "x"].map(|c| Some(c.to_owned())));
    let table = Table::from_columns([("b", words.clone()), ("other", words), ("a", numbers)]).unwrap();
    let codecs = fit_codecs(&schema, &table, &config()).unwrap();
    let encoded = encode(&schema.columns, &codecs, &table).unwrap();
    assert_eq!((encoded.n_rows, encoded.columns.len()), (3, 2));
    assert_eq!(encoded.columns[0].target, [0, 1, 2]);
    let without = encode(&schema.columns, &codecs, &table.without(&["a".into()]).unwrap()).unwrap();
    assert_eq!(without.columns[0].missing, [true; 3]);
    assert_eq!(without.columns[1], encoded.columns[1]);
    assert!(encode(&schema.columns, &codecs[..1], &table).unwrap_err().is_schema());
}

/// Old codes and classes stay, rare ones too; what came is what the codec before takes for unseen.
#[test]
fn later_texts_have_codes_behind_all_others_and_are_unseen_to_the_codec_before() {
    let cells = |counts: &[(&str, usize)]| -> ArrayRef {
        text(&counts.iter().flat_map(|(cell, n)| vec![Some((*cell).to_owned()); *n]).collect::<Vec<_>>())
    };
    let early = cells(&[("a", 9), ("b", 8), ("c", 7), ("d", 6), ("rare", 1), ("rarer", 1)]);
    let later = cells(&[("new", 5), ("a", 2), ("rare", 9), ("newer", 3), ("slip", 2)]);
    let all = cells(&[("a", 1), ("d", 1), ("rare", 1), ("new", 1), ("newer", 1), ("slip", 1)]);
    for few in [false, true] {
        let few_early = cells(&[("a", 9)]);
        let codec = fit(Kind::Categorical, if few { &few_early } else { &early });
        let mut stats = ColumnStats::new(Kind::Categorical);
        stats.update(&spec(Kind::Categorical), &later).unwrap();
        let before = codec.apply("c", &all).unwrap();
        for are_classes in [false, true] {
            let (refreshed, found) = codec.with_later(&stats, &config(), are_classes);
            refreshed.check().unwrap();
            assert!(found.new.contains(&"new".to_owned()) && found.n_left == 1, "{found:?}");
            assert!(
                refreshed.is_refreshed() && refreshed.begins_with(&codec) && !codec.begins_with(&refreshed)
            );
            let after = refreshed.apply("c", &all).unwrap();
            assert_within_forms(&refreshed, &after, 6);
            assert_eq!(refreshed.begins_with(&refreshed), codec.begins_with(&codec));
            let back = codec.as_before(&after);
            for i in 0..6 {
                assert_eq!(row(&back, i), row(&before, i), "row {i}");
            }
            // A head of as many classes as are allowed gets none more.
            let room = config().max_categories.saturating_sub(codec.n_targets());
            let n_classes = if are_classes { room.min(found.new.len()) } else { 0 };
            assert_eq!(refreshed.n_targets(), codec.n_targets() + n_classes);
            let stored: Codec = serde_json::from_str(&serde_json::to_string(&refreshed).unwrap()).unwrap();
            assert_eq!(stored, refreshed);
            let told = (codec.n_targets()..refreshed.n_targets())
                .map(|class| refreshed.inverse_target(class as u16));
            assert!(told.zip(&found.new).all(|(told, new)| told == *new));
        }
    }
    assert!(!serde_json::to_string(&fit(Kind::Categorical, &early)).unwrap().contains("later"));
}
