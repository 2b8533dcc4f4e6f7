#!/usr/bin/env bash
# Runs everything: format, lints, all tests, and the demo. Needs Rust only.
set -euo pipefail
cd "$(dirname "$0")"
step() { printf '\n== %s\n' "$*"; }

step format
cargo fmt --all --check
step lints
cargo clippy --release --workspace --all-targets -- -D warnings
step features
# One package must get the features that the whole workspace gets with its tests, or `cargo run` after
# `cargo test` builds burn and arrow once more. The remedy: crates/table/Cargo.toml.
features() { cargo tree --prefix none --format '{p} [{f}]' "$@" | sed 's/ (\*)$//' | sort -u; }
for package in tabgraft-model tabgraft-cli; do
    other=$(comm -23 <(features -e normal,build -p "$package") <(features -e normal,build,dev --workspace))
    test -z "$other" || { printf '%s has features of its own:\n%s\n' "$package" "$other" >&2; exit 1; }
done
step tests
cargo test --release --workspace
step demo
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cargo run --release -- demo --out "$out"
for file in demo.json report.html v1.tabgraft v2.tabgraft v3.tabgraft; do
    test -s "$out/$file" || { echo "the demo left no $file" >&2; exit 1; }
done
step done
