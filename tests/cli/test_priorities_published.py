"""`calibrant priorities published` and `audit` as a person types them."""

from __future__ import annotations

import csv
import io
import json

import polars as pl
import pytest

from calibrant.cli import main
from calibrant.priorities import microdata_of

TABLE = {
    "id": ["4d", "9c", "17b", "15d", "2c"],
    "name": ["=HYPERLINK(1)", "Oversight", "Access\x1b[31m", "Pluralism", "Targeted"],
    "importance": ["5.00", "4.67", "4.75", "4.00", "3.00"],
    "tractability": ["4.25", "4.22", "2.75", "4.00", "3.20"],
    "promise": ["21.25", "19.70", "13.06", "16.00", "9.60"],
    "n": ["4", "9", "4", "5", "5"],
}


@pytest.fixture
def run(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    def call(*args):
        with pytest.raises(SystemExit) as end:
            main(["priorities", *map(str, args)])
        out, err = capsys.readouterr()
        return end.value.code, out, err

    return call


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    pl.DataFrame(TABLE).write_csv(path)
    return path


@pytest.fixture
def ratings(tmp_path):
    path = tmp_path / "ratings.csv"
    microdata_of(TABLE, seed=1).frame.write_csv(path)
    return path


def test_published_prints_the_three_tables(ratings, run) -> None:
    code, out, _ = run("published", ratings)
    assert code == 0
    assert "9 respondents, 5 areas ranked, 0 excluded; first by promise: 4d (21.25)" in out
    assert "Table 1: the 5 most promising areas" in out
    assert "Table 2: the 1 largest gaps of 1" in out
    row = next(line for line in out.splitlines() if "Access control and" in line)
    assert row.split()[-4:] == ["4.75", "2.75", "13.06", "4"]
    assert "unrated, not low" in out


def test_published_as_json_and_as_csv(ratings, run) -> None:
    code, out, _ = run("published", ratings, "--json", "--digits", "3")
    assert code == 0
    found = json.loads(out)
    assert found["ranking"][1]["printed"]["promise"] == "19.704"
    assert found["ranking"][1]["exact"]["promise"] == "532/27"
    code, out, _ = run("published", ratings, "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0 and rows[0]["promise"] == "21.25" and rows[0]["id"] == "4d"


def test_formulas_in_ids_stay_text(tmp_path, run) -> None:
    path = tmp_path / "r.csv"
    rows = [(f"r{i}", "=1+1", q, 4) for i in range(3) for q in ("importance", "tractability")]
    pl.DataFrame(rows, schema=["respondent", "area", "question", "value"], orient="row").write_csv(
        path
    )
    _, out, _ = run("published", path, "--csv")
    assert out.splitlines()[1] == "1,'=1+1,'=1+1,4.00,4.00,16.00,3"


def test_published_with_demographics(ratings, tmp_path, run) -> None:
    people = tmp_path / "people.csv"
    people.write_text("respondent,sector\n1,Academia\n2,Academia\n3,Industry\n4,\n")
    code, out, _ = run("published", ratings, "--demographics", people)
    assert code == 0 and "demographics: 3 respondents" in out
    assert "sector: Academia" in out and "66.7%" in out and "9.4% to 99.2%" in out


def test_audit_names_what_cannot_be(table, tmp_path, run) -> None:
    code, out, _ = run("audit", table, "--rows", "4")
    assert code == 0
    assert "contradiction: the table has 5 rows, but 4 are stated" in out
    assert "\x1b" not in out
    wrong = tmp_path / "wrong.csv"
    pl.DataFrame({**TABLE, "importance": ["4.90", *TABLE["importance"][1:]]}).write_csv(wrong)
    code, out, _ = run("audit", wrong, "--json", "--against", table)
    found = json.loads(out)
    assert code == 0 and found["verdicts"]["none"] == 1
    kinds = {f["kind"]: f["areas"] for f in found["findings"]}
    assert kinds["impossible"] == ["4d"] and kinds["cross"] == ["4d"]
    code, out, _ = run("audit", table, "--all")
    assert code == 0 and "42/9" in out


def test_audit_of_other_columns_and_scales(tmp_path, run) -> None:
    path = tmp_path / "other.tsv"
    path.write_text("topic\tmean of use\trespondents\na\t6.3\t7\nb\t2.1\t8\n")
    code, out, _ = run("audit", path, "--mean", "mean of use", "--scale", "1-7", "--json")
    assert code == 0
    assert [r["verdict"] for r in json.loads(out)["rows"]] == ["fits", "fits"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("audit", "nowhere.csv"), "no such file"),
        (("audit", "TABLE", "--scale", "five"), "--scale: wanted lowest-highest"),
        (("audit", "TABLE", "--scale", "1-3"), "outside the scale 1 to 3"),
        (("audit", "TABLE", "--areas", "105"), "wanted both or neither"),
        (("audit", "TABLE", "--mean", "Z"), "no column 'Z'"),
        (("published", "TABLE"), "no column respondent"),
        (("published", "RATINGS", "--json", "--csv"), "wanted one of them"),
        (("published", "RATINGS", "--high", "x"), "high: wanted a number"),
        (("published", "RATINGS", "--question", "use"), "wanted two different ones"),
        (("published", "RATINGS", "--taxonomy", "nix"), "calibrant ships"),
    ],
)
def test_wrong_input_is_one_line_and_exit_2(args, said, table, ratings, run) -> None:
    names = {"TABLE": table, "RATINGS": ratings}
    code, out, err = run(*(names.get(a, a) for a in args))
    assert code == 2 and out == ""
    assert said in err and len(err.strip().splitlines()) == 1
