"""German Credit on the 15 shared folds: predictor, logistic probe on frozen z, one-hot logistic.

Prints one line per fold and the means. Every model sees the training rows of a fold alone.
"""

import argparse

import numpy as np

import harness


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folds", type=int, default=15, help="how many of the 15 folds")
    parser.add_argument("--extra", default="", help="further options of `predictor`, in one string")
    arguments = parser.parse_args()
    harness.build()
    frame, target, y, _ = harness.load("german_credit")
    folds = np.load(harness.data_dir() / "folds" / "german_credit.npz")
    frame, y = frame.iloc[folds["rows"]].reset_index(drop=True), y[folds["rows"]]
    rows = []
    print("repeat fold  predictor  probe_z  one_hot  space_s  predictor_s")
    for i in range(arguments.folds):
        repeat, fold = divmod(i, 5)
        test = folds["fold"][repeat] == fold
        work = harness.Work()
        train_csv = work.table(frame[~test], "train")
        test_csv = work.table(frame[test], "test")
        space, predictor = work.file("space.tabgraft"), work.file("predictor.tabgraft")
        fit = work.run("train", train_csv, "--ignore", target, "--p-test", 0, "--seed", i, "-o", space)
        z_train, z_test = work.embed(space, train_csv), work.embed(space, test_csv)
        fitted = work.run("predictor", space, train_csv, "--target", target, "--seed", i, "-o", predictor,
                          *arguments.extra.split())
        scored = work.run("evaluate", predictor, test_csv, "--rows", "all")
        features = frame.drop(columns=[target])
        row = (
            harness.auc(scored),
            harness.probe(z_train, y[~test], z_test, y[test]),
            harness.one_hot(features[~test], y[~test], features[test], y[test]),
            fit["training"]["seconds"],
            fitted["fit"]["seconds"],
        )
        rows.append(row)
        print(f"{repeat:6d} {fold:4d}  {row[0]:9.4f}  {row[1]:7.4f}  {row[2]:7.4f}  {row[3]:7.2f}  {row[4]:11.2f}",
              flush=True)
    means = np.mean(rows, axis=0)
    print(f"mean over {len(rows)} folds: predictor {means[0]:.4f}, probe on z {means[1]:.4f}, "
          f"one-hot logistic {means[2]:.4f}, seconds {means[3]:.2f} + {means[4]:.2f}")


if __name__ == "__main__":
    main()
