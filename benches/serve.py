"""Soaks a server: load, promotes and rollbacks, hostile bodies and clients that are killed, at the same time.

Every answer is compared with the command's for the version that it names; anything else than that, or than the status that
a hostile body has to get, is counted as wrong and ends the run with exit code 1. Memory (resident, of the server's
process) is looked at all the time: its median in the second fifth of the run and in the last one, and the most that it is
after the first. Wanted: nothing wrong, a median that grows by no more than a tenth, and no peak above it by more than that.
Requests to count come from `just bench-serve`'s first part.

With `--watch ROWS` the server remembers its last rows, and drift and metrics are asked for every second; metrics must be
lines that Prometheus reads. Rows that wait to be coded may take 32 MB, and as much while they are, so that peaks may be 64 MB
higher. `--timeout` is the server's, for machines that have other things to do.
"""

import argparse
import csv
import http.client
import io
import json
import os
import pathlib
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time

import pandas as pd

import harness

FIXTURE = pathlib.Path(__file__).parents[1] / "fixtures" / "german_credit.csv"
LATE = ["checking_status", "savings_status", "credit_history"]
N_BODIES = 40
SHARE_GROWN = 0.1
#: What rows may take that wait to be remembered, and that are.
WAITING_MB = 64

#: A line of metrics: name, labels, value.
METRIC = re.compile(r'[a-z_]+({([a-z_]+="([^"\\\n]|\\["\\n])*",?)*})? [0-9.eE+-]+')

HOSTILE = [
    (b"", {400}),
    (b"{", {400}),
    (b'{"rows": []}', {400}),
    (b'{"rows": [{"age": ' + b"[" * 50_000 + b"]" * 50_000 + b"}]}", {400, 422}),
    (b"[" * 500_000, {400}),
    (b'{"rows": [{"age": 1e999}]}', {200, 400, 422}),
    (b'{"rows": [{"age": ' + b"9" * 5_000 + b"}]}", {200, 400, 422}),
    (b'{"rows": [{"purpose": "\xff\xfe"}]}', {400}),
    (b'{"rows": [{"age": "old"}]}', {422}),
    (b'{"rows": [{"purpose": "' + b"x" * 1_000_000 + b'"}]}', {200}),
    (b'{"rows": [' + b",".join(b'{"age": 1}' for _ in range(20_000)) + b"]}", {413}),
    (b" " * (9 << 20), {413}),
    (b'{"rows": [{' + b",".join(b'"c%d": 1' % i for i in range(20_000)) + b"}]}", {422}),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--timeout", type=int, default=5, metavar="SECONDS")
    parser.add_argument("--watch", type=int, metavar="ROWS", help="remember so many of the last rows")
    arguments = parser.parse_args()
    work = harness.Work()
    registry, bodies, expected = models(work)
    with Soaked(registry, arguments) as soaked:
        soak(soaked, registry, bodies, expected, arguments)


def tabgraft(*arguments: object, stdout: bool = False) -> str:
    done = subprocess.run([harness.BINARY, "--quiet", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout if stdout else ""


def models(work: harness.Work):
    """A registry of two predictors, rows as bodies, and what each predictor's command says of them."""
    credit = pd.read_csv(FIXTURE)
    whole, early = work.file("credit.csv"), work.file("early.csv")
    credit.to_csv(whole, index=False)
    credit.drop(columns=LATE).to_csv(early, index=False)
    v1, v2, registry = work.file("v1.tabgraft"), work.file("v2.tabgraft"), work.file("models")
    tabgraft("train", early, "--ignore", "default", "-o", v1)
    tabgraft("extend", v1, whole, "-o", v2)
    expected = {}
    rows = [credit.drop(columns=["default"]).sample(1 + i % 7, random_state=i) for i in range(N_BODIES)]
    for name, space, table in [("first", v1, early), ("second", v2, whole)]:
        path = work.file(f"{name}.tabgraft")
        tabgraft("predictor", space, table, "--target", "default", "--name", name, "--effort", "quick", "-o", path)
        tabgraft("registry", registry, "add", path)
        said = []
        for i, part in enumerate(rows):
            lines = work.file(f"rows{i}.jsonl")
            part.to_json(lines, orient="records", lines=True)
            answer = csv.DictReader(io.StringIO(tabgraft("predict", path, lines, stdout=True)))
            said.append([float(p) for row in answer for name, p in row.items() if name.startswith("p_")])
        expected[name] = said
    tabgraft("registry", registry, "promote", "first")
    tabgraft("registry", registry, "promote", "second")
    tabgraft("registry", registry, "rollback")
    bodies = [json.dumps({"rows": json.loads(part.to_json(orient="records"))}).encode() for part in rows]
    return registry, bodies, expected


class Soaked:
    """The server's process."""

    def __init__(self, registry: str, arguments: argparse.Namespace) -> None:
        command = [harness.BINARY, "--quiet", "serve", f"risk={registry}", "--bind", "127.0.0.1:0"]
        command += ["--timeout", str(arguments.timeout)]
        command += ["--watch", str(arguments.watch)] if arguments.watch else []
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.host = self.process.stdout.readline().split()[0].removeprefix("http://")

    def __enter__(self) -> "Soaked":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        print(f"ended with exit code {code}")

    def memory(self) -> float:
        """Resident megabytes."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS")) / 1024

    def get(self, connection: http.client.HTTPConnection, path: str):
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def ask(self, connection: http.client.HTTPConnection, body: bytes):
        connection.request("POST", "/models/risk/predict", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()


def soak(soaked: Soaked, registry: str, bodies, expected, arguments) -> None:
    over = threading.Event()
    lock = threading.Lock()
    counts: dict[str, int] = {}
    wrong: list[str] = []

    def count(what: str, problem: str | None = None) -> None:
        with lock:
            counts[what] = counts.get(what, 0) + 1
            if problem:
                wrong.append(f"{what}: {problem[:300]}")

    def client(seed: int) -> None:
        draw = random.Random(seed)
        connection = http.client.HTTPConnection(soaked.host, timeout=60)
        while not over.is_set():
            i = draw.randrange(len(bodies))
            try:
                status, body = soaked.ask(connection, bodies[i])
            except OSError as error:
                count("answers", f"no answer: {error!r}")
                connection.close()
                continue
            if status != 200:
                count("answers", f"{status}: {body[:200]!r}")
                continue
            told = json.loads(body)
            values = [p for row in told["predictions"] for p in row["probabilities"].values()]
            problem = None if values == expected[told["name"]][i] else f"{told['name']} says other numbers"
            count(f"answers of {told['name']}", problem)

    def hostile() -> None:
        draw = random.Random(-1)
        while not over.is_set():
            body, allowed = draw.choice(HOSTILE)
            connection = http.client.HTTPConnection(soaked.host, timeout=60)
            try:
                status, said = soaked.ask(connection, body)
                problem = None if status in allowed else f"{status} for {body[:40]!r}: {said[:100]!r}"
            except OSError:
                # The server closes when it has heard enough of a body that is too long.
                problem = None if len(body) > (8 << 20) else f"no answer to {body[:40]!r}"
            connection.close()
            count("hostile bodies", problem)
            time.sleep(0.02)

    def killed() -> None:
        draw = random.Random(-2)
        host, port = soaked.host.split(":")
        while not over.is_set():
            body = draw.choice(bodies)
            head = (
                f"POST /models/risk/predict HTTP/1.1\r\nhost: {soaked.host}\r\ncontent-type: application/json\r\n"
                f"content-length: {len(body)}\r\n\r\n"
            ).encode()
            with socket.create_connection((host, int(port))) as one:
                # A reset, as of a process that is killed.
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                one.sendall((head + body)[: draw.randrange(1, len(head) + len(body) + 1)])
                time.sleep(draw.random() * 0.01)
            count("clients killed")

    def promote() -> None:
        back = False
        while not over.wait(3):
            tabgraft("registry", registry, *(["rollback"] if back else ["promote", "second"]))
            back = not back
            count("promotes and rollbacks")

    def watcher() -> None:
        connection = http.client.HTTPConnection(soaked.host, timeout=60)
        while not over.wait(1):
            status, body = soaked.get(connection, "/models/risk/drift")
            # Hostile rows that can be answered are among the last rows, too.
            found = json.loads(body).get("found") if status == 200 else None
            what = "before any row" if not found else "changed" if found["changed"] else "not changed"
            count(f"verdicts on drift, {what}", f"{status}: {body[:300]}" if status != 200 else None)
            status, text = soaked.get(connection, "/metrics")
            odd = [line for line in text.splitlines() if line and line[0] != "#" and not METRIC.fullmatch(line)]
            count("pages of metrics", f"{status}: {odd[:2]}" if status != 200 or odd else None)

    threads = [threading.Thread(target=client, args=(i,)) for i in range(arguments.clients)]
    others = (hostile, killed, promote, watcher) if arguments.watch else (hostile, killed, promote)
    threads += [threading.Thread(target=work) for work in others]
    for thread in threads:
        thread.start()
    started, memory = time.monotonic(), []
    seconds = 60 * arguments.minutes
    while (now := time.monotonic() - started) < seconds and len(wrong) < 20:
        memory.append((now / seconds, soaked.memory()))
        time.sleep(min(1.0, seconds / 50))
    over.set()
    for thread in threads:
        thread.join()
    print(f"{arguments.minutes:g} minutes, {arguments.clients} clients:", ", ".join(f"{n} {k}" for k, n in sorted(counts.items())))
    early, late = ([mb for at, mb in memory if low <= at < low + 0.2] for low in (0.2, 0.8))
    before, after = (statistics.median(part) if part else float("nan") for part in (early, late))
    most = max((mb for at, mb in memory if at >= 0.2), default=float("nan"))
    print(f"memory: median {before:.0f} MB in the second fifth, {after:.0f} MB in the last one, at most {most:.0f} MB")
    print(f"wrong: {len(wrong)}", *wrong[:20], sep="\n  ")
    waiting = WAITING_MB if arguments.watch else 0
    is_flat = after <= before * (1 + SHARE_GROWN) and most <= before * (1 + SHARE_GROWN) + waiting
    sys.exit(0 if not wrong and is_flat else 1)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
