//! What is written reads back, and a file appears whole or not at all.

use super::*;

/// A cell: missing, or text that is not blank and not a token of the test's options.
fn cell() -> impl Strategy<Value = Option<String>> {
    let text = "[a-c ,;|\t\"'\r\n{}\\[\\]é\u{feff}\u{1F600}0-9.-]{0,8}|\\PC{1,6}";
    prop_oneof![1 => Just(None), 6 => text.prop_map(|t| (!t.trim_ascii().is_empty()).then_some(t))]
}

fn text_table() -> impl Strategy<Value = Vec<(String, Vec<Option<String>>)>> {
    (1_usize..5, 1_usize..12).prop_flat_map(|(n_columns, n_rows)| {
        let names = proptest::collection::btree_set(
            "[a-c,;|\t\"\r\n{\\[é\u{feff}]{0,5}[a-z]|PAR1|ARROW1|PK",
            n_columns,
        );
        let names = names.prop_map(|names| names.into_iter().collect::<Vec<_>>()).prop_shuffle();
        names.prop_flat_map(move |names| {
            let columns = proptest::collection::vec(proptest::collection::vec(cell(), n_rows), names.len());
            columns.prop_map(move |columns| names.iter().cloned().zip(columns).collect())
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn csv_written_and_read_is_the_same_table(columns in text_table(), batch_rows in 1_usize..5) {
        let arrays = columns.iter().map(|(n, c)| (n.clone(), Arc::new(StringArray::from(c.clone())) as ArrayRef));
        let table = Table::from_columns(arrays).unwrap();
        let mut bytes = Vec::new();
        write_csv(&table, &mut bytes).unwrap();
        // Texts: a column of `,0` alone would be one of numbers with a decimal comma.
        let known = columns.iter().map(|(name, _)| (name.clone(), KnownColumn::AsWritten)).collect();
        let options = ReadOptions { missing_tokens: vec![String::new()], known, batch_rows, ..ReadOptions::default() };
        let back = read_table_from(Cursor::new(bytes.clone()), "t", &options);
        let back = back.map_err(|e| TestCaseError::fail(format!("{e}: {:?}", String::from_utf8_lossy(&bytes))))?;
        prop_assert_eq!(back.batch(), table.batch(), "{:?}", String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn floats_are_written_with_the_digits_that_read_back(wide in any::<f64>(), narrow in any::<f32>()) {
        let wide_array: ArrayRef = Arc::new(Float64Array::from(vec![wide, 0.1]));
        let narrow_array: ArrayRef = Arc::new(Float32Array::from(vec![narrow, 0.1]));
        let table = Table::from_columns([("wide", wide_array), ("narrow", narrow_array)]).unwrap();
        let mut bytes = Vec::new();
        write_csv(&table, &mut bytes).unwrap();
        let back = read_bytes("t.csv", &bytes).unwrap();
        let (wide_text, narrow_text) = (text_column(&back, "wide"), text_column(&back, "narrow"));
        prop_assert_eq!((wide_text[1].as_deref(), narrow_text[1].as_deref()), (Some("0.1"), Some("0.1")));
        let parsed = wide_text[0].as_ref().map(|t| t.parse::<f64>().unwrap().to_bits());
        prop_assert_eq!(parsed, (!wide.is_nan()).then(|| wide.to_bits()));
        let parsed = narrow_text[0].as_ref().map(|t| t.parse::<f32>().unwrap().to_bits());
        prop_assert_eq!(parsed, (!narrow.is_nan()).then(|| narrow.to_bits()));
    }
}

#[test]
fn csv_writes_types_as_people_expect_and_refuses_what_it_cannot_hold() {
    let table = Table::new(typed_batch(2)).unwrap();
    let mut bytes = Vec::new();
    write_csv(&table, &mut bytes).unwrap();
    let expected = "int8,uint64,float32,float64,bool,text,date,time\n\
        0,1152921504606846976,0.0,0.0,true,\"käse, 0\",1970-01-01,1970-01-01T02:00:00+02:00\n\
        1,1152921504606846977,0.33333334,0.14285714285714285,false,\"käse, 1\",1970-01-02,1970-01-01T02:00:00.000001+02:00\n";
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    let list: ArrayRef =
        Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1)])]));
    let error = write_csv(&Table::from_columns([("l", list)]).unwrap(), Vec::new()).unwrap_err();
    assert!(error.is_schema() && error.to_string().starts_with("column `l` of type List"), "{error}");
    let nul: ArrayRef = Arc::new(StringArray::from(vec!["a\0b"]));
    let error = write_csv(&Table::from_columns([("n", nul)]).unwrap(), Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "column `n`, row 0: found a NUL byte");
    let named: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
    let error = write_csv(&Table::from_columns([("n\0", named)]).unwrap(), Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "column `n\0`, in its name: found a NUL byte");
}

#[test]
fn parquet_appears_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    let table = Table::new(typed_batch(30)).unwrap();
    write_parquet(&table, &path).unwrap();
    write_parquet(&table.slice(0, 10), &path).unwrap();
    let written = fs::read(&path).unwrap();
    assert_eq!(read_table(&path, &ReadOptions::default()).unwrap().batch(), &typed_batch(30).slice(0, 10));
    let field = Arc::new(Field::new("i", DataType::Int32, true));
    let union_fields = arrow::datatypes::UnionFields::try_new(vec![0], vec![field.as_ref().clone()]).unwrap();
    let union =
        UnionArray::try_new(union_fields, vec![0_i8].into(), None, vec![Arc::new(Int32Array::from(vec![1]))])
            .unwrap();
    let refused = Table::from_columns([("u", Arc::new(union) as ArrayRef)]).unwrap();
    assert!(write_parquet(&refused, &path).is_err());
    assert_eq!(fs::read(&path).unwrap(), written);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no part is left behind");
    assert!(write_parquet(&table, &folder.path().join("absent/t.parquet")).unwrap_err().is_io());
}
