"""`calibrant items reliability`: a table for people, one document for programs, short mistakes."""

import json

import numpy as np
import polars as pl
import pytest

from calibrant.cli import main


def run(capsys, *args):
    with pytest.raises(SystemExit) as caught:
        main(["items", "reliability", *map(str, args)])
    out, err = capsys.readouterr()
    return caught.value.code or 0, out, err


@pytest.fixture
def wide(tmp_path):
    rng = np.random.default_rng(0)
    logit = rng.normal(size=(40, 1)) - rng.normal(size=20)
    x = (rng.random((40, 20)) < 1 / (1 + np.exp(-logit))).astype(int)
    names = ["\x1b[31mred", *(f"m{i}" for i in range(39))]
    pl.DataFrame({"model": names, **{f"q{j}": x[:, j] for j in range(20)}}).write_csv(
        tmp_path / "wide.csv"
    )
    return tmp_path / "wide.csv"


def test_a_table_for_people(capsys, wide):
    code, out, _ = run(capsys, wide, "--draws", 200, "--cut", 0.5)
    assert code == 0 and "Cronbach's alpha" in out and "subject × item" in out
    assert "Φ(λ)" in out and "\x1b[31m" not in out


def test_one_document_for_programs(capsys, wide, tmp_path):
    figure = tmp_path / "f.svg"
    code, out, err = run(capsys, wide, "--draws", 200, "--json", "--figure", figure,
                         "--draw", "error")  # fmt: skip
    assert code == 0
    document = json.loads(out)
    assert document["coefficients"][0]["symbol"] == "α"
    assert document["study"]["needed"][0]["items"] >= 1
    assert figure.read_text().startswith("<svg") and "figure written" in err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--level", "1"], "level"),
        (["--cut", "7"], "cut"),
        (["--target", "1.5"], "target"),
        (["--groups", "nothing"], "nothing"),
        (["--bank", "absent.json"], "absent.json"),
    ],
)
def test_mistakes_take_one_line(capsys, wide, args, said):
    code, out, err = run(capsys, wide, "--draws", 200, *args)
    assert code == 2 and said in err and out == ""
    assert len(err.strip().splitlines()) == 1
