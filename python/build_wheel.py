"""Builds the wheel so that it is the same bytes in whatever folder it is built.

    python3 python/build_wheel.py --out DIR [--maturin PROGRAM] [-- what else maturin shall be told]
    python3 python/build_wheel.py --flags

Paths in the program begin with stand-ins for the folder of the sources and for cargo's, and the time is that of the last
commit. The list of what the wheel is built from (dist-info/sboms), which maturin writes, names packages by the folder; it
gets the stand-in, too, and RECORD the list's new hash. `--flags` prints what the compiler has to be told, with what
stands between two flags in CARGO_ENCODED_RUSTFLAGS.
"""

import argparse
import base64
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAND_IN = "/tabgraft"


def flags() -> str:
    cargo = os.environ.get("CARGO_HOME", str(Path.home() / ".cargo"))
    # Between the flags stands what no path has: a blank may stand in one.
    return "\x1f".join([f"--remap-path-prefix={ROOT}={STAND_IN}", f"--remap-path-prefix={cargo}=/cargo"])


def time_of_sources() -> str:
    """Seconds of the last commit; of sources without a history what the environment says, or 1980, where archives begin."""
    if "SOURCE_DATE_EPOCH" in os.environ:
        return os.environ["SOURCE_DATE_EPOCH"]
    told = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False)
    return told.stdout.strip() or "315532800"


def without_folder(wheel: Path, folder: Path) -> None:
    """Replaces the folder in the lists of what a wheel is built from, and the wheel by one that says so in RECORD."""
    with zipfile.ZipFile(wheel) as archive:
        files = [(info, archive.read(info)) for info in archive.infolist()]
    old, new = folder.as_uri().encode(), Path(STAND_IN).as_uri().encode()
    lines = {}
    for i, (info, content) in enumerate(files):
        if ".dist-info/sboms/" in info.filename:
            content = content.replace(old, new)
            if str(folder).encode() in content:
                sys.exit(f"{info.filename} names {folder} in a way that is not known here")
            files[i] = (info, content)
            hashed = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            lines[info.filename] = f"{info.filename},sha256={hashed},{len(content)}"
    with tempfile.NamedTemporaryFile(dir=wheel.parent, delete=False) as file, zipfile.ZipFile(file, "w") as archive:
        for info, content in files:
            if info.filename.endswith(".dist-info/RECORD"):
                old_lines = content.decode().splitlines()
                content = "".join(lines.get(line.split(",")[0], line) + "\n" for line in old_lines).encode()
            archive.writestr(info, content, compress_type=zipfile.ZIP_DEFLATED, compresslevel=9)
    os.chmod(file.name, 0o644)
    os.replace(file.name, wheel)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--out", type=Path, help="the folder to write to")
    options.add_argument("--maturin", default="maturin", help="the program")
    options.add_argument("--flags", action="store_true", help="only print the flags")
    options.add_argument("more", nargs="*", help="what else maturin shall be told, after `--`")
    options = options.parse_args()
    if options.flags:
        print(flags())
        return
    if options.out is None:
        sys.exit("--out is missing")
    environment = {**os.environ, "CARGO_ENCODED_RUSTFLAGS": flags(), "SOURCE_DATE_EPOCH": time_of_sources()}
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.out) as built:
        command = [options.maturin, "build", "--profile", "dist", "--locked", "--quiet", "--out", built, *options.more]
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
        [made] = Path(built).glob("*.whl")
        without_folder(made, ROOT)
        wheel = options.out / made.name
        os.replace(made, wheel)
    print(f"{wheel}: sha256 {hashlib.sha256(wheel.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
