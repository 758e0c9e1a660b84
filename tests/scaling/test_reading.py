"""What is said of a table that is not what it seems: typed errors, warnings, notes."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from calibrant.errors import InputError, UnfitError
from calibrant.scaling.read import read_scores
from calibrant.scaling.reading import columns
from calibrant.scaling.reading.checks import require
from calibrant.scaling.scores import Scores, scores

N = 12
SIZE = 10.0 ** np.linspace(-1, 3, N)


def table(**columns: Any) -> pl.DataFrame:
    plain = {
        "model": [f"m{i}" for i in range(N)],
        "family": ["x", "y", "z"] * 4,
        "FLOPs (1E21)": SIZE,
        "MMLU": np.linspace(0.3, 0.8, N),
    }
    return pl.DataFrame(plain | columns)


def read(frame: pl.DataFrame, **options: Any) -> Scores:
    options = {"target": "MMLU", "family": "family", "scale": "FLOPs (1E21)"} | options
    return read_scores(frame, today=date(2026, 11, 22), **options)


def test_a_good_table_is_read_without_warnings() -> None:
    s = read(table())
    assert s.warnings == ()
    assert s.notes == ("FLOPs (1E21): multiplied by 1e21, as its name says",)
    require(s)


@pytest.mark.parametrize(
    ("frame", "options", "says"),
    [
        (table(family=["x"] * N), {}, "one family, x"),
        (table(family=["Llama-2", "llama 2", "z"] * 4), {}, "Llama-2, llama 2 differ only"),
        (table().head(3), {}, "3 known scores: hardly anything"),
        (table(MMLU=[0.25] * 8 + [0.3] * 4), {"chance": {"MMLU": 0.25}}, "8 of 12 .* at chance"),
        (table(MMLU=[0.99] * 8 + [0.3] * 4), {}, "8 of 12 .* at the ceiling"),
        (pl.concat([table(), table().tail(1)]), {}, "1 rows were there twice"),
        (table(FLOPs=SIZE), {"scale": "FLOPs"}, "less than any training run"),
        (table(FLOPs=[*SIZE[:-1], 8.4e22]), {"scale": "FLOPs"}, "two units in one column"),
        (table(**{"FLOPs (1E21)": SIZE * 1e21}), {}, "more than any training run; was it"),
        (table(**{"log10 FLOPs": SIZE}), {"scale": "log10 FLOPs"}, "it is a logarithm"),
        (table(size=SIZE * 1e21), {"scale": "size", "log": False}, "more than any scale"),
        (table(**{"FLOPs (1E21)": [None, *SIZE[1:]]}), {}, "1 of 12 subjects have no scale"),
        (table(MMLU=np.linspace(30, 80, N)), {}, "taken as percent"),
        (table(MMLU=[0.3, *np.linspace(30, 80, N - 1)]), {}, "shares among percents"),
        (table(MMLU=[*np.linspace(0.3, 0.8, N - 1), 56.0]), {}, "percents among shares"),
        (table(MMLU=np.linspace(900, 1300, N)), {}, "neither a share nor percent"),
        (table(MMLU=[None] * N), {}, "no score is known"),
        (table(model=["m0"] * N), {}, "m0: at several scales or dates"),
        (table(day=["1970-01-01"] * N), {"date": "day"}, "looks like an empty date"),
    ],
)  # fmt: skip
def test_what_may_be_wrong_is_a_warning(
    frame: pl.DataFrame, options: dict[str, Any], says: str
) -> None:
    found = read(frame, **options)
    assert len([w for w in found.warnings if pytest.RaisesExc(ValueError, match=says)
                .matches(ValueError(w))]) == 1, found.warnings  # fmt: skip


@pytest.mark.parametrize(
    ("frame", "options", "says"),
    [
        (table(), {"scale": "FLOP (1E21)"}, "did you mean 'FLOPs \\(1E21\\)'"),
        (table(), {"target": None}, "wanted a target"),
        (table().head(0), {}, "no rows"),
        (table(MMLU=[56.0, *[0.5] * 11]), {"limits": (0, 1)}, "got 56; in percent"),
        (table(MMLU=[-0.1, *[0.5] * 11]), {"limits": (0, 1)}, "m0 on MMLU: wanted a score from 0"),
        (table(MMLU=["inf", *["0.5"] * 11]), {}, "wanted a finite number, got 'inf'"),
        (table(), {"limits": {"ARC": (0, 1)}}, "no limits for measure 'MMLU'"),
        (table(), {"chance": {"ARC": 0.2}}, "'ARC', which is no target"),
        (table(day=["2027-01-01"] * N), {"date": "day"}, "m0 on MMLU: .* after today"),
        (table(day=["03/04/2025"] * N), {"date": "day"}, "such as 2026-01-31"),
        (table(day=[20250101] * N), {"date": "day"}, "such as 2026-01-31"),
        (table(se=[-0.1] * N), {"se": "se"}, "standard error of 0 or more"),
        (table(family=["x", " ", "z"] * 4), {}, "row 2 has no 'family'"),
        (pl.concat([table(), table().tail(1).with_columns(MMLU=0.5)]), {}, "there twice, with 0.8"),
        (table(**{"FLOPs (1E21)": [0.0, *SIZE[1:]]}), {}, "wanted a scale above 0"),
    ],
)
def test_what_is_wrong_is_refused(frame: pl.DataFrame, options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        read(frame, **options)


def test_a_future_date_may_be_forecast() -> None:
    day = [*["2025-01-01"] * (N - 1), "2027-01-01"]
    s = read(table(day=day, MMLU=[*np.linspace(0.3, 0.8, N - 1), None]), date="day")
    assert s.warnings == ()
    assert str(s.date[-1]) == "2027-01-01"


def test_one_subject_by_two_names() -> None:
    frame = table(A=np.linspace(0.1, 0.2, N), B=np.linspace(0.2, 0.3, N))
    copy = frame.tail(1).with_columns(pl.lit("again").alias("model"))
    s = read(pl.concat([frame, copy]), target=["MMLU", "A", "B"])
    assert s.warnings == ("again, m11 have the same score on every measure: one subject by two "
                          "names?",)  # fmt: skip


@pytest.mark.parametrize(
    ("header", "power"),
    [("Size (B)", 9), ("Size (M)", 6), ("Size (billions)", 9), ("Tokens (T)", 12),
     ("FLOPs (10^21)", 21), ("Size (k)", 3), ("Size (trillions)", 12), ("Size (thousands)", 3)],
)  # fmt: skip
def test_units_of_a_header(header: str, power: int) -> None:
    s = read(table(**{header: SIZE}), scale=header)
    assert s.scale[0] == pytest.approx(power - 1)


def test_long_tables() -> None:
    wide = table(ARC=np.linspace(0.2, 0.6, N))
    long = wide.unpivot(["MMLU", "ARC"], index=["model", "family", "FLOPs (1E21)"])
    one = read(wide, target=["MMLU", "ARC"])
    two = read(long, target=None, measure="variable", score="value")
    assert two.measures == one.measures
    assert two.score == pytest.approx(one.score)
    assert list(two.subject) == list(one.subject)
    part = read(long, target="ARC", measure="variable", score="value")
    assert part.measures == ("ARC",)
    with pytest.raises(InputError, match="no measure 'GSM' in 'variable'; there are MMLU, ARC"):
        read(long, target="GSM", measure="variable", score="value")
    with pytest.raises(InputError, match="wants both columns"):
        read(long, target=None, measure="variable")


def test_joined_tables(tmp_path: Path) -> None:
    first = table()
    more = pl.DataFrame({"Model": ["m1", "m0", "zz"], "ARC": [0.3, 0.2, 0.9], "MMLU": [None] * 3})
    path = tmp_path / "more.csv"
    more.write_csv(path)
    s = read(first, target=["MMLU", "ARC"], joins=[path])
    assert s.score[N : N + 2] == pytest.approx([0.2, 0.3])
    assert np.isnan(s.score[N + 2 :]).all()
    assert f"{path}: without 10 of 12 subjects; 1 of its own are not used" in s.notes
    other = more.with_columns(MMLU=pl.lit(0.77))
    with pytest.raises(InputError, match="table 1: 'MMLU' of 'm0' is 0.77 there, 0.3 in the first"):
        read(first, joins=[other])
    with pytest.raises(InputError, match="table 1: rows 1 and 2 are both 'm1'"):
        read(first, joins=[more.with_columns(Model=pl.lit("m1"))])
    with pytest.raises(InputError, match="table 1 has no column of subjects"):
        read(first, joins=[more.drop("Model")])


@pytest.mark.parametrize(
    ("score", "scale", "says"),
    [
        ([0.1, 0.2, 0.3], [1, 2, 3], "wanted 4 known scores or more to forecast from, got 3"),
        ([0.1, 0.2, 0.3, 0.4], [1, 1, 2, 2], "known scores at 3 scales or more, got 2"),
        ([0.3] * 5, [1, 2, 3, 4, 5], "all 5 known scores are the same"),
    ],
)
def test_too_little_is_refused_where_a_forecast_is_wanted(
    score: list[float], scale: list[float], says: str
) -> None:
    with pytest.raises(UnfitError, match=says):
        require(scores(np.array(score), np.array(scale, dtype=float)))


@pytest.mark.parametrize(
    ("header", "unit"),
    [
        ("compute (PF-days)", 8.64e19),
        ("PFLOP/s-days", 8.64e19),
        ("petaflop-days", 8.64e19),
        ("train_ZFs-day", 8.64e25),
        ("FLOPs (1E21)", 1e21),
        ("Size (B)", 1e9),
        ("FLOPs", 1.0),
        ("stop days", 1.0),
    ],
)
def test_a_unit_in_a_header_is_multiplied_in(header: str, unit: float) -> None:
    notes: list[str] = []
    found = columns.scale(np.array([2.0, 3.0]), header, True, notes, [])
    assert found == pytest.approx(np.log10(np.array([2.0, 3.0]) * unit))
    assert bool(notes) == (unit != 1)


def test_compute_is_compared_with_weights_and_tokens() -> None:
    rows = {
        "model": [f"m{i}" for i in range(8)],
        "MMLU": np.linspace(0.3, 0.6, 8),
        "Model Size (B)": 2.0 ** np.arange(8),
        "Pretraining Data Size (T)": np.full(8, 1.5),
    }
    right = 6 * rows["Model Size (B)"] * 1e9 * 1.5e12 / 1e21
    wrong = right * np.where(np.arange(8) == 5, 10, 1.5)
    for flops, said in ((right, False), (right * 1.9, False), (wrong, True)):
        s = read_scores(pl.DataFrame(rows | {"FLOPs (1E21)": flops}), target="MMLU",
                        scale="FLOPs (1E21)")  # fmt: skip
        found = [n for n in s.notes if "twofold" in n]
        assert bool(found) == said
    assert "1 of 8 rows" in found[0] and "row 6 most, 10 times above" in found[0]
