//! Processes that are given too little: of disk, of memory, of rights, of readers.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::binary::{command, done, run};
use super::{files, is_leftover, restore, workshop};

/// Commands that replace a file: the file's name first.
const WRITERS: [(&str, &str); 6] = [
    ("v2", "train t.csv --ignore y --epochs 1 --d-model 8 --seed 3 -q -o v2"),
    ("p1", "predictor v1 t.csv --target y --epochs 1 --n-networks 1 -q -o p1"),
    ("t.csv", "embed v1 big.csv -q -o t.csv"),
    ("f.json", "predict p1 big.csv -q -o f.json.csv.gz"),
    ("f.json", "export v1 -q --onnx f.json"),
    ("reg/registry.json", "registry reg add p1 -q"),
];

/// Runs the binary in a shell that was limited first.
fn limited(folder: &Path, limits: &str, arguments: &str) -> Output {
    Command::new("sh")
        .args(["-c", &format!("{limits}; exec {} {arguments}", env!("CARGO_BIN_EXE_tabgraft"))])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// That every file is as it was, and beside them at most leftovers, where they are allowed, and versions that no registry
/// names.
fn unchanged(place: &str, folder: &Path, before: &BTreeMap<String, Vec<u8>>, with_leftovers: bool) {
    let now = files(folder);
    for (name, bytes) in before {
        assert!(now.get(name) == Some(bytes), "{place}: `{name}` changed");
    }
    for name in now.keys().filter(|name| !before.contains_key(*name)) {
        let is_allowed =
            with_leftovers && is_leftover(name) || name.starts_with("reg/versions/") && !is_leftover(name);
        assert!(is_allowed, "{place}: `{name}` is left");
    }
}

/// A quota, in a word: no file may become longer than some kilobytes.
#[test]
fn a_file_that_may_not_grow_leaves_the_old_one() {
    let folder = workshop("quota");
    let before = files(&folder);
    for (_, writer) in WRITERS {
        restore(&folder, &before);
        // One that is told of it says so; one that is not is ended by the system.
        let told = limited(&folder, "trap '' XFSZ; ulimit -f 1", writer);
        let stderr = String::from_utf8_lossy(&told.stderr);
        assert_eq!(told.status.code(), Some(2), "`{writer}`: {stderr}");
        assert!(stderr.contains("File too large"), "`{writer}`: {stderr}");
        unchanged(writer, &folder, &before, false);
        let ended = limited(&folder, "ulimit -f 1; ulimit -c 0", writer);
        assert_eq!(ended.status.signal(), Some(25), "`{writer}`: {}", String::from_utf8_lossy(&ended.stderr));
        unchanged(writer, &folder, &before, true);
        done(&folder, writer);
    }
}

/// A process whose memory ends at some point ends with it, with a word or without; its files do not.
#[test]
fn too_little_memory_leaves_the_old_file() {
    let folder = workshop("memory");
    let before = files(&folder);
    let (mut n_done, mut n_ended) = (0, 0);
    for (name, writer) in WRITERS {
        for megabytes in [20, 60, 80, 100, 130, 160, 200, 260, 350, 500, 3000] {
            restore(&folder, &before);
            let output = limited(&folder, &format!("ulimit -v {}; ulimit -c 0", megabytes * 1024), writer);
            let stderr = String::from_utf8_lossy(&output.stderr);
            let place = format!("`{writer}` in {megabytes} MB: {:?} {stderr}", output.status);
            match output.status.code() {
                Some(0) => {
                    n_done += 1;
                    assert!(files(&folder).get(name) != before.get(name) || name == "f.json", "{place}");
                }
                // 126 and 127: the shell could not even begin it.
                Some(2 | 101 | 126 | 127) | None => {
                    n_ended += 1;
                    unchanged(&place, &folder, &before, true);
                }
                code => panic!("{place}: {code:?}"),
            }
            done(&folder, writer);
        }
    }
    println!("address space: {n_done} commands done, {n_ended} ended");
    assert!(n_done > 0 && n_ended > 0);
}

/// Root may write anywhere, so that it runs the command as nobody, where that can be done.
#[test]
fn a_folder_that_takes_no_file_is_told_and_left() {
    let folder = workshop("read_only");
    let closed = folder.join("closed");
    fs::create_dir(&closed).unwrap();
    for name in ["v2", "t.csv"] {
        fs::copy(folder.join(name), closed.join(name)).unwrap();
    }
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
    let is_root = fs::write(closed.join("try"), "").is_ok();
    let as_nobody = |words: &str| {
        let mut command = match is_root {
            true => {
                let mut command = Command::new("setpriv");
                command
                    .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
                    .arg(env!("CARGO_BIN_EXE_tabgraft"));
                command
            }
            false => Command::new(env!("CARGO_BIN_EXE_tabgraft")),
        };
        command.args(words.split_whitespace()).current_dir(&folder).output()
    };
    let _ = fs::remove_file(closed.join("try"));
    if !as_nobody("inspect v1 -q").is_ok_and(|output| output.status.success()) {
        println!("skipped: everything may be written here, and nobody else can be asked to run it");
        return;
    }
    let before = files(&folder);
    for writer in [
        "train t.csv --ignore y --epochs 1 --d-model 8 -o closed/v2 --format json",
        "embed v1 t.csv -o closed/t.csv",
        "apply f.json t.csv -o closed/new.csv --fit closed/f.json",
        "registry closed/reg add v1",
        "judge v1 t.csv --target y --features f.json --guide linear --out-dir closed/found",
    ] {
        let output = as_nobody(writer).unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "`{writer}`: {stderr}");
        assert!(
            stderr.contains("Permission denied") && !stderr.contains("\"event\":\"started\""),
            "`{writer}`: {stderr}"
        );
        assert_eq!(files(&folder), before, "`{writer}`");
    }
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
}

/// `tabgraft ... | head -1`: nobody wants the rest, which is no failure.
#[test]
fn a_reader_that_goes_away_ends_a_command_without_a_word() {
    let folder = workshop("closed_pipe");
    for words in ["embed v1 big.csv -q", "predict p1 big.csv -q", "apply f.json big.csv --fit fitted.json -q"]
    {
        let mut child =
            command(&folder, words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = [0; 10];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            stderr.is_empty() && output.status.signal().is_none(),
            "`{words}`: {:?}: {stderr}",
            output.status
        );
    }
    // And one that was never there.
    let output = Command::new("sh")
        .args(["-c", &format!("exec {} embed v1 t.csv -q >&-", env!("CARGO_BIN_EXE_tabgraft"))])
        .current_dir(&folder)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 2)) && !stderr.contains("panicked"), "{stderr}");
    assert_eq!(run(&folder, "verify v1").status.code(), Some(0));
}

/// A folder that comes from a stranger may hold anything: nothing there is waited for, and nothing is made elsewhere.
#[test]
fn pipes_and_links_in_the_place_of_a_registrys_files_are_refused() {
    let folder = workshop("strange_registry");
    let before = files(&folder);
    let pipe = |name: &str| {
        let made = Command::new("mkfifo").arg(folder.join(name)).status().unwrap();
        assert!(made.success());
    };
    let readers =
        ["registry reg list", "registry reg history", "registry reg promote v1", "registry reg add p1"];
    for name in ["reg/registry.json", "reg/registry.json.lock"] {
        restore(&folder, &before);
        let _ = fs::remove_file(folder.join(name));
        pipe(name);
        // Readers do without the lock.
        let refused = if name.ends_with("json") { &readers[..] } else { &readers[2..] };
        for words in refused {
            let output = Command::new("timeout")
                .args(["20", env!("CARGO_BIN_EXE_tabgraft")])
                .args(words.split_whitespace())
                .current_dir(&folder)
                .output()
                .unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "`{words}` with a pipe `{name}`: {stderr}");
            assert!(stderr.contains(name), "`{words}`: {stderr}");
        }
        fs::remove_file(folder.join(name)).unwrap();
    }
    restore(&folder, &before);
    std::os::unix::fs::symlink("../elsewhere", folder.join("reg/registry.json.lock")).unwrap();
    let output = run(&folder, "registry reg promote v1");
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!folder.join("elsewhere").exists());
    fs::remove_file(folder.join("reg/registry.json.lock")).unwrap();
    done(&folder, "registry reg promote v1");
}
