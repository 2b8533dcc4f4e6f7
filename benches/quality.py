"""Predictors beside their peers on the shared tables and their folds, and on a synthetic table of 1,000 to 100,000
rows (`synth_scale.py`): scores, ranks, processor seconds.

Ours is two commands, `train` and `predictor`, all defaults, read from CSV; peers are fitted in a process on the same
rows. One line for each table and model, then paired differences to ours over all folds with a 95 % interval (of a
bootstrap over tables), mean ranks, the ratio of processor seconds, and how far below the best of linear, LightGBM and
CatBoost the worst tables are. What was measured is kept below
target/quality, by model and version, so that a run goes on where another stopped; `--again` measures ours anew.
"""

import argparse
import json
import pathlib
import resource
import subprocess
import sys
import time

import numpy as np
import pandas as pd

import harness

CACHE = harness.ROOT / "target" / "quality"
PEERS = ["linear", "lightgbm", "xgboost", "catboost", "random_forest"]
#: Peers with a categories' own door get them as they are, the others one-hot.
SEED = 0
#: Rows of the synthetic tables, of which a fifth is scored.
SYNTHETIC = [1_000, 10_000, 100_000]
#: What ours should not fall below the best of these by: AUC, and a share of a loss.
NEAREST = ["linear", "lightgbm", "catboost"]
MOST_BELOW = {"auc": 0.005, "rmse": 0.01, "log_loss": 0.01}


def metas() -> list:
    shared = json.loads((harness.data_dir() / "index.json").read_text())
    kinds = {"applied": "date", "region": "categorical", "merchant": "categorical", "channel": "categorical"}
    numbers = ["age", "income", "debt", "duration", "amount", *(f"noise{i}" for i in range(6))]
    kinds |= dict.fromkeys(numbers, "numeric")
    synthetic = [{"name": f"synth_{n}", "rows": n, "task": "binary", "target": "default", "kinds": kinds}
                 for n in SYNTHETIC]
    return [m for m in shared if (harness.data_dir() / m["file"]).exists()] + synthetic


def synthetic(n_rows):
    """The generated table as text, and its folds."""
    path = CACHE / f"synth_{n_rows}.parquet"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        script = pathlib.Path(__file__).parent / "synth_scale.py"
        subprocess.run([sys.executable, str(script), str(path), str(n_rows)], check=True)
    frame = pd.read_parquet(path)
    frame = frame.astype(object).where(frame.notna(), "").astype(str)
    folds = np.stack([np.random.default_rng(r).permutation(n_rows) % 5 for r in range(3)])
    return frame, frame["default"].to_numpy(str), folds


def load(meta):
    """Rows of the folds as text, target (numbers, or class names as text), fold of each row and repeat."""
    if "rows" in meta and "file" not in meta:
        return synthetic(meta["rows"])
    path = harness.data_dir() / meta["file"]
    if path.suffix == ".parquet":
        frame = pd.read_parquet(path)
        frame = frame.astype(object).where(frame.notna(), "").astype(str)
    else:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    frame = frame[~frame[meta["target"]].isin(["", "NA"])].reset_index(drop=True)
    folds = np.load(harness.data_dir() / "folds" / f"{meta['name']}.npz")
    frame = frame.iloc[folds["rows"]].reset_index(drop=True)
    if meta["task"] == "regression":
        y = frame[meta["target"]].to_numpy(float)
        y = np.log(y) if meta["target_transform"] == "log" else y
        frame[meta["target"]] = [repr(float(v)) for v in y]
    else:
        y = frame[meta["target"]].to_numpy(str)
    return frame, y, folds["fold"]


def as_features(frame, meta):
    """Numbers as float, dates as seconds, everything else as text."""
    features = {}
    for name, kind in meta["kinds"].items():
        column = frame[name]
        if kind == "numeric":
            features[name] = pd.to_numeric(column.replace({"NA": "", "True": "1", "False": "0"}), errors="coerce")
        elif kind == "date":
            features[name] = pd.to_datetime(column, errors="coerce", format="mixed").astype("int64") / 1e9
        else:
            features[name] = column
    return pd.DataFrame(features)


def one_hot(train):
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = [c for c in train if train[c].dtype.kind == "f" or train[c].dtype.kind == "i"]
    others = [c for c in train if c not in numbers]
    return make_column_transformer(
        (make_pipeline(SimpleImputer(add_indicator=True, keep_empty_features=True), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=5), others),
    )


def texts_of(frame) -> list:
    return [c for c in frame if frame[c].dtype == object or str(frame[c].dtype).startswith("str")]


def with_stop_rows(train, labels, task):
    """15 % of the rows set apart to stop on: rows, stop rows, and the labels of each."""
    from sklearn.model_selection import train_test_split

    stratify = None if task == "regression" else labels
    return train_test_split(train, labels, test_size=0.15, random_state=SEED, stratify=stratify)


def fit_catboost(train, labels, task):
    """CatBoost's model, all defaults but for stopping early."""
    import catboost

    a, b, y_a, y_b = with_stop_rows(train, labels, task)
    kind = catboost.CatBoostRegressor if task == "regression" else catboost.CatBoostClassifier
    extra = {"loss_function": "MultiClass"} if task == "multiclass" else {}
    model = kind(iterations=2000, thread_count=1, random_seed=SEED, verbose=False, early_stopping_rounds=50,
                 allow_writing_files=False, **extra)
    return model.fit(a, y_a, cat_features=texts_of(train), eval_set=(b, y_b))


def levels_of(train) -> dict:
    """The columns of text as categories."""
    return {c: pd.CategoricalDtype(sorted(set(train[c]))) for c in texts_of(train)}


def fit_lightgbm(train, labels, task):
    """LightGBM's model, stopped early, and the categories that it takes rows with."""
    import lightgbm

    levels = levels_of(train)
    a, b, y_a, y_b = with_stop_rows(train.astype(levels), labels, task)
    kind = lightgbm.LGBMRegressor if task == "regression" else lightgbm.LGBMClassifier
    fitted = kind(n_estimators=2000, learning_rate=0.05, n_jobs=1, random_state=SEED, verbose=-1)
    return fitted.fit(a, y_a, eval_set=[(b, y_b)], callbacks=[lightgbm.early_stopping(50, verbose=False)]), levels


def fit_peer(model, train, y, test, task):
    """Probabilities of the classes in sorted order, or numbers."""
    from sklearn.pipeline import make_pipeline

    is_number = task == "regression"
    labels = y if is_number else np.unique(y, return_inverse=True)[1]
    if model in ("linear", "random_forest"):
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
        from sklearn.linear_model import LogisticRegressionCV, RidgeCV

        if model == "linear":
            last = (RidgeCV(np.logspace(-2, 4, 13)) if is_number else
                    LogisticRegressionCV(Cs=[1e-3, 1e-2, 0.1, 1.0], cv=3, scoring="neg_log_loss", max_iter=400))
        else:
            last = (RandomForestRegressor if is_number else RandomForestClassifier)(
                300, min_samples_leaf=2, n_jobs=1, random_state=SEED)
        fitted = make_pipeline(one_hot(train), last).fit(train, labels)
        return fitted.predict(test) if is_number else fitted.predict_proba(test)
    if model == "catboost":
        fitted = fit_catboost(train, labels, task)
        return fitted.predict(test) if is_number else fitted.predict_proba(test)
    if model == "lightgbm":
        fitted, levels = fit_lightgbm(train, labels, task)
        test = test.astype(levels)
        return fitted.predict(test) if is_number else fitted.predict_proba(test)
    levels = levels_of(train)
    train, test = train.astype(levels), test.astype(levels)
    a, b, y_a, y_b = with_stop_rows(train, labels, task)
    import xgboost

    kind = xgboost.XGBRegressor if is_number else xgboost.XGBClassifier
    fitted = kind(n_estimators=2000, learning_rate=0.05, n_jobs=1, random_state=SEED, enable_categorical=True,
                  early_stopping_rounds=50, tree_method="hist")
    fitted.fit(a, y_a, eval_set=[(b, y_b)], verbose=False)
    return fitted.predict(test) if is_number else fitted.predict_proba(test)


def fit_ours(train, test, target, task, extra):
    work = harness.Work()
    train_csv, test_csv = work.table(train, "train"), work.table(test.drop(columns=[target]), "test")
    space, predictor, out = work.file("space.tabgraft"), work.file("predictor.tabgraft"), work.file("p.csv")
    begin = resource.getrusage(resource.RUSAGE_CHILDREN)
    work.run("train", train_csv, "--ignore", target, "--p-test", 0, "-o", space)
    middle = resource.getrusage(resource.RUSAGE_CHILDREN)
    kind = "number" if task == "regression" else "classes"
    work.run("predictor", space, train_csv, "--target", target, "-o", predictor, *extra)
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    work.run("predict", predictor, test_csv, "--out", out)
    last = resource.getrusage(resource.RUSAGE_CHILDREN)
    predicted = pd.read_csv(out)
    columns = [c for c in predicted if c.startswith("p_")]
    seconds = [b.ru_utime + b.ru_stime - a.ru_utime - a.ru_stime for a, b in [(begin, middle), (middle, end), (end, last)]]
    if kind == "number":
        return predicted.iloc[:, 0].to_numpy(float), None, seconds
    return predicted[columns].to_numpy(float), [c[2:] for c in columns], seconds


def measure(task, y_train, y_test, predicted, classes):
    """The scores of a task: the first one is what ranks and differences are of; larger is better."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    if task == "regression":
        error = np.sqrt(np.mean((predicted - y_test) ** 2))
        return {"r2": float(1 - error**2 / np.var(y_test)), "rmse": float(error)}
    order = [list(classes).index(c) if c in classes else None for c in np.unique(y_train)]
    p = np.column_stack([predicted[:, i] if i is not None else np.zeros(len(predicted)) for i in order])
    p = np.clip(p, 1e-7, 1)
    p /= p.sum(axis=1, keepdims=True)
    names = np.unique(y_train)
    place = {c: i for i, c in enumerate(names)}
    known = np.array([c in place for c in y_test])
    truth = np.array([place.get(c, 0) for c in y_test])
    log_loss = float(-np.log(np.where(known, p[np.arange(len(p)), truth], 1e-7)).mean())
    if len(names) == 2:
        return {"auc": float(roc_auc_score(truth, p[:, 1])), "log_loss": log_loss,
                "pr_auc": float(average_precision_score(truth, p[:, 1]))}
    return {"minus_log_loss": -log_loss, "log_loss": log_loss,
            "accuracy": float((p.argmax(1) == truth).mean())}


def fold_parser(description: str) -> argparse.ArgumentParser:
    """The options of a benchmark that goes through tables and folds one by one."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folds", type=int, default=1)
    parser.add_argument("--tables", nargs="*")
    parser.add_argument("--kept", help="a JSON file of the single results; those that it has are not computed again")
    return parser


def each_fold(arguments, one, show) -> pd.DataFrame:
    """What `one(meta, fold)` gives, a list of rows, for every table and fold that is not kept yet; `show` prints them."""
    harness.build()
    kept = pathlib.Path(arguments.kept) if arguments.kept else None
    rows = json.loads(kept.read_text()) if kept and kept.exists() else []
    done = {(row["table"], row["fold"]) for row in rows}
    for meta in metas():
        if arguments.tables and meta["name"] not in arguments.tables:
            continue
        for i in range(arguments.folds):
            if (meta["name"], i) in done:
                continue
            new = one(meta, i)
            rows += new
            print(meta["name"], i, show(new), flush=True)
            if kept:
                kept.write_text(json.dumps(rows))
    return pd.DataFrame(rows)


def version(model):
    if model in ("linear", "random_forest"):
        import sklearn as library
    else:
        library = __import__(model)
    return library.__version__


def scores_of(model, meta, i, data, arguments):
    name = arguments.label if model == "tabgraft" else f"{model}-{version(model)}"
    path = CACHE / name / f"{meta['name']}-{i}.json"
    if path.exists() and not (arguments.again and model == "tabgraft"):
        return json.loads(path.read_text())
    frame, y, folds = data()
    repeat, fold = divmod(i, 5)
    test = folds[repeat] == fold
    if model == "tabgraft":
        extra = arguments.extra.split()
        predicted, classes, seconds = fit_ours(frame[~test], frame[test], meta["target"], meta["task"], extra)
        if classes is not None and not set(classes) & set(y):
            # The class names as the CSV spells them.
            classes = [str(np.unique(y)[k]) for k in range(len(classes))]
    else:
        features = as_features(frame, meta)
        begin = time.process_time()
        predicted = fit_peer(model, features[~test], y[~test], features[test], meta["task"])
        seconds, classes = [time.process_time() - begin], np.unique(y[~test])
    found = {"scores": measure(meta["task"], y[~test], y[test], np.asarray(predicted), classes), "seconds": seconds}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folds", type=int, default=2, help="folds of each table")
    parser.add_argument("--tables", default="", help="names, separated by commas; all by default")
    parser.add_argument("--peers", default=",".join(PEERS), help="peers, separated by commas")
    parser.add_argument("--label", default="tabgraft", help="name that our figures are kept under")
    parser.add_argument("--extra", default="", help="further options of `predictor`, in one string")
    parser.add_argument("--again", action="store_true", help="measure ours anew")
    arguments = parser.parse_args()
    harness.build()
    models = ["tabgraft", *filter(None, arguments.peers.split(","))]
    wanted = set(filter(None, arguments.tables.split(",")))
    all_tables = {}
    for meta in metas():
        if wanted and meta["name"] not in wanted:
            continue
        held = []

        def data(meta=meta, held=held):
            if not held:
                held.append(load(meta))
            return held[0]

        of_models = {}
        for model in models:
            of_models[model] = [scores_of(model, meta, i, data, arguments) for i in range(arguments.folds)]
        all_tables[meta["name"]] = of_models
        first = next(iter(of_models["tabgraft"][0]["scores"]))
        line = " ".join(
            f"{model} {np.mean([f['scores'][first] for f in of]):.4f} ({np.mean([sum(f['seconds'][:2]) for f in of]):.1f} s)"
            for model, of in of_models.items())
        print(f"{meta['name']:14s} {first:14s} {line}", flush=True)
    report(all_tables, models)


def report(tables, models) -> None:
    """Mean ranks, paired differences to ours, and ratios of processor seconds."""
    means = {t: {m: np.mean([next(iter(f["scores"].values())) for f in of]) for m, of in models_of.items()}
             for t, models_of in tables.items()}
    ranks = {m: np.mean([1 + sum(other > means[t][m] for other in means[t].values()) for t in tables]) for m in models}
    print("\nmodel          mean rank  ours - its first score, of two classes [95 %]  tables ahead  seconds, its / ours (median)")
    random = np.random.default_rng(0)
    for model in models:
        two = [t for t in tables if "auc" in tables[t]["tabgraft"][0]["scores"]]
        differences = np.array([means[t]["tabgraft"] - means[t][model] for t in two])
        ahead = sum(means[t]["tabgraft"] >= means[t][model] for t in tables)
        ratio = np.median([np.mean([sum(f["seconds"][:2]) for f in tables[t][model]]) /
                           np.mean([sum(f["seconds"][:2]) for f in tables[t]["tabgraft"]]) for t in tables])
        low, high = (np.quantile([random.choice(differences, len(differences)).mean() for _ in range(2000)], [0.025, 0.975])
                     if len(two) else (np.nan, np.nan))
        mean = differences.mean() if len(two) else np.nan
        print(f"{model:14s} {ranks[model]:9.2f}  {mean:+.4f} [{low:+.4f}, {high:+.4f}]{'':22s} {ahead:2d} of {len(tables):2d}      {ratio:.3f}")


    near = [m for m in NEAREST if m in models]
    if not near:
        return
    print(f"\nbelow the best of {', '.join(near)}: AUC, or the share by which RMSE or log-loss is larger")
    for table, of_models in tables.items():
        scores = {m: {s: np.mean([f["scores"][s] for f in of]) for s in of[0]["scores"]} for m, of in of_models.items()}
        metric = next(s for s in MOST_BELOW if s in scores["tabgraft"])
        ours, theirs = scores["tabgraft"][metric], [scores[m][metric] for m in near]
        below = max(theirs) - ours if metric == "auc" else ours / min(theirs) - 1
        print(f"{table:14s} {metric:8s} {below:+.4f}{'' if below <= MOST_BELOW[metric] else '  too far'}")


if __name__ == "__main__":
    main()
