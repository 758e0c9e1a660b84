"""`calibrant rate` as a person uses it."""

import json

import numpy as np
import polars as pl
import pytest

from calibrant.cli import main


def call(*args):
    with pytest.raises(SystemExit) as caught:
        main(list(map(str, args)))
    return caught.value.code or 0


@pytest.fixture
def file(tmp_path):
    rng = np.random.default_rng(0)
    s = np.array([1.0, 0.3, -0.4, -0.9])
    left = rng.integers(0, 4, 900)
    right = (left + rng.integers(1, 4, 900)) % 4
    won = rng.random(900) < 1 / (1 + np.exp(s[right] - s[left]))
    winner = np.where(rng.random(900) < 0.2, "tie", np.where(won, "left", "right"))
    names = np.array(["alpha", "beta", "gamma", "delta"])
    path = tmp_path / "votes.csv"
    pl.DataFrame(
        {"left": names[left], "right": names[right], "winner": winner,
         "asked": rng.integers(0, 30, 900), "length": rng.normal(size=900)}
    ).write_csv(path)  # fmt: skip
    return path


def test_json_is_one_document_with_the_promised_keys(file, capsys):
    assert call("rate", file, "--json", "--order-effect", "--column", "item=asked",
                "--cluster", "item") == 0  # fmt: skip
    data = json.loads(capsys.readouterr().out)
    assert data.keys() >= {
        "ratings", "ties", "order_effect", "existence", "convergence", "audit", "notes"
    }  # fmt: skip
    first = data["ratings"][0]
    assert first["subject"] == "alpha" and first["tier"] == 1
    assert first.keys() >= {
        "subject", "log_strength", "elo", "standard_error", "interval", "rank_interval", "tier",
        "comparisons",
    }  # fmt: skip
    assert data["audit"] is None and data["existence"]["exists"] is True
    assert any("relative" in n for n in data["notes"])


def test_the_table_has_a_line_for_each_subject(file, capsys):
    assert call("rate", file, "--baseline", "gamma", "--covariate", "length") == 0
    out = capsys.readouterr().out
    for name in ("alpha", "beta", "gamma", "delta"):
        assert name in out
    assert "1500.0" in out and "covariate length" in out and "cannot show" in out


@pytest.mark.parametrize("model", ["bt", "rao-kupper", "win-rate", "elo", "online"])
def test_every_model_runs(file, model, capsys):
    assert call("rate", file, "--model", model) == 0
    assert "alpha" in capsys.readouterr().out


def test_figures_are_written(file, tmp_path, capsys):
    forest, heat = tmp_path / "f.svg", tmp_path / "h.svg"
    assert call("rate", file, "--figure", forest, "--heat-map", heat) == 0
    assert forest.read_text().startswith("<svg") and heat.stat().st_size > 1000
    assert call("rate", file, "--figure", tmp_path / "no" / "f.svg") == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("left,right,winner\na,b,left\nb,a,sure\n", [], "outcome: row 1"),
        ("left,right,winner\na,b,left\n", [], "undefeated: 'a'"),
        ("left,right\na,b\n", [], "no column 'outcome'"),
        ("", [], "the file is empty"),
        ("left,right,winner\na,b,tie\n", [], "are ties"),
        ("left,right,winner\na,b,left\nb,a,left\n", ["--column", "x"], "wanted NAME=COLUMN"),
        ("left,right,winner\na,b,left\nb,a,left\n", ["--anchors", "none.csv"], "no such file"),
        ("left,right,winner,weight\na,b,left,-1\nb,a,left,1\n", [], "weights: row 0"),
    ],
)
def test_bad_input_ends_in_one_line(tmp_path, capsys, text, options, said):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    assert call("rate", path, *options) == 2
    err = capsys.readouterr().err
    assert said in err and "Traceback" not in err and err.count("\n") == 1


def test_pools_and_priors_are_ways_out(tmp_path, capsys):
    path = tmp_path / "v.csv"
    path.write_text("left,right,winner\na,b,left\nb,a,left\nc,a,left\n")
    assert call("rate", path, "--no-rating", "pools") == 0
    assert "not rated: c: undefeated" in capsys.readouterr().out
    assert call("rate", path, "--prior", "1") == 0
    assert "only by the stated prior" in capsys.readouterr().out


def test_hostile_names_do_not_reach_the_terminal(tmp_path, capsys):
    path = tmp_path / "v.csv"
    path.write_text('left,right,winner\n"\x1b[2Ja",b,left\nb,"\x1b[2Ja",left\n')
    assert call("rate", path) == 0
    assert "\x1b" not in capsys.readouterr().out
    assert call("rate", path, "--json") == 0
    assert "\x1b" not in capsys.readouterr().out
