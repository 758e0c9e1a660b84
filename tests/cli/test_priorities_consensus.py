"""`calibrant priorities consensus` and `code` as a person uses them."""

import json

import polars as pl
import pytest

from calibrant.cli import main


def call(*args):
    with pytest.raises(SystemExit) as caught:
        main(["priorities", *map(str, args)])
    return caught.value.code or 0


@pytest.fixture
def ratings(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    rows = [
        (f"r{r}", area, question, 1 + (r * step + r // 3 + number) % 5, number)
        for number in (1, 2)
        for r in range(12)
        for area, step in (("1a", 1), ("2a", 3))
        for question in ("importance", "tractability")
    ]
    path = tmp_path / "ratings.csv"
    names = ["respondent", "area", "question", "value", "round"]
    pl.DataFrame(rows, schema=names, orient="row").write_csv(path)
    return path


def test_consensus_as_a_table_and_as_json(ratings, tmp_path, capsys):
    figure = tmp_path / "spread.svg"
    assert call("consensus", ratings, "--survey", "expert-survey-2025", "--figure", figure) == 0
    out = capsys.readouterr().out
    assert "Kendall's W" in out and "narrowing" in out and "1a" in out and "undetermined" in out
    assert figure.read_text().startswith("<svg")
    assert call("consensus", ratings, "--json", "--seed", 3) == 0
    data = json.loads(capsys.readouterr().out)
    assert len(data["cells"]) == 8 and len(data["questions"]) == 4
    assert {m["question"] for m in data["movements"]} == {"importance", "tractability"}
    assert data["cells"][0]["spread"]["iqr_interval"][0] <= data["cells"][0]["spread"]["iqr"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--levels", "3"], "wanted whole numbers of 1 to 3"),
        (["--survey", "nowhere.yaml"], "nowhere.yaml"),
        (["--figure", "x.gif"], "to end in"),
    ],
)
def test_consensus_says_what_is_wrong_in_one_line(ratings, capsys, args, said):
    assert call("consensus", ratings, *args) == 2
    err = capsys.readouterr().err
    assert said in err and len(err.strip().splitlines()) == 1
    assert call("consensus", "nowhere.csv") == 2


def test_coding_from_the_codebook_to_the_quotes(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    book, comments, folder = tmp_path / "book.yaml", tmp_path / "comments.csv", tmp_path / "sheets"
    words = ["No money", "Too few people\x1b[31m", "Closed models", "=1+1", "No benchmark", "Money"]
    pl.DataFrame(
        {"respondent": [f"r{i // 2}" for i in range(6)], "category": ["4"] * 6,
         "question": ["obstacles"] * 6, "text": words}
    ).write_csv(comments)  # fmt: skip
    assert call("code", "init", book) == 0 and call("code", "init", book) == 2
    assert "written over" in capsys.readouterr().err
    assign = ["code", "assign", comments, "--codebook", book, "-o", folder]
    assert call(*assign, "--coder", "ana", "--coder", "../ben") == 2
    assert call(*assign, "--coder", "ana", "--coder", "ben") == 0
    assert call(*assign, "--coder", "ana", "--coder", "ben") == 2
    sheets = [folder / "ana.csv", folder / "ben.csv"]
    codes = {"No money": "funding", "Money": "funding", "Closed models": "access"}
    for number, path in enumerate(sheets):
        sheet = pl.read_csv(path, infer_schema=False)
        assert "'=1+1" in sheet["text"].to_list() and "respondent" not in sheet.columns
        said = [codes.get(t, "people" if number and "benchmark" in t else "none")
                for t in sheet["text"]]  # fmt: skip
        quotes = ["4d: Closed models" if t == "Closed models" else "" for t in sheet["text"]]
        sheet.with_columns(pl.Series("codes", said), pl.Series("quotes", quotes)).write_csv(path)
    both = [comments, *sheets, "--codebook", book]
    capsys.readouterr()
    todo = tmp_path / "todo.csv"
    assert call("code", "agree", *both, "--unsettled", todo) == 0
    out = capsys.readouterr().out
    assert "1 to be settled" in out and "funding: given 4 times" in out and "undefined" in out
    assert call("code", "agree", *both, "--json") == 0
    assert json.loads(capsys.readouterr().out)["sets"]["value"] > 0.5
    assert call("code", "settle", *both) == 2
    assert "1 disagreements are not settled" in capsys.readouterr().err
    frame = pl.read_csv(todo, infer_schema=False)
    frame.with_columns(pl.lit("measurement").alias("codes"), pl.lit("cy").alias("by")).write_csv(
        todo
    )
    out = tmp_path / "coded.csv"
    assert call("code", "settle", *both, "--decisions", todo, "-o", out) == 0
    said = capsys.readouterr().out
    assert "1 settled, 0 not coded" in said and "funding" in said and "67%" in said
    assert "settled" in pl.read_csv(out)["how"].to_list()
    assert call("code", "quotes", *both) == 0
    assert "“Closed models”" in capsys.readouterr().out
    assert call("code", "quotes", *both, "--json") == 0
    (quote,) = json.loads(capsys.readouterr().out)["quotes"]
    assert (quote["area"], quote["start"], quote["end"]) == ("4d", 0, 13)


def test_missing_areas_become_a_version_of_the_taxonomy(tmp_path, capsys):
    comments, todo, new = tmp_path / "c.csv", tmp_path / "todo.csv", tmp_path / "new.yaml"
    pl.DataFrame(
        {"respondent": ["a", "b"], "category": ["", ""], "question": ["missing"] * 2,
         "text": ["Model welfare", "model welfare; children"]}
    ).write_csv(comments)  # fmt: skip
    args = ["code", "missing", comments, "--question", "missing"]
    assert call(*args, "-o", todo) == 0
    out = capsys.readouterr().out
    assert "2 respondents" in out and "likeness: cosine" in out
    assert call(*args, "--json") == 0
    assert len(json.loads(capsys.readouterr().out)["groups"]) == 2
    filled = {"decision": "add", "to": "4", "id": "4welfare", "name": "Model welfare", "by": "cy"}
    frame = pl.read_csv(todo, infer_schema=False)
    frame.with_columns(
        pl.Series(k, [v, *[None] * (frame.height - 1)]) for k, v in filled.items()
    ).write_csv(todo)
    assert call(*args, "--decisions", todo) == 2
    assert call(*args, "--decisions", todo, "--version", "2", "-o", new) == 0
    assert "1 areas added" in capsys.readouterr().out
    assert call("taxonomy", "check", new) == 0
    assert call(*args[:3], "--question", "nothing") == 2
