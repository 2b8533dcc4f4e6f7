"""Speed of a predictor and a space in ONNX Runtime beside tabgraft's own, on German Credit, and how far they differ."""

import json
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd

import tabgraft

CREDIT = Path(__file__).parents[1] / "fixtures" / "german_credit.csv"


def feeds(session, frame):
    asked = json.loads(session.get_modelmeta().custom_metadata_map["tabgraft.inputs"])
    return {
        column["name"]: frame[column["name"]].astype(str).to_numpy(object)
        if column["type"] == "string"
        else frame[column["name"]].to_numpy("float64")
        for column in asked
    }


def seconds(work) -> float:
    """Of one call: the best of several, after one that warms up."""
    work()
    taken = []
    for _ in range(7):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def main() -> None:
    credit = pd.read_csv(CREDIT)
    space = tabgraft.EmbeddingSpace.fit(credit, ignore=["default"], name="space", n_epochs=20)
    predictor = tabgraft.Predictor.fit(space, credit, "default", name="predictor")
    options = onnxruntime.SessionOptions()
    print(f"onnxruntime {onnxruntime.__version__}, tabgraft {tabgraft.__version__}")
    print("| model | bytes | rows | tabgraft ms | ONNX ms | largest difference |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for model, output in [(space, "z"), (predictor, "probabilities")]:
            path = Path(folder) / "model.onnx"
            n_bytes = model.to_onnx(path)["n_bytes"]
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            own = model.embed if output == "z" else lambda frame: model.predict(frame).probabilities
            for n_rows in [1, 100, 1000, 10_000]:
                rows = credit.sample(n_rows, replace=True, random_state=0).reset_index(drop=True)
                given = feeds(session, rows)
                difference = np.abs(session.run([output], given)[0] - own(rows)).max()
                here, there = seconds(lambda: own(rows)), seconds(lambda: session.run([output], given))
                print(f"| {model.name} | {n_bytes} | {n_rows} | {here * 1e3:.2f} | {there * 1e3:.2f} | {difference:.1e} |")


if __name__ == "__main__":
    main()
