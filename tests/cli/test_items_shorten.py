"""`calibrant items shorten`: a table for people, one document for programs, one-line mistakes."""

import json

import numpy as np
import polars as pl
import pytest
from scipy.special import expit

from calibrant.cli import main


def run(capsys, *args):
    with pytest.raises(SystemExit) as caught:
        main(["items", "shorten", *map(str, args)])
    out, err = capsys.readouterr()
    return caught.value.code, out, err


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    rng = np.random.default_rng(0)
    ability = rng.normal(0, 1.2, 32)
    p = expit(1.5 * (ability[:, None] - rng.normal(0, 1, 24)))
    scores = (rng.random(p.shape) < p).astype(float)
    names = [f"fam{i % 6}-{i}" for i in range(32)]
    columns = {f"q{j}": scores[:, j] for j in range(24)}
    columns = {("\x1b[31mred" if k == "q3" else k): v for k, v in columns.items()}
    path = tmp_path_factory.mktemp("shorten") / "scores.csv"
    pl.DataFrame({"model": names, **columns}).write_csv(path)
    return path


FAMILY = ("--family-pattern", "^(fam[0-9])")


def test_people_get_a_table_with_the_baselines(table, capsys, tmp_path):
    figure = tmp_path / "errors.svg"
    code, out, err = run(capsys, table, "--items-kept", 6, *FAMILY, "--figure", figure)
    assert code == 0
    for row in ("short form", "by hand", "adaptive", "random sample", "random + model", "average"):
        assert row in out
    assert "6 of 24 items" in out
    assert "By hand: full score =" in out
    assert "\x1b[31m" not in out
    assert "figure written" in err
    assert "<svg" in figure.read_text()


def test_programs_get_one_document_and_forms_are_applied(table, capsys, tmp_path):
    form, engine = tmp_path / "form.json", tmp_path / "engine.json"
    code, out, _ = run(
        capsys, table, "--items-kept", 6, *FAMILY, "-o", form, "--engine", engine, "--json"
    )
    assert code == 0
    found = json.loads(out)
    assert len(found["items"]) == len(found["weights"]) == 6
    assert found["families"] == 6
    assert json.loads(engine.read_text())["format"] == "calibrant engine 1"
    code, out, _ = run(capsys, table, "--apply", form, "--json")
    assert code == 0
    subjects = json.loads(out)["subjects"]
    assert len(subjects) == 32
    assert all(s["low"] <= s["value"] <= s["high"] for s in subjects)
    code, out, _ = run(capsys, table, "--apply", form, "--by-hand")
    assert code == 0
    assert "95% interval" in out


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--items-kept", "0"], "at least 1 item"),
        (["--items-kept", "6", "--error", "0.1"], "got both"),
        (["--family", "nobody"], "no column"),
        (["--balance"], "wanted categories"),
        (["--apply", "nowhere.json"], "not a short form"),
    ],
)
def test_mistakes_are_one_line(table, capsys, args, said):
    code, out, err = run(capsys, table, *args)
    assert code == 2
    assert out == ""
    assert said in err
    assert "Traceback" not in err


def test_few_subjects_are_refused(table, capsys, tmp_path):
    few = tmp_path / "few.csv"
    pl.read_csv(table)[:9].write_csv(few)
    code, _, err = run(capsys, few)
    assert code == 2
    assert "at least 10 subjects, got 9" in err
