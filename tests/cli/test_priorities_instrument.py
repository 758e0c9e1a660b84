"""Commands `taxonomy`, `survey`, `import`, `export`: tables, documents, one line for mistakes."""

import json

import polars as pl
import pytest
import yaml

from calibrant.cli import main


@pytest.fixture
def run(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    def go(*args):
        with pytest.raises(SystemExit) as caught:
            main(["priorities", *map(str, args)])
        out, err = capsys.readouterr()
        return caught.value.code, out, err

    return go


NEXT = """
extends: ai-safety-2025
version: "2"
changes:
- split: 7a
  into: [{id: 7f, name: Theories}, {id: 7g, name: "\\e[31mPredictions"}]
- rename: 4d
  name: Emergence
"""


def test_a_taxonomy_is_shown_as_a_tree(run):
    code, out, _ = run("taxonomy")
    assert code == 0
    assert "105 areas in 20 categories" in out
    assert "4d  Emergence and task-specific scaling patterns" in out
    assert "O'Brien" in out
    code, out, _ = run("taxonomy", "show", "ai-safety-2025", "--descriptions")
    assert "which abilities appear as models grow" in out
    code, out, _ = run("taxonomy", "--json")
    assert len(json.loads(out)["categories"]) == 20


def test_versions_are_checked_and_compared(run, tmp_path):
    path = tmp_path / "next.yaml"
    path.write_text(NEXT)
    code, out, _ = run("taxonomy", "check", path)
    assert code == 0
    assert "version 2: 106 areas" in out
    assert "without a description: 7f, 7g" in out
    code, out, _ = run("taxonomy", "diff", "ai-safety-2025", path)
    assert "split 7a into 7f (Theories), 7g" in out
    assert "\x1b" not in out
    code, out, _ = run("taxonomy", "diff", "ai-safety-2025", path, "--json")
    found = json.loads(out)
    assert (found["known"], found["gone"], found["made"]) == (True, ["7a"], ["7f", "7g"])
    code, out, _ = run("taxonomy", path)
    assert code == 0
    assert "version 2, from 1:" in out
    assert "\x1b" not in out


def test_a_survey_is_begun_checked_and_shown(run, tmp_path):
    path = tmp_path / "survey.yaml"
    code, out, err = run("survey", "init", path)
    assert (code, out) == (0, "")
    assert "written" in err
    code, out, _ = run("survey", "check", path)
    assert code == 0
    assert "2 questions" in out
    assert "105 areas" in out
    assert "note:" not in out
    code, out, _ = run("survey", "check", path, "--json")
    found = json.loads(out)
    assert found["questions"] == ["importance", "tractability"]
    assert found["notes"] == []
    code, out, _ = run("survey", "show", path)
    assert "loss of either >100 lives or >$10 billion USD" in out
    assert "5 Strongly Agree" in out
    code, out, _ = run("survey", "show", "--json")
    assert json.loads(out)["survey"]["id"] == "expert-survey-2025"
    code, out, _ = run("survey", "schema")
    assert "questions" in json.loads(out)["properties"]
    before = path.read_text()
    code, _, err = run("survey", "init", path)
    assert code == 2
    assert "is there already" in err
    assert path.read_text() == before
    code, out, _ = run("survey", "init", "-")
    assert yaml.safe_load(out)["id"] == "expert-survey-2025"


def test_ratings_are_carried_to_the_next_version(run, tmp_path, ratings):
    path, out = tmp_path / "next.yaml", tmp_path / "carried.csv"
    path.write_text(NEXT.replace("rename: 4d", "merge: [4d, 4f]").replace(
        "name: Emergence", "into: {id: 4h, name: Emergence}"))  # fmt: skip
    code, said, _ = run("taxonomy", "carry", ratings, path, "-o", out)
    assert code == 0
    assert "4h: ratings of 4d and 4f" in said
    assert "1 cell had several ratings of one respondent, who counts once" in said
    assert "'=r1,4h,importance,5.0" in out.read_text()
    code, said, _ = run("taxonomy", "carry", ratings, path, "--json")
    assert json.loads(said)["origins"]["4h"] == ["4d", "4f"]
    code, said, err = run("taxonomy", "carry", ratings, path, "--since", "0")
    assert (code, said) == (2, "")
    assert "knows no version '0'" in err


@pytest.fixture
def ratings(tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text(
        "respondent,area,question,value,state\n"
        "=r1,4d,importance,5,answered\n=r1,4d,tractability,,don't know\n"
        "=r1,4f,importance,,skipped\nr2,8c,importance,3,answered\n"
    )
    return path


@pytest.mark.parametrize("numbers", [(), ("--numbers",)])
def test_answers_go_out_and_come_back(run, tmp_path, ratings, numbers):
    sheet, back, tables = tmp_path / "q.csv", tmp_path / "back.csv", tmp_path / "tables"
    code, out, err = run("export", ratings, "-o", sheet, "--format", "qualtrics", *numbers)
    assert (code, out) == (0, "")
    assert "written" in err
    code, out, err = run("import", sheet, "-o", back, "--tables", tables)
    assert code == 0
    assert "2 answered, 1 don't know" in out
    assert "1 skipped" in out
    assert sorted(p.name for p in tables.iterdir()) == [
        "comments.parquet", "demographics.parquet", "own-areas.parquet", "respondents.parquet",
    ]  # fmt: skip
    assert "'=r1,4d,importance,5.0,answered,1," in back.read_text()
    again = tmp_path / "again.csv"
    code, *_ = run("export", back, "-o", again, "--format", "qualtrics", "--tables", tables,
                   *numbers)  # fmt: skip
    assert code == 0
    assert again.read_bytes() == sheet.read_bytes()
    code, out, _ = run("export", back, "-o", tmp_path / "r.parquet", "--json")
    assert json.loads(out)["rows"] == 420
    frame = pl.read_parquet(tmp_path / "r.parquet")
    assert frame.filter(pl.col("value") == 5)["respondent"].to_list() == ["=r1"]


def test_import_says_what_it_did_as_one_document(run, tmp_path, ratings):
    sheet = tmp_path / "q.csv"
    run("export", ratings, "-o", sheet, "--format", "qualtrics")
    code, out, _ = run("import", sheet, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["states"] == {"answered": 2, "don't know": 1, "not shown": 416, "skipped": 1}
    assert found["written"] == []


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("taxonomy", "nothing"), "calibrant ships ai-safety-2025"),
        (("taxonomy", "check", "nothing.yaml"), "nothing.yaml"),
        (("taxonomy", "diff", "ai-safety-2025"), "Missing argument 'NEW'"),
        (("survey", "check", "nothing.yaml"), "nothing.yaml: cannot be read"),
        (("survey", "chek", "x"), "No such command 'chek'"),
        (("survey", "init", "nowhere/s.yaml"), "cannot be written"),
        (("import", "nothing.csv"), "nothing.csv: no such file"),
        (("import", "{ratings}"), "no column is a rating"),
        (("import", "{ratings}", "-o", "x.txt"), "wanted a file that ends in .parquet or .csv"),
        (("import", "{ratings}", "-o", "{ratings}"), "is the file that is read"),
        (("import", "{ratings}", "--map", "nothing.yaml"), "nothing.yaml: cannot be read"),
        (("import", "{ratings}", "--survey", "nothing.yaml"), "nothing.yaml: cannot be read"),
        (("export", "nothing.csv", "-o", "x.csv"), "nothing.csv: no such file"),
        (("export", "{ratings}", "-o", "x.xlsx"), "or --format"),
        (("export", "{ratings}", "-o", "{ratings}"), "is the file that is read"),
        (("export", "{ratings}", "-o", "nowhere/x.csv"), "cannot be written"),
        (("export", "{ratings}", "-o", "x.csv", "--numbers"), "go with --format qualtrics"),
        (("export", "{ratings}", "-o", "x.csv", "--format", "qualtrics", "--tables", "."),
         "wanted a folder with tables"),
    ],
)  # fmt: skip
def test_mistakes_end_in_one_line(run, tmp_path, monkeypatch, ratings, args, said):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*(str(a).replace("{ratings}", str(ratings)) for a in args))
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.strip().splitlines()) == 1
