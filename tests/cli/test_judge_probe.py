"""`calibrant judge probe` as a person uses it: a table, one JSON document, one-line errors."""

import json

import pytest

from calibrant.cli import main

JUDGE = 'rule: planted\nname: "we\\e[31mird"\nargs: {first: 0.9}\n'


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [
        {"question": f"What is {k} + {k}?", "target": str(2 * k),
         "answer_1": f"It is {2 * k + 3 * (k % 2)}.", "answer_2": f"It is {2 * k}."}
        for k in range(40)
    ]  # fmt: skip
    (tmp_path / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "judge.yaml").write_text(JUDGE)
    return tmp_path


def call(*args):
    with pytest.raises(SystemExit) as caught:
        main(list(map(str, args)))
    return caught.value.code or 0


def test_a_table_a_figure_and_one_json_document(files, capsys):
    some = ("--probe", "order-swap", "--probe", "verbosity", "--probe", "number")
    assert call("judge", "probe", "judge.yaml", "cases.jsonl", *some, "--figure", "f.svg") == 0
    shown = capsys.readouterr()
    assert "biased" in shown.out and "order-swap" in shown.out and "number" in shown.out
    assert "both orders of 40 pairs" in shown.out and "\x1b" not in shown.out + shown.err
    assert (files / "f.svg").read_text().startswith("<svg")
    assert call("judge", "probe", "judge.yaml", "cases.jsonl", *some, "--json", "--at-most", 30,
                "--repeat", 2, "-o", "run") == 0  # fmt: skip
    data = json.loads(capsys.readouterr().out)
    assert data["cases"] == 30 and data["repeats"] == 2
    assert data["findings"][0]["name"] == "order-swap"
    assert {"shift", "p_holm", "p_bh", "p_by", "power", "verdict"} <= data["findings"][0].keys()
    assert data == json.loads((files / "run" / "probing.json").read_text())
    assert (files / "run" / "verdicts.parquet").is_file()


def test_rules_need_no_file_and_probes_are_listed(files, capsys):
    assert call("judge", "probe", "closer", "cases.jsonl", "--probe", "order-swap") == 0
    assert "judge closer on 40 cases" in capsys.readouterr().out
    assert call("judge", "probe", "--list") == 0
    assert "order-swap" in capsys.readouterr().out
    assert call("judge", "probe", "--list", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert {"name", "family", "expect", "kinds", "asks", "source"} == rows[0].keys()
    assert len({r["name"] for r in rows}) == len(rows) > 15


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "wanted a judge, or --list"),
        (["nowhere.yaml", "cases.jsonl"], "cannot be read"),
        (["judge.yaml", "nowhere.jsonl"], "no such file"),
        (["judge.yaml", "cases.jsonl", "--probe", "verbostiy"], "did you mean"),
        (["closr", "cases.jsonl"], "did you mean 'closer'"),
        (["judge.yaml", "cases.jsonl", "--margin", "2"], "margin"),
        (["judge.yaml", "cases.jsonl", "--probe", "order-swap", "--figure", "x.gif"], ".svg"),
    ],
)
def test_wrong_input_is_2_and_one_line(files, capsys, args, words):
    assert call("judge", "probe", *args) == 2
    shown = capsys.readouterr()
    assert words in shown.err and shown.out == ""
    assert len(shown.err.strip().splitlines()) == 1


def test_the_examples_are_judges_and_cases():
    from pathlib import Path

    from calibrant.bench.judging.cases import read_cases
    from calibrant.bench.judging.config import read_judge

    examples = Path(__file__).parents[2] / "examples"
    if not examples.is_dir():
        pytest.skip("the examples are not beside an installed package")
    assert read_judge(examples / "judge.yaml").reading == "log-odds"
    assert read_judge(examples / "judge-planted.yaml").args["first"] == 0.4
    assert len(read_cases(examples / "judge-cases.jsonl")) >= 20
