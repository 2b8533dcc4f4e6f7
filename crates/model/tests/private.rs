//! A private space and all that comes of it: nothing of single rows stands in their files.

#![expect(clippy::unwrap_used, reason = "a test ends where its helpers fail")]

#[path = "fixtures/unit.rs"]
mod unit;

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use tabgraft_feature::{Definition, Feature, FeatureEngineer, GroupStatistic};
use tabgraft_model::predictor::GrowOptions;
use tabgraft_model::space::Mode;
use tabgraft_model::train::{TrainingOptions, quiet};
use tabgraft_model::{
    ConsolidateOptions, EmbeddingSpace, ExtendOptions, FitOptions, MergeOptions, Predictor, PredictorOptions,
    PruneOptions, RefreshOptions,
};
use tabgraft_table::Table;
use tabgraft_table::codec::{CellFlag, Codec, PRIVATE_ROWS};
use tabgraft_table::schema::Kind;
use tabgraft_table::stats::hash::mix;
use unit::unit;

const N_ROWS: usize = 600;
/// What every text begins with that fewer than [`PRIVATE_ROWS`] rows have.
const SECRET: &str = "zyx";

/// One of these texts by chance; in every `every`th row a secret one.
fn texts(
    range: &Range<usize>,
    salt: u64,
    common: &[&str],
    secret: &dyn Fn(usize) -> Option<String>,
) -> ArrayRef {
    let text = |row| {
        let place = (unit(row, salt) * common.len() as f64) as usize;
        secret(row).unwrap_or_else(|| common[place].to_owned())
    };
    Arc::new(StringArray::from_iter_values(range.clone().map(text)))
}

/// Rows of a world with secrets in every kind of column. `late` and `size` come with a graft each.
fn rows(range: Range<usize>) -> Table {
    let number = |salt| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(range.clone().map(|row| unit(row, salt))))
    };
    let remark = |row: usize| {
        let mood = ["pleased", "late", "annoyed", "new"][(unit(row, 5) * 4.0) as usize];
        format!("the {mood} customer wrote {SECRET}word{row} to us again")
    };
    let twice = |row: usize| format!("a text that two have {SECRET}pair{}", row / 2);
    let amount = |row: usize| match row {
        77 => format!("{SECRET} unknown"),
        _ => format!("{:.2}", 100.0 * unit(row, 6)),
    };
    let of = |text: &dyn Fn(usize) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(range.clone().map(text)))
    };
    let worth = |row: usize| unit(row, 1) + unit(row, 9) > 1.0;
    Table::from_columns([
        ("price", number(1)),
        (
            "plan",
            texts(&range, 2, &["basic", "plus", "pro"], &|row| match row % 67 {
                0 => Some(format!("{SECRET} nine")),
                1 if row < 200 => Some(format!("{SECRET} three")),
                _ => None,
            }),
        ),
        (
            "street",
            texts(&range, 3, &["high", "main", "park", "mill"], &|row| {
                row.is_multiple_of(2).then(|| format!("{SECRET}street {row}"))
            }),
        ),
        ("remark", of(&remark)),
        ("twice", of(&twice)),
        ("amount", of(&amount)),
        (
            "late",
            texts(&range, 8, &["no", "a day", "a week"], &|row| {
                row.is_multiple_of(90).then(|| format!("{SECRET} late"))
            }),
        ),
        (
            "size",
            texts(&range, 9, &["small", "large"], &|row| (row % 90 == 3).then(|| format!("{SECRET} size"))),
        ),
        ("y", of(&|row| if worth(row) { "yes" } else { "no" }.into())),
    ])
    .unwrap()
}

fn without(table: &Table, names: &[&str]) -> Table {
    table.without(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
}

fn options(private: bool) -> FitOptions {
    let mut options = FitOptions { name: "v1".into(), private, ..FitOptions::default() };
    options.infer.ignore = vec!["y".to_owned()];
    options.infer.kinds = [("street".to_owned(), Kind::Categorical)].into();
    options.config.d_model = 16;
    // So that an open space keeps hashes of the rarest.
    options.config.codec.max_categories = 64;
    options.config.training.n_epochs = Some(2);
    options
}

fn first_space(private: bool) -> EmbeddingSpace {
    let table = without(&rows(0..N_ROWS), &["late", "size"]);
    EmbeddingSpace::fit(&table, None, &options(private), &mut quiet).unwrap()
}

fn grafted(space: &EmbeddingSpace, lacking: &str, mode: Mode) -> EmbeddingSpace {
    let options = ExtendOptions {
        mode,
        d_side: (mode == Mode::Frozen).then_some(8),
        training: TrainingOptions::of_epochs(1),
        ..ExtendOptions::default()
    };
    space.extend(&without(&rows(0..N_ROWS), &[lacking]), None, &options, &mut quiet).unwrap()
}

/// Later rows, of which many have a level of their own, and few a secret one.
fn later_rows() -> Table {
    let range = N_ROWS..2 * N_ROWS;
    let plan = texts(&range, 2, &["basic", "plus", "team"], &|row| {
        row.is_multiple_of(150).then(|| format!("{SECRET} later"))
    });
    let table = without(&rows(range), &["late", "size", "plan"]);
    table.with_columns([("plan".to_owned(), plan)]).unwrap()
}

/// A text's hash, as codecs keep it.
fn hash_of(text: &str) -> u64 {
    let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    mix(text.bytes().fold(0xcbf2_9ce4_8422_2325, fnv))
}

/// What of the world's secrets stands in a file: their beginning, in any case, and every text's hash, as digits and as
/// bytes.
fn secrets_in(bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let lower = bytes.to_ascii_lowercase();
    let places = lower.windows(SECRET.len()).enumerate().filter(|(_, w)| *w == SECRET.as_bytes());
    for (place, _) in places {
        let around = &bytes[place.saturating_sub(60)..(place + 40).min(bytes.len())];
        found.push(String::from_utf8_lossy(around).into_owned());
    }
    let table = rows(0..N_ROWS);
    let mut texts = vec![format!("{SECRET} later")];
    for name in table.column_names() {
        let cells = tabgraft_table::cell::texts(&name, table.column(&name).unwrap()).unwrap();
        texts.extend(cells.iter().flatten().map(str::to_lowercase).filter(|t| t.contains(SECRET)));
    }
    texts.sort();
    texts.dedup();
    let numbers: std::collections::HashSet<&[u8]> =
        bytes.split(|b| !b.is_ascii_digit()).filter(|run| run.len() > 12).collect();
    let eights: std::collections::HashSet<&[u8]> = bytes.windows(8).collect();
    for text in texts {
        let hash = hash_of(&text);
        let is_there = numbers.contains(hash.to_string().as_bytes())
            || eights.contains(&hash.to_le_bytes()[..])
            || eights.contains(&hash.to_be_bytes()[..]);
        if is_there {
            found.push(format!("the hash of `{text}`"));
        }
    }
    found
}

#[test]
fn nothing_of_rare_texts_is_in_a_private_space_nor_in_what_comes_of_it() {
    let space = first_space(true);
    let [late, size] = [("size", Mode::Frozen), ("late", Mode::Frozen)].map(|(l, m)| grafted(&space, l, m));
    let merged = EmbeddingSpace::merge(&[&late, &size], None, &MergeOptions::default(), &mut quiet).unwrap();
    let anchored = grafted(&space, "size", Mode::Anchored);
    let refresh =
        |mode| RefreshOptions { mode, training: TrainingOptions::of_epochs(2), ..Default::default() };
    let refreshed = space.refresh(&later_rows(), None, &refresh(Mode::Anchored), &mut quiet).unwrap();
    let tokens = space.refresh(&later_rows(), None, &refresh(Mode::Frozen), &mut quiet).unwrap();
    let pruned = late.prune(&["late".to_owned()], None, &PruneOptions::default(), &mut quiet).unwrap();
    let one_epoch = ConsolidateOptions { training: TrainingOptions::of_epochs(1), ..Default::default() };
    let consolidated =
        late.consolidate(&without(&rows(0..N_ROWS), &["size"]), None, &one_epoch, &mut quiet).unwrap();
    for (space, what) in [
        (&space, "fit"),
        (&late, "frozen graft"),
        (&merged, "merge"),
        (&anchored, "anchored graft"),
        (&refreshed, "refresh"),
        (&tokens, "frozen refresh"),
        (&pruned, "prune"),
        (&consolidated, "consolidate"),
    ] {
        let bytes = space.to_bytes().unwrap();
        assert_eq!(secrets_in(&bytes), [""; 0], "{what}");
        let loaded = EmbeddingSpace::from_bytes(&bytes).unwrap();
        assert!(loaded.is_private() && loaded.card().n_rows_remembered.is_none(), "{what}");
        assert_eq!(loaded.notes(), [""; 0], "{what}");
    }
    // What is no secret is there.
    let levels = |space: &EmbeddingSpace, name: &str| -> Vec<String> {
        let place = space.columns().iter().position(|c| c.name == name).unwrap();
        let Codec::Categorical(codec) = &space.codecs()[place] else { panic!("{name}") };
        let mut levels: Vec<String> = codec.levels().map(|(text, _)| text.to_owned()).collect();
        levels.sort();
        levels
    };
    assert_eq!(levels(&refreshed, "plan"), ["basic", "plus", "pro", "team"]);
    assert_eq!(levels(&tokens, "plan"), ["basic", "plus", "pro", "team"]);
    assert_eq!(levels(&space, "street"), ["high", "main", "mill", "park"]);
    assert_eq!(levels(&merged, "size"), ["large", "small"]);

    let quick = PredictorOptions { n_epochs: 2, n_networks: Some(2), d_hidden: 8, ..Default::default() };
    let table = rows(0..N_ROWS);
    let predictor = Predictor::fit(&space, &table, "y", &quick, &mut quiet).unwrap();
    let grown = predictor.extend(&late, &table, None, &GrowOptions::default(), &mut quiet).unwrap().predictor;
    for predictor in [&predictor, &grown] {
        assert_eq!(secrets_in(&predictor.to_bytes().unwrap()), [""; 0]);
    }
    // The whole of a text that two rows have is a level to trees, of an open space.
    let open = Predictor::fit(&first_space(false), &table, "y", &quick, &mut quiet).unwrap();
    let n_found = secrets_in(&open.to_bytes().unwrap()).len();
    assert!(n_found > 100, "{n_found}: the search finds what is there");
}

#[test]
fn the_search_finds_what_an_open_space_holds() {
    let space = first_space(false);
    let found = secrets_in(&space.to_bytes().unwrap());
    assert!(found.len() > 100, "{found:?}");
    assert!(space.notes().iter().any(|note| note.contains(SECRET)), "{:?}", space.notes());
    assert!(!space.is_private());
    let private = first_space(true);
    assert_ne!(space.id(), private.id(), "a private space is trained otherwise");
}

#[test]
fn a_rare_level_is_an_unseen_one_to_a_private_space() {
    let space = first_space(true);
    let table = without(&rows(0..N_ROWS), &["late", "size"]);
    let place = space.columns().iter().position(|c| c.name == "plan").unwrap();
    let cells = table.column("plan").unwrap();
    let flags = space.codecs()[place].flags("plan", cells).unwrap();
    let texts = tabgraft_table::cell::texts("plan", cells).unwrap();
    for (text, flag) in texts.iter().zip(flags) {
        let is_secret = text.unwrap().starts_with(SECRET);
        assert_eq!(flag, if is_secret { CellFlag::Unseen } else { CellFlag::None }, "{text:?}");
    }
    let never_seen = |row: usize| {
        Some(format!("never seen {row}")).filter(|_| row.is_multiple_of(67) || (row % 67 == 1 && row < 200))
    };
    let other = table.without(&["plan".to_owned()]).unwrap();
    let other = other
        .with_columns([(
            "plan".to_owned(),
            self::texts(&(0..N_ROWS), 2, &["basic", "plus", "pro"], &never_seen),
        )])
        .unwrap();
    assert_eq!(space.embed(&table).unwrap().values, space.embed(&other).unwrap().values);
}

#[test]
fn more_rows_can_be_asked_for_and_fewer_cannot() {
    let n_levels = |min_category_rows: u64| {
        let mut options = options(true);
        options.config.codec = options.config.codec.with_min_category_rows(min_category_rows);
        let table = without(&rows(0..N_ROWS), &["late", "size"]);
        let space = EmbeddingSpace::untrained(&table, None, &options, &mut quiet).unwrap();
        let place = space.columns().iter().position(|c| c.name == "street").unwrap();
        let Codec::Categorical(codec) = &space.codecs()[place] else { panic!() };
        (codec.levels().count(), codec.n_rare())
    };
    assert_eq!([1, PRIVATE_ROWS, 30, 500].map(n_levels), [(4, 0), (4, 0), (4, 0), (0, 0)]);
}

#[test]
fn features_that_hold_rare_groups_are_refused() {
    let by = |name: &str, by: &str| {
        let definition =
            Definition::Group { of: Some("price".into()), by: by.into(), statistic: GroupStatistic::Mean };
        Feature::new(name, definition, "")
    };
    let table = without(&rows(0..N_ROWS), &["late", "size"]);
    let mut rare = FeatureEngineer::new(vec![by("usual", "plan")]).unwrap();
    let with_rare = rare.fit_transform(&table).unwrap();
    let fit = |private, features: &FeatureEngineer, table: &Table| {
        let options = FitOptions { features: features.features().to_vec(), ..options(private) };
        EmbeddingSpace::untrained(table, None, &options, &mut quiet)
    };
    let error = fit(true, &rare, &with_rare).unwrap_err();
    assert!(error.is_value(), "{error}");
    for part in ["`usual`", "2 group(s)", "fewer than 10 rows", "private"] {
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
    assert!(fit(false, &rare, &with_rare).is_ok());
    // A formula that joins the rare ones, and groups by what comes of it.
    let joined = Feature::formula("kind", "if(contains(plan, ' '), 'other', plan)", "");
    let mut common = FeatureEngineer::new(vec![joined, by("of_kind", "kind")]).unwrap();
    let with_common = common.fit_transform(&table).unwrap();
    let space = fit(true, &common, &with_common).unwrap();
    assert_eq!(secrets_in(&space.to_bytes().unwrap()), [""; 0]);

    let space = first_space(true);
    let extend = |features: &FeatureEngineer| {
        let options = ExtendOptions {
            features: features.features().to_vec(),
            training: TrainingOptions::of_epochs(1),
            ..ExtendOptions::default()
        };
        space.extend(&table, None, &options, &mut quiet)
    };
    let error = extend(&rare).unwrap_err();
    assert!(error.is_value() && error.to_string().contains("`usual` holds 2 group(s)"), "{error}");
    assert_eq!(secrets_in(&extend(&common).unwrap().to_bytes().unwrap()), [""; 0]);
}
