"""Peak memory of extending against that of the parent's training, and the estimate beside what was measured.

A table of 20 numbers and 12 categories; two more columns are grafted, in each mode. Peak is the largest
resident set of the whole process, on one thread; the estimate is the one that `--memory-limit` goes by.
The wanted ratio is at most 1.3. Then a graft under limits: what they did to it.
"""

import argparse
import json
import re
import statistics
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
    """What a training is estimated to need, MB: said where it is refused for a limit that nothing meets."""
    _, stderr = measured(*command, "--memory-limit", 1, allowed_to_fail=True)
    return float(re.search(r"about ([0-9.]+) MB needed", stderr).group(1))


if __name__ == "__main__":
    main()
