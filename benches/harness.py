"""Runs the `tabgraft` binary for the benchmarks and reads its JSON reports."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegressionCV, RidgeCV
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

warnings.filterwarnings("ignore", category=FutureWarning)  # of scikit-learn, about its next version

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = pathlib.Path(os.environ.get("TABGRAFT_BINARY", ROOT / "target" / "release" / "tabgraft"))


def data_dir() -> pathlib.Path:
    """The folder with the shared tables: $TABGRAFT_DATA, or `shared/data` beside the project."""
    return pathlib.Path(os.environ.get("TABGRAFT_DATA", ROOT.parent / "shared" / "data"))


def build() -> None:
    """Builds the binary, unless $TABGRAFT_BINARY names one."""
    if "TABGRAFT_BINARY" in os.environ:
        return
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=ROOT, check=True)


def load(name: str):
    """A shared table: frame of text cells, target column, target as 0/1 or number, meta data."""
    meta = next(m for m in json.loads((data_dir() / "index.json").read_text()) if m["name"] == name)
    frame = pd.read_csv(data_dir() / meta["file"], dtype=str, keep_default_na=False)
    frame = frame[~frame[meta["target"]].isin(["", "NA"])].reset_index(drop=True)
    if meta["task"] == "regression":
        y = frame[meta["target"]].to_numpy(float)
        y = np.log(y) if meta["target_transform"] == "log" else y
        return frame.assign(**{meta["target"]: y.astype(str)}), meta["target"], y, meta
    positive = "1" if "1" in set(frame[meta["target"]]) else meta["positive"]
    return frame, meta["target"], (frame[meta["target"]] == positive).to_numpy(int), meta


#: A process that is started from a large one begins with the large one's peak. This one is small.
STARTER = """
import json, resource, subprocess, sys, time
began = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
wall, used = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"code": done.returncode, "out": done.stdout, "err": done.stderr, "wall": wall,
                  "cpu": used.ru_utime + used.ru_stime, "mb": used.ru_maxrss / 1024}))
"""


def measured(*command) -> dict:
    """Processor and wall seconds and peak memory of one command, and its report."""
    words = [str(BINARY), *map(str, command), "--format", "json", "--quiet"]
    started = subprocess.run([sys.executable, "-c", STARTER, *words], capture_output=True, text=True, check=True)
    found = json.loads(started.stdout)
    if found["code"] != 0:
        raise SystemExit(f"{' '.join(words)}\n{found['err']}")
    found["report"] = json.loads(found["out"]) if found["out"].strip() else {}
    return found


class Work:
    """A folder of tables and models that is gone in the end."""

    def __init__(self, parent: str | None = None):
        self.folder = tempfile.TemporaryDirectory(dir=parent)
        self.path = pathlib.Path(self.folder.name)

    def table(self, frame: pd.DataFrame, name: str) -> str:
        path = self.path / f"{name}.csv"
        frame.to_csv(path, index=False)
        return str(path)

    def file(self, name: str) -> str:
        return str(self.path / name)

    def run(self, *arguments) -> dict:
        command = [str(BINARY), *map(str, arguments), "--format", "json", "--quiet"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def embed(self, space: str, table: str) -> np.ndarray:
        out = self.file("z.csv")
        command = [str(BINARY), "embed", space, table, "--out", out, "--quiet"]
        subprocess.run(command, check=True, capture_output=True)
        return pd.read_csv(out).to_numpy(np.float64)


def probe(z_train, y_train, z_test, y_test) -> float:
    """Score of a linear model on frozen vectors, its penalty chosen inside the training rows.

    ROC AUC of a logistic regression if the target is whole numbers (0 and 1), else R2 of a ridge regression.
    """
    if y_train.dtype.kind != "i":
        model = make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(-1, 4, 11)))
        return r2_score(y_test, model.fit(z_train, y_train).predict(z_test))
    model = make_pipeline(
        StandardScaler(),
        LogisticRegressionCV(Cs=[3e-4, 3e-3, 3e-2, 0.3], cv=3, scoring="neg_log_loss", max_iter=500),
    )
    return roc_auc_score(y_test, model.fit(z_train, y_train).predict_proba(z_test)[:, 1])


def one_hot(train: pd.DataFrame, y_train, test: pd.DataFrame, y_test) -> float:
    """AUC of a logistic regression on one-hot categories and standardised numbers."""
    numbers = [c for c in train if pd.to_numeric(train[c], errors="coerce").notna().all()]
    others = [c for c in train if c not in numbers]
    columns = make_column_transformer(
        (StandardScaler(), numbers), (OneHotEncoder(handle_unknown="ignore"), others)
    )
    model = make_pipeline(
        columns, LogisticRegressionCV(Cs=[0.01, 0.1, 1.0], cv=3, scoring="neg_log_loss", max_iter=1000)
    )
    train, test = train.astype(dict.fromkeys(numbers, float)), test.astype(dict.fromkeys(numbers, float))
    return roc_auc_score(y_test, model.fit(train, y_train).predict_proba(test)[:, 1])


def auc(report: dict) -> float:
    """The ROC AUC of an `evaluate` report."""
    return score(report, "roc_auc")


def score(report: dict, metric: str) -> float:
    """The value of a metric in an `evaluate` report."""
    return next(s["value"] for s in report["scores"] if s["metric"] == metric)
