"""The command `plan` and the option --figure as a person uses them."""

import json

import polars as pl
import pytest

from calibrant.cli import main
from calibrant.records import trials_frame, write_parquet


def call(*args):
    with pytest.raises(SystemExit) as caught:
        main(list(map(str, args)))
    return caught.value.code or 0


CLAIM = ("plan", "--below", "0.2", "--if-really", "0.05")


def test_a_clustered_plan_prints_what_it_assumes(capsys):
    assert call(*CLAIM, "--cluster-size", 5, "--icc", 0.2, "--tokens", 100, "--price", 2) == 0
    shown = capsys.readouterr().out
    for words in ("clusters of 5, ICC 0.2", "if the ICC is", "one trial per cluster", "sprt: "):
        assert words in shown
    assert call(*CLAIM, "--cluster-size", 5, "--icc", 0.2, "--json", "--curves") == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["cluster_size"], data["icc"]) == (5, 0.2)
    assert {d["design"] for d in data["designs"]} == {"fixed", "curtailed", "sprt", "anytime"}
    assert all(d["trials"] == 5 * d["clusters"] for d in data["designs"])
    assert set(data["designs"][0]["false_support_if_icc"]) == {"0.2", "0.3", "0.4", "1"}
    assert len(data["one_per_cluster"]) == len(data["curves"]) == 4


def test_a_paired_plan_prints_a_list_or_json(capsys):
    asked = ("plan", "--paired", "--difference", 0.1, "--discordant", 0.3)
    assert call(*asked, "--items-available", 60) == 0
    shown = capsys.readouterr().out
    assert "exact McNemar" in shown and "60 items show" in shown
    assert call(*asked, "--json") == 0
    data = json.loads(capsys.readouterr().out)
    assert [d["design"] for d in data["designs"]] == ["fixed", "fixed", "sprt", "anytime"]
    wanted = {"design", "claim", "items", "trials", "expected_items", "support_probability"}
    assert all(wanted <= set(d) for d in data["designs"])
    other = ("plan", "--paired", "--margin", 0.1, "--sd", 0.4, "--within", 0.2, "--epochs", 4)
    assert call(*other, "--cluster-size", 4, "--icc", 0.1) == 0
    assert "equivalent" in capsys.readouterr().out


@pytest.mark.parametrize(
    "args",
    [
        (*CLAIM, "--above", "0.3"),
        ("plan", "--below", "0.1"),
        ("plan", "--below", "7", "--if-really", "0.1"),
        ("plan", "--below", "0.1", "--if-really", "0.4"),
        ("plan", "--above", "0.9", "--if-really", "0.4"),
        (*CLAIM, "--cluster-size", "5"),
        (*CLAIM, "--cluster-size", "0", "--icc", "0.1"),
        (*CLAIM, "--cluster-size", "5", "--icc", "1.1"),
        (*CLAIM, "--alpha", "0"),
        (*CLAIM, "--beta", "1"),
        (*CLAIM, "--sd", "1"),
        (*CLAIM, "--figure", "x.pdf"),
        ("plan", "--paired", "--below", "0.1", "--sd", "1"),
        ("plan", "--paired", "--difference", "0.2", "--discordant", "0.1"),
        ("plan", "--paired", "--difference", "0.2", "--sd", "1", "--figure", "x.svg"),
    ],
)
def test_bad_input_is_said_and_exits_with_two(args, capsys):
    assert call(*args) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Traceback" not in shown.err
    assert "wanted" in shown.err or "cannot be used" in shown.err or "-" in shown.err


@pytest.fixture
def trials(tmp_path):
    rows = [
        {"run": "r", "subject": s, "instrument": "i", "item": f"item{i}", "cluster": None,
         "epoch": 1, "grader": "g", "score": float((i * 7 + n) % 3 == 0), "error": None}
        for n, s in enumerate(("a", "b")) for i in range(30)
    ]  # fmt: skip
    file = tmp_path / "trials.parquet"
    write_parquet(trials_frame(rows), file)
    assert pl.read_parquet(file).height == 60
    return file


@pytest.mark.parametrize("ending", ["svg", "png", "html"])
def test_figures_are_written_and_said_on_stderr(ending, trials, tmp_path, capsys):
    for args in (("measure", trials), ("compare", trials, "a", "b"), CLAIM):
        path = tmp_path / f"{args[0]}.{ending}"
        assert call(*args, "--figure", path, "--json") == 0
        shown = capsys.readouterr()
        json.loads(shown.out)
        assert shown.err == f"figure written to {path}\n"
        assert path.stat().st_size > 2000
