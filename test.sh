#!/usr/bin/env bash
# Runs everything: format, lints, all tests, and the demo. Needs Rust only.
set -euo pipefail
cd "$(dirname "$0")"
step() { printf '\n== %s\n' "$*"; }

step format
cargo fmt --all --check
step lints
cargo clippy --release --workspace --all-targets -- -D warnings
step tests
cargo test --release --workspace
step demo
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
# The binary that the tests were run on: `cargo run` would build its dependencies once more, because
# tests ask for other features of them.
"${CARGO_TARGET_DIR:-target}/release/tabgraft" demo --out "$out"
for file in demo.json report.html v1.tabgraft v2.tabgraft v3.tabgraft; do
    test -s "$out/$file" || { echo "the demo left no $file" >&2; exit 1; }
done
step done
