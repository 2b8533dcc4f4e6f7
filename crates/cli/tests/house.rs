//! The house that the imports draw: no room of a crate needs one that needs it.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

type Imports = BTreeMap<String, BTreeSet<String>>;

/// Every file of Rust below a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// What a file imports from its own crate: the first names behind `crate::`, without tests and comments.
fn imported(text: &str) -> BTreeSet<String> {
    let code: String = text
        .split("#[cfg(test)]")
        .next()
        .unwrap_or_default()
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    let mut names = BTreeSet::new();
    for (at, word) in code.match_indices("crate::") {
        // `$crate::` is another crate's macro, `pub(crate)` has no colons.
        let rest = &code[at + word.len()..];
        let list = rest.strip_prefix('{').unwrap_or(rest);
        let mut depth = 0;
        for (i, part) in list.split_inclusive(['{', '}', ',', ';']).enumerate() {
            if depth == 0 {
                let name: String =
                    part.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                names.extend((!name.is_empty()).then_some(name));
            }
            match part.chars().last() {
                Some('{') => depth += 1,
                Some('}') if depth == 0 => break,
                Some('}') => depth -= 1,
                Some(';') => break,
                _ => {}
            }
            if i == 0 && !rest.starts_with('{') {
                break;
            }
        }
    }
    names
}

/// Which folder or file at the top of a crate imports from which.
fn house(source: &Path) -> Imports {
    let room_of = |path: &Path| {
        let top = path.strip_prefix(source).unwrap().components().next().unwrap();
        Path::new(top.as_os_str()).file_stem().unwrap().to_string_lossy().into_owned()
    };
    let mut found = Vec::new();
    files(source, &mut found);
    let rooms: BTreeSet<String> = found.iter().map(|path| room_of(path)).collect();
    let mut house = Imports::new();
    for path in found.iter().filter(|path| !path.ends_with("tests.rs")) {
        let room = room_of(path);
        let names = imported(&fs::read_to_string(path).unwrap());
        let others = names.into_iter().filter(|name| rooms.contains(name) && *name != room);
        house.entry(room.clone()).or_default().extend(others);
    }
    house
}

/// What is left when rooms that import from none that is left are taken away, again and again.
fn circle(mut house: Imports) -> Imports {
    loop {
        let free: Vec<String> =
            house.iter().filter(|(_, needs)| needs.is_empty()).map(|(room, _)| room.clone()).collect();
        if free.is_empty() {
            return house;
        }
        for room in free {
            house.remove(&room);
            house.values_mut().for_each(|needs| {
                needs.remove(&room);
            });
        }
    }
}

#[test]
fn no_room_of_a_crate_needs_one_that_needs_it() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for name in ["table", "feature", "model", "serve", "cli"] {
        let house = house(&crates.join(name).join("src"));
        assert!(house.len() > 5, "{name}: {house:?}");
        assert_eq!(circle(house), Imports::new(), "a circle in crates/{name}");
    }
}

#[test]
fn a_circle_is_found() {
    assert_eq!(
        imported(
            "use crate::a::X;\nuse crate::{b, c::{self, D}};\n// crate::no\n#[cfg(test)] use crate::no;"
        ),
        ["a", "b", "c"].map(String::from).into()
    );
    let needs = |rooms: &[&str]| rooms.iter().map(|r| (*r).to_owned()).collect::<BTreeSet<_>>();
    let house = |c: &[&str]| {
        Imports::from([("a".into(), needs(&["b"])), ("b".into(), needs(&["c"])), ("c".into(), needs(c))])
    };
    assert!(circle(house(&[])).is_empty());
    assert_eq!(circle(house(&["a"])).len(), 3);
}

/// Results of the engine are read by one function, which says that it failed; zeros in place of them would be vectors.
#[test]
fn what_the_engine_could_not_compute_is_never_taken_for_zeros() {
    let mut sources = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/src"), &mut sources);
    let mut n_reads = 0;
    for path in sources {
        let text: String = fs::read_to_string(&path).unwrap().split_whitespace().collect();
        for (at, _) in text.match_indices(".read()") {
            n_reads += 1;
            let behind = &text[at + ".read()".len()..];
            let statement =
                text[..at].rfind([';', '{', '}']).map_or(&text[..at], |start| &text[start + 1..at]);
            let is_swallowed = statement.starts_with("ifletOk(")
                || [".unwrap_or", ".ok()", ".is_ok"].iter().any(|end| behind.starts_with(end));
            assert!(!is_swallowed, "{}: a failed reading is passed over: {:.60}", path.display(), behind);
        }
    }
    assert!(n_reads > 5, "{n_reads} readings of the engine were looked at");
}
