"""What docs/promises.md says of hostile input, killed and starved processes and races: its tests, and what they tried.

Runs the tests in their short form, and adds up what they tell: inputs tried, kills and faults survived. How many mutants
are caught stands in docs/decisions/0061-mutants-in-one-build.md, from where it is told again: to try them takes long, and is
`just mutants`.
"""

import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = ["fuzz", "faults", "races", "hostile_files", "store", "supply", "private"]
COMMAND = ["cargo", "test", "--release", "--workspace", "--config", "checked.toml"]
# What a line tells, and the group of the pattern that is counted.
TOLD = {
    "inputs of fuzz targets": r"(\d+) of the corpus, +\d+ read; +\d+ mutations",
    "mutations of inputs of fuzz targets": r"of the corpus, +\d+ read; +(\d+) mutations",
    "mutations of files, through the command": r"^\S+ +(\d+) mutations, \d+ read",
    "kills in a step of writing": r"faults survived, +(\d+) kills among them",
    "kills at a registry": r"(\d+) processes killed",
    "ended for want of memory": r"address space: \d+ commands done, (\d+) ended",
    "steps of writing that failed or ended": r"steps, +(\d+) faults survived",
}


def main() -> None:
    started = time.monotonic()
    command = [*COMMAND, *(word for name in TESTS for word in ("--test", name)), "--", "--nocapture"]
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, errors="replace")
    counts = dict.fromkeys(TOLD, 0)
    for line in running.stdout:
        print(line, end="", flush=True)
        for what, pattern in TOLD.items():
            counts[what] += sum(int(number) for number in re.findall(pattern, line))
    code = running.wait()
    print(f"\n{time.monotonic() - started:.0f} s")
    inputs = [name for name in TOLD if "inputs" in name or "mutations" in name]
    kills = [name for name in TOLD if name.startswith("kills")]
    others = [name for name in TOLD if name not in inputs + kills]
    for title, names in [("inputs tried", inputs), ("kills survived", kills), ("beside that", others)]:
        parts = ", ".join(f"{counts[name]:,} {name}" for name in names)
        print(f"{title}: {sum(counts[name] for name in names):,} ({parts})")
    page = (ROOT / "docs" / "decisions" / "0061-mutants-in-one-build.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `[^|]*\| \d+ \| (\d+) \| (\d+) \|", page, re.M)
    tried, caught = (sum(int(row[i]) for row in rows) for i in (0, 1))
    print(f"mutants caught: {caught:,} of {tried:,} that were tried, as decision 61 records")
    silent = [what for what, n in counts.items() if n == 0]
    if code == 0 and silent:
        sys.exit(f"no test told of: {', '.join(silent)}")
    sys.exit(code)


if __name__ == "__main__":
    main()
