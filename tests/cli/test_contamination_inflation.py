"""`calibrant contamination inflation` and `measure --exposure` as a person types them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from calibrant import measure
from calibrant.cli import main
from calibrant.contamination import read_inflation
from calibrant.errors import InputError
from calibrant.records import trials_frame
from calibrant.stats.estimates.intervals import clopper_pearson


@pytest.fixture
def trials(tmp_path):
    rng = np.random.default_rng(7)
    x, y = rng.random(120) < 0.8, rng.random(120) < 0.6
    rows = [
        {"run": "r", "subject": "m\x1b[31m", "instrument": where, "item": f"q{i}", "epoch": 1,
         "grader": "right", "score": float(s)}
        for where, scores in (("bench", x), ("twins", y)) for i, s in enumerate(scores)
    ]  # fmt: skip
    path = tmp_path / "t.parquet"
    trials_frame(rows).write_parquet(path)
    return path


@pytest.fixture
def run(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    def call(*args):
        with pytest.raises(SystemExit) as end:
            main([str(a) for a in args])
        out, err = capsys.readouterr()
        return end.value.code, out, err

    return call


BASE = ("--subject", "m\x1b[31m", "--instrument", "bench")


def test_twins_from_file_to_budget(trials, tmp_path, run):
    out, figure = tmp_path / "inflation.json", tmp_path / "f.svg"
    code, text, err = run(
        "contamination", "inflation", trials, *BASE, "--twins", "twins", "--mismatch", "0.02",
        "--reason", "matched-twin", "-o", out, "--figure", figure,
    )  # fmt: skip
    assert code == 0 and "without exposure" in text and "mismatch of the twins" in text
    assert "\x1b" not in text and "figure written" in err and figure.stat().st_size > 1000
    found = read_inflation(out)
    code, text, _ = run("contamination", "inflation", trials, *BASE, "--twins", "twins", "--json")
    assert code == 0 and json.loads(text)["kind"] == "inflation" and json.loads(text)["p"] is None

    code, text, _ = run("measure", trials, "--exposure", out)
    assert code == 0 and "as observed; inflation by exposure" in text
    code, text, _ = run("measure", trials, "--exposure", out, "--json")
    one = next(m for m in json.loads(text) if m["instrument"] == "bench")
    assert one["value"] == pytest.approx(found.without)
    assert {"exposure", "exposure, bounded"} <= {r["source"] for r in one["budget"]}
    assert sum(r["share"] for r in one["budget"]) == pytest.approx(1)
    plain = clopper_pearson(round(found.observed * 120), 120)
    more = found.limit(0.025, upper=True) - found.value - 0.02
    low = found.without - np.hypot(found.observed - plain.low, more) - 0.02
    assert one["interval"][0] == pytest.approx(low)
    # The twins were never seen, and are as they were.
    other = next(m for m in json.loads(text) if m["instrument"] == "twins")
    assert other["exposure"] is None


def test_a_corrected_rate_is_held_to_limits(trials, tmp_path, run):
    out = tmp_path / "inflation.json"
    run("contamination", "inflation", trials, *BASE, "--twins", "twins", "-o", out)
    seen = [read_inflation(out)]
    kept = {"limit_lower": 0.65, "side": "lower"}
    one = next(m for m in measure(str(trials), **kept) if m.instrument == "bench")
    less = next(m for m in measure(str(trials), exposure=seen, **kept) if m.instrument == "bench")
    assert one.conformity["decision"] == "accept" and less.conformity["decision"] != "accept"
    assert "without exposure" in repr(less) and less.effective is None
    with pytest.raises(InputError, match="wanted no grader"):
        measure(str(trials), exposure=seen, grader=((9, 10), (9, 10)))
    with pytest.raises(InputError, match="got 2"):
        measure(str(trials), exposure=seen * 2)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "wanted one of --twins, --reference and --scan, got none"),
        (("--twins", "twins", "--scan", "x"), "got --twins and --scan"),
        (("--twins", "twins", "--hidden", "0.1"), "--hidden: does not go with --twins"),
        (("--twins", "none"), "instrument: wanted one of bench, twins, got 'none'"),
        (("--scan", "none.json", "--bound"), "no such file"),
        (("--scan", "none.json", "--bound", "--hidden", "0.1"), "does not go with --bound"),
        (("--reference", "twins"), "at least 8 families"),
        (("--twins", "twins", "--score", "x"), "score: wanted one of right"),
    ],
)
def test_wrong_input_is_one_line(trials, run, args, said):
    code, out, err = run("contamination", "inflation", trials, *BASE, *args)
    assert code == 2 and out == "" and said in err and len(err.strip().splitlines()) == 1


def test_an_inflation_of_something_else_is_refused(trials, tmp_path, run):
    out = tmp_path / "inflation.json"
    run("contamination", "inflation", trials, *BASE, "--twins", "twins", "-o", out)
    data = json.loads(out.read_text())
    out.write_text(json.dumps(data | {"subject": "other"}))
    code, _, err = run("measure", trials, "--exposure", out)
    assert code == 2 and "which is not measured here" in err
