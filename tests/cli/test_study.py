"""`calibrant study`: one table for people, one document for programs, one line for mistakes."""

import json

import numpy as np
import pytest

from calibrant.cli import main
from calibrant.records import trials_frame, write_parquet


def run(capsys, *args):
    with pytest.raises(SystemExit) as caught:
        main(["study", *map(str, args)])
    out, err = capsys.readouterr()
    return caught.value.code, out, err


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(1)
    level = rng.normal(0, 0.3, 30)
    trials = trials_frame(
        {
            "subject": subject,
            "instrument": "quiz",
            "item": f"q{i}",
            "epoch": e + 1,
            "grader": "\x1b[31mmark",
            "score": 0.6 + 0.1 * (subject == "b") + level[i] + rng.normal(0, 0.2),
        }
        for subject in "ab"
        for i in range(30)
        for e in range(2)
    )
    write_parquet(trials, tmp_path / "t.parquet")
    return tmp_path / "t.parquet"


def test_people_get_tables_and_bars(table, capsys):
    code, out, _ = run(capsys, table, "--cost", "item=1", "--cost", "epoch=0.02", "--budget", 100)
    assert code == 0
    assert "2 subjects, 30 items, 2 epochs within subject × item" in out
    assert "█" in out
    assert "next, buy" in out
    assert "best: " in out
    assert "\x1b[31m" not in out


def test_programs_get_one_document(table, capsys):
    code, out, _ = run(capsys, table, "--target", 0.02, "--json", "--facets", "item,epoch")
    assert code == 0
    (found,) = json.loads(out)
    assert {"sources", "facets", "subjects", "generalizability", "dependability", "standard_error",
            "marginals", "purchase", "next", "notes"} <= set(found)  # fmt: skip
    assert found["purchase"]["standard_error"] <= 0.02
    assert {s["term"] for s in found["sources"]} == {
        "subject", "item", "subject:item", "subject:item:epoch",
    }  # fmt: skip


def test_what_cannot_be_studied_is_one_line(tmp_path, capsys):
    trials = trials_frame(
        {"subject": "a", "instrument": "quiz", "item": f"q{i}", "epoch": 1, "grader": "g",
         "score": 1.0}
        for i in range(5)
    )  # fmt: skip
    write_parquet(trials, tmp_path / "t.parquet")
    code, out, _ = run(capsys, tmp_path / "t.parquet")
    assert code == 0
    assert "cannot be studied: all 5 scores are 1" in out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--cost", "item"], "wanted FACET=PRICE"),
        (["--cost", "item=-1"], "wanted FACET=PRICE"),
        (["--cost", "day=1"], "cost: wanted some of item, variant, epoch, grader"),
        (["--at-most", "item=x"], "wanted FACET=N"),
        (["--facets", "item,day"], "facets: wanted some of"),
        (["--budget", "-1"], "budget: wanted"),
        (["--instrument", "none"], "instrument: wanted one of quiz"),
    ],
)
def test_mistakes_are_one_line(table, capsys, options, said):
    code, out, err = run(capsys, table, *options)
    assert code == 2
    assert said in err
    assert out == ""
    assert "Traceback" not in err


def test_many_subjects_are_cut_in_the_table_only(tmp_path, capsys):
    rng = np.random.default_rng(2)
    trials = trials_frame(
        {"subject": f"s{s}", "instrument": "quiz", "item": f"q{i}", "epoch": 1, "grader": "g",
         "score": rng.normal()}
        for s in range(20)
        for i in range(5)
    )  # fmt: skip
    write_parquet(trials, tmp_path / "t.parquet")
    _, out, _ = run(capsys, tmp_path / "t.parquet")
    assert "… and 8 more" in out
    _, out, _ = run(capsys, tmp_path / "t.parquet", "--json")
    assert len(json.loads(out)[0]["subjects"]) == 20
