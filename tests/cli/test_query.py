"""`calibrant query` on the command line, over stores and plain files."""

import json

import polars as pl
import pytest

from calibrant.cli import main
from calibrant.records import trials_frame, write_parquet


@pytest.fixture
def table(tmp_path):
    rows = [
        {"run": "r", "subject": s, "instrument": "i", "item": f"q{i}", "epoch": 1, "grader": "g",
         "score": float(i % 2), "answer": "=cmd|' /C calc'!A0"}
        for s in "ab" for i in range(4)
    ]  # fmt: skip
    write_parquet(trials_frame(rows), tmp_path / "t.parquet")
    return tmp_path / "t.parquet"


def run(capsys, *args):
    with pytest.raises(SystemExit) as end:
        main([str(a) for a in args])
    said = capsys.readouterr()
    return end.value.code, said.out, said.err


def test_a_file_and_a_store_answer_alike(table, tmp_path, capsys):
    sql = (
        "select subject, avg(score) as mean, max('nan'::double) x from trials group by 1 order by 1"
    )
    code, out, _ = run(capsys, "query", sql, table, "--json")
    assert code == 0
    rows = json.loads(out)
    assert rows == [{"subject": s, "mean": 0.5, "x": None} for s in "ab"]
    code, out, _ = run(capsys, "read", table, "-o", tmp_path / "store")
    assert code == 0
    assert "8" in out
    code, out, _ = run(capsys, "query", sql, tmp_path / "store", "--json")
    assert json.loads(out) == rows
    code, out, _ = run(capsys, "query", "select * exclude (answer) from trials", tmp_path / "store",
                       "--limit", 3)  # fmt: skip
    assert "5 more rows" in out


def test_answers_are_written_harmlessly(table, tmp_path, capsys):
    code, _, err = run(
        capsys, "query", "select answer from trials", table, "-o", tmp_path / "x.csv"
    )
    assert (code, err) == (0, f"8 rows in {tmp_path / 'x.csv'}\n")
    assert pl.read_csv(tmp_path / "x.csv")["answer"][0].startswith("'=")


def test_faults_are_one_line(table, tmp_path, capsys):
    for args in (["selec", table], ["select 1", tmp_path / "none"], ["drop table x", table]):
        code, out, err = run(capsys, "query", *args)
        assert (code, out) == (2, "")
        assert len(err.strip().splitlines()) == 1
