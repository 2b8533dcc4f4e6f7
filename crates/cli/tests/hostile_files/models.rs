//! Model files that claim more than they hold.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use serde_json::{Value, json};
use tabgraft_model::store::{self, Container};
use tabgraft_model::train::quiet;
use tabgraft_model::{
    EmbeddingSpace, FitOptions, Lineage, Predictor, PredictorOptions, Registry, TrainingOptions,
};
use tabgraft_table::Table;
use tabgraft_table::read::{ReadOptions, read_csv_bytes};
use tabgraft_table::row_filter::RowFilter;

use super::{Random, alone, folder, meter, refused};

/// A small table with a target.
pub fn table() -> Table {
    let rows = (0..200).map(|i| format!("{},{},{}\n", i * 37 % 101, ["a", "b", "c"][i % 3], i % 2));
    let csv = "size,color,target\n".to_owned() + &rows.collect::<String>();
    read_csv_bytes(csv.as_bytes(), "t.csv", &ReadOptions::default()).unwrap()
}

/// A space of that table without the target, and a predictor of it.
pub fn models() -> (EmbeddingSpace, Predictor) {
    let mut options = FitOptions { name: "v1".to_owned(), ..FitOptions::default() };
    options.config.d_model = 8;
    options.config.training.n_epochs = Some(1);
    options.infer.ignore = vec!["target".to_owned()];
    let space = EmbeddingSpace::fit(&table(), None, &options, &mut quiet).unwrap();
    let options = PredictorOptions { n_networks: Some(2), n_epochs: 1, ..PredictorOptions::default() };
    let predictor = Predictor::fit(&space, &table(), "target", &options, &mut quiet).unwrap();
    (space, predictor)
}

/// The file of a container whose manifest was changed by someone who mends every hash.
fn forged(bytes: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let (mut container, _) = store::from_bytes(bytes).unwrap();
    change(&mut container.manifest);
    store::to_bytes(&container).unwrap()
}

/// A file of this header's text, which nobody has checked.
fn raw(header: &str) -> Vec<u8> {
    let mut text = header.as_bytes().to_vec();
    text.resize(text.len().next_multiple_of(8), b' ');
    [&(text.len() as u64).to_le_bytes()[..], &text].concat()
}

/// What a forger changes.
type Change = fn(&mut Value);

fn widest(config: &mut Value) {
    config["d_model"] = json!(4096);
    config["n_blocks"] = json!(8);
    config["expansion"] = json!(8);
}

/// Says that networks alone predict, whatever the fit chose.
fn by_networks(manifest: &mut Value) {
    manifest["fit_info"]["share_of_trees"] = json!(0.0);
    manifest["fit_info"]["share_of_linear"] = json!(0.0);
    manifest["fit_info"]["best_epochs"] = json!([1, 1]);
}

const OUTGROWN: &str = "the manifest describes a network of more weights than the";

#[test]
fn a_model_file_that_claims_much_is_refused_at_the_cost_of_its_size() {
    let _turn = alone();
    let (space, predictor) = models();
    let (space, predictor) = (space.to_bytes().unwrap(), predictor.to_bytes().unwrap());
    let spaces: [(&str, &str, Change); 6] = [
        ("the file itself", "", |_| {}),
        ("the widest network", OUTGROWN, |m| widest(&mut m["config"])),
        ("one wide side", OUTGROWN, |m| {
            m["wiring"] =
                json!([m["wiring"][0], {"group": "side", "n_columns": 0, "d_side": 60_000, "reads": [0]}]);
        }),
        ("thirty thousand sides", "the manifest describes 30000 token groups", |m| {
            let side = json!({"group": "side", "n_columns": 0, "d_side": 1, "reads": [0]});
            let mut wiring = vec![m["wiring"][0].clone()];
            wiring.resize(30_000, side);
            m["wiring"] = Value::Array(wiring);
        }),
        ("a billion planned epochs", "option `n_epochs` is 1000000000", |m| {
            m["planned_epochs"] = json!(1_000_000_000);
        }),
        ("a billion rows a step", "option `batch_size` is 1000000000", |m| {
            m["batch_size"] = json!(1_000_000_000);
        }),
    ];
    for (name, wanted, change) in spaces {
        let bytes = forged(&space, change);
        refused(name, bytes.len(), wanted, || EmbeddingSpace::from_bytes(&bytes));
    }
    let predictors: [(&str, &str, Change); 4] = [
        ("a predictor itself", "", |_| {}),
        ("a predictor on the widest network", OUTGROWN, |m| {
            by_networks(m);
            widest(&mut m["space"]["config"]);
        }),
        ("a predictor of 300,000 classes", OUTGROWN, |m| {
            by_networks(m);
            m["target"]["classes"] = (0..300_000).map(|i| json!(i.to_string())).collect();
        }),
        ("a predictor of 300,000 networks", "is absent", |m| {
            by_networks(m);
            m["fit_info"]["best_epochs"] = vec![json!(1); 300_000].into();
        }),
    ];
    for (name, wanted, change) in predictors {
        let bytes = forged(&predictor, change);
        refused(name, bytes.len(), wanted, || Predictor::from_bytes(&bytes));
    }
}

/// Of a training on a million rows, the file is mostly the rows that the model remembers: three sets of them.
#[test]
fn a_file_that_is_mostly_remembered_rows_is_read_at_four_times_its_size() {
    let _turn = alone();
    let mut random = Random(7);
    let rows = json!(RowFilter::of((0..3_000_000).map(|_| random.next())));
    let remembering = |rows: &Value| {
        forged(&models().0.to_bytes().unwrap(), |m| {
            m["rows"]["whole"]["rows"] = rows.clone();
            m["hashes"]["rows"] = json!(store::json_hash(&m["rows"]));
        })
    };
    let whole = remembering(&rows);
    let path = folder("mostly_rows").join("m.tabgraft");
    fs::write(&path, &whole).unwrap();
    for (what, read) in [
        ("load", (|path| EmbeddingSpace::load(path).map(drop)) as fn(&std::path::Path) -> _),
        ("verify", |path| tabgraft_model::lineage::verify_file(path, None).map(drop)),
    ] {
        let (outcome, peak) = meter::peak(|| read(&path));
        println!("{what}: {} bytes, {peak} peak, {:.2} times", whole.len(), peak as f64 / whole.len() as f64);
        outcome.unwrap();
        assert!(
            whole.len() > 7_000_000 && peak <= 4 * whole.len() + (1 << 20),
            "{what}: {peak} bytes at once"
        );
    }
}

#[test]
fn a_header_that_is_full_of_little_things_is_refused_at_the_cost_of_its_size() {
    let _turn = alone();
    let listed = |item: &str, n: usize| format!("{item},").repeat(n - 1) + item;
    let envelope = |manifest: &str| {
        let text = format!(r#"{{"kind":"embedding_space","manifest":{manifest}}}"#);
        format!(r#"{{"__metadata__":{{"tabgraft":{}}}}}"#, Value::from(text))
    };
    let place = r#"{"dtype":"F32","shape":[],"data_offsets":[0,0]}"#;
    let numbered =
        |n: usize, item: &str| (0..n).map(|i| format!(r#""{i}":{item}"#)).collect::<Vec<_>>().join(",");
    for (name, header, wanted) in [
        (
            "ten million lists",
            envelope(&format!("[{}]", listed("[]", 10_000_000))),
            "values, which are allowed",
        ),
        (
            "three million objects",
            envelope(&format!("[{}]", listed("{}", 3_000_000))),
            "values, which are allowed",
        ),
        (
            "two million keys",
            envelope(&format!("{{{}}}", numbered(2_000_000, "0"))),
            "values, which are allowed",
        ),
        ("lists that are allowed", envelope(&format!("[{}]", listed("[]", 300_000))), "lacks the text"),
        ("300,000 tensors", format!("{{{}}}", numbered(300_000, place)), "more than 100000 tensors"),
        (
            "a tensor of ten million sizes",
            format!(
                r#"{{"a":{{"dtype":"F32","shape":[{}],"data_offsets":[0,0]}}}}"#,
                listed("1", 10_000_000)
            ),
            "a list of at most 64 sizes",
        ),
        (
            "a million words beside the envelope",
            format!(r#"{{"__metadata__":{{{}}}}}"#, numbered(1_000_000, r#""""#)),
            "a safetensors file that tabgraft did not write",
        ),
    ] {
        let bytes = raw(&header);
        drop(header);
        refused(name, bytes.len(), wanted, || store::from_bytes(&bytes));
    }
}

#[test]
fn a_long_lineage_is_refused_and_a_long_name_is_drawn() {
    let _turn = alone();
    let folder = folder("hostile_lineage");
    let (space, _) = models();
    let entry = {
        let late: ArrayRef = Arc::new(Int64Array::from_iter_values((0..200).map(|i| i % 7)));
        let all = table().with_column("late", late).unwrap();
        let options =
            tabgraft_model::ExtendOptions { training: TrainingOptions::of_epochs(1), ..Default::default() };
        let child = space.extend(&all, None, &options, &mut quiet).unwrap();
        child.to_bytes().unwrap()
    };
    let long = forged(&entry, |m| {
        let hashes = m["extensions"][0]["parent"].clone();
        let hash = |i: usize| {
            let mut hashes = hashes.clone();
            hashes["weights"] = json!(format!("{i:064x}"));
            json!({"name": "p", "hashes": hashes, "line": []})
        };
        m["extensions"][0]["other_parents"] = (0..20_000).map(hash).collect();
    });
    refused("20,000 other parents", long.len(), "its lineage has 20001 steps, at most 1000", || {
        EmbeddingSpace::from_bytes(&long)
    });
    let path = folder.join("long.tabgraft");
    fs::write(&path, &long).unwrap();
    refused("20,000 other parents, drawn", long.len(), "20001 steps, at most 1000", || Lineage::read(&path));
    let named = forged(&entry, |m| m["name"] = json!("n".repeat(1_000_000)));
    fs::write(&path, &named).unwrap();
    refused("a name of a million characters", named.len(), "", || {
        let lineage = Lineage::read(&path)?;
        assert!(lineage.tree().contains("nnnn") && lineage.svg().contains("nnnn"));
        Ok(())
    });
}

#[test]
fn a_registry_is_read_at_the_cost_of_its_size() {
    let _turn = alone();
    let folder = folder("hostile_registry");
    let path = folder.join("registry.json");
    for (name, content, wanted) in [
        (
            "an empty registry",
            r#"{"format_version":1,"current":null,"versions":[],"events":[]}"#.to_owned(),
            "",
        ),
        (
            "a registry of ten million lists",
            format!(
                r#"{{"format_version":1,"current":null,"versions":[{}],"events":[]}}"#,
                "[],".repeat(10_000_000)
            ),
            "registry.json",
        ),
        (
            "a registry that is deep",
            format!(r#"{{"format_version":1,"current":{}"#, "[".repeat(10_000_000)),
            "registry.json",
        ),
    ] {
        fs::write(&path, &content).unwrap();
        refused(name, content.len(), wanted, || Registry::open(&folder)?.versions().map(drop));
    }
}

/// Every container that is saved is one that loads.
#[test]
fn a_manifest_of_more_values_than_load_is_not_saved() {
    let _turn = alone();
    let manifest = json!({"lists": vec![json!([]); 1_100_000]});
    let container = Container { kind: "embedding_space".to_owned(), manifest, tensors: BTreeMap::new() };
    let error = store::to_bytes(&container).err().unwrap();
    assert!(error.is_malformed() && error.to_string().contains("values, which are allowed"), "{error}");
}
