"""`calibrant forecast trend`: a table for people, one document, one line for mistakes."""

from __future__ import annotations

import json

import pytest

from calibrant.cli import main

ROWS = [
    ("\x1b[31ma", "x", "2020-01-01", 1.0), ("b", "x", "2020-08-01", 2.3),
    ("c", "y", "2021-02-01", 3.6),
    ("d", "y", "2021-09-01", 9.0), ("e", "x", "2022-03-01", 14.0), ("f", "y", "2022-10-01", 36.0),
    ("g", "x", "2023-05-01", 60.0), ("h", "y", "2023-12-01", 130.0),
]  # fmt: skip


def run(capsys, *args):
    with pytest.raises(SystemExit) as caught:
        main(["forecast", "trend", *map(str, args)])
    out, err = capsys.readouterr()
    return caught.value.code, out, err


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "horizons.csv"
    lines = ["model,lab,date,minutes", *(",".join(map(str, r)) for r in ROWS)]
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


def test_people_get_doubling_forecasts_and_the_past(table, capsys) -> None:
    code, out, _ = run(capsys, table, "--date", "date", "--value", "minutes", "--family", "lab")
    assert code == 0
    assert "doubles every" in out
    assert "back-test:" in out
    assert "months ahead" in out
    assert "\x1b" not in out


def test_programs_get_one_document_and_a_figure(table, tmp_path, capsys) -> None:
    figure = tmp_path / "trend.svg"
    code, out, err = run(capsys, table, "--date", "date", "--value", "minutes", "--at", "2024-06",
                         "--json", "--figure", figure)  # fmt: skip
    assert code == 0
    said = json.loads(out)
    assert {"now", "average", "straight", "forecasts", "versions", "backtest", "warnings",
            "withheld", "notes"} <= set(said)  # fmt: skip
    assert said["forecasts"][0]["months"] == pytest.approx(6.0, abs=0.1)
    assert figure.read_text().startswith("<svg")
    assert "figure written" in err


@pytest.mark.parametrize(
    "args",
    [
        ("--date", "date", "--value", "lab"),
        ("--date", "minutes", "--value", "minutes"),
        ("--date", "date", "--value", "minutes", "--today", "tomorrow"),
        ("--date", "date", "--value", "minutes", "--at", "1999-01-01"),
        ("--date", "date", "--value", "minutes", "--on", "logit"),
    ],
)
def test_mistakes_are_one_line(table, capsys, args) -> None:
    code, out, err = run(capsys, table, *args)
    assert code == 2
    assert out == ""
    assert len(err.strip().splitlines()) == 1
