//! A registry is followed: no request is lost, and none is answered by two versions.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tabgraft_model::{ModelFile, Registry};
use tabgraft_serve::{Event, ServeOptions, ServedModel};

use crate::client::Client;
use crate::models::{FILES, Running, load, read_like, row, start};

fn serve_registry(dir: &Path) -> Running {
    let models = vec![ServedModel { name: "risk".into(), path: dir.to_owned() }];
    start(ServeOptions { models, ..ServeOptions::default() })
}

/// Waits until something is so.
fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < until, "{what} did not come");
        thread::sleep(Duration::from_millis(20));
    }
}

fn told(name: &str, rows: &[Value]) -> Vec<f64> {
    let model = load(&FILES.path(name));
    let table = read_like(&model, rows);
    let ModelFile::Predictor(predictor) = model else { panic!("no predictor") };
    predictor.predict(&table).unwrap().values
}

#[test]
fn promote_and_rollback_lose_no_request_and_mix_none() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::create(dir.path()).unwrap();
    for name in ["yes_no", "yes_no_late"] {
        registry.add(&FILES.path(name), "").unwrap();
    }
    registry.promote("yes_no", "").unwrap();
    let running = serve_registry(dir.path());
    let address = running.address;
    let rows: Vec<Value> = (0..20)
        .map(|i| {
            let mut row = row(i);
            row["late"] = json!(i * 613 % 97);
            row
        })
        .collect();
    let expected: Vec<(String, Vec<f64>)> = ["yes_no", "yes_no_late"]
        .map(|name| (FILES.predictor(name).id().as_str().to_owned(), told(name, &rows)))
        .to_vec();
    assert_ne!(expected[0].1, expected[1].1, "the versions say the same");
    let is_over = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (rows, expected, is_over) = (rows.clone(), expected.clone(), is_over.clone());
            thread::spawn(move || {
                let mut client = Client::to(address);
                let mut n_of = [0, 0];
                while !is_over.load(Ordering::Relaxed) {
                    let reply = client.post("/models/risk/predict", &json!({ "rows": rows }));
                    assert_eq!(reply.status, 200, "{}", reply.text());
                    let document = reply.json();
                    let which = expected.iter().position(|(id, _)| document["version"] == *id).unwrap();
                    n_of[which] += 1;
                    let values: Vec<f64> = document["predictions"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .flat_map(|p| p["probabilities"].as_object().unwrap().values())
                        .map(|v| v.as_f64().unwrap())
                        .collect();
                    assert_eq!(values, expected[which].1, "version {which}");
                }
                n_of
            })
        })
        .collect();
    let mut client = Client::to(address);
    let mut now = || client.get("/v2/models/risk").json()["parameters"]["name"].clone();
    for _ in 0..3 {
        registry.promote("yes_no_late", "").unwrap();
        wait_for("the promoted version", || now() == "yes_no_late");
        registry.rollback("").unwrap();
        wait_for("the version before", || now() == "yes_no");
    }
    is_over.store(true, Ordering::Relaxed);
    let counts: Vec<[usize; 2]> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    for which in 0..2 {
        assert!(counts.iter().map(|n| n[which]).sum::<usize>() > 0, "version {which} never answered");
    }
    let events = running.told.lock().unwrap();
    let n_switches = events.iter().filter(|e| matches!(e, Event::Serving { before: Some(_), .. })).count();
    assert_eq!(n_switches, 6);
}

#[test]
fn every_version_of_a_registry_answers_by_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::create(dir.path()).unwrap();
    for name in ["yes_no", "yes_no_late", "v1"] {
        registry.add(&FILES.path(name), "").unwrap();
    }
    registry.promote("yes_no", "").unwrap();
    let running = serve_registry(dir.path());
    let mut client = Client::to(running.address);
    let rows = [row(1)];
    for name in ["yes_no_late", "yes_no", "yes_no_late"] {
        let reply = client.post(&format!("/models/risk/versions/{name}/predict"), &json!({ "rows": rows }));
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.json()["name"], name);
    }
    let id = FILES.space("v1").id();
    let reply = client.post(&format!("/models/risk/versions/{}/embed", id.short()), &json!({ "rows": rows }));
    assert_eq!(reply.json()["version"], id.as_str());
    let reply = client.post("/models/risk/versions/none/predict", &json!({ "rows": rows }));
    assert_eq!(reply.status, 404, "{}", reply.text());
    assert_eq!(client.get("/v2/models/risk").json()["versions"].as_array().unwrap().len(), 3);
}

#[test]
fn a_registry_without_a_current_version_becomes_ready_when_it_has_one() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::create(dir.path()).unwrap();
    registry.add(&FILES.path("yes_no"), "").unwrap();
    let running = serve_registry(dir.path());
    let mut client = Client::to(running.address);
    assert_eq!(client.get("/v2/health/live").status, 200);
    for path in ["/v2/health/ready", "/v2/models/risk/ready"] {
        let reply = client.get(path);
        assert_eq!((reply.status, reply.json()["ready"].clone()), (503, json!(false)));
    }
    let reply = client.post("/models/risk/predict", &json!({ "rows": [row(0)] }));
    assert_eq!(reply.status, 503);
    assert!(reply.header("retry-after").is_some());
    registry.promote("yes_no", "").unwrap();
    wait_for("readiness", || client.get("/v2/health/ready").status == 200);
    assert_eq!(client.post("/models/risk/predict", &json!({ "rows": [row(0)] })).status, 200);
}

#[test]
fn a_version_whose_file_was_damaged_is_not_served_and_the_old_one_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::create(dir.path()).unwrap();
    for name in ["yes_no", "yes_no_late"] {
        registry.add(&FILES.path(name), "").unwrap();
    }
    registry.promote("yes_no", "").unwrap();
    let running = serve_registry(dir.path());
    let late = registry.find("yes_no_late").unwrap();
    let path = registry.path(&late);
    registry.promote("yes_no_late", "").unwrap();
    registry.rollback("").unwrap();
    thread::sleep(Duration::from_millis(500));
    // Promoted by somebody who does not look at it: a record from before the damage comes back.
    registry.promote("yes_no_late", "").unwrap();
    let record = std::fs::read(dir.path().join("registry.json")).unwrap();
    registry.rollback("").unwrap();
    drop(running);
    let running = serve_registry(dir.path());
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    std::fs::write(dir.path().join("registry.json"), record).unwrap();
    let refused = || running.told.lock().unwrap().iter().any(|e| matches!(e, Event::NotServed { .. }));
    wait_for("the refusal", refused);
    let reply = Client::to(running.address).post("/models/risk/predict", &json!({ "rows": [row(0)] }));
    assert_eq!((reply.status, reply.json()["name"].clone()), (200, json!("yes_no")));
}
