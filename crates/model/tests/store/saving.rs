//! At every moment the path of a save holds the old file or the new one, whole.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;
use tabgraft_model::store::{Blob, Container, load, save, to_bytes};
use tempfile::tempdir;

use super::{blob, small};

#[test]
fn containers_that_could_not_be_loaded_are_not_saved() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("es");
    let mut container = small();
    container.tensors.insert("odd".into(), Blob { shape: vec![3], data: vec![0.0; 2] });
    let error = save(&path, &container).unwrap_err();
    assert!(error.to_string().contains("`odd` of shape [3] has 2 values"), "{error}");
    let mut container = small();
    container.tensors.insert("__metadata__".into(), blob(&[1], 0.0));
    assert!(save(&path, &container).is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn places_that_hold_no_file_are_errors_with_hints() {
    let folder = tempdir().unwrap();
    let error = load(folder.path()).unwrap_err();
    assert!(error.is_io() && error.to_string().contains("it is a folder"), "{error}");
    assert!(load(&folder.path().join("absent")).unwrap_err().is_io());
    let error = save(folder.path(), &small()).unwrap_err();
    assert!(error.to_string().contains("folder") && error.hint().is_some());
    let error = save(&folder.path().join("no/such/es"), &small()).unwrap_err();
    assert!(error.is_io() && error.hint().unwrap().contains("make the folder"), "{error}");
    assert!(save(Path::new(""), &small()).is_err());
    std::fs::write(folder.path().join("x.pkl"), b"\x80\x04}.").unwrap();
    let error = load(&folder.path().join("x.pkl")).unwrap_err();
    assert!(error.to_string().contains("x.pkl: found a pickle"), "{error}");
}

#[test]
fn a_failed_save_leaves_the_old_file_and_no_other() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("es");
    save(&path, &small()).unwrap();
    let old = std::fs::read(&path).unwrap();
    let mut broken = small();
    broken.tensors.get_mut("bias").unwrap().data[0] = f32::INFINITY;
    assert!(save(&path, &broken).is_err());
    // A rename that fails: the target is a folder that appeared under the name.
    let taken = folder.path().join("taken");
    std::fs::create_dir(&taken).unwrap();
    assert!(save(&taken, &small()).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), old);
    let mut names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["es", "taken"]);
}

/// What a process killed in the middle of a save leaves: the old file whole and a part of the new
/// one beside it. The next save and load are not disturbed.
#[test]
fn leftovers_of_a_killed_save_do_not_disturb() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("es");
    save(&path, &small()).unwrap();
    std::fs::write(folder.path().join(".es.kq3v9z.tmp"), &to_bytes(&small()).unwrap()[..50]).unwrap();
    assert_eq!(load(&path).unwrap().0, small());
    let next = Container { kind: "predictor".into(), ..small() };
    save(&path, &next).unwrap();
    assert_eq!(load(&path).unwrap().0, next);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "others' files stay");
}

/// Names the file that the other half of the next test saves to.
const KILLED_SAVE_PATH: &str = "TABGRAFT_TEST_KILLED_SAVE_PATH";

fn large(i: usize) -> Container {
    let tensors = BTreeMap::from([("w".into(), blob(&[500_000], i as f32))]);
    Container { manifest: json!({ "i": i }), tensors, ..small() }
}

/// The old file's bytes are never written to, so at no moment is half of them gone: another name
/// of the same file still holds them after the save.
#[test]
fn a_save_never_writes_into_the_old_file() {
    let folder = tempdir().unwrap();
    let (path, other_name) = (folder.path().join("es"), folder.path().join("other"));
    save(&path, &large(0)).unwrap();
    std::fs::hard_link(&path, &other_name).unwrap();
    save(&path, &large(1)).unwrap();
    assert!(load(&other_name).unwrap().0 == large(0), "the old file changed");
    assert!(load(&path).unwrap().0 == large(1), "the new file is not what was saved");
}

#[test]
fn a_save_that_is_killed_leaves_a_whole_file() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("es");
    save(&path, &large(0)).unwrap();
    let names = || std::fs::read_dir(folder.path()).unwrap().filter_map(Result::ok).count();
    for after_ms in 0..8 {
        let n_names = names();
        let mut saver = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "saving::saves_until_killed"])
            .env(KILLED_SAVE_PATH, &path)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // A new name beside the file: a save has begun.
        while names() == n_names && saver.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        std::thread::sleep(std::time::Duration::from_millis(after_ms));
        saver.kill().unwrap();
        saver.wait().unwrap();
        let (seen, _) = load(&path).unwrap();
        let i = seen.manifest["i"].as_u64().unwrap() as usize;
        assert!(seen == large(i), "save {i} is there and differs");
    }
}

#[test]
#[ignore = "the process that `a_save_that_is_killed_leaves_a_whole_file` kills"]
fn saves_until_killed() {
    let Some(path) = std::env::var_os(KILLED_SAVE_PATH) else { return };
    // Bounded, so that it ends even if nobody is left to kill it.
    (1..2000).for_each(|i| drop(save(Path::new(&path), &large(i % 50)).unwrap()));
}

#[test]
fn saves_at_the_same_time_leave_one_whole_file_and_readers_never_see_a_half() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("es");
    let version = |i: usize| Container {
        manifest: json!({ "i": i }),
        tensors: BTreeMap::from([("w".into(), blob(&[200 * (i + 1)], i as f32))]),
        ..small()
    };
    save(&path, &version(0)).unwrap();
    std::thread::scope(|scope| {
        for i in 0..4 {
            let (path, container) = (&path, version(i));
            scope.spawn(move || (0..6).for_each(|_| drop(save(path, &container).unwrap())));
        }
        scope.spawn(|| {
            for _ in 0..40 {
                let (seen, _) = load(&path).unwrap();
                let i = seen.manifest["i"].as_u64().unwrap() as usize;
                assert_eq!(seen, version(i));
            }
        });
    });
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
