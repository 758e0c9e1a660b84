"""`calibrant forecast register`, `score` and `card`, as a person types them."""

import json
from pathlib import Path

import pytest

from calibrant.cli import main as command


def main(args: list[str]) -> object:
    """The exit code."""
    with pytest.raises(SystemExit) as end:
        command(args)
    return end.value.code


def forecast() -> dict:
    from calibrant.scaling.predictive import Predictive

    told = Predictive.of([0.5, 0.6], [0.05, 0.05], low=0.0, high=1.0)
    rows = [{"subject": f"next-{i}", "family": f"F{i}", "measure": "MMLU", "scale": 24.0 + i,
             "density": d} for i, d in enumerate(told.to_dict())]  # fmt: skip
    return {"target": ["MMLU"], "level": 0.9, "models": [], "forecast": rows, "withheld": None,
            "backtest": None, "cut": "rolling", "intervals": None}  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "f.json").write_text(json.dumps(forecast()))
    (tmp_path / "o.csv").write_text("subject,measure,score\nnext-0,MMLU,0.52\nnext-1,MMLU,0.9\n")
    return tmp_path


def test_the_whole_way(folder, capsys) -> None:
    assert main(["forecast", "register", "f.json", "--log", "log.jsonl", "--note", "hi"]) == 0
    said = capsys.readouterr().out
    assert "registered: f.registered.json" in said
    assert said.splitlines()[-2].startswith("calibrant forecast 20")
    assert said.splitlines()[-1].startswith("calibrant log 20")
    score = [
        "forecast",
        "score",
        "f.registered.json",
        "o.csv",
        "--log",
        "log.jsonl",
        "-o",
        "s.json",
    ]
    assert main(score) == 0
    said = capsys.readouterr().out
    assert "1 of 2 outcomes in their 90% intervals" in said
    assert "0.52" in said
    assert "log: 1 forecast registered, 1 settled" in said
    assert main(["forecast", "card", "f.registered.json", "--settled", "s.json"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "f.registered.card.html", "f.registered.card.json"]  # fmt: skip
    assert main([*score[:-1], "t.json"]) == 2
    assert "settled already" in capsys.readouterr().err
    assert not Path("t.json").exists()


def test_json_is_one_document(folder, capsys) -> None:
    assert main(["forecast", "register", "f.json", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["publish"].endswith(made["seal"])
    assert main(["forecast", "score", "f.registered.json", "o.csv", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["track"]["covered"] == 1
    assert main(["forecast", "card", "f.json", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "open"
    assert not list(folder.glob("*.html"))


def test_hidden_then_revealed(folder, capsys) -> None:
    assert main(["forecast", "register", "f.json", "--hidden", "-o", "r.json"]) == 0
    assert "keep to yourself, and keep: r.opening.json" in capsys.readouterr().out
    assert main(["forecast", "register", "f.json", "--hidden", "-o", "q.json", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["forecast"] is None
    assert made["salt"] is None
    assert main(["forecast", "score", "r.json", "o.csv"]) == 2
    assert "its opening is needed" in capsys.readouterr().err
    assert main(["forecast", "score", "r.json", "o.csv", "--opening", "r.opening.json"]) == 0
    capsys.readouterr()
    assert main(["forecast", "register", "r.opening.json", "--reveal", "r.json"]) == 0
    assert "revealed: r.revealed.json" in capsys.readouterr().out
    assert main(["forecast", "score", "r.revealed.json", "o.csv"]) == 0


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["register", "none.json"], "none.json: a forecast cannot be read"),
        (["register", "o.csv"], "o.csv: wanted a forecast as JSON"),
        (["register", "f.json", "-o", "none/r.json"], "none/r.json: cannot be written"),
        (["register", "f.json", "--data", "none.csv"], "none.csv: data cannot be read"),
        (["register", "f.json", "--reveal", "f.json"], "f.json: wanted a registered forecast"),
        (["score", "f.json", "o.csv"], "f.json: wanted a registered forecast"),
        (["card", "f.json", "--settled", "f.json"], "f.json: wanted a settled forecast"),
        (["card", "f.json", "-o", "f.json"], "f.json: would be written over"),
    ],
)
def test_bad_input_is_one_line(folder, capsys, args, says) -> None:
    assert main(["forecast", *args]) == 2
    err = capsys.readouterr().err.strip()
    assert says in err
    assert len(err.splitlines()) == 1


def test_an_altered_file_is_not_scored(folder, capsys) -> None:
    main(["forecast", "register", "f.json"])
    path = Path("f.registered.json")
    path.write_text(path.read_text().replace("0.05", "0.06", 1))
    capsys.readouterr()
    assert main(["forecast", "score", "f.registered.json", "o.csv"]) == 2
    assert "altered after it was registered" in capsys.readouterr().err
