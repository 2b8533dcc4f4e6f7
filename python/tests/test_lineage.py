"""Lineages of folders, deep verification and registries, from Python."""

import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import tabgraft


@pytest.fixture(scope="module")
def child(space, credit):
    return space.extend(credit, n_epochs=2, name="<v2>")


@pytest.fixture
def family(tmp_path, space, child, predictor):
    """A folder with a space, its child and a predictor, under names that say nothing."""
    for name, model in [("a", space), ("b.bin", child), ("deep/c", predictor)]:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        model.save(path)
    return tmp_path


def test_a_lineage_is_a_tree_a_drawing_and_a_graph(family, space, child, predictor):
    lineage = tabgraft.lineage(family)
    assert "<v2>" in repr(lineage) and "frozen" in repr(lineage)
    drawing = ET.fromstring(lineage.svg())
    words = [element.text for element in drawing.iter() if element.text]
    assert "<v2>" in words and space.id[:12] in " ".join(words)
    html = lineage._repr_html_()
    assert html.startswith("<div><svg") and html.endswith("</svg></div>") and "<v2>" not in html
    found = lineage.to_dict()
    assert {node["id"] for node in found["nodes"]} == {space.id, child.id, predictor.id}
    assert [(edge["parent"], edge["child"]) for edge in found["edges"]] == [
        (space.id, child.id),
        (space.id, predictor.id),
    ]
    [row] = lineage.predictors()
    assert (row["space_id"], row["paths"], row["target"]) == (space.id, ["deep/c"], "target")
    assert repr(tabgraft.lineage(family / "deep")).count("\n") == 1
    with pytest.raises(tabgraft.MissingFileError):
        tabgraft.lineage(family / "nowhere")


def test_an_id_stays_with_what_a_version_is(space, early, family):
    again = tabgraft.EmbeddingSpace.fit(early, ignore=["target"], name="other", n_epochs=6, d_model=32)
    assert again.id == space.id == tabgraft.EmbeddingSpace.load(family / "a").id
    assert again.hashes == space.hashes and len(space.hashes["recipe"]) == 64


def test_a_deep_check_lists_problems_and_raises_none(family):
    assert tabgraft.verify(family, deep=True)["ok"]
    content = bytearray((family / "a").read_bytes())
    content[-1] ^= 1
    (family / "a").write_bytes(content)
    report = tabgraft.verify(family, deep=True)
    assert not report["ok"]
    assert [file["path"] for file in report["files"] if file["problems"]] == ["a"]
    assert not any(link["is_checked"] for link in report["links"])
    with pytest.raises(tabgraft.VerificationError):
        tabgraft.verify(family / "a")


def test_a_file_is_checked_against_an_ancestor(family, space, child, credit):
    line = child.consolidate(credit, n_epochs=1, name="line")
    line.save(family / "line")
    for descendant, ancestor in [("b.bin", "a"), ("deep/c", "a"), ("line", "b.bin"), ("line", "a")]:
        assert tabgraft.verify(family / descendant, parent=family / ancestor)["content_hash"]
    with pytest.raises(tabgraft.VerificationError, match=f"names .<v2>. .{child.id[:12]}.*{space.id[:12]}"):
        tabgraft.verify(family / "line", parent=family / "line")
    with pytest.raises(tabgraft.OptionError, match="both given"):
        tabgraft.verify(family, parent=family / "a", deep=True)


def test_a_registry_that_is_not_there_says_how_it_is_made(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"(?s)registry\.json.*hint: `create=True` makes an empty one"):
        tabgraft.Registry(tmp_path / "models")


def test_a_registry_gives_back_what_it_was_given(tmp_path, space, child, predictor, early):
    with pytest.raises(tabgraft.MissingFileError, match="hint"):
        tabgraft.Registry(tmp_path / "models")
    registry = tabgraft.Registry(tmp_path / "models", create=True)
    assert registry.current() is None and repr(registry).endswith("versions=0, current=none)")
    for model in [space, child, predictor]:
        assert registry.add(model)["id"] == model.id
    for version in [space, child, predictor]:
        registry.promote(version.id[:10])
    assert isinstance(registry.current(), tabgraft.Predictor)
    assert registry.rollback()["id"] == child.id
    assert np.array_equal(registry.rollback() and registry.current().embed(early), space.embed(early))
    with pytest.raises(tabgraft.DataError, match="first version to be promoted"):
        registry.rollback()
    with pytest.raises(tabgraft.DataError, match="no version is called"):
        registry.load("v9")
    with pytest.raises(TypeError):
        registry.add(3)
    assert [event["action"] for event in registry.history()] == ["add"] * 3 + ["promote"] * 3 + ["rollback"] * 2
    assert len(tabgraft.lineage(tmp_path / "models").to_dict()["nodes"]) == 3


def test_processes_that_promote_at_once_lose_nothing(tmp_path, space, child):
    registry = tabgraft.Registry(tmp_path, create=True)
    ids = [registry.add(model)["id"] for model in (space, child)]
    script = """
import sys, tabgraft
registry = tabgraft.Registry(sys.argv[1])
for i in range(10):
    registry.promote(sys.argv[2 + i % 2], note=f"{sys.argv[4]}.{i}")
"""
    workers = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path), *ids, str(worker)]) for worker in range(3)
    ]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    promotions = [event for event in registry.history() if event["action"] == "promote"]
    # To promote the current version is no event, so some may be fewer; none is out of line.
    assert all(after["from"] == before["to"] for before, after in zip(promotions, promotions[1:]))
    assert len({event["note"] for event in promotions}) == len(promotions) >= 10
    assert registry.current().id == promotions[-1]["to"]
