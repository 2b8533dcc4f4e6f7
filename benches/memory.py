"""Peak memory of extending against that of the parent's training, and the estimate beside what was measured.

A table of 20 numbers and 12 categories; two more columns are grafted, in each mode. Peak is the largest
resident set of the whole process, on one thread. The wanted ratio is at most 1.3. Then the same under a
`--memory-limit`: what it did, and whether the estimate that it rests on covers what was measured.
"""

import argparse
import json
import subprocess
import sys

import freeze
import harness

MODES = ["frozen", "anchored", "joint"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="*", default=[5_000, 30_000, 100_000])
    parser.add_argument("--epochs", type=int, default=2, help="epochs of each training, run exactly")
    arguments = parser.parse_args()
    harness.build()
    for n_rows in arguments.rows:
        work, frame = harness.Work(), freeze.table(n_rows)
        early, enriched = work.table(frame.drop(columns=freeze.LATE), "early"), work.table(frame, "all")
        parent = work.file("parent")
        options = ["--exact-epochs", "--epochs", arguments.epochs, "--threads", 1]
        peak, notes = measured(work, "train", early, *options, "-o", parent)
        print(f"{n_rows} rows: training the parent {peak:.0f} MB{notes}", flush=True)
        for mode in MODES:
            child, notes = measured(work, "extend", parent, enriched, *options, "--mode", mode, "-o", work.file("child"))
            print(f"  extending, {mode:9s} {child:.0f} MB, ratio {child / peak:.2f}{notes}", flush=True)


#: A process that is started from a large one begins with the large one's peak. This one is small.
STARTER = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps({"code": done.returncode, "mb": peak / 1024, "stderr": done.stderr}))
"""


def measured(work, *command) -> tuple[float, str]:
    """Peak resident memory of one run of the binary, MB, and what it noted about memory."""
    words = [str(harness.BINARY), *map(str, command), "--format", "json"]
    started = subprocess.run([sys.executable, "-c", STARTER, *words], capture_output=True, text=True, check=True)
    found = json.loads(started.stdout)
    if found["code"] != 0:
        raise SystemExit(f"{' '.join(words)}\n{found['stderr']}")
    notes = [json.loads(line) for line in found["stderr"].splitlines() if "memory" in line and line.startswith("{")]
    return found["mb"], "".join(f"\n    {note.get('text', note)}" for note in notes)


if __name__ == "__main__":
    main()
