"""One training step beside PyTorch's: the same network, batch, columns and masking, in turn.

Batch 256, 32 columns (20 numbers, 12 categories of 16 values), d 128, two residual blocks. Prints the
milliseconds of a step on one and two threads, the ratio round by round, and the peak memory of
each process. PyTorch gets its data encoded in memory; ours includes cutting batches and masking.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

N_NUMBERS, N_CATEGORIES, N_LEVELS, BATCH, ROWS = 20, 12, 16, 256, 8192
N_BINS, N_TARGETS, D_TOKEN, D = 24, 16, 16, 128


def ours(threads: int, epochs: int) -> None:
    """Trains by the command line; prints milliseconds a step and peak memory."""
    import numpy as np
    import pandas as pd

    import harness

    rng = np.random.RandomState(0)
    frame = pd.DataFrame({f"n{i}": rng.randn(ROWS).round(4) for i in range(N_NUMBERS)})
    for i in range(N_CATEGORIES):
        frame[f"c{i}"] = [f"v{v}" for v in rng.randint(0, N_LEVELS, ROWS)]
    work = harness.Work()
    table = work.table(frame, "table")
    report = work.run(
        "train", table, "--p-test", 0, "--p-valid", 0, "--exact-epochs", "--epochs", epochs,
        "--batch-size", BATCH, "--threads", threads, "-o", work.file("space"),
    )
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    milliseconds = 1000 * BATCH / report["training"]["rows_per_second"]
    print(json.dumps({"ms": milliseconds, "mb": peak}))


def torch_peer(threads: int, epochs: int) -> None:
    """The same network in PyTorch; prints milliseconds a step and peak memory."""
    import torch
    import torch.nn as nn
    import torch.nn.functional as F

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    n_columns = N_NUMBERS + N_CATEGORIES

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.a, self.b = nn.LayerNorm(D), nn.Linear(D, 2 * D), nn.Linear(2 * D, D)

        def forward(self, h):
            inner = F.dropout(F.gelu(self.a(self.norm(h)), approximate="tanh"), 0.1)
            return h + F.dropout(self.b(inner), 0.1)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.randn(N_NUMBERS, N_BINS, D_TOKEN) * 0.2)
            self.b = nn.Parameter(torch.randn(N_NUMBERS, D_TOKEN) * 0.3)
            self.table = nn.Parameter(torch.randn(N_CATEGORIES * (N_LEVELS + 1), D_TOKEN) * 0.7)
            self.special = nn.Parameter(torch.randn(2, n_columns, D_TOKEN) * 0.3)
            self.mix = nn.Linear(n_columns * D_TOKEN, D)
            self.blocks, self.norm = nn.Sequential(Block(), Block()), nn.LayerNorm(D)
            self.head = nn.Linear(D, n_columns * N_TARGETS)
            self.register_buffer("offset", torch.arange(N_CATEGORIES) * (N_LEVELS + 1))

        def forward(self, x, codes, mask):
            numbers = F.relu(torch.einsum("bck,ckd->bcd", x, self.w) + self.b)
            tokens = torch.cat([numbers, F.embedding(codes + self.offset, self.table)], 1)
            tokens = torch.where(mask[..., None], self.special[1], tokens)
            z = self.norm(self.blocks(self.mix(tokens.flatten(1))))
            return self.head(z).view(-1, n_columns, N_TARGETS)

    position = torch.rand(ROWS, N_NUMBERS, 1) * N_BINS
    x = (position - torch.arange(N_BINS)).clamp(0, 1)
    codes = torch.randint(1, N_LEVELS + 1, (ROWS, N_CATEGORIES))
    target = torch.randint(0, N_TARGETS, (ROWS, n_columns))
    net = Net()
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-4)
    scale = 1 / torch.log(torch.tensor(float(N_TARGETS)))

    def epoch():
        for rows in torch.randperm(ROWS).split(BATCH):
            p = torch.rand(len(rows), 1) * 0.6 + 0.1
            mask = torch.rand(len(rows), n_columns) < p
            logits = net(x[rows], codes[rows], mask)
            loss = F.cross_entropy(logits.flatten(0, 1), target[rows].flatten(), reduction="none")
            weight = torch.where(mask, 1.0, 0.3)
            loss = (loss.view(len(rows), n_columns) * weight * scale).sum() / weight.sum()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()

    epoch()
    start = time.perf_counter()
    for _ in range(epochs):
        epoch()
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"ms": 1000 * seconds / (epochs * ROWS / BATCH), "mb": peak}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--one", nargs=2, metavar=("WHO", "THREADS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        who, threads = arguments.one
        {"ours": ours, "torch": torch_peer}[who](int(threads), arguments.epochs)
        return
    import harness

    harness.build()
    for threads in (1, 2):
        figures = {"ours": [], "torch": []}
        for _ in range(arguments.rounds):
            for who, found in figures.items():
                command = [sys.executable, __file__, "--one", who, str(threads), "--epochs", str(arguments.epochs)]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                found.append(json.loads(done.stdout.splitlines()[-1]))
        ms = {who: [f["ms"] for f in found] for who, found in figures.items()}
        mb = {who: statistics.median(f["mb"] for f in found) for who, found in figures.items()}
        ratios = [a / b for a, b in zip(ms["ours"], ms["torch"])]
        print(f"{threads} thread(s): ours {statistics.median(ms['ours']):.2f} ms, "
              f"PyTorch {statistics.median(ms['torch']):.2f} ms a step, "
              f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}); "
              f"peak memory {mb['ours']:.0f} MB and {mb['torch']:.0f} MB, ratio {mb['ours'] / mb['torch']:.2f}",
              flush=True)


if __name__ == "__main__":
    main()
