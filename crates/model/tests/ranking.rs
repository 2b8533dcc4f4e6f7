//! Promises of discovery: a planted feature is found, noise is not, and the records lose nothing.
#![allow(clippy::panic, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use tabgraft_feature::{Definition, Feature, FeatureEngineer, GroupStatistic};
use tabgraft_model::discover::judge::corrected::{benjamini_hochberg, nadeau_bengio, nadeau_bengio_by_row};
use tabgraft_model::discover::propose::{CandidateInputs, CandidateLimits, propose};
use tabgraft_model::discover::rank::{CandidateValues, RankOptions, Residuals, rank};
use tabgraft_model::discover::remember::history::{
    Controls, FeatureJudgement, FeatureVerdict, Flagged, Guide, Origin, Refit, Run, Suggestion,
};
use tabgraft_model::discover::remember::{Effectiveness, FeatureChoice, FeatureFile, SuggestionHistory};
use tabgraft_table::schema::{ColumnSpec, Kind, Schema};
use tabgraft_table::{Error, Result, Table};

/// SplitMix64: the tests' own chance.
struct Chance(u64);

impl Chance {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x >> 11) as f64 / (1u64 << 53) as f64
    }

    fn units(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| self.unit()).collect()
    }
}

fn schema(columns: &[(&str, Kind)]) -> Schema {
    let spec = |(name, kind): &(&str, Kind)| ColumnSpec {
        name: (*name).into(),
        kind: *kind,
        reason: String::new(),
        date_format: None,
    };
    Schema { columns: columns.iter().map(spec).collect(), ..Schema::default() }
}

/// A loan table: four numbers and two categories, all independent.
struct Loans {
    numbers: BTreeMap<&'static str, Vec<f64>>,
    categories: BTreeMap<&'static str, Vec<u32>>,
}

impl Loans {
    fn new(n_rows: usize, chance: &mut Chance) -> Self {
        let mut number = |low: f64, high: f64| {
            let units = chance.units(n_rows);
            units.into_iter().map(|u| low + (high - low) * u).collect::<Vec<f64>>()
        };
        let numbers = BTreeMap::from([
            ("income", number(20.0, 100.0)),
            ("debt", number(5.0, 60.0)),
            ("age", number(18.0, 80.0)),
            ("tenure", number(0.0, 30.0)),
        ]);
        let mut category = |n: f64| chance.units(n_rows).into_iter().map(|u| (u * n) as u32).collect();
        let categories = BTreeMap::from([("purpose", category(5.0)), ("housing", category(3.0))]);
        Loans { numbers, categories }
    }

    fn table(&self) -> (Table, Schema) {
        let mut columns: Vec<(&str, ArrayRef)> = Vec::new();
        let mut kinds = Vec::new();
        for (name, values) in &self.numbers {
            columns.push((name, Arc::new(Float64Array::from(values.clone()))));
            kinds.push((*name, Kind::Numeric));
        }
        for (name, codes) in &self.categories {
            columns.push((name, Arc::new(StringArray::from_iter_values(codes.iter().map(u32::to_string)))));
            kinds.push((*name, Kind::Categorical));
        }
        (Table::from_columns(columns).unwrap(), schema(&kinds))
    }

    fn proposals(&self) -> Vec<Feature> {
        let (table, schema) = self.table();
        let inputs = CandidateInputs::fit(&table, &schema).unwrap();
        propose(&schema, &inputs, &CandidateLimits::default())
    }

    fn values(&self, feature: &Feature) -> Result<CandidateValues> {
        // The ranking also asks for single columns, by their names.
        let mut engineer = FeatureEngineer::new(vec![Feature { name: "values".into(), ..feature.clone() }])?;
        CandidateValues::from_array(engineer.fit_transform(&self.table().0)?.column("values")?)
    }
}

fn base_rate_residuals(y: &[bool]) -> Residuals {
    let rate = y.iter().filter(|y| **y).count() as f64 / y.len() as f64;
    Residuals::log_loss(&vec![rate; y.len()], y).unwrap()
}

#[test]
fn a_planted_ratio_is_among_the_first_five_proposals() {
    for seed in 0..5 {
        let mut chance = Chance(seed);
        let loans = Loans::new(2000, &mut chance);
        let y: Vec<bool> = (0..2000)
            .map(|i| {
                let risky = loans.numbers["debt"][i] / loans.numbers["income"][i] > 0.6;
                chance.unit() < if risky { 0.65 } else { 0.35 }
            })
            .collect();
        let proposals = loans.proposals();
        assert!(proposals.len() > 50, "{} proposals", proposals.len());
        let ranked = rank(&proposals, |f| loans.values(f), &base_rate_residuals(&y), &RankOptions::new(seed))
            .unwrap()
            .scored;
        let place = ranked.iter().position(|s| {
            let names = std::iter::once(&s.feature.name).chain(&s.stands_for);
            names.into_iter().any(|n| n == "income_per_debt")
        });
        let top: Vec<_> = ranked.iter().take(5).map(|s| (&s.feature.name, s.score)).collect();
        assert!(place.is_some_and(|p| p < 5), "seed {seed}: place {place:?}, before it {top:?}");
        let scored = &ranked[place.unwrap()];
        assert!(scored.gain > 0.01 && scored.gain_beyond_inputs > 0.0, "{scored:?}");
    }
}

#[test]
fn what_one_column_explains_is_not_credited_to_its_ratios() {
    let mut chance = Chance(3);
    let loans = Loans::new(2000, &mut chance);
    let y: Vec<bool> =
        loans.numbers["income"].iter().map(|i| chance.unit() < if *i < 50.0 { 0.8 } else { 0.2 }).collect();
    let ranked =
        rank(&loans.proposals(), |f| loans.values(f), &base_rate_residuals(&y), &RankOptions::new(3))
            .unwrap()
            .scored;
    let alone = |s: &&tabgraft_model::discover::rank::Scored| s.inputs == ["income"];
    assert!(alone(&&ranked[0]), "{:?}", ranked[0]);
    let ratio = ranked.iter().find(|s| s.feature.name == "income_per_debt").unwrap();
    assert!(ratio.gain > 0.01 && ratio.gain_beyond_inputs < 0.2 * ratio.gain, "{ratio:?}");
}

#[test]
fn noise_gains_nothing_on_average_however_many_bins_it_has() {
    let (mut flags, mut numbers, mut codes, mut best) = (0.0, 0.0, 0.0, f64::NEG_INFINITY);
    let feature = |name: &str| Feature::formula(name, name, "");
    let n_seeds = 60;
    for seed in 0..n_seeds {
        let mut chance = Chance(1000 + seed);
        let y: Vec<bool> = (0..500).map(|_| chance.unit() < 0.4).collect();
        let (a, b, c) = (chance.units(500), chance.units(500), chance.units(500));
        let values = |f: &Feature| {
            Ok(match f.name.as_str() {
                "flag" => CandidateValues::Number(a.iter().map(|v| Some(v.round())).collect()),
                "number" => CandidateValues::Number(b.iter().copied().map(Some).collect()),
                _ => CandidateValues::Code(c.iter().map(|v| Some((v * 40.0) as u32)).collect()),
            })
        };
        let candidates = ["flag", "number", "code"].map(feature);
        for scored in
            rank(&candidates, values, &base_rate_residuals(&y), &RankOptions::new(seed)).unwrap().scored
        {
            best = scored.gain.max(best);
            match scored.feature.name.as_str() {
                "flag" => flags += scored.gain,
                "number" => numbers += scored.gain,
                _ => codes += scored.gain,
            }
        }
    }
    // In nats per row; a real flag that moves the rate by .3 gains about .04.
    for (kind, sum) in [("flag", flags), ("number", numbers), ("code", codes)] {
        let mean = sum / n_seeds as f64;
        assert!((-0.03..0.0005).contains(&mean), "{kind}: {mean}");
    }
    assert!(best < 0.03, "{best}");
}

#[test]
fn ranking_depends_neither_on_threads_nor_on_the_numbering_of_codes() {
    let mut chance = Chance(8);
    let loans = Loans::new(600, &mut chance);
    let y: Vec<bool> = (0..600).map(|_| chance.unit() < 0.5).collect();
    let (proposals, residuals) = (loans.proposals(), base_rate_residuals(&y));
    let run = |n_threads: usize, flip: u32| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        let values = |f: &Feature| {
            Ok(match loans.values(f)? {
                CandidateValues::Code(codes) => {
                    CandidateValues::Code(codes.into_iter().map(|c| c.map(|c| c ^ flip)).collect())
                }
                numbers => numbers,
            })
        };
        pool.install(|| rank(&proposals, values, &residuals, &RankOptions::new(4)).unwrap().scored)
    };
    let one = run(1, 0);
    assert_eq!(one, run(3, 0));
    // Sums run in another order, so the last bits may differ; names and places may not.
    let renumbered = run(2, 63);
    assert_eq!(one.len(), renumbered.len());
    for scored in &one {
        let other = renumbered.iter().find(|s| s.feature.name == scored.feature.name).unwrap();
        assert!((scored.gain - other.gain).abs() < 1e-9, "{}", scored.feature.name);
    }
}

#[test]
fn near_copies_stand_behind_the_better_one_and_constants_fall_away() {
    let mut chance = Chance(5);
    let x = chance.units(400);
    let y: Vec<f64> = x.iter().map(|x| f64::from(u8::from(*x > 0.5))).collect();
    let residuals = Residuals::squared_error(&[0.5; 400], &y).unwrap();
    let values = |f: &Feature| {
        let number = |g: fn(f64) -> f64| CandidateValues::Number(x.iter().map(|x| Some(g(*x))).collect());
        let code = |shift: u32| {
            CandidateValues::Code(x.iter().map(|x| Some(((x * 6.0) as u32 + shift) % 6)).collect())
        };
        Ok(match f.name.as_str() {
            "itself" => number(|x| x),
            "falling_copy" => number(|x| -x.exp()),
            "code" => code(0),
            "renumbered_code" => code(3),
            "constant" => number(|_| 1.0),
            _ => number(|x| (x * 1e4).fract()),
        })
    };
    let names = ["other", "constant", "itself", "falling_copy", "code", "renumbered_code"];
    let candidates = names.map(|name| Feature::formula(name, name, ""));
    let ranked = rank(&candidates, values, &residuals, &RankOptions::new(0)).unwrap().scored;
    let found: BTreeMap<&str, &Vec<String>> =
        ranked.iter().map(|s| (s.feature.name.as_str(), &s.stands_for)).collect();
    assert_eq!(ranked.len(), 3, "{found:?}");
    let copies = |s: &tabgraft_model::discover::rank::Scored| {
        let mut all = s.stands_for.clone();
        all.push(s.feature.name.clone());
        all.into_iter().collect::<BTreeSet<String>>()
    };
    let sets: Vec<BTreeSet<String>> = ranked.iter().map(copies).collect();
    for expected in [["itself", "falling_copy"], ["code", "renumbered_code"]] {
        assert!(sets.contains(&expected.map(String::from).into()), "{sets:?}");
    }
}

#[test]
fn failing_candidates_are_named() {
    let residuals = Residuals::squared_error(&[0.0; 3], &[1.0, 2.0, 3.0]).unwrap();
    let feature = Feature::formula("ratio", "ratio", "");
    let short = |_: &Feature| Ok(CandidateValues::Number(vec![Some(1.0)]));
    let error = rank(std::slice::from_ref(&feature), short, &residuals, &RankOptions::new(0)).unwrap_err();
    assert_eq!(error.to_string(), "feature `ratio`: 1 values for 3 rows");
    let failing = |_: &Feature| Err(Error::value("no"));
    assert_eq!(
        rank(&[feature], failing, &residuals, &RankOptions::new(0)).unwrap_err().to_string(),
        "feature `ratio`: no"
    );
    assert!(Residuals::new(vec![f64::NAN], vec![1.0]).unwrap_err().is_value());
    assert!(Residuals::log_loss(&[1.5], &[true]).unwrap_err().is_value());
    assert!(Residuals::multiclass(&[0.5, 0.5], &[2], 2).unwrap_err().is_value());
}

#[test]
fn several_classes_add_up() {
    let mut chance = Chance(2);
    let class: Vec<usize> = chance.units(900).iter().map(|u| (u * 3.0) as usize).collect();
    let residuals = Residuals::multiclass(&vec![1.0 / 3.0; 2700], &class, 3).unwrap();
    let feature = Feature::formula("class", "class", "");
    let values = |_: &Feature| Ok(CandidateValues::Number(class.iter().map(|c| Some(*c as f64)).collect()));
    let ranked = rank(&[feature], values, &residuals, &RankOptions::new(0)).unwrap().scored;
    // Knowing the class: per class output a Newton gain of sum(g^2 / h) / 2 = (4/9 / 3 + 2 * 1/9 / 3) / (2 * 2/9).
    assert!((ranked[0].gain - 1.5).abs() < 0.03, "{}", ranked[0].gain);
}

#[test]
fn false_discovery_rates_by_hand() {
    let adjusted = benjamini_hochberg(&[0.01, 0.04, 0.03, 0.005, 0.9]);
    // Rising: .005 * 5/1, .01 * 5/2, .03 * 5/3, .04 * 5/4, .9 * 5/5, each at most the next.
    let expected = [0.025, 0.05, 0.05, 0.025, 0.9];
    for (found, expected) in adjusted.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-12, "{adjusted:?}");
    }
    assert!(benjamini_hochberg(&[]).is_empty());
}

#[test]
fn the_corrected_test_by_hand() {
    // Mean .02, variance 2.5e-4, so the standard error is sqrt((1/5 + 1/4) 2.5e-4) and t^2 = 32/9.
    let test = nadeau_bengio(&[0.01, 0.02, 0.03, 0.0, 0.04], 0.25).unwrap();
    assert!((test.mean - 0.02).abs() < 1e-15);
    assert!((test.standard_error - 1.125e-4f64.sqrt()).abs() < 1e-15);
    // Four degrees of freedom: 1/2 + 3/8 t / sqrt(1 + t^2/4) (1 - t^2 / (12 + 3 t^2)).
    assert!((test.p_value - 0.132_418).abs() < 1e-5, "{}", test.p_value);
    assert!((test.interval[1] - (0.02 + 2.776_445 * 0.010_606_602)).abs() < 1e-7);
    assert_eq!(nadeau_bengio(&[0.0, 0.0], 0.25).unwrap().p_value, 1.0);
    assert!(nadeau_bengio(&[0.1], 0.25).unwrap_err().is_value());
    assert!(nadeau_bengio(&[0.1, f64::NAN], 0.25).unwrap_err().is_value());
    assert!(nadeau_bengio(&[0.1, 0.2], -1.0).unwrap_err().is_option());
    // Rows 1, 2, 3, 6: mean 3, variance 14/3, of the mean of two rows 7/3; the splits' means 2 and 4 have
    // variance 2. So the rows' is taken: (1/2 + 1/4) * 7/3 = 1.75.
    let rows = nadeau_bengio_by_row(&[1.0, 2.0, 3.0, 6.0], &[2.0, 4.0], 2, 0.25).unwrap();
    assert!((rows.mean - 3.0).abs() < 1e-12 && (rows.standard_error - 1.75f64.sqrt()).abs() < 1e-12);
    // Splits that differ more than their rows tell: (1/2 + 1/4) * 50.
    let rows = nadeau_bengio_by_row(&[1.0, 2.0, 3.0, 6.0], &[-2.0, 8.0], 2, 0.25).unwrap();
    assert!((rows.standard_error - 37.5f64.sqrt()).abs() < 1e-12);
}

fn suggestion(name: &str, effect: f64, interval: [f64; 2], verdict: FeatureVerdict) -> Suggestion {
    Suggestion {
        name: name.into(),
        definition: Definition::Formula { formula: "amount / duration".into() },
        inputs: vec!["amount".into(), "duration".into()],
        reason: "how much `amount` there is for each unit of `duration`".into(),
        state: None,
        gain: 0.012,
        stands_for: vec!["amount_minus_duration".into()],
        refit: None,
        redundant_with: Vec::new(),
        judgement: Some(FeatureJudgement { effect, interval, p_value: 0.01, p_adjusted: 0.03, verdict }),
        suggested: true,
        recommended: verdict == FeatureVerdict::Proven,
    }
}

fn run(run_id: &str) -> Run {
    Run {
        run_id: run_id.into(),
        date: "2026-01-01T18:30:00-05:00".into(),
        target: "default".into(),
        task: "binary".into(),
        metric: "roc_auc".into(),
        baseline: 0.75,
        data_hash: "d".into(),
        split_hash: "s".into(),
        n_discovery_rows: 300,
        n_judging_rows: 100,
        n_candidates: 40,
        input_columns: vec!["amount".into(), "duration".into()],
        seed: u64::MAX,
        origin: Origin::Search,
        guide: Guide::Linear,
        level: 0.05,
        controls: Some(Controls { n_judged: 10, n_below_level: 1, n_passed: 0 }),
        flagged: vec![Flagged { name: "paid_back".into(), reason: "it gives the class away".into() }],
        made_from: Vec::new(),
        suggestions: vec![suggestion("amount_per_duration", 0.03, [0.01, 0.05], FeatureVerdict::Proven)],
    }
}

#[test]
fn writers_at_once_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (history, effects) = (folder.path().join("history.json"), folder.path().join("effects.json"));
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (history, effects) = (&history, &effects);
            scope.spawn(move || {
                for i in 0..20 {
                    let runs = SuggestionHistory::append(history, run(&format!("{thread}-{i}"))).unwrap();
                    Effectiveness::catch_up(effects, &runs).unwrap();
                }
            });
        }
    });
    let ids = SuggestionHistory::load(&history).unwrap().runs.into_iter().map(|r| r.run_id);
    assert_eq!(ids.collect::<BTreeSet<_>>().len(), 40);
    assert_eq!(Effectiveness::load_history(&effects).unwrap().features[0].runs.len(), 40);
}

#[test]
fn a_history_comes_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.json");
    assert_eq!(SuggestionHistory::load_or_default(&path).unwrap(), SuggestionHistory::default());
    let error = SuggestionHistory::load(&path).unwrap_err();
    assert!(error.is_io() && error.hint().is_some());
    let mut odd = run("2");
    odd.suggestions[0].gain = 0.1 + 0.2;
    odd.suggestions[0].definition =
        Definition::Group { of: None, by: "a \"b\"".into(), statistic: GroupStatistic::Frequency };
    let first = SuggestionHistory::append(&path, run("1")).unwrap();
    let second = SuggestionHistory::append(&path, odd.clone()).unwrap();
    assert_eq!(second.runs, [first.runs[0].clone(), odd]);
    assert_eq!(SuggestionHistory::load(&path).unwrap(), second);
}

#[test]
fn broken_files_are_errors_and_stay_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.json");
    SuggestionHistory::append(&path, run("1")).unwrap();
    let whole = std::fs::read_to_string(&path).unwrap();
    let mut broken: Vec<Vec<u8>> =
        (0..whole.trim_end().len()).step_by(29).map(|n| whole.as_bytes()[..n].to_vec()).collect();
    broken.push(vec![0xff; 300]);
    broken.push("[".repeat(100_000).into_bytes());
    broken.push(b"{\"format_version\":1,\"runs\":3}".to_vec());
    broken.push(whole.replace("\"seed\"", "\"sead\"").into_bytes());
    broken.push(whole.replace("\"date\"", "\"extra\": 1, \"date\"").into_bytes());
    broken.push(whole.replace("0.03", "1e999").into_bytes());
    broken.push(whole.replace("\"p_value\": 0.01", "\"p_value\": 7").into_bytes());
    broken.push(whole.replace("\"proven\"", "\"unproven\"").into_bytes());
    broken.push(whole.replace("\"target\": \"default\"", "\"target\": \"amount\"").into_bytes());
    for bytes in broken {
        std::fs::write(&path, &bytes).unwrap();
        let shown = String::from_utf8_lossy(&bytes).chars().take(200).collect::<String>();
        let Err(error) = SuggestionHistory::load(&path) else { panic!("loaded {shown}") };
        assert!(error.is_malformed(), "{error}");
        assert!(error.to_string().contains("history.json"), "{error}");
        assert!(SuggestionHistory::append(&path, run("2")).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
    std::fs::write(&path, whole.replace("\"format_version\": 2", "\"format_version\": 7, \"new\": 0"))
        .unwrap();
    let error = SuggestionHistory::load(&path).unwrap_err();
    assert!(error.to_string().ends_with("format version 7 found, versions 1 to 2 are read"), "{error}");
    assert!(error.hint().is_some());
    // A huge file is refused before it is read into memory; this one is a hole on disk.
    std::fs::File::create(&path).unwrap().set_len(1 << 36).unwrap();
    assert!(SuggestionHistory::load(&path).unwrap_err().is_malformed());
}

/// As the first format version wrote it.
const FIRST_VERSION: &str = r#"{"format_version": 1, "runs": [{"run_id": "old", "date": "2026-01-01T18:30:00-05:00",
    "target": "default", "task": "binary", "metric": "roc_auc", "baseline": 0.75, "data_hash": "d",
    "split_hash": "s", "n_discovery_rows": 300, "n_judging_rows": 100, "n_candidates": 40,
    "input_columns": ["amount", "duration"], "seed": 7, "suggestions": [{"name": "amount_per_duration",
    "definition": {"kind": "formula", "formula": "amount / duration"}, "inputs": ["amount", "duration"],
    "reason": "how much", "gain": 0.012, "suggested": true, "recommended": true, "judgement": {"effect": 0.03,
    "interval": [0.01, 0.05], "p_value": 0.001, "p_adjusted": 0.03, "verdict": "proven"}}]}]}"#;

#[test]
fn a_history_of_the_first_version_is_read_and_continued_in_the_second() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.json");
    std::fs::write(&path, FIRST_VERSION).unwrap();
    let old = SuggestionHistory::load(&path).unwrap();
    assert_eq!((old.runs[0].origin, old.runs[0].guide), (Origin::Search, Guide::Predictor));
    assert_eq!((old.runs[0].level, old.runs[0].controls), (0.05, None));
    SuggestionHistory::append(&path, run("new")).unwrap();
    assert!(std::fs::read_to_string(&path).unwrap().contains("\"format_version\": 2"));
    assert_eq!(SuggestionHistory::load(&path).unwrap().runs.len(), 2);
}

#[test]
fn a_writer_that_died_leaves_the_old_file_whole_and_nobody_locked_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.json");
    SuggestionHistory::append(&path, run("1")).unwrap();
    std::fs::write(folder.path().join(".history.json.kq3v9z.tmp"), "{\"format_ver").unwrap();
    std::fs::write(folder.path().join("history.json.lock"), "").unwrap();
    assert_eq!(SuggestionHistory::load(&path).unwrap().runs.len(), 1);
    assert_eq!(SuggestionHistory::append(&path, run("2")).unwrap().runs.len(), 2);
}

#[test]
fn runs_that_break_a_promise_are_not_added() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.json");
    let refused = |change: &dyn Fn(&mut Run), expected: &str| {
        let mut run = run("1");
        change(&mut run);
        let error = SuggestionHistory::append(&path, run).unwrap_err();
        assert!(error.is_value() && error.to_string().contains(expected), "{error}");
        assert!(!Path::new(&path).exists());
    };
    let judgement = |r: &mut Run, change: fn(&mut FeatureJudgement)| {
        r.suggestions[0].judgement.iter_mut().for_each(change);
    };
    refused(&|r| r.suggestions[0].gain = f64::NAN, "gain is not finite");
    refused(&|r| judgement(r, |j| j.effect = f64::NAN), "not finite");
    refused(&|r| judgement(r, |j| j.interval = [0.2, 0.1]), "ends before it starts");
    refused(&|r| judgement(r, |j| j.p_adjusted = 1.5), "not between 0 and 1");
    refused(&|r| judgement(r, |j| j.verdict = FeatureVerdict::Unproven), "recommended but not proven");
    refused(&|r| r.suggestions[0].judgement = None, "recommended but not proven");
    refused(&|r| r.suggestions[0].inputs.push("default".into()), "reads the target");
    refused(&|r| r.suggestions.push(r.suggestions[0].clone()), "stands twice");
    let refit = |low: f64| Some(Refit { effect: 0.02, interval: [low, 0.04], p_value: 0.2, n_splits: 10 });
    refused(&|r| r.suggestions[0].refit = refit(-0.01), "does not confirm it");
    refused(&|r| r.suggestions[0].refit = refit(f64::NAN), "not finite");
    refused(&|r| r.suggestions[0].redundant_with.push("age".into()), "recommended but redundant");
    refused(&|r| r.flagged[0].name = r.suggestions[0].name.clone(), "recommended but flagged");
    refused(
        &|r| r.controls = Some(Controls { n_passed: 1, ..Controls::default() }),
        "a shuffled copy passed",
    );
    refused(&|r| r.level = 0.0, "`level` is 0");
    refused(&|r| r.n_candidates = 0, "1 candidates were chosen of 0 tried");
    SuggestionHistory::append(&path, run("1")).unwrap();
    let other = Run { seed: 8, ..run("1") };
    let error = SuggestionHistory::append(&path, other).unwrap_err();
    assert!(error.to_string().ends_with("run `1` stands twice"), "{error}");
    let same = SuggestionHistory::append(&path, run("1")).unwrap();
    assert_eq!(same.runs, [run("1")], "what is there already is not added");
}

#[test]
fn the_newest_usable_run_of_the_target_is_taken() {
    let columns = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let mut history = SuggestionHistory::default();
    assert!(history.newest_for(Some("default"), &[]).unwrap_err().is_schema());
    let mut newer = run("2");
    newer.suggestions[0].name = "bureau_score".into();
    newer.suggestions[0].inputs = vec!["bureau".into()];
    newer.suggestions.push(Suggestion {
        suggested: false,
        ..suggestion("refused", -0.01, [-0.02, 0.0], FeatureVerdict::Harmful)
    });
    let mut other = run("3");
    other.target = "churn".into();
    history.runs = vec![run("1"), newer, other];

    let names = |columns: &[String]| {
        let features = history.newest_for(Some("default"), columns).unwrap().suggested();
        features.into_iter().map(|f| f.name).collect::<Vec<_>>()
    };
    assert_eq!(names(&columns(&["amount", "duration", "bureau"])), ["bureau_score"]);
    assert_eq!(names(&columns(&["amount", "duration"])), ["amount_per_duration"]);
    let error = history.newest_for(Some("default"), &columns(&["amount"])).unwrap_err();
    assert!(error.is_schema() && error.to_string().contains("reads `bureau`"), "{error}");
    let error = history.newest_for(Some("price"), &[]).unwrap_err();
    assert!(
        error.to_string().contains("no run for the target `price`, only for `churn`, `default`"),
        "{error}"
    );
}

#[test]
fn a_file_of_either_kind_gives_the_features_for_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let columns = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let path = folder.path().join("history.json");
    let mut mixed = run("1");
    mixed.suggestions.push(suggestion("unproven", 0.001, [-0.01, 0.02], FeatureVerdict::Unproven));
    SuggestionHistory::append(&path, mixed).unwrap();
    let file = FeatureFile::load(&path).unwrap();
    let names = |choice: &FeatureChoice| choice.features.iter().map(|f| f.name.clone()).collect::<Vec<_>>();

    let all = file.choose(&columns(&["amount", "duration"]), None, false).unwrap();
    assert_eq!(names(&all), ["amount_per_duration", "unproven"]);
    assert_eq!(
        (all.run_id.as_deref(), all.recommended.as_slice()),
        (Some("1"), &["amount_per_duration".to_owned()][..])
    );
    let proven = file.choose(&columns(&["amount", "duration"]), Some("default"), true).unwrap();
    assert_eq!(names(&proven), ["amount_per_duration"]);
    let again = file.choose(&columns(&["amount", "duration", "unproven"]), None, false).unwrap();
    assert_eq!(names(&again), ["amount_per_duration", "unproven"]);
    assert_eq!(again.already_there, ["unproven"]);
    assert_eq!(again.to_add().into_iter().map(|f| f.name).collect::<Vec<_>>(), ["amount_per_duration"]);
    assert!(file.choose(&columns(&["amount"]), None, false).unwrap_err().is_schema());

    let list = folder.path().join("features.json");
    FeatureEngineer::new(all.features).unwrap().save(&list).unwrap();
    let file = FeatureFile::load(&list).unwrap();
    let chosen = file.choose(&[], Some("any"), false).unwrap();
    assert_eq!((names(&chosen).len(), chosen.run_id), (2, None), "a list is applied as a whole");
    assert!(file.choose(&[], None, true).unwrap_err().is_option());
    let by_hand = r#"[{"name": "monthly", "formula": "amount / duration"},
        {"name": "bin", "definition": {"kind": "bins", "column": "amount", "n_bins": 5}}]"#;
    std::fs::write(&list, by_hand).unwrap();
    let file = FeatureFile::load(&list).unwrap();
    assert_eq!(
        names(&file.choose(&[], None, false).unwrap()),
        ["monthly", "bin"],
        "as it is given to an engineer"
    );
    std::fs::write(&list, r#"[{"name": "monthly"}]"#).unwrap();
    assert!(FeatureFile::load(&list).unwrap_err().to_string().contains("neither `formula` nor `definition`"));
    std::fs::write(&list, "[1, 2").unwrap();
    assert!(FeatureFile::load(&list).unwrap_err().is_malformed());
    assert!(FeatureFile::load(&folder.path().join("absent")).unwrap_err().is_io());
}

#[test]
fn a_suggestion_becomes_a_feature_whatever_else_it_says() {
    let feature = |text: &str| Feature::from_suggestion(&serde_json::from_str(text).unwrap());
    let by_formula = feature(r#"{"name": "a", "formula": "x + 1", "score": 3}"#).unwrap();
    assert_eq!(by_formula, Feature::formula("a", "x + 1", ""));
    let of_run = serde_json::to_value(&run("1").suggestions[0]).unwrap();
    assert_eq!(Feature::from_suggestion(&of_run).unwrap(), run("1").suggestions[0].feature());
    for broken in
        [r#"{"formula": "x"}"#, r#"{"name": "a"}"#, r#"{"name": "a", "definition": {"kind": "magic"}}"#]
    {
        assert!(feature(broken).unwrap_err().is_malformed(), "{broken}");
    }
}

/// A disk that is full after the history was written leaves the two files apart.
#[test]
fn what_one_run_could_not_write_the_next_one_makes_up_for() {
    let folder = tempfile::tempdir().unwrap();
    let (history, effects) = (folder.path().join("history.json"), folder.path().join("effects.json"));
    let elsewhere = SuggestionHistory::append(folder.path().join("other.json"), run("elsewhere")).unwrap();
    Effectiveness::catch_up(&effects, &elsewhere).unwrap();
    SuggestionHistory::append(&history, run("1")).unwrap();
    let runs = SuggestionHistory::append(&history, run("2")).unwrap();
    let found = Effectiveness::catch_up(&effects, &runs).unwrap();
    let ids = |found: &Effectiveness| {
        found.features[0].runs.iter().map(|run| run.run_id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&found), ["elsewhere", "1", "2"], "in the history's order, and nothing is lost");
    assert_eq!(Effectiveness::catch_up(&effects, &runs).unwrap(), found);
    // Gone altogether, the file follows from the history.
    std::fs::remove_file(&effects).unwrap();
    assert_eq!(ids(&Effectiveness::catch_up(&effects, &runs).unwrap()), ["1", "2"]);
}

#[test]
fn effects_are_pooled_over_runs_in_points_and_percent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("effects.json");
    let mut second = run("2");
    second.baseline = 0.8;
    second.n_judging_rows = 300;
    second.suggestions = vec![
        suggestion("amount_per_duration", 0.01, [-0.01, 0.03], FeatureVerdict::Unproven),
        suggestion("strong", 0.04, [0.02, 0.06], FeatureVerdict::Proven),
        suggestion("harmful", -0.04, [-0.06, -0.02], FeatureVerdict::Harmful),
    ];
    let record = |run: &Run| {
        let history = SuggestionHistory::append(folder.path().join("history.json"), run.clone()).unwrap();
        Effectiveness::catch_up(&path, &history).unwrap()
    };
    record(&run("1"));
    let alone = Effectiveness::load_history(&path).unwrap();
    assert_eq!(alone.get_recommended_features("roc_auc", 1.0).unwrap(), ["amount_per_duration"]);
    assert!(alone.get_recommended_features("roc_auc", 4.1).unwrap().is_empty(), "4 % is not 4.1 %");
    assert!(alone.get_recommended_features("rmse", 0.0).unwrap().is_empty());

    let both = record(&second);
    let pooled = &both.features[0];
    let near = |a: f64, b: f64| (a - b).abs() < 1e-12;
    assert!(near(pooled.effect_points, 0.015) && near(pooled.effect_percent.unwrap(), 1.5 / 0.7875));
    assert!(near(pooled.interval_points[0], -0.005) && near(pooled.interval_points[1], 0.035));
    assert_eq!((pooled.n_rows, pooled.runs.len()), (400, 2));
    assert_eq!(both.get_recommended_features("roc_auc", 1.0).unwrap(), ["strong"]);
    assert_eq!(Effectiveness::load_history(&path).unwrap(), both);
    assert!(both.for_target("churn").features.is_empty());

    let mut third = run("3");
    third.suggestions[0] = Suggestion { judgement: None, recommended: false, ..third.suggestions[0].clone() };
    assert_eq!(record(&third), both, "what was not judged adds nothing");
    assert_eq!(record(&second), both, "nor does what is there already");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("0.035", "0.095", 1)).unwrap();
    let error = Effectiveness::load_history(&path).unwrap_err();
    assert!(error.is_malformed() && error.to_string().contains("not those of its runs"), "{error}");
}
