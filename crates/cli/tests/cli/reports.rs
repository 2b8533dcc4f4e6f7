//! Pages of models, of two, of a folder, of features: told by content, written whole, with their facts as JSON.

use super::*;

#[test]
fn a_page_of_whatever_is_given() {
    let path = workshop();
    for (arguments, kind, said) in [
        ("v1", "embedding_space", "embedding space of"),
        ("v2 full.csv", "embedding_space", "Map of the rows"),
        ("p1", "predictor", "Scores that the file remembers"),
        ("p2 full.csv", "predictor", "Calibration"),
        ("p2 full.csv", "predictor", "p2 has no networks, whose vectors would place rows"),
        ("v1 v2", "pair", "2 more columns"),
        ("p1 p2 full.csv", "pair", "Which one is better"),
    ] {
        let html = out(path, &format!("report {arguments} --quiet"));
        assert!(html.starts_with("<!DOCTYPE html>") && html.trim_end().ends_with("</html>"), "{arguments}");
        assert!(html.contains(said), "`{arguments}`: {said}");
        assert!(html.len() < 1_000_000);
        let facts = json(path, &format!("report {arguments}"));
        assert_eq!((&facts["kind"], &facts["format_version"]), (&kind.into(), &1.into()), "{arguments}");
    }
    out(path, "report p2 full.csv -o page.html --quiet");
    let written = fs::read_to_string(path.join("page.html")).unwrap();
    assert_eq!(written, out(path, "report p2 full.csv --quiet"), "stdout and a file get the same bytes");
    let facts = json(path, "report p2 full.csv");
    let judged = json(path, "report v2 full.csv --target default");
    let worth = &judged["models"][0]["worth"];
    assert_eq!(
        (&worth["by"], &judged["models"][0]["map"]["coloured_by"]),
        (&"score".into(), &"default".into())
    );
    out(path, "predictor v1 full.csv --target default -o placed --n-networks 2 --effort best");
    // A predictor's rows by its network: coloured by the truth, by a column of choice, or by what is predicted.
    let coloured = |arguments: &str| {
        let facts = json(path, &format!("report {arguments}"));
        let map = &facts["models"][0]["map"];
        assert_eq!(map["points"].as_array().unwrap().len(), 1000, "{arguments}");
        assert_eq!(map["by"], "vectors", "{arguments}");
        let groups = map["groups"].as_array().unwrap().len();
        (map["name"].as_str().unwrap().to_owned(), map["coloured_by"].as_str().unwrap().to_owned(), groups)
    };
    let is = |name: &str, column: &str, n| (name.to_owned(), column.to_owned(), n);
    assert_eq!(coloured("placed full.csv"), is("placed", "default", 2));
    assert_eq!(coloured("placed full.csv --colour-by age"), is("placed", "age", 4));
    // The target is the last column.
    let early = fs::read_to_string(path.join("early.csv")).unwrap();
    let bare = early.lines().filter_map(|line| Some(line.rsplit_once(',')?.0.to_owned() + "\n"));
    fs::write(path.join("bare.csv"), bare.collect::<String>()).unwrap();
    assert_eq!(coloured("placed bare.csv"), is("placed", "the predicted default", 2));
    // One without networks places the rows that it explains by their reasons.
    out(path, "predictor v1 full.csv --target default -o trees --effort quick");
    for (table, column) in [("full.csv", "default"), ("bare.csv", "the predicted default")] {
        let facts = json(path, &format!("report trees {table}"));
        let (map, worth) = (&facts["models"][0]["map"], &facts["models"][0]["worth"]);
        assert_eq!((&map["by"], &map["name"]), (&"contributions".into(), &"trees".into()));
        assert_eq!(map["coloured_by"], column);
        assert_eq!(map["points"].as_array().unwrap().len(), worth["n_rows"].as_u64().unwrap() as usize);
        let held: Vec<f64> = map["explained"].as_array().unwrap().iter().filter_map(Value::as_f64).collect();
        assert!(held[0] >= held[1] && held[1] > 0.0 && held[0] + held[1] > 0.3, "{held:?}");
    }
    let refused = run(path, "report placed full.csv --colour-by nothing");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("nothing"), "{refused:?}");
    let ranking = json(path, "rank v2 full.csv --target default --max-rows 1000");
    let dearest = ranking["columns"].as_array().unwrap().last().unwrap();
    assert_eq!(worth["columns"][0]["column"], dearest["name"]);
    let scores = json(path, "evaluate p2 full.csv");
    assert_eq!(facts["models"][0]["evaluation"]["scores"], scores["scores"]);
    assert_eq!(facts["models"][0]["evaluation"]["reliability"], scores["reliability"]);
}

#[test]
fn a_page_of_a_folder_and_of_features() {
    let (path, folder) = (workshop(), empty("reported"));
    for name in ["v1", "v2", "p1"] {
        fs::copy(path.join(name), folder.join(name)).unwrap();
    }
    assert!(out(&folder, "report .").contains("2 spaces and 1 predictor"));
    out(&folder, "registry registered add v1");
    out(&folder, "registry registered promote v1");
    assert!(out(&folder, "report registered").contains("(current)"));
    fs::copy(path.join("early.csv"), folder.join("early.csv")).unwrap();
    fs::copy(path.join("full.csv"), folder.join("full.csv")).unwrap();
    out(&folder, "discover v1 full.csv --target default --budget 3 --out-dir found");
    for what in ["found", "found/feature_suggestion_history.json", "found/feature_effectiveness.json"] {
        assert_eq!(json(&folder, &format!("report {what}"))["kind"], "features", "{what}");
    }
    let html = out(&folder, "report found");
    assert!(html.contains("The newest search, for default") && html.contains("candidates were tried"));
    assert!(out(&folder, "report found/suggested_features.json").contains("not judged"));
    // What was damaged is said with exit code 1.
    let mut bytes = fs::read(folder.join("v1")).unwrap();
    let last = bytes.len() - 2;
    bytes[last] ^= 1;
    fs::write(folder.join("v1"), bytes).unwrap();
    let output = run(&folder, "report . -o broken.html");
    assert_eq!(output.status.code(), Some(1));
    assert!(fs::read_to_string(folder.join("broken.html")).unwrap().contains("does not verify"));
}

#[test]
fn a_page_that_cannot_be_had_says_why() {
    let path = workshop();
    for (arguments, word) in [
        ("report absent", "absent"),
        ("report full.csv", "full.csv"),
        ("report v1 p1", "a space and a predictor"),
        ("report v1 v2 p1", "report FOLDER"),
        ("report v1 full.csv early.csv", "no model"),
        ("report p1 full.csv --target default", "is for spaces"),
        ("report v1 full.csv --colour-by nothing", "nothing"),
        ("report v1 full.csv --max-rows 3", "10 or more"),
        ("report v1 -o v1", "input"),
    ] {
        let output = run(path, arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "`{arguments}`: {stderr}");
        assert!(output.stdout.is_empty() && stderr.contains(word), "`{arguments}`: {stderr}");
    }
}
