"""Features as SQL: DuckDB gives what `transform` gives, on every kind of feature, missing cells included."""

import duckdb
import numpy as np
import pandas as pd
import pytest

import tabgraft

FORMULAS = {
    "sums": "amount + count - 2 * amount / count",
    "rest": "amount % 7",
    "nested": "((amount + 1) * (count + 2) - amount) / (count - 4)",
    "logs": "ln(amount - 20) + log10(count) + exp(count / 10)",
    "roots": "sqrt(amount - 20)",
    "powers": "power(amount - 20, 0.5) + power(count - 4, -1) + power(-count, 2)",
    "sizes": "abs(shift) + sign(shift) + floor(shift) + ceil(shift)",
    "rounds": "round(shift) + round(shift * 10 + 0.5)",
    "rounds_to": "round(shift, 1)",
    "choice": "CASE WHEN amount > 50 THEN 'big' WHEN amount > 10 THEN city ELSE 'small' END",
    "of_operand": "CASE plan WHEN '1' THEN amount WHEN '2' THEN -amount END",
    "if_else": "if(active AND amount > 10, 1, 0)",
    "three_valued": "(amount > 50 OR active) AND NOT city = 'Berlin'",
    "compared": "city >= 'C'",
    "unequal": "city <> plan",
    "between": "amount BETWEEN 10 AND 50",
    "not_between": "opened NOT BETWEEN '2016-01-01' AND '2020-01-01'",
    "in_texts": "city IN ('Berlin', 'O''Hara')",
    "not_in_numbers": "count NOT IN (1, 2, 3)",
    "is_null": "amount IS NULL OR city IS NOT NULL AND opened IS NULL",
    "like": "city LIKE 'B_r%' OR city LIKE '%''%'",
    "not_like": "city NOT LIKE '%\\%'",
    "first": "coalesce(amount, count, -1)",
    "nothing": "nullif(city, 'Berlin')",
    "extremes": "least(amount, count) + greatest(amount, count, 3)",
    "texts": "concat(upper(city), '-', lower(plan), trim(note))",
    "parts": "substr(city, 2) || substr(city, 1, 2)",
    "lengths": "length(city) + word_count(note) + digit_count(note)",
    "words": "has_word(note, 'ROOF')",
    "contained": "contains(city, 'er') OR starts_with(city, 'O') OR ends_with(city, 'w')",
    "dates": "year(opened) * 10000 + month(opened) * 100 + day(opened)",
    "clock": "hour(opened) + weekday(opened) / 10",
    "days": "days_between(opened, closed)",
    "later": "opened > closed",
    "as_number": "CAST(note AS DOUBLE)",
    "as_whole": "CAST(shift AS BIGINT)",
    "as_truth": "CAST(count AS BOOLEAN)",
    "as_text": "CAST(active AS VARCHAR)",
    "a_truth": "active = TRUE",
    "one": "active + count",
}
GROUPS = [
    {"name": "bins", "definition": {"kind": "bins", "column": "amount", "n_bins": 6}},
    {"name": "mean_by", "definition": {"kind": "group", "of": "amount", "by": "city", "statistic": "mean"}},
    {"name": "median_by", "definition": {"kind": "group", "of": "amount", "by": "plan", "statistic": "median"}},
    {"name": "rank_in", "definition": {"kind": "group", "of": "amount", "by": "city", "statistic": "rank"}},
    {"name": "off_mean", "definition": {"kind": "group", "of": "shift", "by": "count", "statistic": "deviation"}},
    {"name": "share", "definition": {"kind": "group", "by": "city", "statistic": "frequency"}},
    {"name": "by_truth", "definition": {"kind": "group", "of": "amount", "by": "active", "statistic": "mean"}},
    {"name": "by_feature", "definition": {"kind": "group", "of": "sums", "by": "bins", "statistic": "rank"}},
]


def loans(n: int = 400, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    opened = pd.Timestamp("2015-03-01") + pd.to_timedelta(rng.integers(0, 3000 * 86_400, n), unit="s")
    frame = pd.DataFrame(
        {
            "row": np.arange(n),
            "amount": rng.lognormal(3, 1, n).round(2),
            "count": rng.integers(0, 9, n).astype("float64"),
            "shift": (rng.normal(0, 3, n) * 2).round() / 2,
            "city": rng.choice(["Berlin", "Kraków", "O'Hara", "北京", "a\\b", " x "], n),
            "plan": rng.choice(["1", "2", "Berlin"], n),
            "note": rng.choice(["new roof 12", " Roof-top", "tin", "3.5", "1e3", "-7"], n),
            "active": pd.array(rng.choice([True, False], n), dtype="boolean"),
            "opened": opened.astype("datetime64[us]"),
            "closed": (opened + pd.to_timedelta(rng.integers(0, 90 * 86_400, n), unit="s")).astype("datetime64[us]"),
        }
    )
    for column in frame.columns[1:]:
        frame.loc[rng.random(n) < 0.1, column] = None
    frame.loc[3, "city"] = "  "
    return frame


def equal(query: str, wanted: pd.DataFrame, rows: pd.DataFrame, features: list[str]) -> None:
    connection = duckdb.connect()
    connection.register("rows", rows)
    found = connection.execute(query).df().sort_values("row").reset_index(drop=True)
    assert list(found.columns) == list(wanted.columns)
    for name in features:
        a, b = found[name], wanted[name]
        assert (a.isna() == b.isna()).all(), name
        a, b = a[a.notna()], b[b.notna()]
        if pd.api.types.is_float_dtype(b) or pd.api.types.is_integer_dtype(b):
            assert np.allclose(a.astype("float64"), b.astype("float64"), rtol=1e-12, atol=0), name
        else:
            assert list(a) == list(b), name


@pytest.mark.parametrize("name", FORMULAS)
def test_a_formula_is_the_same_in_duckdb(name):
    rows = loans()
    engineer = tabgraft.FeatureEngineer([{"name": name, "formula": FORMULAS[name]}])
    wanted = engineer.fit_transform(rows)
    assert wanted[name].notna().sum() > 20, "nothing is compared"
    equal(engineer.sql(data=rows), wanted, rows, [name])


def test_fitted_features_and_features_of_features_are_the_same_in_duckdb():
    rows, later = loans(), loans(200, seed=1)
    later.loc[:10, "city"] = "Nowhere"
    later.loc[11:20, "amount"] = [1e9, -5.0, 0.0, 1e-9, 50, 51, 52, 53, 54, 55]
    formulas = [{"name": name, "formula": FORMULAS[name]} for name in ["sums", "choice"]]
    after = [{"name": "of_rank", "formula": "rank_in * 2 + coalesce(by_feature, 0)"}]
    engineer = tabgraft.FeatureEngineer([*formulas, *GROUPS, *after])
    engineer.fit_transform(rows)
    names = engineer.names
    equal(engineer.sql(data=rows), engineer.transform(later), later, names)
    equal(engineer.sql(data=rows), engineer.transform(rows), rows, names)


def test_without_data_columns_are_what_their_features_read():
    rows = loans()
    engineer = tabgraft.FeatureEngineer([{"name": "monthly", "formula": "amount / count"}])
    equal(engineer.sql(), engineer.fit_transform(rows), rows, ["monthly"])


def test_every_dialect_spells_what_it_can_and_names_what_it_cannot():
    rows = loans()
    refused = {"duckdb": set(), "postgres": {"rest", "lengths", "words"}, "snowflake": {"lengths", "words"}, "bigquery": {"rest"}}
    for dialect, cannot in refused.items():
        for name, formula in FORMULAS.items():
            engineer = tabgraft.FeatureEngineer([{"name": name, "formula": formula}])
            if name in cannot:
                with pytest.raises(tabgraft.SchemaError, match=f"feature `{name}`.*{dialect}"):
                    engineer.sql(dialect, data=rows)
            else:
                assert name in engineer.sql(dialect, data=rows)
    with pytest.raises(tabgraft.OptionError, match="oracle"):
        engineer.sql("oracle")


@pytest.mark.parametrize("formula", ["CAST(amount AS VARCHAR)", "CAST(note AS TIMESTAMP)", "round(amount, count)", "substr(city, -2)"])
def test_what_cannot_be_said_is_an_error_that_names_the_feature(formula):
    engineer = tabgraft.FeatureEngineer([{"name": "odd", "formula": formula}])
    with pytest.raises(tabgraft.SchemaError, match="feature `odd`.*cannot say it exactly"):
        engineer.sql(data=loans())
    unfitted = tabgraft.FeatureEngineer([GROUPS[0]])
    with pytest.raises(tabgraft.OptionError, match="feature `bins`.*not fitted"):
        unfitted.sql()
    taken = tabgraft.FeatureEngineer([{"name": "city", "formula": "amount * 2"}])
    with pytest.raises(tabgraft.SchemaError, match="feature `city`"):
        taken.sql(data=loans())


def test_names_and_texts_cannot_leave_their_quotes():
    rows = loans().rename(columns={"amount": 'a"; DROP TABLE rows; --'})
    engineer = tabgraft.FeatureEngineer([{"name": 'x" y', "formula": '"a""; DROP TABLE rows; --" * 2'}])
    equal(engineer.sql(data=rows), engineer.fit_transform(rows), rows, ['x" y'])
