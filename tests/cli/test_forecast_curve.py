"""`calibrant forecast curve`: tables, documents, figures, and bad input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from calibrant.cli import main
from calibrant.scaling.curves.worlds import world

WHO = ["--scale", "flops (1E21)", "--family", "maker"]


def _code(args: list[str]) -> int:
    with pytest.raises(SystemExit) as end:
        main(["forecast", "curve", *args])
    return int(end.value.code or 0)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    regime = {"shape": "sigmoid", "families": 6, "size": 5, "spread": 0.8, "noise": 0.02}
    s, _ = world(regime, np.random.default_rng(1))
    path = tmp_path_factory.mktemp("curve") / "scores.csv"
    pl.DataFrame(
        {
            "model": [f"m{i}" for i in range(len(s))],
            "maker": s.family,
            "flops (1E21)": 10 ** (s.scale - 21),
            "acc": s.score,
            "error": 1 - s.score,
            "loss": 1.5 + 3 * 10 ** (-0.2 * (s.scale - 20)) + 0.01 * np.cos(9 * s.scale),
        }
    ).write_csv(path)
    return path


def test_a_table_says_monotone_shapes_parameters_and_the_next_point(
    table: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    figure = tmp_path / "curve.svg"
    args = ["--target", "acc", *WHO, "--at", "1e25:f1", "--at", "3e23", "--figure", str(figure)]
    assert _code([str(table), *args]) == 0
    out, err = capsys.readouterr()
    assert "monotone: growing" in out
    assert "(baseline)" in out
    assert "Parameters of the" in out
    assert "10^25.00" in out
    assert "(a new family)" in out
    assert "figure written" in err
    assert "acc against scale" in figure.read_text()


def test_a_document_says_the_same_and_an_error_is_the_mirror_of_a_score(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    for more in (["--target", "acc"], ["--target", "error", "--falls"]):
        assert _code([str(table), *more, *WHO, "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out))
    up, down = found
    assert up["forecast"][0]["distance"] == pytest.approx(0.5)
    assert up["chosen"] == down["chosen"]
    assert down["monotone"]["falls"]
    assert "the score falls with scale" in down["monotone"]["says"]
    for a, b in (("median", "median"), ("low", "high"), ("high", "low")):
        assert up["forecast"][0][a] == pytest.approx(1 - down["forecast"][0][b], abs=0.02)
    assert set(up) >= {"target", "monotone", "shapes", "parameters", "forecast", "notes"}


def test_a_loss_has_no_highest_value_and_gets_a_power_law(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["--target", "loss", "--falls", "--limits", "0,inf", *WHO, "--json"]
    assert _code([str(table), *args]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["chosen"] == "power law"
    p = found["forecast"][0]
    truth = 1.5 + 3 * 10 ** (-0.2 * (p["scale"] - 20))
    assert p["low"] < truth < p["high"]


def test_an_inverse_scaling_score_is_said_and_no_sigmoid_is_fitted(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _code([str(table), "--target", "error", *WHO]) == 0
    out = capsys.readouterr().out
    assert "inverse scaling" in out
    assert "not fitted: pooled sigmoid: error: sigmoid refused" in out


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--target", "acc", "--scale", "nope"], "no column 'nope'"),
        (["--target", "acc", *WHO, "--at", "soon"], "--at: wanted SCALE"),
        (["--target", "acc", *WHO, "--at", "-3"], "a scale above 0"),
        (["--target", "acc", *WHO, "--limits", "1,0"], "--limits: wanted LOW,HIGH"),
        (["--target", "acc", *WHO, "--level", "9"], "level: wanted a share"),
        (["--target", "acc", *WHO, "--figure", "x.doc"], "wanted a figure to end in"),
    ],
)
def test_bad_input_is_one_line(
    table: Path, capsys: pytest.CaptureFixture[str], args: list[str], said: str
) -> None:
    assert _code([str(table), *args]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_one_score_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "one.csv"
    path.write_text("model,flops,acc\na,1e20,0.5\nb,1e21,\n")
    args = [str(path), "--target", "acc", "--scale", "flops"]
    assert _code(args) == 2
    assert "at least 2 known scores" in capsys.readouterr().err


def test_scores_that_are_all_alike_are_said_to_be(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rows = [f"m{i},one,{10 ** (20 + i / 8):g},0.5" for i in range(16)]
    path = tmp_path / "flat.csv"
    path.write_text("model,maker,compute,acc\n" + "\n".join(rows) + "\n")
    assert (
        _code([str(path), "--target", "acc", "--scale", "compute", "--family", "maker", "--json"])
        == 0
    )
    notes = json.loads(capsys.readouterr().out)["notes"]
    assert sum("every score is 0.5" in n for n in notes) == 1
    assert sum(n.startswith("one family") for n in notes) == 1
