"""How a table was read is part of the model, and what no cell can be is left out."""

import datetime as dt
import logging

import numpy as np
import pandas as pd
import pytest

import tabgraft

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
pl = pytest.importorskip("polars")

QUICK = {"n_epochs": 2, "d_model": 16, "progress": False}


@pytest.fixture
def german() -> str:
    """Semicolons, decimal commas, grouped thousands, and `-` for missing cells."""
    rows = [f"{1 + i % 4}.{i * 37 % 1000:03};{1 + i % 7},5{i % 10};{'ab-'[i % 3]};{i % 2}" for i in range(160)]
    return "amount;rate;grade;y\n" + "\n".join(rows) + "\n"


def kinds(space: tabgraft.EmbeddingSpace) -> dict[str, str]:
    return {column["name"]: column["kind"] for column in space.inspect()["columns"]}


def test_options_of_reading_are_remembered(german, tmp_path, caplog):
    path = tmp_path / "german.csv"
    path.write_text(german)
    space = tabgraft.EmbeddingSpace.fit(path, ignore=["y"], missing=["", "-"], **QUICK)
    assert kinds(space) == {"amount": "numeric", "rate": "numeric", "grade": "categorical"}
    assert "decimal comma" in space.notes[0] and "decimal comma" in caplog.text
    reading = space.inspect()["reading"]
    assert reading["missing_tokens"] == ["", "-"] and reading["decimal"] == ","
    caplog.clear()
    vectors = space.embed(path)
    again = tabgraft.EmbeddingSpace.from_bytes(space.to_bytes())
    np.testing.assert_array_equal(again.embed(path), vectors)
    typed = pd.read_csv(path, sep=";", decimal=",", thousands=".", na_values=["-"])
    np.testing.assert_array_equal(space.embed(typed), vectors)
    texts = pd.read_csv(path, sep=";", dtype=str, keep_default_na=False)
    np.testing.assert_array_equal(space.embed(texts), vectors)
    predictor = tabgraft.Predictor.fit(space, path, "y", n_epochs=2, n_networks=2)
    expected = predictor.predict(typed).probabilities
    np.testing.assert_array_equal(predictor.predict(path).probabilities, expected)
    assert predictor.guardrails(texts) == []
    assert "german" not in caplog.text and "decimal" not in caplog.text


def test_a_table_read_by_the_callers_word_is_told_apart(german, tmp_path, caplog):
    path = tmp_path / "german.csv"
    path.write_text(german)
    space = tabgraft.EmbeddingSpace.fit(path, ignore=["y"], missing=["", "-"], **QUICK)
    caplog.clear()
    other = space.embed(tabgraft.read_table(path, missing=["", "?"], decimal=","))
    assert "trained with the missing tokens ``, `-`" in caplog.text
    assert not np.array_equal(other, space.embed(path))
    english = tmp_path / "english.csv"
    english.write_text(german.replace(".", "").replace(",", "."))
    with pytest.raises(tabgraft.DataError, match="column `rate`, line 2: `1.50` is not a number with a decimal"):
        space.embed(english)
    read = tabgraft.read_table(english, missing=["", "-"], decimal=".")
    np.testing.assert_array_equal(space.embed(read), space.embed(path))
    with pytest.raises(tabgraft.OptionError, match="`decimal`"):
        tabgraft.read_table(path, decimal="x")


def test_missing_tokens_count_in_frames_too(caplog):
    frame = pd.DataFrame({"a": ["x", "y", "-"] * 40, "b": np.arange(120) % 7 * 1.5})
    space = tabgraft.EmbeddingSpace.fit(frame, missing=["-"], **QUICK)
    rows = pd.DataFrame({"a": ["-", None], "b": [1.5, 1.5]})
    first, second = space.embed(rows)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(space.embed(pl.from_pandas(rows))[0], first)


def test_a_stored_index_is_no_column(tmp_path, caplog):
    frame = pd.DataFrame({"a": np.arange(200) * 7 % 31, "b": list("xyz") * 66 + ["x", "y"]})
    shuffled = frame.sample(150, random_state=0)
    shuffled.to_parquet(tmp_path / "t.parquet")
    shuffled.to_csv(tmp_path / "t.csv")
    named = shuffled.rename_axis("Zeile")
    named.to_parquet(tmp_path / "named.parquet")
    shuffled.to_csv(tmp_path / "twice.csv")
    pd.read_csv(tmp_path / "twice.csv").to_csv(tmp_path / "twice.csv")
    expected = tabgraft.EmbeddingSpace.fit(shuffled, **QUICK)
    for data in [tmp_path / "t.parquet", tmp_path / "t.csv", tmp_path / "named.parquet", named]:
        caplog.clear()
        space = tabgraft.EmbeddingSpace.fit(data, **QUICK)
        assert space.columns == ["a", "b"]
        assert "left out as the index" in caplog.text, data
        np.testing.assert_array_equal(space.embed(shuffled), expected.embed(shuffled))
        np.testing.assert_array_equal(space.embed(data), expected.embed(shuffled))
    kept = tabgraft.EmbeddingSpace.fit(tmp_path / "named.parquet", kinds={"Zeile": "numeric"}, **QUICK)
    assert "Zeile" in kept.columns


def test_nested_columns_are_left_out_in_every_container(tmp_path, caplog):
    rows = [
        {"age": 20 + i % 40, "shop": "abc"[i % 3], "tags": ["x"] * (i % 3), "at": {"zip": i}} for i in range(120)
    ]
    table = pa.Table.from_pylist(rows)
    pq.write_table(table, tmp_path / "t.parquet")
    frame = pd.DataFrame(rows)
    mixed = frame.assign(raw=[b"\x00"] * 120, odd=[["a"], "b", 3.5] * 40)
    for data in [tmp_path / "t.parquet", table, pl.DataFrame(rows), frame, mixed]:
        caplog.clear()
        space = tabgraft.EmbeddingSpace.fit(data, **QUICK)
        assert space.columns == ["age", "shop"]
        assert "`tags`" in caplog.text and "`at`" in caplog.text
        excluded = {column["name"]: column["exclusion"] for column in space.inspect()["excluded"]}
        assert excluded["tags"] == excluded["at"] == "unreadable"
        caplog.clear()
        ignoring = tabgraft.EmbeddingSpace.fit(data, ignore=["tags", "at"], **QUICK)
        assert ignoring.columns == ["age", "shop"] and "`tags`" not in caplog.text
    space = tabgraft.EmbeddingSpace.fit(frame[["age", "shop"]], **QUICK)
    np.testing.assert_array_equal(space.embed(mixed), space.embed(frame[["age", "shop"]]))
    with pytest.raises(tabgraft.SchemaError, match="column `age` cannot be read"):
        space.embed(frame.assign(age=frame["tags"]))


def test_open_ends_have_the_same_bits_in_every_unit_and_container(tmp_path):
    days = [dt.datetime(2015, 1, 1) + dt.timedelta(days=37 * i % 3000, hours=i % 24) for i in range(200)]
    far = [
        dt.datetime(9999, 12, 31) if i % 4 == 0 else dt.datetime(1, 1, 1) if i % 50 == 1 else day
        for i, day in enumerate(days)
    ]
    x = np.arange(200) % 13 * 0.5
    space = expected = None
    for unit in ["s", "ms", "us"]:
        pq.write_table(pa.table({"to": pa.array(far, pa.timestamp(unit)), "x": x}), tmp_path / "t.parquet")
        space = space or tabgraft.EmbeddingSpace.fit(tmp_path / "t.parquet", **QUICK)
        expected = space.embed(tmp_path / "t.parquet") if expected is None else expected
        np.testing.assert_array_equal(space.embed(tmp_path / "t.parquet"), expected)
    texts = pd.DataFrame({"to": [day.isoformat() for day in far], "x": x})
    objects = pd.DataFrame({"to": pd.Series(far, dtype=object), "x": x})
    seconds = pd.DataFrame({"to": np.array(far, "datetime64[s]"), "x": x})
    for same in [texts, objects, seconds]:
        np.testing.assert_array_equal(space.embed(same), expected)
    own = tabgraft.EmbeddingSpace.fit(texts, **QUICK)
    assert kinds(own)["to"] == "timestamp"


def test_date_formats_of_the_user_and_of_two_hands(caplog):
    days = ["03/04/2024", "05/06/2024", "07/08/2024"] * 40
    frame = pd.DataFrame({"when": days, "x": np.arange(120) % 7})
    with caplog.at_level(logging.INFO, "tabgraft"):
        space = tabgraft.EmbeddingSpace.fit(frame, **QUICK)
    assert "set its date format to `%d/%m/%Y`" in caplog.text
    with pytest.raises(tabgraft.DataError, match="`25/04/2024` is not a date of the form `%m/%d/%Y`"):
        space.embed(pd.DataFrame({"when": ["25/04/2024"], "x": [1]}))
    space = tabgraft.EmbeddingSpace.fit(frame, date_formats={"when": "%d/%m/%Y"}, **QUICK)
    space.embed(pd.DataFrame({"when": ["25/04/2024"], "x": [1]}))
    two = pd.DataFrame({"when": ["28.01.2023", "2023-08-07", "2023-08-07 12:00"] * 40, "x": np.arange(120) % 7})
    for options in [{}, {"kinds": {"when": "timestamp"}}]:
        assert kinds(tabgraft.EmbeddingSpace.fit(two, **options, **QUICK))["when"] == "timestamp"


def test_a_folder_is_one_table_of_which_a_limit_of_memory_draws_rows(tmp_path):
    rng = np.random.default_rng(5)
    n = 30_000
    frame = pd.DataFrame({f"x{i}": rng.normal(size=n).round(6) for i in range(5)})
    frame["y"] = np.where(frame["x0"] + 0.5 * rng.normal(size=n) > 0, "yes", "no")
    frame.to_csv(tmp_path / "all.csv", index=False)
    folder = tmp_path / "rows"
    folder.mkdir()
    for i in range(4):
        frame.iloc[i * n // 4 : (i + 1) * n // 4].to_csv(folder / f"part-{i}.csv", index=False)
    of_one = tabgraft.EmbeddingSpace.fit(tmp_path / "all.csv", ignore=["y"], **QUICK)
    of_parts = tabgraft.EmbeddingSpace.fit(folder, ignore=["y"], **QUICK)
    assert np.array_equal(of_one.embed(frame.head(50)), of_parts.embed(frame.head(50)))
    drawn = tabgraft.EmbeddingSpace.fit(folder, ignore=["y"], memory_limit=80_000_000, **QUICK)
    assert any("of 30000 rows are drawn" in note for note in drawn.notes), drawn.notes
    assert drawn.training_info["n_rows_train"] < of_one.training_info["n_rows_train"]
    assert drawn.inspect()["columns"] == of_one.inspect()["columns"]
    limit = {"memory_limit": 80_000_000}
    predictor = tabgraft.Predictor.fit(drawn, folder, "y", n_epochs=2, n_networks=1, progress=False, **limit)
    score = predictor.evaluate(folder / "part-*.csv", **limit)["roc_auc"]
    assert 0.9 < score["value"] < 1 and score["n"] < 30_000
    # What is made of the space, and judged, is made and judged of drawn rows as well.
    plain = drawn.consolidate(folder, n_epochs=1, progress=False, **limit)
    pruned = drawn.prune("x4", folder, n_epochs=1, progress=False, **limit)
    for space in [plain, pruned]:
        assert space.training_info["n_rows_train"] < of_one.training_info["n_rows_train"]
    ranking = drawn.rank_columns(folder, progress=False, **limit)
    assert ranking["n_rows_loss"] <= 2000 and len(ranking["columns"]) == 5
    assert predictor.compare(predictor, folder, **limit).n_rows < 30_000
    compared = drawn.compare(plain, folder, "y", n_epochs=2, n_networks=1, progress=False, **limit)
    assert compared.n_rows < 30_000
