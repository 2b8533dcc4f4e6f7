"""What freezing saves: milliseconds of a joint graft's epoch, by what of the parent stays frozen.

A table of 20 numbers and 12 categories, 8,192 rows; two more columns are grafted. An epoch is one of the
phase that trains old weights beside new ones (of the whole graft where nothing old trains), with its
validation. The least epoch of all rounds counts, on one thread: what else runs on the machine only
adds. Prints the time, its share of that with nothing frozen, and the seconds of the whole graft.
"""

import argparse

import numpy as np
import pandas as pd

import harness

N_NUMBERS, N_CATEGORIES, N_LEVELS, ROWS = 20, 12, 16, 8192
LATE = ["late_number", "late_category"]


def table(n_rows: int) -> pd.DataFrame:
    """Numbers and categories, and two columns that come later, about what the numbers have in common."""
    rng = np.random.RandomState(0)
    size = rng.randn(n_rows)
    columns = {f"n{i}": (size + rng.randn(n_rows)).round(4) for i in range(N_NUMBERS)}
    columns |= {f"c{i}": [f"v{v}" for v in rng.randint(0, N_LEVELS, n_rows)] for i in range(N_CATEGORIES)}
    late = [(size**2 + rng.randn(n_rows)).round(4), np.where(size > 0.5, "a", "b")]
    return pd.DataFrame(columns | dict(zip(LATE, late)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10, help="epochs of each graft, run exactly")
    arguments = parser.parse_args()
    harness.build()
    work, frame = harness.Work(), table(ROWS)
    early, enriched = work.table(frame.drop(columns=LATE), "early"), work.table(frame, "all")
    columns = [c for c in frame if c not in LATE]
    parent = work.file("parent")
    work.run("train", early, "--exact-epochs", "--epochs", 2, "-o", parent)

    def held(wanted):
        return [word for column in wanted for word in ("--freeze-column", column)]

    frozen = {
        "nothing": [],
        "every fourth column": held(columns[::4]),
        "every second column": held(columns[::2]),
        "all columns but one": held(columns[1:]),
        "tokens": ["--freeze", "tokens"],
        "trunk": ["--freeze", "trunk"],
        "heads": ["--freeze", "heads"],
        "tokens, trunk": ["--freeze", "tokens,trunk"],
        "tokens, trunk, heads": ["--freeze", "tokens,trunk,heads"],
        "mode frozen": None,
    }
    least = dict.fromkeys(frozen, (float("inf"), float("inf")))
    for _ in range(arguments.rounds):
        for what, flags in frozen.items():
            mode = ["--mode", "frozen"] if flags is None else ["--mode", "joint", *flags]
            child = work.file("child")
            options = ["--exact-epochs", "--epochs", arguments.epochs, "--threads", 1]
            work.run("extend", parent, enriched, *mode, *options, "-o", child)
            info = work.run("inspect", child)["training_info"]
            last = info["epochs"][-1]["phase"]
            epoch = min(e["seconds"] for e in info["epochs"] if e["phase"] == last)
            least[what] = tuple(map(min, least[what], (epoch, info["seconds"])))
    whole = least["nothing"][0]
    print(f"{'frozen':22s} ms an epoch  share  seconds of the graft")
    for what, (epoch, seconds) in least.items():
        print(f"{what:22s} {1000 * epoch:11.1f}  {epoch / whole:5.2f}  {seconds:.2f}")


if __name__ == "__main__":
    main()
