"""`calibrant arena` as a person uses it: exit codes, one JSON document, one-line errors."""

import json

import pytest

from calibrant.bench.arena.result import ArenaProgress
from calibrant.cli import main
from calibrant.cli.arena import progress_line

ARENA = """
subjects:
  - {name: strong, model: standard/rate-1, model_args: {positive: "{target}"}}
  - {name: "we\\e[31mak", model: standard/rate-0}
instrument: calibrant/arithmetic
judge: {rule: score, score: correct}
decision: top-1
round: 6
answers_ahead: 6
"""


def call(*args):
    with pytest.raises(SystemExit) as caught:
        main(list(map(str, args)))
    return caught.value.code or 0


def test_settled_is_0_and_open_is_3(tmp_path, capsys):
    file, out = tmp_path / "arena.yaml", tmp_path / "run"
    file.write_text(ARENA)
    assert call("arena", file, "--out", out, "--max-comparisons", 5) == 3
    shown = capsys.readouterr()
    assert "top-1 not settled after 5 comparisons" in shown.out
    assert "5 of at most 5 comparisons" in shown.err
    assert "\x1b" not in shown.out + shown.err
    # The same folder goes on with the file's own budget.
    assert call("arena", file, "--out", out, "--json", "-q") == 0
    shown = capsys.readouterr()
    data = json.loads(shown.out)
    assert data == json.loads((out / "arena.json").read_text())
    assert data["best"] == "strong" and data["settled"]
    assert {"pairs", "ratings", "provenance", "answers", "judges", "cost"} <= data.keys()
    assert data["pairs"][0]["state"] == "separated"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (ARENA.replace("judge:", "jugde:"), "did you mean 'judge'?"),
        (ARENA.replace("arithmetic", "arithmetics"), "arithmetics"),
        (ARENA.replace("standard/rate-1", "standard/rate-7"), "no reference standard"),
    ],
)
def test_wrong_input_is_2_and_one_line(tmp_path, capsys, text, words):
    file = tmp_path / "arena.yaml"
    file.write_text(text)
    assert call("arena", file, "--out", tmp_path / "run") == 2
    shown = capsys.readouterr()
    assert words in shown.err and shown.out == ""
    assert len(shown.err.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_progress_is_one_line():
    line = progress_line(ArenaProgress(40, 200, 2, 6, (("a", "b"), ("c",)), 71.4, 9, False))
    assert line == (
        "40 of at most 200 comparisons, about 71 to go; 2 of 6 pairs need no more; a, b > c"
    )
