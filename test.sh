#!/usr/bin/env bash
# Runs everything: format, lints, all tests, the demo, the Python package from its source archive.
# Needs Rust and Python 3.10 or later; everything else is installed below target/.
set -euo pipefail
cd "$(dirname "$0")"
step() { printf '\n== %s\n' "$*"; }
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"

step format
cargo fmt --all --check
step lints
cargo clippy --release --workspace --all-targets -- -D warnings
step documentation
RUSTDOCFLAGS="-D warnings" cargo doc --release --no-deps --workspace --exclude tabgraft-bench --exclude tabgraft-python
step gpu backend
# Only checked: building it takes longer than all that follows. `just test-gpu` holds its operations against
# ours and trains on a device.
cargo clippy --release --manifest-path gpu/Cargo.toml -p tabgraft-model --lib -- -D warnings
step features
# The wheel, built alone, must get the features that the whole workspace gets with its tests, or arrow is
# built once more. The remedy: crates/table/Cargo.toml.
features() { cargo tree --prefix none --format '{p} [{f}]' "$@" | sed 's/ (\*)$//' | sort -u; }
other=$(comm -23 <(features -e normal,no-proc-macro -p tabgraft-python) <(features -e normal,dev,no-proc-macro --workspace))
test -z "$other" || { printf 'the wheel has features of its own:\n%s\n' "$other" >&2; exit 1; }
step tests
cargo test --release --workspace --config checked.toml
step demo
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
# The binary that the tests were run on: `cargo run` would build its dependencies once more, because the
# Python package asks for other features of some of them.
"$CARGO_TARGET_DIR/release/tabgraft" demo --out "$out"
for file in demo.json report.html v1.tabgraft v2.tabgraft v3.tabgraft; do
    test -s "$out/$file" || { echo "the demo left no $file" >&2; exit 1; }
done
step python package
venv="$CARGO_TARGET_DIR/venv"
python3 -m venv "$venv"
# Exactly what the lock file names, by its hashes: python/requirements-test.lock.
"$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r python/requirements-test.lock
# The source archive is built and installed, so that what is tested is what would be published. Without
# pip's cache, which would give an earlier build of the same file name.
rm -rf "$CARGO_TARGET_DIR/sdist"
"$venv/bin/maturin" sdist --out "$CARGO_TARGET_DIR/sdist"
# Unpacked with the time of now (-m): the archive's own times are so old that cargo would take what an earlier run
# built of these crates.
tar -xzmf "$CARGO_TARGET_DIR"/sdist/tabgraft-*.tar.gz -C "$CARGO_TARGET_DIR/sdist"
rm -rf "$CARGO_TARGET_DIR/wheel"
PATH="$venv/bin:$PATH" "$venv/bin/pip" wheel --quiet --disable-pip-version-check --no-cache-dir \
    --no-build-isolation --no-deps --wheel-dir "$CARGO_TARGET_DIR/wheel" "$CARGO_TARGET_DIR"/sdist/tabgraft-*/
"$venv/bin/pip" install --quiet --disable-pip-version-check --force-reinstall --no-deps "$CARGO_TARGET_DIR"/wheel/*.whl
step wheel in a bare environment
bash python/tests/wheel.sh "$CARGO_TARGET_DIR"/wheel/*.whl "$venv/bin/abi3audit"
step python types
"$venv/bin/mypy" --strict python/tabgraft python/featrix python/tests/types_as_users_see_them.py
"$venv/bin/python" -m mypy.stubtest tabgraft featrix --mypy-config-file pyproject.toml
step python tests
# Other programs beside ours: where one cannot be had, its tests say that they are skipped.
timeout 600 "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes \
    -r python/requirements-beside.lock || echo "none of python/requirements-beside.txt"
# Pages are looked at in a Chromium, which Debian has.
if ! command -v chromedriver > /dev/null && command -v apt-get > /dev/null && [ "$(id -u)" = 0 ]; then
    { timeout 120 apt-get -qq update && DEBIAN_FRONTEND=noninteractive timeout 300 apt-get -qq install -y \
        --no-install-recommends chromium chromium-driver; } > /dev/null 2>&1 || echo "no Chromium"
fi
if command -v chromedriver > /dev/null && command -v npm > /dev/null; then
    npm install --silent --no-audit --no-fund --prefix "$CARGO_TARGET_DIR/axe" axe-core@4 || echo "no axe-core"
fi
"$venv/bin/python" -m pytest -q python/tests
step larger than memory
# Of a data set made on the spot that a limit has no room for; each command's peak is measured from outside.
TABGRAFT_BINARY="$CARGO_TARGET_DIR/release/tabgraft" "$venv/bin/python" benches/large.py \
    --size 20MB --memory-limit 300MB --apply-share 0.2
step done
