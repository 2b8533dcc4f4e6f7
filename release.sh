#!/usr/bin/env bash
# Makes what a release consists of, in the folder that is named (by default target/published), and checks each piece:
# the wheel, the source archive, an archive of the command with its manual pages and completions, and checksums.
# Nothing is published. Needs Rust, Python 3.10 or later and the Python package index. Run `bash test.sh` before.
set -euo pipefail
cd "$(dirname "$0")"
step() { printf '\n== %s\n' "$*"; }
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
out="${1:-$CARGO_TARGET_DIR/published}"
rm -rf "$out"
mkdir -p "$out"

step tools
tools="$CARGO_TARGET_DIR/release-tools"
python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --disable-pip-version-check 'maturin>=1.9,<2' abi3audit twine
step python package
"$tools/bin/maturin" sdist --out "$out"
# maturin gives the wheel the oldest manylinux tag that its symbols allow, and puts a list of what it is built from inside.
# Nothing in it, nor in the command below, says in which folder it was built.
"$tools/bin/python" python/build_wheel.py --maturin "$tools/bin/maturin" --out "$out"
step checks of the package
"$tools/bin/twine" check --strict "$out"/*.whl "$out"/*.tar.gz
bash python/tests/wheel.sh "$out"/*.whl "$tools/bin/abi3audit"
step command
CARGO_ENCODED_RUSTFLAGS="$(python3 python/build_wheel.py --flags)"
export CARGO_ENCODED_RUSTFLAGS
cargo build --profile dist --locked --workspace --bin tabgraft
host=$(rustc -vV | sed -n 's/^host: //p')
version=$("$CARGO_TARGET_DIR/dist/tabgraft" --version | cut -d' ' -f2)
name="tabgraft-$version-$host"
root="$out/$name"
mkdir -p "$root/completions"
cp "$CARGO_TARGET_DIR/dist/tabgraft" README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT "$root"
"$root/tabgraft" --quiet completions man --out-dir "$root/man1" > /dev/null
for shell in bash elvish fish powershell zsh; do
    "$root/tabgraft" completions "$shell" > "$root/completions/tabgraft.$shell"
done
tar -C "$out" --sort=name --owner=0 --group=0 --numeric-owner -czf "$out/$name.tar.gz" "$name"
rm -r "$root"
step checksums
(cd "$out" && sha256sum -- * > SHA256SUMS && cat SHA256SUMS)
