"""`calibrant forecast FILE` as a person uses it."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from calibrant.cli import main
from calibrant.scaling import forecast as verb
from calibrant.scaling.curves.forecasters import FORECASTERS


def call(*args):
    with pytest.raises(SystemExit) as caught:
        main(list(map(str, args)))
    return caught.value.code or 0


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Twelve families of five; the zoo is cut to what is quickly fitted."""
    names = ("persistence", "pooled log-odds line", "family log-odds lines")
    quick = tuple(f for f in FORECASTERS if f.name in names)
    monkeypatch.setattr(verb, "default_zoo", lambda bayes=False: quick)
    rng = np.random.default_rng(3)
    family = np.repeat(np.arange(12), 5)
    size = np.repeat(rng.uniform(-1, 1, 12), 5) + np.tile(np.linspace(0, 2.2, 5), 12)
    x = 0.6 * size - 1 + rng.normal(size=12)[family] * 0.3 + rng.normal(size=60) * 0.2
    exam = 1 / (1 + np.exp(-x))
    table = pl.DataFrame({
        "model": [f"m{i}" for i in range(60)], "kin": [f"f{i}" for i in family],
        "FLOPs (1E21)": 10**size, "exam": exam, "quiz": exam**0.7,
    })  # fmt: skip
    ahead = pl.DataFrame({
        "model": ["=next\x1b[31m"], "kin": ["f1"], "FLOPs (1E21)": [3000.0], "exam": [None],
        "quiz": [None],
    }, schema=table.schema)  # fmt: skip
    path = tmp_path / "scores.csv"
    pl.concat([table, ahead]).write_csv(path)
    return path


HOW = ("--scale", "FLOPs (1E21)", "--family", "kin", "--cut", "rolling:4")


def test_json_is_one_document(file, capsys):
    assert call("forecast", file, "--target", "exam", *HOW, "--at", "4e24:f2", "--json") == 0
    out, err = capsys.readouterr()
    data = json.loads(out)
    assert data.keys() >= {"forecast", "intervals", "backtest", "distance", "warnings", "withheld"}
    assert data["backtest"].keys() >= {"coverage", "crps", "log_score", "n"}
    assert [r["family"] for r in data["forecast"]] == ["f1", "f2"]
    assert "back-test 1 of 4" in err


def test_tables_for_people_and_hostile_names(file, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert call("forecast", "run", file, "--target", "exam", "--target", "quiz", *HOW,
                "--at", "1e30") == 0  # fmt: skip
    out = capsys.readouterr().out
    assert "\x1b[31m" not in out and "no back-test reaches that far" in out
    for word in ("✓ held", "persistence", "orders of magnitude", "rolling:4"):
        assert word in out


def test_a_fixed_cut_with_a_figure(file, capsys, tmp_path):
    figure = tmp_path / "out.svg"
    assert call("forecast", file, "--target", "exam", "--scale", "FLOPs (1E21)", "--family", "kin",
                "--cut", "scale<=3e22", "--figure", figure) == 0  # fmt: skip
    assert "<svg" in figure.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--target", "exam", "--scale", "compute"), "compute"),
        (("--target", "test", "--scale", "FLOPs (1E21)"), "test"),
        (("--target", "exam", "--scale", "FLOPs (1E21)", "--cut", "now and then"), "--cut: wanted"),
        (("--target", "exam", "--scale", "FLOPs (1E21)", "--limits", "1"), "--limits: wanted"),
        (("--target", "exam", "--scale", "FLOPs (1E21)", "--limits", "0,0.1"), "from 0 to 0.1"),
        (("--target", "exam", "--scale", "FLOPs (1E21)", "--chance", "exam=low"), "wanted COLUMN"),
        (("--target", "exam", "--scale", "FLOPs (1E21)", "--at", "big"), "--at: wanted"),
        (("--target", "exam"), "--scale"),
        (("--scale", "FLOPs (1E21)"), "target"),
    ],
)
def test_wrong_input_is_one_line(file, capsys, args, says):
    assert call("forecast", file, *args) == 2
    err = capsys.readouterr().err.splitlines()
    assert says in err[-1] and err[-1].startswith("calibrant: ")


def test_no_such_file(tmp_path, capsys):
    assert call("forecast", tmp_path / "none.csv", "--target", "a", "--scale", "b") == 2
    assert "none.csv" in capsys.readouterr().err
