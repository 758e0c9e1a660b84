"""Partial pooling on tables of trials: right numbers, shown priors and gates, refusals."""

import json
from dataclasses import replace

import numpy as np
import pytest

from calibrant import hierarchical
from calibrant.cli import main
from calibrant.errors import CalibrantError, GateError, InputError
from calibrant.records import trials_frame, write_parquet
from calibrant.stats.hierarchical.model import LOGIT

RATES = {"good": 0.8, "poor": 0.2}


def table(graders=("g",), items=30, epochs=2):
    rng = np.random.default_rng(5)
    hard = rng.normal(0, 0.7, items)
    rows = []
    for subject, rate in RATES.items():
        for i in range(items):
            for epoch in range(epochs):
                p = 1 / (1 + np.exp(-np.log(rate / (1 - rate)) - hard[i]))
                lost = subject == "poor" and i == 3
                rows += [
                    {"subject": subject, "instrument": "quiz", "item": f"q{i}", "epoch": epoch,
                     "grader": g, "run": "r", "score": None if lost else float(rng.random() < p),
                     "error": "lost" if lost else None}
                    for g in graders
                ]  # fmt: skip
    return trials_frame(rows)


@pytest.fixture(scope="module")
def found():
    pytest.importorskip("numpyro", reason="hierarchical models need the extra 'bayes'")
    return hierarchical(table(), seed=2)


def test_rates_scales_contrasts_and_gates_are_reported(found):
    rows = {m.subject: m for m in found.measurements}
    for subject, rate in RATES.items():
        low, high = rows[subject].interval
        assert low < rate < high
        assert low < rows[subject].value < high
        assert 0.02 < rows[subject].standard_uncertainty < 0.12
    assert (rows["poor"].n, rows["poor"].missing, rows["good"].missing) == (58, 2, 0)
    assert rows["poor"].if_missing[1] > rows["poor"].interval[1]
    (contrast,) = found.contrasts
    assert contrast["a_higher"] > 0.999
    gap = rows["good"].value - rows["poor"].value
    assert contrast["difference"] == pytest.approx(gap)
    assert {s["term"] for s in found.scales} == {"subject", "item", "item:subject"}
    assert all(g.passed for g in found.gates)
    assert found.dropped["instrument"] == "one level"
    assert "gates passed" in repr(found)


def call(tmp_path, *options):
    write_parquet(table(), tmp_path / "t.parquet")
    with pytest.raises(SystemExit) as caught:
        main(["measure", str(tmp_path / "t.parquet"), *options])
    return caught.value.code


def test_the_command_prints_the_agreed_document(found, tmp_path, capsys):
    # The same table and seed, so that the sampler is compiled already.
    assert call(tmp_path, "--hierarchical", "--seed", "2", "--json") == 0
    data = json.loads(capsys.readouterr().out)
    assert data == json.loads(json.dumps(found.to_dict()))
    assert {"measurements", "priors", "scales", "gates", "contrasts"} <= set(data)
    wanted = {"value", "standard_uncertainty", "interval", "method", "n", "clusters", "missing"}
    assert {*wanted, "budget"} <= set(data["measurements"][0])


def test_the_table_for_people_shows_priors_and_gates(found, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("calibrant.measurement.hierarchical", lambda *_args, **_options: found)
    assert call(tmp_path, "--hierarchical") == 0
    shown = capsys.readouterr().out
    for word in ("Beta(0.5, 0.5)", "R-hat", "half-Normal", "no term for instrument"):
        assert word in shown


def test_options_that_the_model_lacks_are_refused(tmp_path, capsys):
    for options in (["--side", "upper"], ["--type-b", "grader=0.1"]):
        assert call(tmp_path, "--hierarchical", *options) == 2
    assert call(tmp_path, "--pool-graders") == 2
    assert "--pool-graders goes with --hierarchical" in capsys.readouterr().err


def test_these_items_have_a_narrower_interval_than_new_ones(found):
    # The same table and seed, so that the sampler is compiled already.
    these = hierarchical(table(), seed=2, population="items")
    for new, old in zip(found.measurements, these.measurements, strict=True):
        assert old.standard_uncertainty < new.standard_uncertainty
        assert old.value == pytest.approx(new.value, abs=0.08)


def test_a_prior_that_forbids_ordinary_rates_is_refused_before_sampling():
    with pytest.raises(GateError, match="prior mass of rates .*not reported") as caught:
        hierarchical(table(), priors=replace(LOGIT, mean=0.01))
    assert any(not g["passed"] for g in caught.value.gates)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"level": 1.0}, "level: wanted strictly"),
        ({"population": "all"}, "population: wanted"),
        ({"cluster": "shoe"}, "cluster: no column 'shoe'"),
        ({"graders": "all"}, "graders: wanted 'one' or 'sample'"),
        ({"score": "h"}, "score: wanted one of g"),
        ({"seed": -1}, "a seed of 0 or more"),
    ],
)
def test_wrong_questions_are_refused(options, said):
    with pytest.raises(InputError, match=said):
        hierarchical(table(items=4), **options)


def test_scores_that_are_not_alike_are_not_pooled_silently():
    with pytest.raises(InputError, match="wanted one of g, h, or graders='sample'"):
        hierarchical(table(graders=("g", "h"), items=3))
    rows = [
        {"run": "r", "subject": "s", "instrument": f"i{k}", "item": "a", "epoch": e, "grader": "g",
         "score": e * (0.5 if k else 1.0)}
        for k in range(2) for e in range(2)
    ]  # fmt: skip
    with pytest.raises(InputError, match="those of i0 are 0 or 1, those of i1 are not"):
        hierarchical(trials_frame(rows))


def test_a_missing_extra_is_said_in_one_line(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "calibrant.stats.hierarchical.sampler", None)
    monkeypatch.delattr("calibrant.stats.hierarchical.sampler", raising=False)
    with pytest.raises(CalibrantError, match=r"pip install \"calibrant\[bayes\]\""):
        hierarchical(table(items=4))
