"""Rows a processor second that a fitted predictor predicts, from Parquet to Parquet, beside CatBoost and LightGBM.

Each table is learned from once: the synthetic one (`synth_scale.py`) at 10,000 rows and, of the shared tables, the rows of
the first fold. What is predicted are those rows again and again, in another order, until they are 200,000; of the synthetic
table 1,000,000 new ones. Ours is the command `predict`, from start to file on disk, on one thread; a peer's time is
that of reading with pandas, predicting on one thread and writing, in a process that has its model already. Everything
else is at its defaults, peers with early stopping as in `quality.py`. Wanted: 150,000 rows a processor second.
"""

import argparse
import os
import resource
import time

import numpy as np
import pandas as pd

os.environ["RAYON_NUM_THREADS"] = "1"  # before the command starts

import harness
import quality

TABLES = ["synth_10000", "telco_churn", "diamonds", "bird_strikes"]
N_ROWS = 200_000
N_SYNTHETIC = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="*", default=TABLES)
    parser.add_argument("--rows", type=int, help="rows to predict")
    parser.add_argument("--extra", default="", help="further options of `predictor`, in one string")
    arguments = parser.parse_args()
    harness.build()
    for name in arguments.tables:
        meta = next(m for m in quality.metas() if m["name"] == name)
        print(f"{name:14s}", *one(meta, arguments.rows, arguments.extra.split()), flush=True)


def one(meta, n_rows, extra) -> list[str]:
    frame, y, folds = quality.load(meta)
    learned = folds[0] != 0
    features = quality.as_features(frame, meta).assign(**{meta["target"]: y})
    train = features[learned].reset_index(drop=True)
    if "file" in meta:
        drawn = np.random.default_rng(0).integers(0, len(train), n_rows or N_ROWS)
        rows = train.drop(columns=[meta["target"]]).iloc[drawn].reset_index(drop=True)
    else:
        new, _, _ = quality.synthetic(n_rows or N_SYNTHETIC)
        rows = quality.as_features(new, meta)
    work = harness.Work()
    table, path = work.file("train.parquet"), work.file("rows.parquet")
    train.to_parquet(table)
    rows.to_parquet(path)
    said = [f"{len(train)} rows learned from, rows predicted a processor second:"]
    rate, learners = ours(work, table, path, meta["target"], extra)
    said.append(f"tabgraft {len(rows) / rate:,.0f} ({learners});")
    for peer in ("catboost", "lightgbm"):
        said.append(f"{peer} {len(rows) / of_peer(peer, train, meta, path, work):,.0f};")
    return said


def ours(work, table, path, target, extra):
    space, predictor = work.file("space.tabgraft"), work.file("predictor.tabgraft")
    work.run("train", table, "--ignore", target, "--p-test", 0, "-o", space)
    info = work.run("predictor", space, table, "--target", target, "-o", predictor, *extra)["fit"]
    begin = resource.getrusage(resource.RUSAGE_CHILDREN)
    work.run("predict", predictor, path, "--out", work.file("out.parquet"))
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    networks = 1 - info["share_of_trees"] - info.get("share_of_random_forests", 0) - info["share_of_linear"]
    count = "no networks"
    if networks > 1e-9:
        how = (" as one" if info["networks_as_one"] else "") + (" by their first member" if info.get("one_member") else "")
        count = f"{len(info['best_epochs'])} networks{how}, share {networks:.2f}"
    return end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime, count


def of_peer(peer, train, meta, path, work) -> float:
    target, task = meta["target"], meta["task"]
    x = train.drop(columns=[target])
    labels = train[target] if task == "regression" else np.unique(train[target], return_inverse=True)[1]
    if peer == "catboost":
        model, levels = quality.fit_catboost(x, labels, task), None
    else:
        model, levels = quality.fit_lightgbm(x, labels, task)
    begin = time.process_time()
    rows = pd.read_parquet(path)
    rows = rows if levels is None else rows.astype(levels)
    options = {"thread_count": 1} if peer == "catboost" else {}
    predicted = model.predict(rows, **options) if task == "regression" else model.predict_proba(rows, **options)
    pd.DataFrame(np.asarray(predicted).reshape(len(rows), -1)).add_prefix("p").to_parquet(work.file("peer.parquet"))
    return time.process_time() - begin


if __name__ == "__main__":
    main()
