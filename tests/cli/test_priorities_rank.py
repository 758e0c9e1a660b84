"""`calibrant priorities rank` and `ask` as a person uses them."""

import json
from pathlib import Path

import polars as pl
import pytest

from calibrant.cli import main
from calibrant.priorities.ranks.simulate import Experts

PAPER = Path("/work/shared/data/survey/survey_table3.csv")


def call(*args):
    with pytest.raises(SystemExit) as caught:
        main(["priorities", *map(str, args)])
    return caught.value.code or 0


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("survey")
    panel = Experts(raters=14, categories=4, areas=14, chosen=2.0).draw(4)
    panel.ratings().frame.write_csv(folder / "ratings.csv")
    pl.DataFrame(panel.own_areas(), schema=["respondent", "area"], orient="row").write_csv(
        folder / "own.csv"
    )
    pl.DataFrame({"respondent": ["r001", "<new>"], "categories": ["", "1;3"]}).write_csv(
        folder / "people.csv"
    )
    return folder


def test_rank_prints_one_document_with_the_promised_keys(files, capsys):
    code = call("rank", files / "ratings.csv", "--own", files / "own.csv", "--top", 4, "--json",
                "--no-sensitivity", "--draws", 400)  # fmt: skip
    assert code == 0
    data = json.loads(capsys.readouterr().out)
    assert data.keys() >= {"areas", "excluded", "notes"}
    assert data["areas"][0].keys() >= {
        "id", "name", "importance", "tractability", "promise", "n", "p_top10", "rank_interval",
        "tier",
    }  # fmt: skip
    assert data["draws"] == 400


def test_rank_is_read_by_people(files, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "200")
    drawn = tmp_path / "f.svg"
    assert call("rank", files / "ratings.csv", "--top", 4, "--no-sensitivity", "--draws", 400,
                "--figure", drawn) == 0  # fmt: skip
    out = capsys.readouterr().out
    assert "areas ranked by promise: the median 90% rank interval spans" in out
    assert "funding these 4:" in out
    assert "tiers: an area's tier" in out
    assert drawn.read_text().startswith("<svg")


@pytest.mark.skipif(not PAPER.is_file(), reason="the paper's table is not here")
def test_most_ranks_of_the_papers_table_are_noise(capsys):
    assert call("rank", PAPER, "--json", "--draws", 600) == 0
    data = json.loads(capsys.readouterr().out)
    assert len(data["areas"]) == 77
    assert data["median_width"] > 40
    assert data["unrated_categories"] == ["12", "13", "14", "16"]
    assert all(e["reason"] == "unrated" for e in data["excluded"])
    assert len(data["excluded"]) == 28
    assert {"9c", "7e", "4d"} < set(data["decision"]["areas"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--by", "beauty"], "no question 'beauty'"),
        (["--top", "40"], "top: wanted 1 to"),
        (["--min-ratings", "99"], "wanted at least 2 areas with 99 ratings or more"),
        (["--taxonomy", "ai-safety-2025"], "lacks"),
        (["--survey", "none.yaml"], "none.yaml"),
        (["--draws", "7"], "draws"),
    ],
)
def test_wrong_options_end_in_one_line(files, capsys, options, said):
    ratings = files / "ratings.csv"
    if options[0] == "--taxonomy":
        table = pl.read_csv(ratings, infer_schema_length=0)
        ratings = files / "other.csv"
        table.with_columns(("zz" + pl.col("area")).alias("area")).write_csv(ratings)
    assert call("rank", ratings, *options) == 2
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1


def test_what_is_no_table_is_refused(tmp_path, capsys):
    bad = tmp_path / "bad.csv"
    bad.write_text("a,b\n1,2\n")
    assert call("rank", bad) == 2
    assert "wanted a ratings table" in capsys.readouterr().err
    assert call("rank", tmp_path / "none.csv") == 2


def test_ask_in_both_forms(files, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    args = ("ask", files / "ratings.csv", "--respondents", files / "people.csv", "--per", 2,
            "--top", 4)  # fmt: skip
    assert call(*args, "--json") == 0
    data = json.loads(capsys.readouterr().out)
    assert [a["respondent"] for a in data["asks"]] == ["r001", "r001", "<new>", "<new>"]
    assert data["asks"][0].keys() >= {"area", "name", "kind", "why", "worth"}
    assert call(*args) == 0
    out = capsys.readouterr().out
    assert "expected regret of funding the top 4" in out
    assert "<new>" in out


def test_ask_refuses_a_missing_file(files, capsys):
    assert call("ask", files / "ratings.csv", "--respondents", files / "none.csv") == 2
    assert "none.csv: no such file" in capsys.readouterr().err


def seven(tmp_path):
    """A published table on a scale of 1 to 7."""
    table = tmp_path / "seven.csv"
    table.write_text(
        "area,importance,tractability,n\na,6.50,5.25,4\nb,5.75,6.75,4\nc,3.20,4.40,5\nd,6.00,3.00,6\n"
    )
    return table


def test_a_table_on_another_scale_is_ranked_and_priced_on_it(tmp_path, capsys):
    table = seven(tmp_path)
    assert call("rank", table, "--top", 2) == 2
    assert "--scale" in capsys.readouterr().err
    assert call("rank", table, "--top", 2, "--scale", "1-7", "--json") == 0
    areas = {a["id"]: a for a in json.loads(capsys.readouterr().out)["areas"]}
    assert areas["b"]["tractability"] > 5
    assert call("portfolio", table, "--budget", "20M", "--scale", "1-7", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert "importance is at least 5.5 and tractability at most 4.75" in found["utility"]
    assert {f["id"] for f in found["funded"]} == {"a", "b"}
    assert call("coverage", table, "--top", 2, "--scale", "1-7") == 0


@pytest.mark.parametrize("scale", ["0-7", "1-12", "x"])
def test_a_wrong_scale_is_refused_in_one_line(scale, tmp_path, capsys):
    assert call("rank", seven(tmp_path), "--scale", scale) == 2
    assert "scale: wanted 1-2 to 1-11, such as 1-7" in capsys.readouterr().err
