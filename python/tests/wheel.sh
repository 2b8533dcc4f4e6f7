#!/usr/bin/env bash
# A wheel in a bare environment: `wheel.sh WHEEL [ABI3AUDIT]`. It has a list of what it is built from, keeps to the stable
# ABI of its tag, brings no package but numpy, imports nothing that is not there, and works.
set -euo pipefail
wheel=$1
audit=${2:-}
bare=$(mktemp -d)
trap 'rm -rf "$bare"' EXIT
case $wheel in *-cp310-abi3-*.whl) ;; *) echo "$wheel is for one version of Python alone" >&2; exit 1 ;; esac
files=$(python3 -m zipfile -l "$wheel")
grep -q '\.dist-info/sboms/.*\.json' <<< "$files" || { echo "$wheel does not list what it is built from" >&2; exit 1; }
if [ -n "$audit" ]; then "$audit" --strict "$wheel"; fi
python3 -m venv "$bare/venv"
"$bare/venv/bin/pip" install --quiet --disable-pip-version-check "$wheel"
installed=$("$bare/venv/bin/pip" list --disable-pip-version-check --format freeze | sed 's/==.*//' | grep -v -x -E 'pip|setuptools' | sort | tr '\n' ' ')
test "$installed" = "numpy tabgraft " || { echo "installed: $installed" >&2; exit 1; }
cd "$bare"
"$bare/venv/bin/python" - <<'PYTHON'
import tabgraft

rows = {"a": [i % 7 for i in range(300)], "b": [str(i % 3) for i in range(300)], "y": [i % 2 for i in range(300)]}
v1 = tabgraft.EmbeddingSpace.fit({"a": rows["a"], "y": rows["y"]}, ignore=["y"], d_model=16, n_epochs=2, progress=False)
v2 = v1.extend(rows, ignore=["y"], n_epochs=2, progress=False)
assert (v2.embed(rows)[:, :16] == v1.embed(rows)).all()
v2.save("v2.tabgraft")
assert tabgraft.EmbeddingSpace.load("v2.tabgraft").id == v2.id
assert v2.report().html.endswith("</html>\n")
for module in ("plot", "scoring", "mlflow", "collective", "ray"):
    __import__(f"tabgraft.{module}")
print(f"tabgraft {tabgraft.__version__} works with numpy alone")
PYTHON
