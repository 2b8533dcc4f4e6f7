"""Is the wheel the same, whoever builds it? Two clean builds in two folders, compared file by file.

    pip install 'maturin>=1.9,<2'
    python3 benches/reproducible.py             # two builds of about ten minutes each on two cores

Each build gets the committed sources in a folder of its own (names of different lengths), a target folder of its own, and the
time of the commit in place of the clock, and is made as a release is: python/build_wheel.py. Exit code 0: equal bytes, 1: not,
with the files that differ and what stands around the first different byte of each.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Bytes that are shown around a difference.
AROUND = 60


def build(folder: Path, maturin: str, when: str) -> Path:
    """A wheel of the committed sources, built from nothing in a folder."""
    source = folder / "source"
    source.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", source], input=archive, check=True)
    environment = {
        **os.environ,
        "CARGO_TARGET_DIR": str(folder / "target"),
        "CARGO_INCREMENTAL": "0",
        "SOURCE_DATE_EPOCH": when,
    }
    command = [sys.executable, source / "python" / "build_wheel.py", "--maturin", maturin, "--out", folder / "wheel"]
    start = time.monotonic()
    subprocess.run(command, cwd=source, env=environment, check=True)
    [wheel] = (folder / "wheel").glob("*.whl")
    print(f"{folder.name}: {wheel.name}, {wheel.stat().st_size:,} bytes in {time.monotonic() - start:.0f} s", flush=True)
    return wheel


def first_difference(a: bytes, b: bytes) -> str:
    place = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    n_different = sum(x != y for x, y in zip(a, b)) + abs(len(a) - len(b))
    around = [bytes_[max(0, place - AROUND) : place + AROUND] for bytes_ in (a, b)]
    return f"{len(a):,} and {len(b):,} bytes, {n_different:,} differ, the first at {place:,}:\n    {around[0]}\n    {around[1]}"


def compare(one: Path, other: Path) -> bool:
    """Whether two wheels are equal; tells how they are not."""
    with zipfile.ZipFile(one) as a, zipfile.ZipFile(other) as b:
        names = [a.namelist(), b.namelist()]
        if sorted(names[0]) != sorted(names[1]):
            print(f"files of one alone: {sorted(set(names[0]) ^ set(names[1]))}")
        common = [name for name in names[0] if name in set(names[1])]
        different = [name for name in common if a.read(name) != b.read(name)]
        for name in different:
            print(f"{name}: {first_difference(a.read(name), b.read(name))}")
        print(f"{len(common) - len(different)} of {len(common)} files are equal")
        times = [[info.date_time for info in wheel.infolist()] for wheel in (a, b)]
        if names[0] == names[1] and times[0] != times[1]:
            print("their times in the archive differ")
    hashes = [hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in (one, other)]
    print(f"the wheels are {'equal' if hashes[0] == hashes[1] else 'different'}: {' '.join(sorted(set(hashes)))}")
    return hashes[0] == hashes[1]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--maturin", default="maturin", help="the program")
    options.add_argument("--compare", nargs=2, type=Path, metavar="WHEEL", help="two wheels that are there already")
    options = options.parse_args()
    if options.compare:
        sys.exit(not compare(*options.compare))
    when = subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()
    with tempfile.TemporaryDirectory() as folder:
        wheels = [build(Path(folder) / name, options.maturin, when) for name in ("here", "in-another-folder")]
        sys.exit(not compare(*wheels))


if __name__ == "__main__":
    main()
