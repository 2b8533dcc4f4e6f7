"""No feature helps: how often does discovery recommend one all the same?

The target of five shared tables is shuffled (20 seeds each), so that nothing predicts it; at most 2,000 rows.
With `--copies 10` each row then stands ten times, in another order (200 different rows, or as many as give at
most 2,000): copies are no evidence, so the share must stay where it is.
Prints for each table and guide the share of runs that recommend anything (at most 10 % is wanted at level
.05), and how the shuffled copies fared that every run judges as controls. Then German Credit as it is: what
is recommended there and what the shared folds say of it would be seen in `real_features.py`.
"""

import argparse

import numpy as np

import harness

TABLES = ["german_credit", "credit_data", "telco_churn", "attrition", "titanic"]
N_ROWS = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--copies", type=int, default=1, help="how often each row stands in the table")
    parser.add_argument("--tables", default=",".join(TABLES), help="which tables, with commas")
    parser.add_argument("--guides", default="linear,predictor", help="which models guide and judge, with commas")
    arguments = parser.parse_args()
    harness.build()
    for guide in arguments.guides.split(","):
        total, seconds = 0, []
        controls = np.zeros(3, int)
        for name in arguments.tables.split(","):
            frame, target, _, _ = harness.load(name)
            n_claims = 0
            for seed in range(arguments.seeds):
                rng = np.random.default_rng(seed)
                rows = rng.permutation(len(frame))[: N_ROWS // arguments.copies]
                sample = frame.iloc[rows].reset_index(drop=True)
                sample[target] = rng.permutation(sample[target].to_numpy())
                if arguments.copies > 1:
                    order = rng.permutation(np.repeat(np.arange(len(sample)), arguments.copies))
                    sample = sample.iloc[order].reset_index(drop=True)
                work = harness.Work()
                path, space = work.table(sample, "table"), work.file("space.tabgraft")
                work.run("train", path, "--ignore", target, "--seed", seed, "--epochs", 4, "-o", space)
                report = work.run("discover", space, path, "--target", target, "--guide", guide, "--seed", seed,
                                  "--out-dir", work.file("out"))
                n_claims += bool(report["recommended"])
                seconds.append(report["seconds"])
                found = report["run"]["controls"]
                controls += [found["n_judged"], found["n_below_level"], found["n_passed"]]
            total += n_claims
            print(f"{guide:9s} {name:14s} runs that recommend something: {n_claims} of {arguments.seeds}", flush=True)
        n = arguments.seeds * len(arguments.tables.split(","))
        print(f"{guide:9s} all: {total} of {n} ({total / n:.1%}); of {controls[0]} shuffled copies {controls[1]} "
              f"({controls[1] / controls[0]:.1%}) looked better at level .05 before correction, {controls[2]} passed; "
              f"{np.median(seconds):.1f} s a search (median)", flush=True)


if __name__ == "__main__":
    main()
