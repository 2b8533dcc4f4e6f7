"""Soaks what versions go through, at random: train, graft, merge, prune, promote, roll back, serve, and be killed.

    python3 benches/soak.py --minutes 60 --seed 1

After each step it is checked that what was written verifies, with the links to those of its family that are there; that
a registry's history begins with what it was, ends with what was done, and leads to the version that is current; and that a
server that follows the registry gives, by that version, the vectors that the command `embed` gives. One step in eight
is killed at some moment: then the old or the new state is there, whole.

Looked at all the time: the memory of the server's process (its most in the second and in the last fifth of the run; wanted:
no growth beyond a tenth), the peak of each command, and its seconds. Anything wrong is told, and gives exit code 1.
"""

import argparse
import csv
import http.client
import io
import json
import os
import pathlib
import random
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = pathlib.Path(os.environ.get("TABGRAFT_BINARY", ROOT / "target" / "release" / "tabgraft")).resolve()
N_ROWS, N_ASKED = 600, 5
BASE, LATER = ["x0", "x1", "c0", "c1"], [f"{kind}{i}" for i in range(2, 8) for kind in "xc"]
MODES = ["frozen", "frozen", "joint", "anchored"]
# Files that a step may start from; steps behind the first training.
MOST_FILES, MOST_STEPS = 24, 8
SHARE_KILLED = 1 / 8
SHARE_GROWN = 0.1
# Wanted is that nothing hangs; a machine that does other things as well is slow.
MOST_SECONDS = 120
MOST_WRONG = 20


class Version:
    def __init__(self, path: pathlib.Path, columns: list[str], parents: list["Version"], is_frozen: bool):
        self.path, self.columns, self.parents, self.is_frozen = path, columns, parents, is_frozen
        # What was pruned stays out of later grafts.
        self.known = set(columns).union(*(parent.known for parent in parents))
        self.n_steps = 1 + max((parent.n_steps for parent in parents), default=-1)

    @property
    def name(self) -> str:
        return self.path.name


class Soak:
    def __init__(self, folder: pathlib.Path, seed: int):
        self.folder, self.draw = folder, random.Random(seed)
        self.models = folder / "models"
        self.models.mkdir()
        self.registry = folder / "registry"
        self.versions: list[Version] = []
        self.events: list[dict] = []
        self.n_made = 0
        self.counts: dict[str, int] = {}
        self.wrong: list[str] = []
        # Of each command: when, seconds, megabytes.
        self.costs: dict[str, list[tuple[float, float, float]]] = {}
        self.memory: list[tuple[float, float]] = []
        self.began = time.monotonic()
        self.rows = [self.row(random.Random(i)) for i in range(N_ROWS)]
        self.server = None

    @staticmethod
    def row(draw: random.Random) -> dict:
        hidden = draw.gauss(0, 1)
        numbers = {f"x{i}": round(hidden * (i % 3) + draw.gauss(0, 1), 3) for i in range(8)}
        words = {f"c{i}": f"w{int(abs(hidden * 2 + draw.gauss(0, 1))) % 5}" for i in range(8)}
        return {**numbers, **words}

    def table(self, columns: list[str]) -> str:
        path = self.folder / "table.csv"
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(self.rows)
        return str(path)

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def fail(self, what: str) -> None:
        self.wrong.append(what[:600])
        print(f"wrong: {what[:600]}", flush=True)

    def run(self, *words: object, killed_after: float | None = None) -> tuple[int, str, str]:
        """Exit code (negative: a signal's), stdout and stderr of a command."""
        name = f"{words[0]} {words[2]}" if words[0] == "registry" else str(words[0])
        start = time.monotonic()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = subprocess.Popen([BINARY, *map(str, words), "--quiet"], stdout=out, stderr=err)
            if killed_after is not None:
                time.sleep(killed_after)
                # Not by `Popen.kill`, which would take the status of a process that has ended by itself.
                os.kill(process.pid, signal.SIGKILL)
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = code = os.waitstatus_to_exitcode(status)
            seconds = time.monotonic() - start
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode())
        if killed_after is None:
            self.costs.setdefault(name, []).append((start - self.began, seconds, used.ru_maxrss / 1024))
            if seconds > MOST_SECONDS:
                self.fail(f"{' '.join(map(str, words))} took {seconds:.0f} s")
        if "panicked" in texts[1] or code not in (0, -signal.SIGKILL if killed_after is not None else 0):
            self.fail(f"{' '.join(map(str, words))}: {code}: {texts[1]}")
        return code, *texts

    def patience(self) -> float | None:
        """Seconds after which a step is killed, or none."""
        return self.draw.random() ** 2 * 0.5 if self.draw.random() < SHARE_KILLED else None

    def make(self, what: str, columns: list[str], parents: list[Version], is_frozen: bool, *words: object) -> None:
        """A version that a command writes; where it is killed, there is one or none."""
        self.n_made += 1
        path = self.models / f"v{self.n_made}"
        patience = self.patience()
        code, _, _ = self.run(*words, "-o", path, "--name", path.name, killed_after=patience)
        if patience is not None and code != 0:
            self.count(f"{what}, killed")
            for left in self.models.glob(".*.tmp"):
                left.unlink()
            if not path.exists():
                return
        self.count(what)
        if not path.exists():
            return self.fail(f"{what} of {path.name} left no file")
        self.verify("--deep", path)
        self.versions.append(Version(path, columns, parents, is_frozen))
        while len(self.versions) > MOST_FILES:
            self.versions.pop(self.draw.randrange(len(self.versions) // 2)).path.unlink()

    def verify(self, *words: object) -> None:
        _, out, _ = self.run("verify", *words, "--format", "json")
        if not out or json.loads(out)["ok"] is not True:
            self.fail(f"verify {words}: {out}")
        self.count("verified")

    def parent(self) -> Version | None:
        young = [v for v in self.versions if v.n_steps < MOST_STEPS]
        return self.draw.choice(young) if young else None

    def options(self) -> list[str]:
        return ["--epochs", str(self.draw.randrange(1, 4)), "--seed", str(self.draw.randrange(1000))]

    def train(self) -> None:
        words = ["train", self.table(BASE), "--d-model", self.draw.choice([8, 16]), *self.options()]
        self.make("train", BASE, [], False, *words)

    def graft(self, parent: Version | None = None, mode: str | None = None, avoid: list[str] = []) -> None:
        parent = parent or self.parent()
        left = [c for c in LATER if parent and c not in parent.known and c not in avoid]
        if not left:
            return self.train()
        new = self.draw.sample(left, min(len(left), self.draw.randrange(1, 4)))
        mode = mode or self.draw.choice(MODES)
        columns = [*parent.columns, *new]
        words = ["extend", parent.path, self.table(columns), "--mode", mode, *self.options()]
        self.make(f"graft, {mode}", columns, [parent], mode == "frozen", *words)

    def merge(self) -> None:
        """Two children of one version; one is made where it has a single child."""
        frozen = [v for v in self.versions if v.is_frozen and v.n_steps < MOST_STEPS]
        pairs = [
            (a, b)
            for i, a in enumerate(frozen)
            for b in frozen[i + 1 :]
            if a.parents[0] is b.parents[0] and set(a.columns) & set(b.columns) == set(a.parents[0].columns)
        ]
        if not pairs:
            lone = [v for v in frozen if v.parents[0] in self.versions]
            lone = self.draw.choice(lone) if lone else None
            return self.graft(lone and lone.parents[0], "frozen", lone.columns if lone else [])
        a, b = self.draw.choice(pairs)
        columns = [*a.columns, *(c for c in b.columns if c not in a.columns)]
        words = ["merge", a.path, b.path, "--table", self.table(columns), *self.options()]
        self.make("merge", columns, [a, b], False, *words)

    def prune(self) -> None:
        parent = self.parent()
        if parent is None or len(parent.columns) < 3:
            return self.train()
        # Of the columns of the first training one has to stay.
        root = [c for c in parent.columns if c in BASE]
        gone = self.draw.choice([c for c in parent.columns if c not in root or len(root) > 1])
        left = [c for c in parent.columns if c != gone]
        words = ["prune", parent.path, self.table(parent.columns), "--columns", gone, *self.options()]
        self.make("prune", left, [parent], False, *words)

    def promote(self) -> None:
        version = self.draw.choice(self.versions)
        # The same training once more is the same version, whatever it is called.
        _, out, _ = self.run("registry", self.registry, "add", version.path, "--format", "json")
        self.changed("promote", json.loads(out)["version"]["id"])

    def rollback(self) -> None:
        if len(self.line()) < 2:
            return self.promote()
        self.changed("rollback")

    def line(self) -> list[str]:
        """The ids that the promotions of the history lead to, the current one last."""
        line: list[str] = []
        for event in self.events:
            if event["action"] == "promote":
                line.append(event["to"])
            elif event["action"] == "rollback":
                line.pop()
        return line

    def changed(self, verb: str, *words: object) -> None:
        """A step of the registry, and all that has to hold after it."""
        note, patience = str(self.n_made) + "." + str(len(self.events)), self.patience()
        code, _, _ = self.run("registry", self.registry, verb, *words, "--note", note, killed_after=patience)
        before = self.events
        _, out, _ = self.run("registry", self.registry, "history", "--format", "json")
        self.events = json.loads(out)["events"]
        if self.events[: len(before)] != before:
            self.fail(f"the history lost something at {verb}")
        notes = [event["note"] for event in self.events[len(before) :] if event["action"] == verb]
        if code == 0:
            self.count(verb)
            # To promote what is current already is no event.
            if notes not in ([note], []) or not notes and verb == "rollback":
                self.fail(f"{verb} said that it was done, and the history says {notes}")
        else:
            self.count(f"{verb}, killed")
        _, out, _ = self.run("registry", self.registry, "list", "--format", "json")
        current, line = json.loads(out)["current"], self.line()
        if (current["id"] if current else None) != (line[-1] if line else None):
            return self.fail(f"after {verb} the current version is not that of the history")
        if current:
            path = self.registry / "versions" / current["file"]
            self.verify(path)
            self.serve(current["name"], path)

    def serve(self, name: str, file: pathlib.Path) -> None:
        """The server answers by the current version, and as the command does."""
        if self.server is None:
            command = [BINARY, "serve", f"soak={self.registry}", "--bind", "127.0.0.1:0", "--quiet"]
            self.server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            self.host = self.server.stdout.readline().split()[0].removeprefix("http://")
        rows = self.draw.sample(self.rows, N_ASKED)
        path = self.folder / "rows.csv"
        with path.open("w", newline="") as asked:
            writer = csv.DictWriter(asked, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        _, out, _ = self.run("embed", file, path)
        bits = [[struct.pack("f", float(cell)) for cell in row] for row in list(csv.reader(io.StringIO(out)))[1:]]
        deadline = time.monotonic() + MOST_SECONDS
        while True:
            connection = http.client.HTTPConnection(self.host, timeout=MOST_SECONDS)
            body = json.dumps({"rows": rows})
            connection.request("POST", "/models/soak/embed", body, {"content-type": "application/json"})
            answer = connection.getresponse()
            status, told = answer.status, json.loads(answer.read())
            connection.close()
            self.count("requests")
            if status != 200:
                return self.fail(f"the server says {status}: {told}")
            if told["name"] == name:
                break
            if time.monotonic() > deadline:
                return self.fail(f"the server still answers by {told['name']} and not by {name}")
            time.sleep(0.05)
        if [[struct.pack("f", value) for value in vector] for vector in told["vectors"]] != bits:
            self.fail(f"the server's vectors of {told['name']} are not the command's")
        self.count("answers compared")
        text = pathlib.Path(f"/proc/{self.server.pid}/status").read_text()
        resident = next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS")) / 1024
        self.memory.append((time.monotonic() - self.began, resident))

    def end(self) -> None:
        if self.server is not None:
            self.server.send_signal(signal.SIGTERM)
            if (code := self.server.wait(timeout=60)) != 0:
                self.fail(f"the server ended with exit code {code}")
        self.verify("--deep", self.registry)

    def report(self, seconds: float) -> bool:
        """Prints the record; whether all is well."""

        def fifth(costs: list, n: int) -> list:
            """Those of a fifth of the run, counted from 0."""
            return [cost for cost in costs if n <= 5 * cost[0] / seconds < n + 1]

        print(f"{seconds / 60:.1f} minutes:", ", ".join(f"{n} {what}" for what, n in sorted(self.counts.items())))
        print(f"{sum(n for what, n in self.counts.items() if what.endswith('killed'))} kills survived")
        print("| command | times | median and longest, s | median peak in the second and last fifth, MB |")
        print("|---|---|---|---|")
        for name, costs in sorted(self.costs.items()):
            fifths = [[cost[2] for cost in fifth(costs, n)] for n in (1, 4)]
            peaks = ", ".join(f"{statistics.median(some):.1f}" if some else "-" for some in fifths)
            times = [cost[1] for cost in costs]
            print(f"| `{name}` | {len(costs)} | {statistics.median(times):.2f}, {max(times):.2f} | {peaks} |")
        second, last = (max((c[1] for c in fifth(self.memory, n)), default=float("nan")) for n in (1, 4))
        print(
            f"the server's memory, MB: {self.memory[0][1]:.1f} at first, at most {second:.1f} in the second fifth and"
            f" {last:.1f} in the last, {max(c[1] for c in self.memory):.1f} in all, {self.memory[-1][1]:.1f} at the end"
        )
        print(f"wrong: {len(self.wrong)}")
        return not self.wrong and last <= second * (1 + SHARE_GROWN)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--minutes", type=float, default=60)
    options.add_argument("--seed", type=int, default=1)
    options = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(pathlib.Path(folder), options.seed)
        try:
            while not soak.versions:
                soak.train()
            while not soak.line():
                soak.promote()
            steps = [soak.train, *[soak.graft] * 3, soak.merge, soak.prune, *[soak.promote] * 2, soak.rollback]
            while time.monotonic() - soak.began < 60 * options.minutes and len(soak.wrong) < MOST_WRONG:
                soak.draw.choice(steps)()
        finally:
            soak.end()
        sys.exit(0 if soak.report(time.monotonic() - soak.began) else 1)


if __name__ == "__main__":
    main()
