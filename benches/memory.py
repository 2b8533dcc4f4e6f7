"""Peak memory of extending against that of the parent's training, and the estimate beside what was measured.

A table of 20 numbers and 12 categories; two more columns are grafted, in each mode. Peak is the largest
resident set of the whole process, on one thread; the estimate is the one that `--memory-limit` goes by.
The wanted ratio is at most 1.3. Then a graft under limits: what they did to it.

With `--shapes` tables of all kinds of cells, long and wide ones, are trained instead, some with steps of 16,384 rows
too, and some are extended: the estimate may nowhere lie below what was measured, and is wanted at no more than twice of
it. Then each is trained within a limit of half of what it takes, where that is above 100 MB: by rows that are drawn and
smaller steps, or not at all.
"""

import argparse
import json
import statistics
import subprocess
import sys

import freeze
import harness
import numpy as np
import pandas as pd

MODES = ["frozen", "anchored", "joint"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="*", default=[5_000, 30_000, 100_000])
    parser.add_argument("--epochs", type=int, default=2, help="epochs of each training, run exactly")
    parser.add_argument("--shapes", action="store_true", help="estimate and peak over kinds, rows and columns")
    arguments = parser.parse_args()
    harness.build()
    if arguments.shapes:
        return shapes()
    for n_rows in arguments.rows:
        work, frame = harness.Work(), freeze.table(n_rows)
        early, enriched = work.table(frame.drop(columns=freeze.LATE), "early"), work.table(frame, "all")
        parent = work.file("parent")
        options = ["--exact-epochs", "--epochs", arguments.epochs, "--threads", 1]
        train = ["train", early, *options, "-o", parent]
        peak = median(*train)
        print(f"{n_rows} rows: training the parent {peak:.0f} MB, estimate {estimate(*train):.0f}", flush=True)
        for mode in MODES:
            extend = ["extend", parent, enriched, *options, "--mode", mode, "-o", work.file("child")]
            child = median(*extend)
            print(f"  extending, {mode:9s} {child:.0f} MB, estimate {estimate(*extend):.0f}, "
                  f"ratio to the parent {child / peak:.2f}", flush=True)
        for share in [0.9, 0.75]:
            limit = int(share * estimate(*extend))
            child, stderr = measured(*extend, "--memory-limit", f"{limit}MB", allowed_to_fail=True)
            print(f"  joint within {limit} MB: {child:.0f} MB")
            print("".join(f"    {line}\n" for line in stderr.splitlines() if "emory" in line), end="", flush=True)


#: Kinds of cells, rows, columns, and whether the table is extended, too.
SHAPES = [
    ("numbers", 1_000, 5, False), ("numbers", 1_000, 300, False), ("mixed", 1_000, 50, True),
    ("dates", 20_000, 20, False), ("numbers", 20_000, 20, True), ("few", 20_000, 20, False),
    ("many", 20_000, 20, False), ("texts", 20_000, 20, False), ("mixed", 20_000, 100, False),
    ("numbers", 300_000, 10, True), ("dates", 100_000, 10, True), ("mixed", 100_000, 20, False),
    ("texts", 100_000, 5, False), ("numbers", 1_000_000, 5, False),
]


def cells(kind: str, n_rows: int, rng: np.random.Generator) -> object:
    """One column of a kind."""
    if kind == "numbers":
        return rng.normal(size=n_rows).round(6)
    if kind == "few":
        return rng.choice(list("abcdefgh"), n_rows)
    if kind == "many":
        return [f"level{v}" for v in rng.integers(0, max(2, n_rows // 20), n_rows)]
    if kind == "texts":
        words = np.array([f"word{i}" for i in range(2000)])
        return [" ".join(row) for row in words[rng.integers(0, 2000, (n_rows, 6))]]
    seconds = pd.to_timedelta(rng.integers(0, 9000 * 86_400, n_rows), unit="s")
    return (pd.Timestamp("2000-01-01") + seconds).astype(str)


def shapes() -> None:
    """Prints estimate and peak of each shape, and ends with 1 if an estimate lies below or a limit is not kept."""
    kinds = ["numbers", "few", "many", "texts", "dates"]
    is_below = False
    for kind, n_rows, n_columns, is_extended in SHAPES:
        rng, work = np.random.default_rng(0), harness.Work()
        named = {f"x{i}": cells(kinds[i % 5] if kind == "mixed" else kind, n_rows, rng) for i in range(n_columns)}
        whole = pd.DataFrame(named)
        tables = [work.table(whole, "all"), work.table(whole.iloc[:, :-2], "early")]
        parent, options = work.file("parent"), ["--exact-epochs", "--epochs", 1]
        commands = {"train": ["train", tables[0], *options, "-o", work.file("whole")]}
        if 20_000 <= n_rows <= 100_000:
            commands["of 16384"] = [*commands["train"], "--batch-size", 16_384]
        if is_extended:
            measured("train", tables[1], *options, "-o", parent)
            for mode in MODES:
                commands[mode] = ["extend", parent, tables[0], *options, "--mode", mode, "-o", work.file("child")]
        for name, command in commands.items():
            reckoned, peak = estimate(*command), max(measured(*command)[0] for _ in range(3)) * 1.048576
            is_below |= reckoned < peak
            print(f"{kind:8s} {n_rows:8d} x {n_columns:3d} {name:9s} estimate {reckoned:6.1f} MB, peak {peak:6.1f} MB, "
                  f"ratio {reckoned / peak:.2f}{'  BELOW' if reckoned < peak else ''}", flush=True)
            limit = peak / 2
            if limit < 100:
                continue
            within, stderr = measured(*command, "--memory-limit", f"{limit:.0f}MB", allowed_to_fail=True)
            within *= 1.048576
            refused = "memory_limit` is" in stderr
            is_below |= within > limit and not refused
            kept = "refused" if refused else f"peak {within:6.1f} MB{'  ABOVE' if within > limit else ''}"
            print(f"  within {limit:.0f} MB: {kept}", flush=True)
    sys.exit(is_below)


#: A process that is started from a large one begins with the large one's peak. This one is small.
STARTER = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps({"code": done.returncode, "mb": peak / 1024, "stderr": done.stderr}))
"""


def measured(*command, allowed_to_fail: bool = False) -> tuple[float, str]:
    """Peak resident memory of one run of the binary, MB, and what it wrote to stderr."""
    words = [str(harness.BINARY), *map(str, command)]
    started = subprocess.run([sys.executable, "-c", STARTER, *words], capture_output=True, text=True, check=True)
    found = json.loads(started.stdout)
    if found["code"] != 0 and not allowed_to_fail:
        raise SystemExit(f"{' '.join(words)}\n{found['stderr']}")
    return found["mb"], found["stderr"]


def median(*command) -> float:
    """Peak of the middle one of three runs, MB: allocators are not exact."""
    return statistics.median(measured(*command)[0] for _ in range(3))


def estimate(*command) -> float:
    """What a training is estimated to need, MB, as its events tell it."""
    _, stderr = measured(*command, "--format", "json")
    events = [json.loads(line) for line in stderr.splitlines()]
    return max(event["bytes"] for event in events if event["event"] == "memory") / 1e6


if __name__ == "__main__":
    main()
