"""What an expert meets first: tables that are small, broken or strange, on every command."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import numpy as np
import pytest

from calibrant.cli import main
from calibrant.cli.items import progress

READERS = {
    "fit": ["--no-check"],
    "check": ["--replicates", "0"],
    "reliability": ["--draws", "100", "--splits", "10"],
    "validity": ["--draws", "20", "--part", "pairs"],
    "shorten": ["--items-kept", "4"],
    "dif": ["--group", "family", "--focal", "f0"],
}


def run(capsys, *args) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(["items", *map(str, args)])
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


def strict(text: str) -> Any:
    def refuse(word: str) -> None:
        raise AssertionError(word)

    return json.loads(text, parse_constant=refuse)


def drawn(subjects: int, items: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    gap = rng.normal(size=(subjects, 1)) - rng.normal(size=items)
    return (rng.random((subjects, items)) < 1 / (1 + np.exp(-gap))).astype(float)


def table(path, x, names=None):
    head = ",".join(["model", *(f"i{j}" for j in range(x.shape[1]))])
    rows = [
        ",".join([names[i] if names else f"m{i}", *("" if np.isnan(v) else f"{v:g}" for v in row)])
        for i, row in enumerate(x)
    ]
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


def pathologies() -> dict[str, np.ndarray]:
    x = drawn(24, 8)
    ends = x.copy()
    ends[0], ends[1], ends[:, 2], ends[:, 3] = 1, 0, 1, 0
    holes = x.copy()
    holes[:12, :4] = holes[12:, 4:] = np.nan
    empty = x.copy()
    empty[3] = empty[:, 5] = np.nan
    infinite = x.copy()
    infinite[0, 0] = np.inf
    return {
        "few": drawn(4, 8), "one subject": x[:1], "one item": x[:, :1], "constant": 0 * x + 1,
        "ends": ends, "guttman": np.tril(np.ones((24, 8)), 2), "outside": 3 * x - 1,
        "negative": -x, "in parts": holes, "empty": empty, "infinite": infinite,
        "nothing": x * np.nan,
    }  # fmt: skip


@pytest.mark.parametrize("command", READERS)
def test_a_command_answers_or_refuses_in_one_line(capsys, tmp_path, command):
    about = tmp_path / "about.csv"
    about.write_text("model,family\n" + "".join(f"m{i},f{i % 2}\n" for i in range(24)))
    answered = 0
    for name, x in pathologies().items():
        path = table(tmp_path / "x.csv", x)
        code, out, err = run(
            capsys, command, path, "--subjects", about, *READERS[command], "--json"
        )
        assert code in (0, 2), (name, err)
        if code == 0:
            answered += 1
            assert isinstance(strict(out), dict), name
        else:
            assert not out and err.count("\n") == 1 and err.startswith("calibrant: "), (name, err)
    assert answered >= 3


@pytest.mark.parametrize("command", READERS)
def test_hostile_names_do_not_reach_the_terminal(capsys, tmp_path, command):
    names = ["\x1b[31mred", "<b>x</b>", "x" * 200, "模型", *(f"m{i}" for i in range(4, 24))]
    path = table(tmp_path / "x.csv", drawn(24, 8), names)
    about = tmp_path / "about.csv"
    about.write_text("model,family\n" + "".join(f"{n},f{i % 2}\n" for i, n in enumerate(names)))
    code, out, err = run(capsys, command, path, "--subjects", about, *READERS[command])
    assert code == 0 and "\x1b[31m" not in out + err


def test_a_fit_names_few_subjects_and_those_at_the_ends(capsys, tmp_path):
    code, out, _ = run(capsys, "fit", table(tmp_path / "x.csv", drawn(6, 8)), "--no-check")
    assert code == 0 and "6 subjects: fewer than 10" in out
    code, out, _ = run(
        capsys, "fit", table(tmp_path / "x.csv", pathologies()["ends"][:, [0, 1, 4, 5, 6, 7]])
    )
    assert code == 0 and "subjects have the highest score on all items" in out


def test_a_link_says_what_the_fits_said(capsys, tmp_path):
    one, two = (table(tmp_path / f"{k}.csv", x) for k, x in enumerate((drawn(24, 8), drawn(5, 8))))
    code, out, _ = run(capsys, "link", one, two)
    assert code == 0 and "note: new: 5 subjects: fewer than 10" in out


def test_reliability_names_doubles_only_where_chance_does_not_make_them(capsys, tmp_path):
    said = []
    for items in (4, 40):
        x = drawn(24, items)
        x[1] = x[0]
        out = run(capsys, "reliability", table(tmp_path / "x.csv", x), "--draws", 100)[1]
        said.append("m1 and m0: if it is one under two names" in out)
    assert said == [False, True]


def test_what_cannot_be_is_refused(capsys, tmp_path):
    rng = np.random.default_rng(3)
    noise = table(tmp_path / "noise.csv", rng.permuted(np.tile([0.0, 1], (30, 6)), axis=1))
    same = table(tmp_path / "same.csv", np.ones((24, 8)))
    for args, said in (
        (["cut", "classify", noise, "--cut", "0.5"], "do not tell subjects apart"),
        (["shorten", same], "no item tells two subjects apart"),
        (["check", same, "--level", "2"], "2.0 is not in the range"),
    ):
        code, out, err = run(capsys, *args)
        assert code == 2 and said in err and not out


def test_a_long_command_says_that_it_works_and_a_short_one_nothing(capsys, monkeypatch):
    with progress.working("nothing"):
        pass
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(progress, "QUIET", 0.01)
    with progress.working("sums") as tick:
        tick(0.5)
        out = err = ""
        while "done\n" not in err:
            time.sleep(0.01)
            said = capsys.readouterr()
            out, err = out + said.out, err + said.err
    # The first line may have come before the tick.
    assert not out and re.match(r"(sums: \d+ s\n)*sums: \d+ s, 50% done\n", err), err


def test_what_cannot_be_written_or_read_is_said_at_once(capsys, tmp_path):
    path = table(tmp_path / "x.csv", drawn(24, 8))
    graded = table(tmp_path / "g.csv", 2 * drawn(24, 8) + drawn(24, 8)[:, ::-1])
    (tmp_path / "o.json").write_text("{}")
    for args, said in (
        (["fit", path, "--figure", tmp_path / "f.txt"], "wanted a figure to end in"),
        (["fit", path, "--figure", tmp_path / "no" / "f.svg"], "there is no folder"),
        (["fit", graded, "--model", "m2pl"], "of subject 'm0' on item 'i"),
        (["score", tmp_path / "no.json", path], "cannot be read (No such file"),
        (["score", tmp_path / "o.json", path], "it has no key 'items'"),
        (["datasheet", path, "--model", "banana"], "is not one of"),
        (["cut", "sequential", "0.6", "--margin", "0.001"], "items; wanted one of at most"),
    ):
        code, out, err = run(capsys, *args)
        assert code == 2 and said in err and not out and err.count("\n") == 1, err


def test_a_range_of_scores_that_was_guessed_is_noted_by_every_model(capsys, tmp_path):
    path = table(tmp_path / "x.csv", np.random.default_rng(0).integers(0, 101, (30, 6)) / 1.0)
    code, out, _ = run(capsys, "fit", path)
    assert code == 0 and "the range is taken to be what occurs" in out
