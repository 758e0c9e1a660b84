"""`calibrant judge pressure`: a table for people, one document, one line for mistakes."""

import json

import polars as pl
import pytest

from calibrant.cli import main
from calibrant.judges.pressure import planted

COLUMNS = ["--item", "item", "--judge", "judge", "--gold", "gold"]


def run(capsys, *args):
    with pytest.raises(SystemExit) as caught:
        main(["judge", "pressure", *map(str, args)])
    out, err = capsys.readouterr()
    return caught.value.code, out, err


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "answers.csv"
    planted(binary=True, error=0.4).table(12, 24, seed=3).write_csv(path)
    return path


def test_people_get_the_curve_and_where_it_turns(table, capsys):
    code, out, _ = run(capsys, table, *COLUMNS)
    assert code == 0
    assert "best of n by the judge, 12 prompts" in out
    assert "√KL" in out
    assert "d(α − β d)" in out
    assert "gold is highest at n =" in out


def test_programs_get_one_document_and_a_figure(table, tmp_path, capsys):
    figure = tmp_path / "curve.svg"
    code, out, err = run(capsys, table, *COLUMNS, "--json", "--figure", figure, "--n", 20)
    assert code == 0
    found = json.loads(out)
    assert found["n_max"] == 20
    assert len(found["gold"]["value"]) == 20
    assert {"turn", "fit", "gap", "kl", "kl_bound", "nulls", "notes"} <= set(found)
    assert "figure written" in err
    assert figure.read_text().startswith("<svg")


def test_null_answers_are_compared(table, tmp_path, capsys):
    answers = pl.read_csv(table).with_columns(pl.lit("").alias("kind"))
    planted_rows = (
        answers.group_by("item", maintain_order=True)
        .first()
        .with_columns(pl.lit("\x1b[31mempty").alias("kind"), pl.lit(99.0).alias("judge"))
    )
    path = tmp_path / "with.csv"
    pl.concat([answers, planted_rows.select(answers.columns)]).write_csv(path)
    code, out, _ = run(capsys, path, *COLUMNS, "--null", "kind")
    assert code == 0
    assert "beats 100.0% of real answers" in out
    assert "\x1b[31m" not in out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--n", "1"], "n: wanted a whole number of at least 2"),
        (["--n", "25"], "none has 25 answers"),
        (["--level", "1"], "level: wanted"),
        (["--null", "none"], "no column 'none'"),
        (["--chance", "judge"], "wanted a chance above 0"),
        (["--gold-range", "2", "3"], "gold: wanted scores in 2–3"),
    ],
)
def test_mistakes_are_one_line(table, capsys, options, said):
    code, out, err = run(capsys, table, *COLUMNS, *options)
    assert code == 2
    assert said in err
    assert out == ""
    assert len(err.strip().splitlines()) == 1


def test_missing_golds_must_be_explained(table, tmp_path, capsys):
    answers = pl.read_csv(table).with_columns(
        pl.when(pl.int_range(pl.len()) % 3 == 0).then(None).otherwise("gold").alias("gold")
    )
    path = tmp_path / "some.csv"
    answers.write_csv(path)
    code, _, err = run(capsys, path, *COLUMNS)
    assert code == 2
    assert "96 of 288 answers have none" in err
    code, out, _ = run(capsys, path, *COLUMNS, "--labelled", "random")
    assert code == 0
    assert "96 answers without gold" in out


def test_words_in_a_score_column_name_the_row(tmp_path, capsys):
    path = tmp_path / "bad.csv"
    path.write_text("item,judge,gold\na,1,1\na,great,0\n")
    code, _, err = run(capsys, path, *COLUMNS)
    assert code == 2
    assert "row 1: column 'judge': wanted a number, got 'great'" in err
