# Everything that a change must pass.
all:
    bash test.sh

# The whole story on German Credit.
demo:
    cargo run --release -- demo

fmt:
    cargo fmt --all

lint:
    cargo clippy --release --workspace --all-targets -- -D warnings

test:
    cargo test --release --workspace --config checked.toml

# The operations of a GPU against ours, and grafts that train on one, or on a software renderer of Vulkan; builds
# the dependencies with a GPU backend.
test-gpu:
    cargo test --release --manifest-path gpu/Cargo.toml -p tabgraft-model --lib -- composed every_mode_trains_there

# A fuzz target (or `all`) for so many seconds, by mutations of its corpus.
fuzz TARGET SECONDS='60':
    TABGRAFT_FUZZ_TARGET={{TARGET}} TABGRAFT_FUZZ_SECONDS={{SECONDS}} cargo test --release --workspace \
        --config checked.toml --test fuzz -- --ignored --exact longer --nocapture

# The same targets under libFuzzer, which is steered by coverage; needs a nightly toolchain.
libfuzzer SECONDS='60' *TARGETS:
    python3 benches/libfuzzer.py --seconds {{SECONDS}} {{TARGETS}}

# What docs/promises.md says of hostile input, killed and starved processes and races, with the counts of what was
# tried; the long form fuzzes every target for so many seconds, soaks for an hour, and tries mutants for hours.
trust:
    python3 benches/trust.py

trust-long SECONDS='600': trust
    just fuzz all {{SECONDS}}
    just soak
    just mutants
    just reproducible

# Versions that are trained, grafted, merged, pruned, promoted, rolled back, served and killed at random, each step
# verified; what becomes of memory. Its record: docs/decisions/0064-soaked-and-counted.md.
soak *ARGUMENTS:
    cargo build --release --workspace --bin tabgraft
    python3 benches/soak.py {{ARGUMENTS}}

# Do the tests notice it when the code is wrong? Every mutant that cargo-mutants lists of what versions, scores and
# splits rest on, in one build; goes on where it was stopped. Needs cargo-mutants, and Python with tree-sitter and
# tree-sitter-rust.
mutants *ARGUMENTS:
    python3 benches/mutants.py {{ARGUMENTS}}

# Two clean builds of the wheel in two folders, compared byte by byte; needs maturin.
reproducible:
    python3 benches/reproducible.py

# Known holes of what the program is built from; needs cargo-deny, and asks GitHub for the list.
advisories:
    cargo deny --locked check advisories

# The lock files of the Python tests, with hashes, after a change of python/requirements-*.txt; needs uv.
lock:
    uv pip compile python/requirements-test.txt --universal --python-version 3.10 --generate-hashes --no-header \
        --quiet --output-file python/requirements-test.lock
    uv pip compile python/requirements-beside.txt --constraints python/requirements-test.lock --universal \
        --python-version 3.10 --generate-hashes --no-header --quiet --output-file python/requirements-beside.lock

# Predictors beside CatBoost, LightGBM and others on the shared tables.
quality *ARGUMENTS:
    cargo build --release
    python3 benches/quality.py {{ARGUMENTS}}

# Quality on German Credit's shared folds; needs Python with benches/requirements.txt.
bench-german:
    python3 benches/german_credit.py

# Pages of models of 1,000,000 rows x 100 columns: size and seconds.
bench-report *ARGUMENTS:
    cargo build --release
    python3 benches/report.py {{ARGUMENTS}}

# A predictor and a space in ONNX Runtime beside their own speed.
bench-onnx:
    python3 benches/onnx_speed.py

# Hidden columns of eight tables: grafts in every mode against retraining, from scratch and CatBoost.
bench-hidden:
    python3 benches/column_holdout.py

# Half of the rows, then the other half: refreshed spaces against training on all and against none of it.
bench-refresh *ARGUMENTS:
    cargo build --release
    python3 benches/refresh.py {{ARGUMENTS}}

# Whole commands at defaults, at every size: what a graft saves of retraining.
bench-economy *ARGUMENTS:
    cargo build --release
    python3 benches/economy.py {{ARGUMENTS}}

# A data set larger than memory, made on the spot: the peak of each command under a limit.
bench-large *ARGUMENTS:
    cargo build --release
    python3 benches/large.py {{ARGUMENTS}}

# A step, its pieces, sketches, CSV, one row and a search, each by itself on one thread.
bench *ARGUMENTS:
    cargo bench --workspace --bench pieces -- {{ARGUMENTS}}

# One row as a command and from Python; needs the package installed, and polars.
bench-row:
    cargo build --release
    python3 benches/one_row.py

# Requests to a server on this machine at 1, 8 and 64 connections; and one soaked with promotes, hostile bodies and
# clients that are killed, `--minutes 30`.
bench-serve *ARGUMENTS:
    cargo bench --workspace --bench serve
    cargo build --release
    python3 benches/serve.py {{ARGUMENTS}}

# What it costs that workers share a training; needs the package installed, and xgboost.
bench-distributed:
    python3 benches/distributed.py

# What freezing saves.
bench-freeze:
    python3 benches/freeze.py

# Memory of extending against that of the parent's training, and the estimate against what is measured.
bench-memory:
    python3 benches/memory.py

# Seconds of the README's two commands on a fresh clone; takes all cores.
bench-build:
    python3 benches/build.py

# What an anchored graft's drift bound costs.
bench-drift:
    python3 benches/drift_bound.py

# The train step's time and memory beside PyTorch's.
bench-step:
    python3 benches/train_step.py

# Reasons beside permutation importance, their error against their budget, rows a second; needs the package installed.
bench-explain:
    python3 benches/explain.py

# What calling `embed` from Python costs beside the embedding; needs the package installed, and polars.
bench-embed:
    python3 benches/embed_overhead.py

# Ten columns grafted one by one; needs the package installed.
bench-chain:
    python3 benches/chain.py

# Does discovery find what is planted; does it claim anything of shuffled targets; what do features change?
bench-features:
    python3 benches/planted.py
    python3 benches/null.py
    python3 benches/real_features.py

# What a release consists of, in target/published, each piece checked: wheel, source archive, command, checksums.
release:
    bash release.sh
