"""Every fuzz target under libFuzzer for so many seconds, on a nightly toolchain; cargo-fuzz is not needed.

Builds `fuzz/` once with coverage (minutes: every dependency anew, below target/libfuzzer), then runs one target after the
other from a copy of its corpus, each with 20 seconds and 3 GB for one input. Prints for each what libFuzzer counted: inputs
tried, edges covered at first and in the end, inputs that reach something new; and every input that ended a run, which is kept
below target/libfuzzer/found and belongs into the target's corpus once it is mended.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = ROOT / "target" / "libfuzzer"
TRIPLE = "x86_64-unknown-linux-gnu"
#: What cargo-fuzz sets, but for the sanitizers of memory: our own code is unsafe in two files, which cli/tests/supply.rs names.
FLAGS = ["-Cpasses=sancov-module", "-Cllvm-args=-sanitizer-coverage-level=4",
         "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters", "-Cllvm-args=-sanitizer-coverage-pc-table",
         "-Cllvm-args=-sanitizer-coverage-trace-compares", "--cfg", "fuzzing"]
#: Longest input, bytes; as crates/fuzz/src/mutate.rs has it.
MOST_BYTES = 64 << 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", help="all of them by default")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    arguments = parser.parse_args()
    manifest = (ROOT / "fuzz" / "Cargo.toml").read_text(encoding="utf-8")
    known = re.findall(r'\[\[bin\]\]\nname = "(\w+)"', manifest)
    if unknown := set(arguments.targets) - set(known):
        parser.error(f"no target is called {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    programs = build()
    found = [name for name in arguments.targets or known if fuzz(name, programs / name, arguments.seconds)]
    if found:
        sys.exit(f"inputs that ended a run of {', '.join(found)} lie below {WORK / 'found'}")


def build() -> pathlib.Path:
    environment = os.environ | {
        "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(FLAGS),
        "CARGO_TARGET_DIR": str(WORK),
        "CARGO_PROFILE_RELEASE_OPT_LEVEL": "1",
        "CARGO_PROFILE_RELEASE_DEBUG": "0",
    }
    command = ["cargo", "+nightly", "build", "--release", "--target", TRIPLE, "--bins"]
    subprocess.run(command, cwd=ROOT / "fuzz", env=environment, check=True)
    return WORK / TRIPLE / "release"


def fuzz(name: str, program: pathlib.Path, seconds: int) -> bool:
    """Runs one target; whether an input ended it."""
    corpus, found = WORK / "corpus" / name, WORK / "found" / name
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(parents=True, exist_ok=True)
    # What an earlier run found to reach something new is gone on from.
    for path in (ROOT / "crates" / "fuzz" / "corpus" / name).iterdir():
        shutil.copy(path, corpus / path.name)
    before = set(found.iterdir())
    command = [program, corpus, f"-artifact_prefix={found}/", f"-max_total_time={seconds}", "-timeout=20",
               f"-max_len={MOST_BYTES}", "-rss_limit_mb=3000", "-print_final_stats=1"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    covered = re.findall(r"cov: (\d+)", done.stderr)
    tried, new = (re.search(rf"stat::{what}: *(\d+)", done.stderr) for what in ("number_of_executed_units", "new_units_added"))
    if not covered or not tried:
        sys.exit(f"{name} did not run:\n{done.stderr[-2000:]}")
    print(f"{name:14s} {int(tried[1]):9,} inputs, {covered[0]} edges at first, {covered[-1]} in the end, "
          f"{int(new[1]):,} inputs reach something new", flush=True)
    ended = sorted(set(found.iterdir()) - before)
    for path in ended:
        print(f"{'':14s} ended by {path.name}: {summary(done.stderr)}", flush=True)
    return bool(ended)


def summary(said: str) -> str:
    panicked = re.search(r"panicked at .*\n.*|memory allocation of \d+ bytes failed", said)
    return (panicked or re.search(r"SUMMARY: .*", said) or [said[-200:]])[0].replace("\n", ": ")


if __name__ == "__main__":
    main()
