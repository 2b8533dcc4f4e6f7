//! What a registry promises: any number of writers, none loses an event, no crash breaks it.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array};
use tabgraft_model::registry::{Action, Event};
use tabgraft_model::train::quiet;
use tabgraft_model::{EmbeddingSpace, FitOptions, ModelFile, Registry, store};
use tabgraft_table::Table;

/// An untrained space, for what is kept does not depend on how good it is.
fn space(name: &str, seed: u64) -> EmbeddingSpace {
    let column =
        |f: &dyn Fn(usize) -> f64| -> ArrayRef { Arc::new(Float64Array::from_iter_values((0..60).map(f))) };
    let table =
        Table::from_columns([("a", column(&|i| i as f64)), ("b", column(&|i| (i * i % 17) as f64))]).unwrap();
    let mut options = FitOptions { name: name.into(), ..FitOptions::default() };
    options.config.d_model = 8;
    options.config.training.seed = seed;
    EmbeddingSpace::untrained(&table, None, &options, &mut quiet).unwrap()
}

fn bytes(name: &str, seed: u64) -> Vec<u8> {
    space(name, seed).to_bytes().unwrap()
}

/// A registry with versions of these names, the first one with seed 1.
fn registry(dir: &Path, names: &[&str]) -> Registry {
    let registry = Registry::create(dir).unwrap();
    for (i, name) in names.iter().enumerate() {
        registry.add_bytes(&bytes(name, i as u64 + 1), "").unwrap();
    }
    registry
}

fn current(registry: &Registry) -> Option<String> {
    registry.current().unwrap().map(|v| v.name)
}

#[test]
fn promote_and_rollback_walk_the_line_of_promotions() {
    let dir = tempfile::tempdir().unwrap();
    let registry = registry(dir.path(), &["a", "b", "c"]);
    assert_eq!(current(&registry), None);
    let error = registry.rollback("").unwrap_err();
    assert!(error.is_value() && error.hint().is_some(), "{error}");
    registry.promote("a", "first").unwrap();
    let error = registry.rollback("").unwrap_err();
    assert!(error.to_string().contains("`a`") && error.hint().is_some(), "{error}");
    registry.promote("b", "").unwrap();
    registry.promote("b", "again, which is nothing").unwrap();
    assert_eq!(registry.rollback("scores fell").unwrap().name, "a");
    registry.promote("c", "").unwrap();
    // `b` was rolled back: what was current before `c` is `a`.
    assert_eq!(registry.rollback("").unwrap().name, "a");
    assert!(registry.rollback("").is_err());
    let history = registry.history().unwrap();
    let actions: Vec<Action> = history.iter().map(|e| e.action).collect();
    use Action::{Add, Promote, Rollback};
    assert_eq!(actions, [Add, Add, Add, Promote, Promote, Rollback, Promote, Rollback]);
    assert_eq!((history[3].note.as_str(), history[5].note.as_str()), ("first", "scores fell"));
    for pair in history[3..].windows(2) {
        assert_eq!(pair[1].from.as_ref(), Some(&pair[0].to));
    }
    assert_eq!(Registry::open(dir.path()).unwrap().history().unwrap(), history);
}

#[test]
fn versions_are_found_by_name_and_by_the_first_digits_of_their_ids() {
    let dir = tempfile::tempdir().unwrap();
    let registry = registry(dir.path(), &["alpha", "beta"]);
    let beta = registry.find("beta").unwrap();
    assert_eq!(registry.find(beta.id.as_str()).unwrap(), beta);
    assert_eq!(registry.find(&beta.id.as_str()[..6]).unwrap(), beta);
    let error = registry.find("alpah").unwrap_err();
    assert!(error.hint().unwrap().contains("`alpha`"), "{error}");
    assert!(registry.find(&beta.id.as_str()[..2]).is_err(), "too few digits");
    registry.add_bytes(&bytes("beta", 9), "").unwrap();
    let error = registry.promote("beta", "").unwrap_err();
    assert!(error.to_string().contains("2 versions") && error.hint().unwrap().contains(beta.id.short()));
    assert_eq!(registry.promote(beta.id.short(), "").unwrap(), beta);
}

#[test]
fn the_same_version_comes_in_once_whatever_its_file_is_called() {
    let dir = tempfile::tempdir().unwrap();
    let registry = registry(&dir.path().join("models"), &["a"]);
    let path = dir.path().join("another name.pkl");
    space("a", 1).save(&path).unwrap();
    let added = registry.add(&path, "").unwrap();
    assert!(!added.is_new);
    assert_eq!((registry.versions().unwrap().len(), registry.history().unwrap().len()), (1, 1));
    let strange = registry.add_bytes(&bytes("../../etc/passwd", 2), "").unwrap().version;
    assert_eq!(registry.path(&strange).parent().unwrap(), dir.path().join("models/versions"));
    assert_eq!(ModelFile::load(&registry.path(&strange)).unwrap().name(), "../../etc/passwd");
    fs::write(&path, "no model").unwrap();
    assert!(registry.add(&path, "").unwrap_err().to_string().contains("another name.pkl"));
    assert!(registry.add(dir.path(), "").unwrap_err().is_io());
}

#[test]
fn a_damaged_version_is_not_promoted_and_adding_it_again_puts_it_back() {
    let dir = tempfile::tempdir().unwrap();
    let registry = registry(dir.path(), &["a", "b"]);
    registry.promote("a", "").unwrap();
    let b = registry.find("b").unwrap();
    let path = registry.path(&b);
    let whole = fs::read(&path).unwrap();
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(&path, damaged).unwrap();
    let error = registry.promote("b", "").unwrap_err();
    assert!(error.is_verification() && error.to_string().contains(&b.file), "{error}");
    assert!(error.hint().unwrap().contains("again"));
    // A whole file of another version in its place is no better.
    fs::write(&path, bytes("b", 77)).unwrap();
    assert!(registry.promote("b", "").unwrap_err().is_verification());
    fs::remove_file(&path).unwrap();
    assert!(registry.promote("b", "").unwrap_err().is_io());
    assert_eq!(current(&registry).as_deref(), Some("a"));
    assert!(!registry.add_bytes(&whole, "").unwrap().is_new);
    assert_eq!(fs::read(&path).unwrap(), whole);
    registry.promote("b", "").unwrap();
    // And the way back is checked as well.
    fs::write(registry.path(&registry.find("a").unwrap()), "gone").unwrap();
    assert!(registry.rollback("").is_err());
    assert_eq!(current(&registry).as_deref(), Some("b"));
}

/// The id does not cover a name or a time, but the registry knows the file that it took in.
#[test]
fn a_file_that_was_changed_and_kept_its_id_is_not_promoted() {
    let dir = tempfile::tempdir().unwrap();
    let registry = registry(dir.path(), &["a"]);
    let a = registry.find("a").unwrap();
    let path = registry.path(&a);
    let whole = fs::read(&path).unwrap();
    let (mut container, content) = store::load(&path).unwrap();
    assert_eq!(a.content, Some(content));
    container.manifest["created"] = "2031-01-01T00:00:00Z".into();
    store::save(&path, &container).unwrap();
    assert_eq!(ModelFile::load(&path).unwrap().id(), a.id);
    let error = registry.promote("a", "").unwrap_err();
    assert!(
        error.is_verification() && error.to_string().contains("was changed since it was added"),
        "{error}"
    );
    // Added again, from any file of the version, it is put back, and that file is known from then on.
    assert!(!registry.add_bytes(&whole, "").unwrap().is_new);
    registry.promote("a", "").unwrap();
    fs::remove_file(&path).unwrap();
    registry.add_bytes(&store::to_bytes(&container).unwrap(), "").unwrap();
    assert_eq!(registry.find("a").unwrap().content, Some(container.content_hash()));
    registry.load(&registry.find("a").unwrap()).unwrap();
}

#[test]
fn a_registry_of_the_first_version_is_read_and_continued_in_the_second() {
    let dir = tempfile::tempdir().unwrap();
    let registry = registry(dir.path(), &["a", "b"]);
    let path = dir.path().join("registry.json");
    let mut first: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    first["format_version"] = 1.into();
    for version in first["versions"].as_array_mut().unwrap() {
        version.as_object_mut().unwrap().remove("content").unwrap();
    }
    fs::write(&path, first.to_string()).unwrap();
    assert_eq!(registry.find("a").unwrap().content, None);
    registry.promote("a", "").unwrap();
    assert!(fs::read_to_string(&path).unwrap().contains("\"format_version\": 2"));
    registry.add_bytes(&bytes("c", 3), "").unwrap();
    let known = registry.versions().unwrap().iter().map(|v| v.content.is_some()).collect::<Vec<_>>();
    assert_eq!(known, [false, false, true]);
}

#[test]
fn writers_at_the_same_time_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    Registry::create(dir.path()).unwrap();
    const N: u64 = 4;
    std::thread::scope(|scope| {
        for writer in 0..N {
            let dir = dir.path();
            scope.spawn(move || {
                let registry = Registry::create(dir).unwrap();
                let name = format!("v{writer}");
                registry.add_bytes(&bytes(&name, writer), "").unwrap();
                // All write the same version too.
                registry.add_bytes(&bytes("shared", 99), "").unwrap();
                for round in 0..5 {
                    registry.promote(&name, &format!("{writer}.{round}")).unwrap();
                    registry.promote("shared", &format!("{writer}.{round} shared")).unwrap();
                }
            });
        }
    });
    let registry = Registry::open(dir.path()).unwrap();
    let history = registry.history().unwrap();
    assert_eq!(registry.versions().unwrap().len(), N as usize + 1);
    assert_eq!(history.iter().filter(|e| e.action == Action::Add).count(), N as usize + 1);
    let promotions: Vec<&Event> = history.iter().filter(|e| e.action == Action::Promote).collect();
    for writer in 0..N {
        for round in 0..5 {
            let note = format!("{writer}.{round}");
            assert_eq!(promotions.iter().filter(|e| e.note == note).count(), 1, "promotion {note}");
        }
    }
    let line = promotions.windows(2).all(|pair| pair[1].from.as_ref() == Some(&pair[0].to));
    assert!(line, "each promotion starts where the one before ended");
    assert_eq!(registry.current().unwrap().unwrap().id, history.last().unwrap().to);
}

/// What a killed process may leave: a temporary file, a version that nobody names, a lock file.
#[test]
fn a_crash_between_any_two_steps_leaves_a_registry() {
    let dir = tempfile::tempdir().unwrap();
    let registry = registry(dir.path(), &["a"]);
    registry.promote("a", "").unwrap();
    let before = fs::read(dir.path().join("registry.json")).unwrap();
    fs::write(dir.path().join(".registry.json.x1y2.tmp"), &before[..before.len() / 2]).unwrap();
    fs::write(dir.path().join("versions/.b-000000000000.tabgraft.x1y2.tmp"), "half a file").unwrap();
    let b = space("b", 2);
    b.save(&dir.path().join(format!("versions/b-{}.tabgraft", b.id().short()))).unwrap();
    assert_eq!(current(&registry).as_deref(), Some("a"));
    assert_eq!(registry.versions().unwrap().len(), 1);
    assert!(registry.add_bytes(&b.to_bytes().unwrap(), "").unwrap().is_new);
    registry.promote("b", "").unwrap();
    // Before `registry.json` is first written there is only the folder.
    let empty = tempfile::tempdir().unwrap();
    fs::create_dir(empty.path().join("versions")).unwrap();
    assert!(Registry::open(empty.path()).unwrap_err().is_io());
    assert_eq!(current(&Registry::create(empty.path()).unwrap()), None);
}

#[test]
fn a_broken_registry_file_is_named_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let registry = registry(dir.path(), &["a", "b"]);
    registry.promote("a", "").unwrap();
    registry.promote("b", "").unwrap();
    let path = dir.path().join("registry.json");
    let text = fs::read_to_string(&path).unwrap();
    let [a, b] = ["a", "b"].map(|name| registry.find(name).unwrap());
    let current = format!("\"current\": \"{}\"", b.id);
    for (what, broken) in [
        ("cut off", text[..text.len() / 2].to_owned()),
        ("another current", text.replacen(&current, &format!("\"current\": \"{}\"", a.id), 1)),
        ("a file elsewhere", text.replacen(&a.file, "../../secret", 1)),
        ("a later format", text.replacen("\"format_version\": 2", "\"format_version\": 3", 1)),
        ("an event that does not follow", text.replacen("\"promote\"", "\"rollback\"", 1)),
    ] {
        assert_ne!(broken, text, "{what}");
        fs::write(&path, &broken).unwrap();
        let error = registry.promote("a", "").unwrap_err();
        assert!(error.is_malformed() && error.to_string().contains("registry.json"), "{what}: {error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), broken, "{what}");
    }
    let absent = Registry::open(dir.path().join("nowhere")).unwrap_err();
    assert!(absent.is_io() && absent.hint().is_some(), "{absent}");
    assert!(!dir.path().join("nowhere").exists(), "looking makes nothing");
}

#[test]
fn a_first_version_that_is_none_leaves_no_registry() {
    let dir = tempfile::tempdir().unwrap();
    let models = dir.path().join("models");
    let wrong = dir.path().join("wrong.tabgraft");
    fs::write(&wrong, "no model").unwrap();
    for file in [&wrong, &dir.path().join("absent")] {
        assert!(Registry::begin(&models, file, "").is_err());
        assert!(!models.exists());
    }
    let right = dir.path().join("a.tabgraft");
    space("a", 1).save(&right).unwrap();
    let (registry, added) = Registry::begin(&models, &right, "first").unwrap();
    assert!(added.is_new && !Registry::begin(&models, &right, "again").unwrap().1.is_new);
    assert_eq!(registry.history().unwrap().len(), 1);
}

/// A model may be large: whoever reads or checks one keeps nobody waiting, and waits for nobody.
#[test]
fn the_lock_is_not_held_while_models_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let registry = registry(dir.path(), &["a", "b"]);
    let lock = fs::File::options().write(true).open(dir.path().join("registry.json.lock")).unwrap();
    lock.lock().unwrap();
    let start = std::time::Instant::now();
    assert!(!registry.add_bytes(&bytes("a", 1), "").unwrap().is_new);
    let path = registry.path(&registry.find("b").unwrap());
    fs::write(&path, "damaged").unwrap();
    assert!(registry.promote("b", "").unwrap_err().is_malformed());
    assert!(start.elapsed().as_secs() < 20, "a lock is waited for for 30 s");
    drop(lock);
    assert!(!registry.add_bytes(&bytes("b", 2), "").unwrap().is_new, "it is put back");
    registry.promote("b", "").unwrap();
    assert_eq!(current(&registry).as_deref(), Some("b"));
}

#[test]
fn what_is_advised_for_a_full_registry_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let registry = registry(dir.path(), &["a"]);
    let long = "n".repeat(2001);
    let error = registry.promote("a", &long).unwrap_err();
    assert!(error.is_option() && error.to_string().contains("2001 bytes, at most 2000"), "{error}");
    assert!(registry.add_bytes(&bytes("b", 2), &long).unwrap_err().is_option());
    registry.promote("a", &long[1..]).unwrap();
    let path = dir.path().join("registry.json");
    let mut text = fs::read(&path).unwrap();
    text.resize((64 << 20) + 1, b' ');
    fs::write(&path, text).unwrap();
    let error = registry.promote("a", "").unwrap_err();
    let hint = error.hint().unwrap();
    assert!(error.is_malformed() && hint.starts_with("leave it where it is"), "{error}: {hint}");
}
