"""Do the tests notice it when the code is wrong? Every mutant of some files, behind a switch, in one build.

    pip install tree-sitter tree-sitter-rust; cargo install cargo-mutants --locked
    python3 benches/mutants.py                     # every file of FILES, resumes where it was stopped
    python3 benches/mutants.py split hash --most 30 --seed 1   # at most 30 of each file, drawn by the seed

What is changed is what `cargo mutants --list` lists: a comparison turned, a term dropped, a function that returns at
once. That tool builds each mutant by itself, which for this library takes two minutes each. Here all of them are written
into a copy of the tree (target/mutants/tree), each behind `is(number)`, which reads an environment variable: one build,
then each mutant costs the tests that are run on it. Mutants that do not compile are left out, as there; those within
constants, which cannot ask, too. A test that fails, or takes ten times as long as without a mutant, has caught it.

Each test is run by itself first, without a mutant, and tells which mutants' places it comes by: the others cannot notice
them, and are not run on them. A mutant that no test comes by is missed without a run.
"""

import argparse
import fnmatch
import hashlib
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import tree_sitter_rust
from tree_sitter import Language, Parser

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "target" / "mutants"
TREE = WORK / "tree"
METRICS = ["bootstrap", "classification", "drift", "mod", "prediction", "ranking", "regression", "score"]
# What is looked at, and the tests that have to notice: a test file, or unit tests of a crate by a part of their names.
FILES = {
    "hash": (
        ["crates/table/src/stats/hash.rs", "crates/table/src/row_hash.rs", "crates/model/src/store/hash.rs"],
        ["tabgraft_table:hash", "tabgraft_model:store::", "split", "formats", "store", "registry"],
    ),
    "split": (["crates/table/src/split.rs"], ["split", "known_rows", "workers"]),
    "objective": (["crates/model/src/objective/mod.rs"], ["tabgraft_model:objective", "space", "workers"]),
    "keep": (
        ["crates/model/src/extend/keep.rs", "crates/model/src/train/keep.rs"],
        ["tabgraft_model:keep", "compare", "extend", "space", "workers"],
    ),
    "recipe": (["crates/model/src/space/recipe.rs"], ["tabgraft_model:recipe", "lineage", "formats"]),
    "merge": (["crates/model/src/extend/merge/*.rs"], ["tabgraft_model:merge", "carried", "algebra", "lineage", "refresh"]),
    "prune": (["crates/model/src/extend/prune.rs"], ["tabgraft_model:prune", "carried", "algebra", "lineage", "extend", "refresh"]),
    "metric": (
        [f"crates/model/src/metric/{name}.rs" for name in METRICS],
        ["tabgraft_model:metric", "metrics"],
    ),
    "interval": (
        [f"crates/model/src/metric/{name}.rs" for name in ["clusters", "delong", "interval"]],
        ["tabgraft_model:metric", "metrics"],
    ),
    "calibrate": (["crates/model/src/predictor/calibrate.rs"], ["tabgraft_model:calibrate", "learners", "targets"]),
}
SWITCH = "TABGRAFT_MUTANT"
REACHED = "TABGRAFT_MUTANTS_REACHED"
MODULE = """
/// Which mutant is asked for.
#[doc(hidden)]
pub mod mutant {
    use std::io::Write;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Mutex, OnceLock};

    static SEEN: [AtomicBool; 8192] = [const { AtomicBool::new(false) }; 8192];

    /// Whether it is this one. Where a file is named for that, the numbers are told that were asked for.
    pub fn is(number: u32) -> bool {
        static ASKED: OnceLock<u32> = OnceLock::new();
        static TOLD: OnceLock<Option<Mutex<std::fs::File>>> = OnceLock::new();
        let told = TOLD.get_or_init(|| {
            let path = std::env::var_os("TABGRAFT_MUTANTS_REACHED")?;
            std::fs::OpenOptions::new().append(true).create(true).open(path).ok().map(Mutex::new)
        });
        if let Some(file) = told
            && !SEEN[number as usize].swap(true, Ordering::Relaxed)
            && let Ok(mut file) = file.lock()
        {
            let _ = file.write_all(format!("{number}\\n").as_bytes());
        }
        *ASKED.get_or_init(|| std::env::var("TABGRAFT_MUTANT").ok().and_then(|n| n.parse().ok()).unwrap_or(0)) == number
    }
}
"""
BUILD = ["--release", "--workspace", "--config", "checked.toml", "--message-format", "json"]
# Which gets the switch: all other crates stand on it.
LIB = "crates/table/src/lib.rs"
# The Python package's crate has no test of Rust, and links with an interpreter alone: it is empty there.
PYTHON = "python/src/lib.rs"
# A test that takes longer than this is run after the others of its program.
LONG_SECONDS = 2.0
# Address space of a test.
MOST_BYTES = 8 << 30
# Rounds of leaving out what does not compile.
MOST_ROUNDS = 12


def listed(globs: list[str]) -> list[dict]:
    files = [word for glob in globs for word in ("--file", glob)]
    command = ["cargo", "mutants", "--no-config", "--workspace", "--list", "--json", *files]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def offset(lines: list[str], place: dict) -> int:
    """The byte of a place that is told by line and character, both from 1 on."""
    before = sum(len(line.encode()) for line in lines[: place["line"] - 1])
    return before + len(lines[place["line"] - 1][: place["column"] - 1].encode())


class Site:
    """A piece of a file that mutants change: what comes before it and behind it, and the mutants in what comes before."""

    def __init__(self, start: int, end: int, rank: int):
        self.start, self.end, self.rank = start, end, rank
        self.before, self.behind, self.mutants = "", "", []
        # Of a guard: the mutants by which it holds always, and never.
        self.always, self.never = [], []
        # Where an error is told of that a deleted arm makes.
        self.match = None


def sites_of(path: str, source: bytes, mutants: list[dict]) -> list[Site]:
    """Where each mutant of a file goes; those that have no place are left out."""
    text = source.decode()
    lines = text.splitlines(keepends=True)
    tree = Parser(Language(tree_sitter_rust.language())).parse(source)
    ask = "crate::mutant::is" if path.startswith("crates/table/") else "tabgraft_table::mutant::is"
    found: dict[tuple, Site] = {}

    def site(start: int, end: int, rank: int) -> Site:
        return found.setdefault((start, end, rank), Site(start, end, rank))

    def of(node) -> str:
        return source[node.start_byte : node.end_byte].decode()

    def above(at: int, end: int, kinds: tuple[str, ...]):
        node = tree.root_node.descendant_for_byte_range(at, end)
        while node is not None and node.type not in kinds:
            node = node.parent
        return node

    def choose(here: Site, number: int, other: str) -> None:
        here.before += f"if {ask}({number}) {{ {other} }} else "
        here.mutants.append(number)

    for mutant in mutants:
        start, end = offset(lines, mutant["span"]["start"]), offset(lines, mutant["span"]["end"])
        number, other = mutant["number"], mutant["replacement"]
        match mutant["genre"]:
            case "FnValue":
                if other.startswith("::std::iter::"):
                    # Who returns some iterator returns one type of them.
                    continue
                here = site(start, start, 0)
                here.before += f"if {ask}({number}) {{ return {other}; }} "
                here.mutants.append(number)
            case "BinaryOperator":
                node = above(start, end, ("binary_expression", "compound_assignment_expr"))
                operator = node and node.child_by_field_name("operator")
                if operator is None or operator.start_byte != start or "let " in of(node):
                    continue
                left, right = of(node.child_by_field_name("left")), of(node.child_by_field_name("right"))
                assigns = node.type == "compound_assignment_expr"
                here = site(node.start_byte, node.end_byte, 2)
                choose(here, number, f"{left} {other} {right}" if assigns else f"({left}) {other} ({right})")
            case "UnaryOperator":
                node = above(start, end, ("unary_expression",))
                if node is not None and node.start_byte == start:
                    choose(site(node.start_byte, node.end_byte, 2), number, of(node.children[-1]))
            case "MatchArmGuard":
                if "let " in source[start:end].decode():
                    continue
                here = site(start, end, 1)
                here.mutants.append(number)
                (here.always if other == "true" else here.never).append(number)
            case "MatchArm":
                node = above(start, start, ("match_arm",))
                pattern = node and node.child_by_field_name("pattern")
                if pattern is None:
                    continue
                guard = pattern.child_by_field_name("condition")
                if guard is not None and "let " in of(guard):
                    continue
                place = (guard.start_byte, guard.end_byte) if guard else (pattern.end_byte, pattern.end_byte)
                here = site(*place, 1)
                here.mutants.append(number)
                here.never.append(number)
                here.match = above(start, start, ("match_expression",))
            case "StructField":
                node = above(start, start + 1, ("field_initializer", "shorthand_field_initializer"))
                fields = node and node.parent
                base = fields and next((n for n in fields.children if n.type == "base_field_initializer"), None)
                if base is None:
                    continue
                value, name = node.child_by_field_name("value") or node, mutant["name"].split("delete field ")[1].split()[0]
                here = site(value.start_byte, value.end_byte, 2)
                if value is node:
                    here.before = f"{name}: "
                choose(here, number, f"({of(base).removeprefix('..')}).{name}")
    for here in found.values():
        if here.rank == 2:
            node = above(here.start, here.end, ("compound_assignment_expr", "shorthand_field_initializer"))
            is_plain = node is None or (node.start_byte, node.end_byte) != (here.start, here.end)
            # A statement stands without parentheses; so does what stands behind the name of a field.
            opening, closing = ("(", ")") if is_plain else ("", "")
            here.before, here.behind = f"{opening}{here.before}{{ ", f" }}{closing}"
        elif here.rank == 1:
            never = "".join(f"!{ask}({number}) && " for number in here.never)
            always = "".join(f"{ask}({number}) || " for number in here.always)
            here.before, here.behind = f"{never}({always}(", "))"
            if here.start == here.end:
                here.before, here.behind = f" if {never}true", ""
    return sorted(found.values(), key=lambda s: (s.start, s.rank if s.start == s.end else 3, -s.end, s.rank))


def rendered(source: bytes, sites: list[Site]) -> tuple[bytes, list[tuple[int, int, list[int]]]]:
    """The file with all mutants, and where each place's are in it."""
    out, ranges = bytearray(), []

    def copy(start: int, end: int, first: int) -> int:
        """Copies a range with the sites in it, from this one on; gives the next site behind it."""
        i = first
        while i < len(sites) and sites[i].start < end or i < len(sites) and sites[i].end <= end and sites[i].start == sites[i].end == end:
            here = sites[i]
            out.extend(source[start : here.start])
            began = len(out)
            out.extend(here.before.encode())
            i = copy(here.start, here.end, i + 1) if here.end > here.start else i + 1
            out.extend(here.behind.encode())
            ranges.append((began, len(out), here.mutants))
            # What one of several mutants of a place puts there: up to the next question.
            asked = [match.start() for match in re.finditer(r"if [a-z_:]*mutant::is", here.before)]
            if len(asked) == len(here.mutants) > 1:
                ends = [began + len(here.before[:at].encode()) for at in [*asked, len(here.before)]]
                ranges.extend((a, b, [n]) for a, b, n in zip(ends, ends[1:], here.mutants))
            start = here.end
        out.extend(source[start:end])
        return i

    copy(0, len(source), 0)
    return bytes(out), ranges


def cargo(arguments: list[str], target: Path) -> tuple[int, list[dict]]:
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target), "CARGO_INCREMENTAL": "1"}
    done = subprocess.run(["cargo", *arguments], cwd=TREE, env=environment, stdout=subprocess.PIPE, text=True)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def write_if_new(path: Path, content: bytes) -> None:
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def copy_tree(mutated: dict[str, list[dict]]) -> None:
    """Copies what has changed: a file that is written is built anew."""
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    for name in names:
        if (ROOT / name).is_file() and name not in mutated and not name.endswith("/src/lib.rs"):
            write_if_new(TREE / name, (ROOT / name).read_bytes())
    write_if_new(TREE / LIB, (ROOT / LIB).read_bytes() + MODULE.encode())
    write_if_new(TREE / PYTHON, b"//! Nothing.\n")
    # Unit tests of one crate alone cannot be asked for in a build of the workspace: those of the others are empty.
    asked = {test.partition(":")[0] for _, tests in FILES.values() for test in tests if ":" in test}
    for path in ROOT.glob("crates/*/src/lib.rs"):
        name = str(path.relative_to(ROOT))
        head = b"" if f"tabgraft_{path.parts[-3]}" in asked else b"#![cfg(not(test))]\n"
        if name not in mutated and name != LIB:
            write_if_new(TREE / name, head + path.read_bytes())


def build(by_file: dict[str, list[dict]], tests: list[str], target: Path) -> tuple[set[int], dict[str, tuple[Path, Path]]]:
    """Builds all mutants that compile; gives their numbers, and the tests' programs with the folders that they run in."""
    # What did not compile in a build of the same mutants need not be found out again.
    key = json.dumps([[m["name"] for m in of_file] + [hash_of(path)] for path, of_file in by_file.items()])
    memory = WORK / "left_out.json"
    before = json.loads(memory.read_text()) if memory.exists() else {}
    left_out: set[int] = set(before.get("numbers", [])) if before.get("key") == key else set()
    named = sorted({test for test in tests if ":" not in test})
    whole = ["--lib"] if any(":" in test for test in tests) else []
    whole += [word for name in named for word in ("--test", name)]
    for _ in range(MOST_ROUNDS):
        ranges, matches = {}, {}
        for path, mutants in by_file.items():
            source = (ROOT / path).read_bytes()
            sites = sites_of(path, source, [m for m in mutants if m["number"] not in left_out])
            content, ranges[path] = rendered(source, sites)
            matches[path] = [s for s in sites if s.match is not None]
            write_if_new(TREE / path, content)
        placed = {n for of_file in ranges.values() for _, _, numbers in of_file for n in numbers}
        # One test program is enough to be told of what does not compile.
        code, told = cargo(["test", "--no-run", "--test", named[0], *BUILD], target)
        errors = [m["message"] for m in told if m.get("reason") == "compiler-message" and m["message"]["level"] == "error"]
        memory.write_text(json.dumps({"key": key, "numbers": sorted(left_out)}))
        if code == 0:
            break
        wrong = set()
        for error in errors:
            for span in spans_of(error):
                path = next((p for p in ranges if span["file_name"].endswith(p)), None)
                if path is None:
                    continue
                holding = [r for r in ranges[path] if r[0] <= span["byte_start"] and span["byte_end"] <= r[1]]
                if holding:
                    wrong.update(min(holding, key=lambda r: r[1] - r[0])[2])
                elif (error.get("code") or {}).get("code") == "E0004":
                    wrong.update(n for s in matches[path] for n in s.mutants)
        if not wrong - left_out:
            sys.exit("\n".join(e["rendered"] for e in errors[:5]) + "\nno mutant is at fault")
        left_out |= wrong
        print(f"{len(left_out)} mutants do not compile", flush=True)
    else:
        sys.exit(f"does not compile after {MOST_ROUNDS} rounds")
    code, told = cargo(["test", "--no-run", *whole, *BUILD], target)
    if code != 0:
        sys.exit("the tests do not build")
    programs = {}
    for message in told:
        if message.get("reason") == "compiler-artifact" and message.get("executable"):
            folder = Path(message["manifest_path"]).parent
            name = message["target"]["name"]
            key = f"{name}:" if "test" not in message["target"]["kind"] else name
            programs[key] = (Path(message["executable"]), folder)
    return placed, programs


def spans_of(error: dict) -> list[dict]:
    spans = error["spans"] + [span for child in error["children"] for span in child["spans"]]
    # What stands in a macro is told of the macro, and of where it is used.
    for span in spans:
        if span.get("expansion"):
            spans.append(span["expansion"]["span"])
    return spans


def starved() -> None:
    """A mutant may ask for all the memory there is."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))


def passes(program: tuple[Path, Path], tests: list[str], limit: float, **environment: str) -> tuple[bool, float]:
    """Whether tests of a program pass, and the seconds they took: the first that fails ends them."""
    start = time.monotonic()
    running = subprocess.Popen(
        [program[0], "--exact", *tests], cwd=program[1], env={**os.environ, **environment}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=starved, errors="replace",
    )  # fmt: skip
    overdue = threading.Timer(limit, running.kill)
    overdue.start()
    try:
        failed = any(line.rstrip().endswith("... FAILED") for line in running.stdout)
    finally:
        overdue.cancel()
        running.kill() if running.poll() is None and failed else None
        code = running.wait()
    return code == 0 and not failed, time.monotonic() - start


def tests_of(program: tuple[Path, Path], part: str) -> dict[str, tuple[float, set[int]]]:
    """Each test whose name has a part: its seconds by itself, and the mutants that it comes by. Kept for this build."""
    listing = subprocess.run([program[0], "--list"], cwd=program[1], check=True, capture_output=True, text=True).stdout
    names = [line.removesuffix(": test") for line in listing.splitlines() if line.endswith(": test") and part in line]
    kept = WORK / "reached" / hashlib.sha256(program[0].read_bytes()).hexdigest()[:16]
    kept.parent.mkdir(exist_ok=True)
    known = {t["name"]: t for t in map(json.loads, kept.read_text().splitlines())} if kept.exists() else {}
    for name in names:
        if name in known:
            continue
        told = WORK / "told"
        told.unlink(missing_ok=True)
        passed, seconds = passes(program, [name], 1800, **{REACHED: str(told)})
        numbers = sorted({int(line) for line in told.read_text().split()}) if told.exists() else []
        known[name] = {"name": name, "passed": passed, "seconds": seconds, "reached": numbers}
        with kept.open("a") as file:
            file.write(json.dumps(known[name]) + "\n")
    for name in names:
        if not known[name]["passed"]:
            print(f"{name} fails without a mutant: left out", flush=True)
    return {name: (known[name]["seconds"], set(known[name]["reached"])) for name in names if known[name]["passed"]}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("names", nargs="*", choices=[*FILES, []], help="which of the files; default all")
    options.add_argument("--most", type=int, default=10**9, help="of each file at most so many mutants are tried")
    options.add_argument("--seed", type=int, default=0, help="which")
    options.add_argument("--minutes", type=float, default=1e9, help="after so long none is begun")
    options.add_argument("--build-only", action="store_true", help="try none")
    options.add_argument("--target-dir", type=Path, default=WORK / "target", help="where cargo builds")
    options = options.parse_args()
    names = options.names or list(FILES)
    WORK.mkdir(parents=True, exist_ok=True)
    results = WORK / "results.jsonl"
    known = {}
    if results.exists():
        known = {(r["name"], r["source"]): r for r in map(json.loads, results.read_text().splitlines())}
    mutants = listed([glob for name in names for glob in FILES[name][0]])
    of_name = {
        name: [m for m in mutants if any(fnmatch.fnmatch(m["file"], glob) for glob in FILES[name][0])] for name in names
    }
    by_file: dict[str, list[dict]] = {}
    for number, mutant in enumerate(mutants, start=1):
        mutant["number"] = number
        by_file.setdefault(mutant["file"], []).append(mutant)
    copy_tree(by_file)
    placed, programs = build(by_file, [test for name in names for test in FILES[name][1]], options.target_dir)
    print(f"{len(mutants)} mutants, {len(placed)} of them in the build", flush=True)
    if options.build_only:
        return

    began = time.monotonic()
    for name in names:
        batches = []
        for test in FILES[name][1]:
            crate, colon, part = test.partition(":")
            batches.append((programs[crate + colon], tests_of(programs[crate + colon], part)))
        files = {mutant["file"] for mutant in of_name[name]}
        for path in sorted(files):
            of_file = [m for m in of_name[name] if m["file"] == path]
            of_build = [m for m in of_file if m["number"] in placed]
            random.Random(f"{options.seed} {path}").shuffle(of_build)
            caught, missed = 0, []
            for mutant in of_build[: options.most]:
                key = (mutant["name"], hash_of(path))
                # What was missed is tried again: there may be another test.
                if known.get(key, {}).get("caught_by") is None:
                    if time.monotonic() - began > 60 * options.minutes:
                        break
                    known[key] = {"name": key[0], "source": key[1], **tried(mutant["number"], batches)}
                    with results.open("a") as file:
                        file.write(json.dumps(known[key]) + "\n")
                if known[key]["caught_by"] is not None:
                    caught += 1
                    continue
                missed.append(mutant)
                print(f"missed by {known[key]['n_tests']} tests: {mutant['name']}", flush=True)
            n = caught + len(missed)
            share = 100 * caught / max(n, 1)
            print(
                f"{name}, {path}: {n} of {len(of_build)} mutants tried, {caught} caught ({share:.0f} %),"
                f" {len(missed)} missed; {len(of_file) - len(of_build)} are not in the build",
                flush=True,
            )


def tried(number: int, batches: list[tuple[tuple[Path, Path], dict[str, tuple[float, set[int]]]]]) -> dict:
    """Which program caught a mutant, and how many tests come by its place: quick ones first."""
    runs = []
    for program, tests in batches:
        reaching = {name: seconds for name, (seconds, numbers) in tests.items() if number in numbers}
        for is_quick in (True, False):
            some = [name for name, seconds in reaching.items() if (seconds <= LONG_SECONDS) == is_quick]
            runs += [(sum(reaching[name] for name in some), program, some)] if some else []
    n_tests = sum(len(some) for _, _, some in runs)
    for seconds, program, some in sorted(runs, key=lambda run: run[0]):
        if not passes(program, some, 10 * seconds + 20, **{SWITCH: str(number)})[0]:
            return {"caught_by": program[0].name.rpartition("-")[0], "n_tests": n_tests}
    return {"caught_by": None, "n_tests": n_tests}


def hash_of(path: str) -> str:
    return subprocess.run(
        ["git", "hash-object", path], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()[:12]


if __name__ == "__main__":
    if shutil.which("cargo-mutants") is None:
        sys.exit("cargo-mutants is needed: cargo install cargo-mutants --locked")
    main()
