//! Spaces and predictors: training, embedding, predicting, scoring, comparing.

use super::*;

#[test]
fn train_reports_each_column_once_with_its_reason() {
    let folder = empty("train");
    fs::copy(fixture(), folder.join("full.csv")).unwrap();
    let report = json(&folder, "train full.csv --ignore default -o es.tabgraft --epochs 1 --threads 1");
    let mut names: Vec<&str> = [&report["schema"]["columns"], &report["schema"]["excluded"]]
        .iter()
        .flat_map(|list| list.as_array().unwrap())
        .map(|c| {
            assert!(!c["reason"].as_str().unwrap().is_empty(), "{c}");
            c["name"].as_str().unwrap()
        })
        .collect();
    let table = fs::read_to_string(fixture()).unwrap();
    let mut header: Vec<&str> = table.lines().next().unwrap().split(',').collect();
    names.sort_unstable();
    header.sort_unstable();
    assert_eq!(names, header);
    assert_eq!((&report["name"], &report["training"]["device"]), (&"es".into(), &"cpu".into()));
    let n = |key: &str| report["training"][key].as_u64().unwrap();
    assert_eq!(n("n_rows_train") + n("n_rows_valid") + report["n_rows_test"].as_u64().unwrap(), 1000);
}

#[test]
fn embed_gives_one_vector_per_row_and_the_same_one_in_a_smaller_table() {
    let path = workshop();
    let all = out(path, "embed v1 early.csv --key age");
    assert_eq!(all.lines().count(), 1001);
    assert!(all.starts_with("age,z0,z1,"));
    let few: String = fs::read_to_string(path.join("early.csv"))
        .unwrap()
        .lines()
        .take(8)
        .fold(String::new(), |text, line| text + line + "\n");
    fs::write(path.join("few.csv"), few).unwrap();
    let few = out(path, "embed v1 few.csv --key age");
    assert!(all.starts_with(&few));
    assert_eq!(side_json(path, "embed v1 early.csv -o vectors.parquet")["n_rows"], 1000);
    let written = fs::metadata(path.join("vectors.parquet")).unwrap().len();
    assert_eq!(
        side_json(path, "embed v1 early.csv --vector-column z --key age -o z.parquet")["n_rows"],
        1000
    );
    assert!(fs::metadata(path.join("z.parquet")).unwrap().len() > written / 2);
    for out in ["", "-o z.csv", "-o -"] {
        let refused = run(path, &format!("embed v1 early.csv --vector-column z {out}"));
        assert_eq!(refused.status.code(), Some(2), "{out}");
        assert!(String::from_utf8_lossy(&refused.stderr).contains("needs a file of Parquet"), "{out}");
    }
    let twice = run(path, "embed v1 early.csv --vector-column age --key age -o z.parquet");
    assert!(String::from_utf8_lossy(&twice.stderr).contains("`age` stands twice"));
    let report = side_json(path, "embed v1 full.csv -o vectors.csv");
    assert_eq!(report["columns"]["ignored_columns"].as_array().unwrap().len(), 1 + LATE.len());
    assert_eq!(fs::read_to_string(path.join("vectors.csv")).unwrap().lines().count(), 1001);
}

#[test]
fn the_first_coordinates_of_a_frozen_child_are_its_parents() {
    let path = workshop();
    let (parent, child) = (out(path, "embed v1 full.csv"), out(path, "embed v2 full.csv"));
    for (parent, child) in parent.lines().zip(child.lines()) {
        assert!(child.starts_with(&format!("{parent},")), "{parent}\n{child}");
    }
}

#[test]
fn predict_gives_probabilities_and_evaluate_scores_the_test_rows() {
    let path = workshop();
    let predicted = out(path, "predict p1 full.csv --key age");
    let mut lines = predicted.lines();
    assert_eq!(lines.next(), Some("age,class,confidence,p_0,p_1"));
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let p: Vec<f64> = cells[3..].iter().map(|c| c.parse().unwrap()).collect();
        assert!((p[0] + p[1] - 1.0).abs() < 1e-9, "{line}");
        assert_eq!(cells[1] == "1", p[1] >= 0.5, "{line}");
    }
    let report = side_json(path, "predict p1 full.csv");
    assert_eq!(report["n_rows"], 1000);
    assert!(report["columns"]["ignored_columns"].as_array().unwrap().len() == LATE.len());

    let fitted = json(path, "inspect p1");
    let scored = json(path, "evaluate p1 full.csv");
    assert_eq!(scored["rows"], "test");
    assert_eq!(scored["scores"], fitted["fit_info"]["scores"], "the scores of the fit, on the same rows");
    let all = run(path, "evaluate p1 full.csv --rows all --format json");
    assert!(String::from_utf8(all.stderr).unwrap().contains("too good"));
    let all: Value = serde_json::from_slice(&all.stdout).unwrap();
    assert_eq!(all["scores"][0]["n"], 1000);
}

#[test]
fn a_threshold_moves_the_line_between_two_classes_and_nothing_else() {
    let path = workshop();
    let cells = |arguments: &str| -> Vec<(String, f64)> {
        let text = out(path, arguments);
        let row = |line: &str| {
            let cells: Vec<&str> = line.split(',').collect();
            (cells[0].to_owned(), cells[3].parse().unwrap())
        };
        text.lines().skip(1).map(row).collect()
    };
    let (usual, strict) = (cells("predict p1 full.csv"), cells("predict p1 full.csv --threshold 0.35"));
    assert!(strict.iter().all(|(class, p)| (class == "1") == (*p >= 0.35)));
    assert!(usual.iter().zip(&strict).all(|(a, b)| a.1 == b.1), "probabilities stay");
    assert_ne!(usual, strict);
    let refused = run(path, "predict p1 full.csv --threshold 1.5");
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("`threshold` is 1.5, allowed is 0 to 1"));
}

#[test]
fn reports_say_how_many_rows_are_copies_and_how_many_have_an_unseen_class() {
    let path = empty("copies");
    fs::copy(workshop().join("p1"), path.join("p1")).unwrap();
    let full = fs::read_to_string(fixture()).unwrap();
    let (header, rows) = full.split_once('\n').unwrap();
    fs::write(path.join("twice.csv"), format!("{header}\n{rows}{rows}")).unwrap();
    let text = out(&path, "evaluate p1 twice.csv --rows all --quiet");
    assert!(text.contains("1000 of 2000 rows repeat another row in every column"), "{text}");
    let score = &json(&path, "evaluate p1 twice.csv --rows all")["scores"][0];
    assert_eq!(
        (&score["n"], &score["n_copies"], &score["n_unseen"]),
        (&2000.into(), &1000.into(), &0.into())
    );

    let odd = full.lines().enumerate().map(|(i, line)| match line.rsplit_once(',') {
        Some((cells, _)) if (1..=50).contains(&i) => format!("{cells},never\n"),
        _ => format!("{line}\n"),
    });
    fs::write(path.join("odd.csv"), odd.collect::<String>()).unwrap();
    let text = out(&path, "evaluate p1 odd.csv --rows all --quiet");
    assert!(
        text.contains("50 of 1000 rows have a class that was not seen in training: scored as wrong"),
        "{text}"
    );
}

/// A folder with `known.csv`, whose latest fifth is its test part: `y` is chance, `early` knows nothing of it,
/// `gift` tells it, `trap` tells it until the test part begins and its opposite from there on. `v1` is a space
/// of `early`, `gifted` and `trapped` are its children with the other columns.
fn known() -> &'static Path {
    static KNOWN: OnceLock<PathBuf> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let path = empty("known");
        let mut state = 7u64;
        let mut chance = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / (1u64 << 31) as f64
        };
        let rows: Vec<[String; 5]> = (0..600)
            .map(|day| {
                let (y, early, noise) = (f64::from(u8::from(chance() > 0.5)), chance(), 0.6 * chance());
                let trap = if day < 480 { y } else { 1.0 - y };
                let [gift, trap] = [y, trap].map(|told| (told + noise).to_string());
                [day.to_string(), early.to_string(), gift, trap, format!("class {y}")]
            })
            .collect();
        for (name, keep) in
            [("early", [0, 1, 4].as_slice()), ("gift", &[0, 1, 2, 4]), ("trap", &[0, 1, 3, 4])]
        {
            let line = |cells: &[&str]| keep.iter().map(|i| cells[*i]).collect::<Vec<_>>().join(",") + "\n";
            let mut text = line(&["day", "early", "gift", "trap", "y"]);
            rows.iter().for_each(|row| text += &line(&row.each_ref().map(String::as_str)));
            fs::write(path.join(format!("{name}.csv")), text).unwrap();
        }
        out(&path, "train early.csv --ignore y --ignore day --split-time day -o v1 --epochs 3");
        for name in ["gift", "trap"] {
            out(&path, &format!("extend v1 {name}.csv --ignore y --ignore day -o with_{name} --epochs 5"));
        }
        path
    })
}

/// What the verdicts have to be follows from how the tables were made.
#[test]
fn compare_answers_by_its_exit_code() {
    let path = known();
    for (arguments, verdict, code) in [
        ("compare v1 with_gift gift.csv", "better", 0),
        ("compare with_gift v1 gift.csv", "worse", 1),
        ("compare v1 with_gift gift.csv --cross-fit", "better", 0),
        ("compare v1 with_trap trap.csv", "worse", 1),
        ("compare with_trap v1 trap.csv", "better", 0),
    ] {
        let arguments = format!("{arguments} --target y --epochs 30 --n-networks 2 --format json --quiet");
        let output = run(path, &arguments);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["difference"]["verdict"], verdict, "`{arguments}`: {report}");
        assert_eq!(output.status.code(), Some(code), "`{arguments}`");
    }
    let path = workshop();
    let report = json(path, "compare v1 v2 full.csv --target default --epochs 1 --n-networks 2");
    assert_eq!(report["spaces"]["drift"]["max_cosine_distance"], 0.0, "a frozen child does not drift");
    let report = json(path, "compare p1 p1 full.csv");
    ["a", "b", "target"].iter().for_each(|key| assert!(!report[key].is_null(), "{report}"));
    assert_eq!(report["difference"]["verdict"], "no_difference");
}

/// A predictor of shuffled targets is worse than one of the true ones, beyond chance.
#[test]
fn compare_says_no_when_the_second_one_is_worse() {
    let path = workshop();
    let full = fs::read_to_string(path.join("full.csv")).unwrap();
    let wrong = full.lines().map(|line| match line.rsplit_once(',') {
        Some((cells, "0")) => format!("{cells},1\n"),
        Some((cells, "1")) => format!("{cells},0\n"),
        _ => format!("{line}\n"),
    });
    fs::write(path.join("wrong.csv"), wrong.collect::<String>()).unwrap();
    out(path, "predictor v2 full.csv --target default -o right --epochs 12 --n-networks 2");
    out(path, "predictor v2 wrong.csv --target default -o wrong --epochs 12 --n-networks 2");
    assert_eq!(run(path, "compare right wrong full.csv").status.code(), Some(1));
    assert_eq!(run(path, "compare wrong right full.csv").status.code(), Some(0));
}

#[test]
fn a_graft_that_has_to_prove_itself_answers_by_its_exit_code() {
    let path = known();
    for (column, is_refused) in [("gift", false), ("trap", true)] {
        let output = run(
            path,
            &format!(
                "extend v1 {column}.csv --ignore day -o judged --epochs 5 --keep if-not-worse --target y \
                 --format json --quiet"
            ),
        );
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(i32::from(is_refused)), "{column}: {report}");
        assert_eq!(report["kept"], !is_refused);
        let judgement = &report["extension"]["judgement"];
        assert_eq!(judgement["difference"]["verdict"], if is_refused { "worse" } else { "better" });
        assert_eq!(judgement["new_columns"][0]["column"], column);
        let card = json(path, "inspect judged");
        assert_eq!(card["refused_extensions"].as_array().unwrap().len(), usize::from(is_refused));
        assert_eq!(card["extensions"].as_array().unwrap().len(), usize::from(!is_refused));
    }
}

#[test]
fn split_tells_parts_and_new_rows_are_all_scored_with_the_reason() {
    let (path, dir) = (workshop(), tempfile::tempdir().unwrap());
    let full = fs::read_to_string(path.join("full.csv")).unwrap();
    let (head, rows) = full.split_once('\n').unwrap();
    // Credits of half the amount and of people a year older: rows that nobody was trained on.
    let place = |name: &str| head.split(',').position(|column| column == name).unwrap();
    let (amount, age) = (place("credit_amount"), place("age"));
    let next: String = rows
        .lines()
        .take(300)
        .map(|row| {
            let mut cells: Vec<String> = row.split(',').map(str::to_owned).collect();
            for (i, by) in [(amount, 7), (age, 1)] {
                cells[i] = (cells[i].parse::<u64>().unwrap() + by).to_string();
            }
            cells.join(",") + "\n"
        })
        .collect();
    fs::write(dir.path().join("next.csv"), format!("{head}\n{next}")).unwrap();
    let at = |name: &str| path.join(name).display().to_string();
    let split = out(dir.path(), &format!("split {} {} --key age", at("v1"), at("full.csv")));
    assert_eq!(split.lines().next(), Some("age,part,known"));
    assert_eq!(split.lines().filter(|line| line.ends_with(",whole")).count(), 1000);
    let n_test = split.lines().filter(|line| line.contains(",test,")).count();
    let own = json(path, "evaluate p1 full.csv");
    assert_eq!(own["n_rows_scored"], n_test);
    let ran = run(dir.path(), &format!("evaluate {} next.csv --format json", at("p1")));
    let (told, report) = (String::from_utf8(ran.stderr).unwrap(), ran.stdout);
    let report: Value = serde_json::from_slice(&report).unwrap();
    assert!(told.contains("known to `p1`"), "{told}");
    assert!(report["n_rows_scored"].as_u64().unwrap() > 200, "{report}");
}

#[test]
fn a_cell_that_cannot_be_read_ends_a_command_or_on_request_is_missing_and_counted() {
    let (path, dir) = (workshop(), tempfile::tempdir().unwrap());
    let full = fs::read_to_string(path.join("full.csv")).unwrap();
    let place = full.lines().next().unwrap().split(',').position(|column| column == "age").unwrap();
    let with = |cell: &str| -> String {
        let line = |(row, line): (usize, &str)| {
            let mut cells: Vec<&str> = line.split(',').collect();
            if row == 3 || row == 5 {
                cells[place] = cell;
            }
            cells.join(",") + "\n"
        };
        full.lines().enumerate().map(line).collect()
    };
    fs::write(dir.path().join("broken.csv"), with("old")).unwrap();
    fs::write(dir.path().join("empty.csv"), with("")).unwrap();
    let at = |name: &str| path.join(name).display().to_string();
    for command in [format!("embed {}", at("v1")), format!("predict {}", at("p1"))] {
        let failed = run(dir.path(), &format!("{command} broken.csv"));
        assert_eq!(failed.status.code(), Some(2));
        let told = String::from_utf8(failed.stderr).unwrap();
        assert!(told.contains("column `age`, line 4: `old` is not a number"), "{told}");
        // A key stays as it is written.
        let (found, told) = done(dir.path(), &format!("{command} broken.csv --errors missing --key age"));
        assert!(told.contains("column `age`: 2 of 1000 cells cannot be read as a number"), "{told}");
        let wanted = out(dir.path(), &format!("{command} empty.csv --key age"));
        let line = |text: &str, row: usize| text.lines().nth(row).unwrap().to_owned();
        assert_eq!(line(&found, 3), format!("old{}", line(&wanted, 3)));
        assert_eq!(line(&found, 4), line(&wanted, 4));
        let report = side_json(dir.path(), &format!("{command} broken.csv --errors missing"));
        let unreadable = &report["unreadable"][0];
        assert_eq!((&unreadable["name"], &unreadable["kind"]), (&"age".into(), &"numeric".into()));
        assert_eq!((&unreadable["n_unreadable"], &unreadable["row_idx"]), (&2.into(), &2.into()));
        assert_eq!(unreadable["example"], "old");
    }
    let evaluate = format!("evaluate {} --rows all", at("p1"));
    assert_eq!(run(dir.path(), &format!("{evaluate} broken.csv")).status.code(), Some(2));
    let broken = json(dir.path(), &format!("{evaluate} broken.csv --errors missing"));
    let empty = json(dir.path(), &format!("{evaluate} empty.csv"));
    assert_eq!(broken["scores"], empty["scores"]);
    assert_eq!(
        (broken["unreadable"][0]["n_unreadable"].as_u64(), &empty["unreadable"]),
        (Some(2), &Value::Array(vec![]))
    );
}

/// A table of more rows than are read at a time: a space and a predictor of it, and its files in parts.
#[test]
fn tables_in_parts_are_embedded_and_predicted_as_one_file_is() {
    let path = &empty("parts");
    let row = |i: u64| {
        let x = (i * 7919 % 10_007) as f64 / 100.0;
        format!("{i},{x},{},{}\n", ["a", "b", "c"][(i % 3) as usize], u8::from(x > 50.0))
    };
    let rows = |range: std::ops::Range<u64>| "id,x,c,y\n".to_owned() + &range.map(row).collect::<String>();
    fs::write(path.join("few.csv"), rows(0..600)).unwrap();
    fs::write(path.join("all.csv"), rows(0..20_000)).unwrap();
    fs::create_dir_all(path.join("parts")).unwrap();
    for (i, range) in [0..9_000, 9_000..9_001, 9_001..20_000].into_iter().enumerate() {
        fs::write(path.join(format!("parts/part-{i}.csv")), rows(range)).unwrap();
    }
    done(path, "train few.csv -o v1 --ignore y --ignore id --epochs 1 --d-model 16 -q");
    done(path, "predictor v1 few.csv --target y -o p1 --epochs 1 --n-networks 1 -q");
    for command in ["embed v1", "predict p1"] {
        let whole = out(path, &format!("{command} all.csv --key id"));
        assert_eq!(whole.lines().count(), 20_001);
        for parts in ["parts", "parts/part-?.csv"] {
            assert!(out(path, &format!("{command} {parts} --key id")) == whole, "{command} {parts}");
        }
        done(path, &format!("{command} parts --key id -o out.parquet -q"));
        done(path, &format!("{command} all.csv --key id -o out.csv.gz -q"));
        let report = side_json(path, &format!("{command} parts -o out.csv"));
        assert_eq!(report["n_rows"], 20_000);
    }
    // Of what a later part spoils nothing is written, and the row is named in its file.
    fs::write(path.join("parts/part-3.csv"), "id,x,c,y\n20000,abc,a,1\n").unwrap();
    let before = fs::read(path.join("out.csv")).unwrap();
    let failed = run(path, "embed v1 parts -o out.csv");
    let stderr = String::from_utf8(failed.stderr).unwrap();
    assert_eq!(failed.status.code(), Some(2));
    assert!(stderr.contains("part-3.csv`: column `x`, line 2: `abc`"), "{stderr}");
    assert!(fs::read(path.join("out.csv")).unwrap() == before);
    let report = side_json(path, "embed v1 parts -o out.csv --errors missing");
    assert_eq!(report["unreadable"][0]["n_unreadable"], 1);
    assert_eq!((&report["unreadable"][0]["line"], &report["n_rows"]), (&2.into(), &20_001.into()));
}
