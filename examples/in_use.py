# %% [markdown]
# # In use: a new column arrives, and nothing downstream changes
#
# A space and a predictor answer behind an address, each as the current version of a registry. A client asks them all the
# time. Columns that arrive later are grafted on; the grown versions are promoted while the client goes on asking; then
# they are rolled back. No request fails, and each answer says by which version it was given. Needs the command
# `tabgraft`.

# %%
import json
import subprocess
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import tabgraft

nearby = [folder / "fixtures" for folder in Path(globals().get("__file__", "notebook")).resolve().parents]
path = next(folder / "german_credit.csv" for folder in nearby if (folder / "german_credit.csv").exists())
credit = pd.read_csv(path)
late = ["checking_status", "credit_history", "savings_status"]
early = credit.drop(columns=late)

# %% [markdown]
# ## Train, and serve
#
# A registry is a folder of versions of which one is current. The server follows it.

# %%
work = tempfile.TemporaryDirectory()
spaces = tabgraft.Registry(Path(work.name) / "credit", create=True)
predictors = tabgraft.Registry(Path(work.name) / "risk", create=True)
v1 = tabgraft.EmbeddingSpace.fit(early, ignore=["default"], name="v1", progress=False)
first = tabgraft.Predictor.fit(v1, early, "default", name="first", n_networks=2, progress=False)
for registry, version in [(spaces, v1), (predictors, first)]:
    registry.add(version)
    registry.promote(version.name)

folders = [str(Path(work.name) / name) for name in ("credit", "risk")]
server = subprocess.Popen(
    ["tabgraft", "--quiet", "serve", *folders, "--bind", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True
)
url = server.stdout.readline().split()[0]


def ask(address, rows):
    body = json.dumps({"rows": json.loads(rows.to_json(orient="records"))}).encode()
    request = urllib.request.Request(url + address, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:  # anything but 200 is an error
        return json.load(answer)


answer = ask("/models/risk/predict", early.head(1))
print(answer["name"], answer["predictions"][0]["class"], answer["predictions"][0]["probabilities"])

# %% [markdown]
# ## A client that never stops
#
# It sends rows with all columns, as the new source delivers them already; `v1` says that it does not know three of them.

# %%
rows = credit.head(50).drop(columns=["default"])
answers = []
stopped = threading.Event()


def client():
    while not stopped.is_set():
        answers.append((ask("/models/credit/embed", rows), ask("/models/risk/predict", rows)))


asking = threading.Thread(target=client)
asking.start()

# %% [markdown]
# ## Graft, prove, promote
#
# A `frozen` graft of three columns, and the predictor grown onto it. `compare` judges the two on rows that neither has
# learned from.

# %%
v2 = v1.extend(credit, name="v2", progress=False)
second = tabgraft.Predictor.fit(v2, credit, "default", name="second", n_networks=2, progress=False)
print(first.compare(second, credit))


def served():
    with urllib.request.urlopen(url + "/v2/models/risk", timeout=60) as answer:
        return json.load(answer)["parameters"]["name"]


def wait_for(name):
    while served() != name:
        time.sleep(0.05)
    time.sleep(0.5)  # a few answers more


for registry, version in [(spaces, v2), (predictors, second)]:
    registry.add(version)
    registry.promote(version.name, note="with the bureau's columns")
wait_for("second")

# %% [markdown]
# ## And back

# %%
spaces.rollback(note="only to show it")
predictors.rollback(note="only to show it")
wait_for("first")
stopped.set()
asking.join()
server.terminate()
assert server.wait(timeout=60) == 0

# %% [markdown]
# ## What the client saw
#
# Each answer is the library's own, of the version that it names; old coordinates kept their bits through the promotion.

# %%
vectors = {v1.id: v1.embed(rows), v2.id: v2.embed(rows)}
predictions = {p.id: p.predict(rows).probabilities for p in (first, second)}
for embedded, predicted in answers:
    assert np.array_equal(np.float32(embedded["vectors"]), vectors[embedded["version"]])
    told = [list(p["probabilities"].values()) for p in predicted["predictions"]]
    assert np.array_equal(told, predictions[predicted["version"]])
    assert np.array_equal(np.float32(embedded["vectors"])[:, : v1.d_model], vectors[v1.id])
order = [predicted["name"] for _, predicted in answers]
changes = [name for i, name in enumerate(order) if i == 0 or order[i - 1] != name]
print(f"{2 * len(answers)} answers, none failed; predicted by", " -> ".join(changes))
assert changes == ["first", "second", "first"]
work.cleanup()
