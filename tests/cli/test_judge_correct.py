"""`calibrant judge correct`: a table for people, one document for programs, one-line mistakes."""

import json

import numpy as np
import polars as pl
import pytest

from calibrant.cli import main


def run(capsys, *args):
    with pytest.raises(SystemExit) as caught:
        main(["judge", "correct", *map(str, args)])
    out, err = capsys.readouterr()
    return caught.value.code, out, err


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    y = rng.random(200) < 0.4
    f = np.where(rng.random(200) < 0.9, y, ~y)
    pl.DataFrame(
        {"item": range(200), "verdict": np.where(f, "Y", "N"), "expert": np.where(y, "Y", "N"),
         "site": [i // 4 for i in range(200)], "evil": ["\x1b[31mred"] * 200}
    ).write_csv(tmp_path / "t.csv")  # fmt: skip
    return tmp_path / "t.csv"


OPTIONS = ("--judge", "verdict", "--gold", "expert", "--labelled", "first 80")


def test_programs_get_one_document(table, capsys):
    code, out, _ = run(capsys, table, *OPTIONS, "--json")
    assert code == 0
    found = json.loads(out)
    assert {"naive", "corrected", "effective_gain", "identification"} <= set(found)
    assert {"method", "value", "interval"} <= set(found["corrected"][0])
    assert {r["method"] for r in found["corrected"]} >= {"gold only", "ppi", "ppi++", "exact"}
    assert found["identification"]["fit"] == "good"


def test_people_get_a_table(table, capsys):
    code, out, _ = run(capsys, table, *OPTIONS, "--positive", "Y")
    assert code == 0
    assert "recommended" in out
    assert "judge alone" in out
    assert "sensitivity" in out
    assert "gain: with the judge a gold label is worth" in out


def test_clusters_strata_sides_and_a_figure(table, capsys, tmp_path):
    figure = tmp_path / "f.svg"
    code, out, err = run(capsys, table, *OPTIONS, "--cluster", "site", "--figure", figure)
    assert code == 0
    assert "ppi++ clustered" in out
    assert "figure written" in err
    assert figure.read_text().startswith("<svg")
    code, out, _ = run(capsys, table, *OPTIONS, "--strata", "verdict", "--side", "upper")
    assert code == 0
    assert "at most" in out


def test_gold_in_its_own_file(table, capsys, tmp_path):
    gold = tmp_path / "labels.csv"
    rows = pl.read_csv(table).head(80).select("item", gold="expert")
    rows.write_csv(gold)
    code, out, _ = run(capsys, table, "--judge", "verdict", "--gold", gold, "--json")
    assert code == 0
    _, same, _ = run(capsys, table, *OPTIONS, "--json")
    assert json.loads(out)["corrected"] == json.loads(same)["corrected"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("--judge", "x", "--gold", "expert"), "judge: no column 'x'"),
        (("--judge", "verdict", "--gold", "none.csv"), "none.csv: no such file"),
        ((*OPTIONS, "--positive", "\x1b[31mQ"), "\\x1b[31mQ"),
        ((*OPTIONS, "--level", "2"), "level"),
        ((*OPTIONS, "--method", "best"), "methods: wanted some of"),
        (("--gold", "expert"), "Missing option '--judge'"),
        ((*OPTIONS, "--figure", "f.txt"), "figure to end in"),
        (("--judge", "evil", "--gold", "expert"), "have none in common"),
    ],
)
def test_mistakes_are_one_line(table, capsys, change, said):
    code, out, err = run(capsys, table, *change)
    assert code == 2
    assert said in err
    assert out == ""
    assert err.count("\n") == 1
    assert "\x1b" not in err
