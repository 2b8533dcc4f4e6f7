"""Seconds of the README's two commands on a fresh clone: what somebody waits who has just found the project.

The checked-in state is cloned into a scratch folder, which has no `target`, so everything is built; only
downloaded packages are taken from cargo's and pip's caches. The whole takes about as long as `test.sh`
and all cores. `--command` times another command instead, in a clone as fresh.

`--server` prints instead what the server's dependencies cost: the packages that `crates/serve` has and `crates/model`
has not, and the processor seconds in which they are built into an empty folder, with the few small ones that they
share with others.
"""

import argparse
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMMANDS = ["cargo run --release -- demo", "bash test.sh"]


def seconds_of(command: str, folder: pathlib.Path) -> float:
    """Runs a command of the shell in a clone of its own, and shows its last lines if it fails."""
    clone = folder / f"clone-{len(list(folder.iterdir()))}"
    subprocess.run(["git", "clone", "--quiet", "--no-local", ROOT, clone], check=True)
    environment = {k: v for k, v in os.environ.items() if k not in ("CARGO_TARGET_DIR", "VIRTUAL_ENV")}
    start = time.monotonic()
    done = subprocess.run(command, shell=True, cwd=clone, env=environment, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    seconds = time.monotonic() - start
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-30:])
        sys.exit(f"`{command}` ended with {done.returncode} after {seconds:.0f} s:\n{tail}")
    return seconds


def server() -> None:
    """What the server's dependencies cost."""
    own, others = packages("tabgraft-serve"), packages("tabgraft-model")
    new = sorted(own - others - {"tabgraft-serve"})
    print(f"{len(new)} packages: {', '.join(new)}")
    with tempfile.TemporaryDirectory() as folder:
        command = ["cargo", "build", "--release", "--quiet", "--target-dir", folder]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*command, *(f"-p={name}" for name in new)], cwd=ROOT, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime:.0f} processor seconds")


def packages(name: str) -> set[str]:
    """The packages that one is built from, on this system."""
    command = ["cargo", "tree", "-p", name, "--edges", "normal,build", "--prefix", "none", "--format", "{p}"]
    tree = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return {line.split()[0] for line in tree.splitlines() if line}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--command", action="append", help="time this instead; may be given several times")
    parser.add_argument("--server", action="store_true", help="the cost of the server's dependencies instead")
    arguments = parser.parse_args()
    if arguments.server:
        return server()
    revision = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True, capture_output=True)
    print(f"{revision.stdout.strip() or 'no revision'}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        for command in arguments.command or COMMANDS:
            print(f"{seconds_of(command, pathlib.Path(folder)):8.1f} s  {command}", flush=True)


if __name__ == "__main__":
    main()
