"""`calibrant forecast FILE --given` as a person uses it."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from calibrant.cli import main
from calibrant.scaling import forecast as verb
from calibrant.scaling.curves.forecasters import FORECASTERS
from calibrant.scaling.observed.worlds import world


def call(*args):
    with pytest.raises(SystemExit) as caught:
        main(list(map(str, args)))
    return caught.value.code or 0


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Families whose later members have all given scores and no target; a quick zoo."""
    quick = tuple(f for f in FORECASTERS if f.name in ("persistence", "pooled log-odds line"))
    monkeypatch.setattr(verb, "default_zoo", lambda bayes=False: quick)
    known, later = world("smooth", np.random.default_rng(3), families=10, members=4, given=4)
    rows = []
    for part, hide in ((known, False), (later, True)):
        values = part.given.of(part.subject)
        for i in range(len(part)):
            shown = hide and part.scale[i] > np.sort(later.scale)[-4]
            rows.append({
                "model": str(part.subject[i]), "kin": str(part.family[i]),
                "compute": 10 ** float(part.scale[i]),
                "task": None if shown else float(part.score[i]),
                **{f"g{j}": float(values[i, j]) for j in range(4)},
            })  # fmt: skip
    rows[-1]["model"] = "=last\x1b[31m"
    path = tmp_path / "scores.csv"
    pl.DataFrame(rows).write_csv(path)
    return path


GIVEN = [word for j in range(4) for word in ("--given", f"g{j}")]
HOW = ("--target", "task", "--family", "kin", *GIVEN)


def test_without_compute_ability_is_the_ruler(file, tmp_path, capsys):
    assert call("forecast", file, *HOW, "--cut", "rolling:3", "--json",
                "--figure", tmp_path / "f.svg") == 0  # fmt: skip
    data = json.loads(capsys.readouterr().out)
    assert data["cut"] == "rolling axis"
    assert data["distance"]["unit"] == "standard deviations of ability"
    assert data["given"]["measures"] == [f"g{j}" for j in range(4)]
    assert data["given"]["axes"][0]["reliability"] > 0.8
    assert any("trained on a given benchmark" in w for w in data["warnings"])
    assert any("no column of scale" in n for n in data["notes"])
    said = {r["subject"] for r in data["forecast"] or []} | {
        r["subject"] for r in data["withheld_rows"]
    }
    assert len(said) == 3
    heavy = max(data["models"], key=lambda m: m["weight"])
    assert "of the given" in heavy["name"]
    drawn = (tmp_path / "f.svg").read_text()
    assert "first axis of what is given" in drawn
    assert all(np.isfinite(r["ability"]) for r in data["history"])


def test_with_compute_tables_show_axes_and_abilities(file, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert call("forecast", file, *HOW, "--scale", "compute", "--cut", "rolling:3") == 0
    out = capsys.readouterr().out
    assert "axes of what is given" in out
    assert "reliability" in out
    assert "above abilities" in out or "withheld" in out
    assert "\x1b" not in out
    assert "one axis of the given" in out


@pytest.mark.parametrize(
    ("how", "says"),
    [
        (("--given", "task"), "is a target, too"),
        (("--given", "gone"), "gone"),
        (("--given", "g0", "--given", "g0"), "named twice"),
        (("--given", "kin"), "kin"),
        (("--cut", "axis<=0.5", "--scale", "compute"), "wanted given scores"),
        (("--cut", "axis<=much", "--given", "g0"), "--cut"),
        ((), "scale"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(file, capsys, how, says):
    assert call("forecast", file, "--target", "task", *how) == 2
    err = capsys.readouterr().err
    assert says in err
    assert len(err.strip().splitlines()) == 1
