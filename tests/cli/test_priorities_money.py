"""`calibrant priorities integrity`, `portfolio`, `coverage`, `report` as a person uses them."""

import json

import polars as pl
import pytest

from calibrant.cli import main
from calibrant.priorities.ranks.simulate import Experts


def call(*args):
    with pytest.raises(SystemExit) as caught:
        main(list(map(str, args)))
    return caught.value.code or 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Ratings of simulated experts, own areas, seconds, and a table of means."""
    path = tmp_path_factory.mktemp("survey")
    panel = Experts(raters=24, categories=3, areas=12, chosen=1.8).draw(1)
    ratings = panel.ratings().frame.drop("time")
    ratings.write_csv(path / "ratings.csv")
    pl.DataFrame(panel.own_areas(), schema=["respondent", "area"], orient="row").write_csv(
        path / "own.csv"
    )
    names = ratings["respondent"].unique().sort()
    pl.DataFrame({"respondent": names, "seconds": [300.0 + 7 * i for i in range(len(names))]}
                 ).write_csv(path / "seconds.csv")  # fmt: skip
    means = pl.DataFrame({
        "taxonomy_id": ["4d", "8c", "17b", "6a", "7d", "1e"],
        "sub_area": ["<img src=x onerror=alert(1)>", "=cmd()", "Access", "Jail", "Sure", "Causal"],
        "importance": ["5.00", "4.67", "4.75", "3.75", "3.80", "2.90"],
        "tractability": ["4.25", "4.33", "2.75", "3.25", "4.07", "2.90"],
        "n": [4, 3, 4, 4, 15, 10],
    })  # fmt: skip
    means.write_csv(path / "means.csv")
    return path


def test_integrity(folder, capsys):
    assert call("priorities", "integrity", folder / "ratings.csv", "--own", folder / "own.csv",
                "--seconds", folder / "seconds.csv", "--draws", 99, "--json") == 0  # fmt: skip
    data = json.loads(capsys.readouterr().out)
    assert data.keys() >= {"flags", "influence", "conflicts", "tested", "top", "without", "notes"}
    assert data["tested"]["speed"] == 24
    assert call("priorities", "integrity", folder / "ratings.csv", "--draws", 99) == 0
    text = capsys.readouterr().out
    assert "looked at:" in text and "own areas" in text


def test_portfolio(folder, capsys, tmp_path):
    figure = tmp_path / "p.svg"
    assert call("priorities", "portfolio", folder / "means.csv", "--budget", "30M", "--figure",
                figure, "--json") == 0  # fmt: skip
    data = json.loads(capsys.readouterr().out)
    assert len(data["funded"]) == 3 and data["spent"] == 30e6
    assert data["sensitivity"] and data["regret"] >= 0
    assert figure.read_text().startswith("<svg")
    assert call("priorities", "portfolio", folder / "means.csv", "--budget", "20M",
                "--no-robust") == 0  # fmt: skip
    assert "regret" in capsys.readouterr().out


def test_coverage(folder, capsys, tmp_path):
    mine = tmp_path / "map.csv"
    mine.write_text("instrument,area,weight\ncyber range,17b,0.5\n")
    assert call("priorities", "coverage", folder / "means.csv", "--instruments", mine, "--top", 2,
                "--json") == 0  # fmt: skip
    data = json.loads(capsys.readouterr().out)
    assert "4d" in data["important_untested"] and len(data["unrated"]) == 99
    assert call("priorities", "coverage", folder / "means.csv", "--top", 2) == 0
    assert "important, untested" in capsys.readouterr().out


def test_report(folder, capsys, tmp_path):
    page = tmp_path / "page.html"
    assert call("priorities", "report", folder / "means.csv", "-o", page, "--budget", "20M",
                "--top", 2, "--title", "<b>ours</b>", "--json") == 0  # fmt: skip
    data = json.loads(capsys.readouterr().out)
    keys = [p["key"] for p in data["parts"]]
    assert keys == ["ranking", "map", "gaps", "coverage", "portfolio", "published", "audit",
                    "areas"]  # fmt: skip
    text = page.read_text()
    assert "<b>ours" not in text and "&lt;b&gt;ours" in text
    assert (
        "<img" not in text
        and "<script" not in text
        and "http:" not in text.replace("http://www.w3.org", "")
    )
    assert "default-src &#39;none&#39;" in text


def test_report_of_ratings(folder, capsys, tmp_path):
    page = tmp_path / "page.html"
    assert call("priorities", "report", folder / "ratings.csv", "-o", page, "--top", 3,
                "--own", folder / "own.csv", "--published", folder / "means.csv") == 0  # fmt: skip
    text = page.read_text()
    for title in ("Do the experts agree?", "Do the answers mean what they say?", "Every area"):
        assert title in text


@pytest.mark.parametrize(("args", "said"), [
    (("integrity", "none.csv"), "none.csv"),
    (("integrity", "{means}"), "no column respondent"),
    (("integrity", "{ratings}", "--alpha", "2"), "alpha"),
    (("integrity", "{ratings}", "--own", "{means}"), "own areas"),
    (("integrity", "{ratings}", "--seconds", "{own}"), "no column seconds"),
    (("portfolio", "{means}", "--budget", "lots"), "money"),
    (("portfolio", "{means}", "--budget", "1M"), "pays for no grant"),
    (("portfolio", "{own}", "--budget", "100M"), "no column question"),
    (("portfolio", "{means}", "--budget", "100M", "--long-term", "3"), "long-term"),
    (("portfolio", "{means}", "--budget", "50M", "--costs", "{own}"), "no column cost"),
    (("portfolio", "{means}", "--budget", "50M", "--figure", "x.gif"), "x.gif"),
    (("coverage", "{means}", "--top", "6"), "top"),
    (("coverage", "{means}", "--top", "2", "--assessments", "none"), "none"),
    (("coverage", "{means}", "--top", "2", "--instruments", "{own}"), "no column instrument"),
    (("report", "{means}", "-o", "no/where/x.html"), "no folder"),
])  # fmt: skip
def test_wrong_input_is_one_line(folder, capsys, args, said):
    files = {name: str(folder / f"{name}.csv") for name in ("ratings", "means", "own", "seconds")}
    assert call("priorities", *(a.format(**files) for a in args)) == 2
    error = capsys.readouterr().err.strip()
    assert said in error and "Traceback" not in error
    assert len(error.splitlines()) == 1
