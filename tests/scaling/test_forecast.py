"""Forecasts from end to end: said, withheld, and judged only by what was known then."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import calibrant
from calibrant._text import dumps
from calibrant.errors import GateError, InputError, UnfitError
from calibrant.scaling.asked import joined_rows
from calibrant.scaling.backtests.cuts import cuts_of, read_rule
from calibrant.scaling.backtests.outcomes import MOST, counts, outcomes_of, weights_then
from calibrant.scaling.backtests.run import try_out
from calibrant.scaling.curves.forecasters import FORECASTERS
from calibrant.scaling.forecaster import Forecaster
from calibrant.scaling.predictive import Predictive
from calibrant.scaling.result import Forecast
from calibrant.scaling.scores import Scores, scores

QUICK = tuple(
    f for f in FORECASTERS
    if f.name in ("persistence", "pooled log-odds line", "family log-odds lines")
)  # fmt: skip


def made(families: int = 12, each: int = 6, *, bend: float = 0.0, seed: int = 0) -> Scores:
    """Families along compute; with a bend growth gets faster, as no past foretells."""
    rng = np.random.default_rng(seed)
    family = np.repeat(np.arange(families), each)
    scale = np.repeat(rng.uniform(20, 22, families), each) + np.tile(np.linspace(0, 2.5, each),
                                                                      families)  # fmt: skip
    x = 0.6 * (scale - 22.5) + bend * np.maximum(scale - 22, 0) ** 2 - 1
    y = 1 / (1 + np.exp(-x - rng.normal(size=families)[family] * 0.3 - rng.normal(size=x.size) / 5))
    return scores(
        y, scale, family=np.array([f"f{i}" for i in family]), measure="exam",
        date=np.datetime64("2020-01-01") + (365 * (scale - 20)).astype(int),
    )  # fmt: skip


def shifted(by: float, wide: float, name: str = "made") -> Forecaster:
    """A forecaster whose error is known: it looks the truth up, here as it is a straight line."""

    def predict(known: Scores, at: Scores, rng: np.random.Generator) -> Predictive:
        x = 1 / (1 + np.exp(-0.6 * (at.scale - 22.5) + 1))
        return Predictive.of(x + by, np.full(len(at), wide), low=0.0, high=1.0)

    return Forecaster(name, "knows the line", predict)


def forecast(known: Scores, *, cut: str = "rolling:4", **more: Any) -> Forecast:
    """With fewer cuts than usual, as they take time."""
    return calibrant.forecast(known, cut=cut, **more)


@pytest.fixture(scope="module")
def said() -> Forecast:
    return forecast(made(), at=["6e24:f3", "6e24"], zoo=QUICK)


def test_what_is_said(said: Forecast) -> None:
    assert said.withheld is None and "of 6e24:f3: 0." in repr(said)
    first, second = said.rows()
    assert (first["family"], second["family"]) == ("f3", "new family")
    assert first["scale"] == pytest.approx(np.log10(6e24)) and 0 < first["distance"] < 1
    low, high = said.intervals()[0]["low"], said.intervals()[0]["high"]
    assert low < first["median"] < high and first["outcome"] is None and first["sd"] > 0
    assert sum(m.weight for m in said.models) == pytest.approx(1)
    assert said.models[0].weight == max(m.weight for m in said.models)


def test_the_document(said: Forecast) -> None:
    data = json.loads(dumps(said.to_dict()))
    assert data.keys() >= {"target", "scale", "family", "cut", "level", "models", "forecast",
                           "intervals", "backtest", "distance", "warnings", "withheld", "notes",
                           "history"}  # fmt: skip
    again = Predictive.from_dict(data["forecast"][0]["density"])
    assert again.quantile(0.5)[0] == pytest.approx(data["forecast"][0]["median"])
    b = data["backtest"]
    assert b["coverage_interval"][0] <= b["coverage"] <= b["coverage_interval"][1]
    assert 0 < b["crps"] < 0.2 and sum(b["pit"]["share"]) == pytest.approx(1)
    assert b["n"] == sum(p["n"] for p in b["peers"]) / 2 and b["families"] == 12
    assert {h["verdict"] for h in b["by_horizon"]} <= {"held", "failed", "too few"}
    assert [c["judged"] for c in b["cuts"]] == [False] + [True] * (len(b["cuts"]) - 1)


def test_each_outcome_counts_once_at_each_horizon() -> None:
    known, rule = made(), read_rule("rolling:9")
    trials = try_out(QUICK, known, cuts_of(known, rule))
    every, _ = outcomes_of(known, trials, [m.name for m in QUICK], rule, 0.9)
    once = every.once()
    keys = set(zip(once.row, once.horizon, strict=True))
    assert len(keys) == len(once) < len(every)
    assert keys == set(zip(every.row, every.horizon, strict=True))


def test_weights_at_a_cut_do_not_know_what_came_later() -> None:
    known, rule = made(), read_rule("rolling:5")
    names = [m.name for m in QUICK]
    cuts = cuts_of(known, rule)
    trials = try_out(QUICK, known, cuts)
    k = 2
    changed = known.score.copy()
    changed[cuts[k].later] = 1 - changed[cuts[k].later]
    other = replace(known, score=changed)
    again = try_out(QUICK, other, cuts)
    for j in range(k + 1):
        a = weights_then(known, trials, names, rule, j)
        assert a == pytest.approx(weights_then(other, again, names, rule, j))
    assert weights_then(known, trials, names, rule, 4) != pytest.approx(
        weights_then(other, again, names, rule, 4)
    )


def test_too_narrow_is_withheld_and_honest_is_said() -> None:
    wrong = forecast(made(), at=["6e24"], zoo=[shifted(0.0, 0.02)])
    assert wrong.withheld is not None and "intervals failed on the past" in wrong.withheld
    data = wrong.to_dict()
    assert data["forecast"] is None and data["intervals"] is None
    assert data["withheld_rows"][0]["subject"] == "6e24" and "withheld" in repr(wrong)
    right = forecast(made(), at=["6e24"], zoo=[shifted(0.0, 0.08)])
    assert right.withheld is None


def test_too_wide_is_said_with_a_warning() -> None:
    found = forecast(made(), at=["6e24"], zoo=[shifted(0.0, 0.5)])
    assert found.withheld is None and any("wider than they need" in w for w in found.warnings)


def test_farther_than_any_back_test_is_withheld() -> None:
    found = forecast(made(), at=["6e24", "1e30"], zoo=QUICK)
    assert found.withheld is None and [r["subject"] for r in found.rows()] == ["6e24"]
    assert "no back-test reaches that far: it lies 5.63 orders" in found.silent[0]["why"]
    date = forecast(made(), at=["6e24:f1:2060-01-01"], cut="rolling date", zoo=QUICK)
    assert date.withheld is not None and "months out" in date.withheld
    undated = forecast(made(), at=["6e24:f1"], cut="rolling date", zoo=QUICK)
    assert undated.withheld == "how far out it lies is not known"


def test_the_stack_is_set_against_each_model() -> None:
    found = forecast(made(), at=["6e24"], zoo=QUICK)
    one = next(m for m in found.models if m.name == "persistence")
    told = one.stacked
    assert told is not None and told.rival == "persistence" and told.n > 20
    assert told in found.stacked and told.difference is not None and one.log_score is not None
    gap = (found.backtest.log_score or 0.0) - one.log_score
    assert told.difference == pytest.approx(gap) and told.low is not None and told.low < gap
    assert found.to_dict()["models"][0]["stacked"]["rival"] == found.models[0].name


def test_too_few_families_say_nothing() -> None:
    found = forecast(made(4), at=["3e24"], zoo=QUICK)
    assert found.withheld is not None and "too thin to tell" in found.withheld


def test_a_world_that_turns_is_met_with_silence() -> None:
    found = forecast(made(bend=0.6), at=["2e25"], zoo=QUICK)
    assert found.withheld is not None
    assert any("above their forecasts" in w for w in found.warnings)


def test_a_fixed_cut_forecasts_what_lies_beyond_it() -> None:
    found = forecast(made(), cut="scale<=1e23", zoo=QUICK)
    beyond = made().scale > 23
    assert len(found.why) == beyond.sum() and any("no row lacks a score" in n for n in found.notes)
    assert all(r["outcome"] is not None for r in found.rows())
    assert len(found.backtest.cuts) > 1 and found.backtest.n == beyond.sum()


def test_families_left_out() -> None:
    found = forecast(made(), cut="family:4", zoo=QUICK)
    assert found.backtest.n == len(made()) and found.backtest.outcomes == len(made())
    assert found.to_dict()["forecast"] is None and found.withheld is None
    assert any("nothing is forecast" in n for n in found.notes)


def test_models_that_fail_are_named_and_weigh_nothing() -> None:
    def never(known: Scores, at: Scores, rng: np.random.Generator) -> Predictive:
        raise UnfitError("three points are no curve")

    def unmixed(known: Scores, at: Scores, rng: np.random.Generator) -> Predictive:
        raise GateError("r-hat 1.83", [])

    zoo = [*QUICK, Forecaster("never", "", never), Forecaster("unmixed", "", unmixed)]
    found = forecast(made(), at=["6e24"], zoo=zoo)
    lost = {m.name: m for m in found.models if m.weight == 0}
    assert lost.keys() == {"never", "unmixed"} and lost["never"].n == 0
    assert "r-hat 1.83" in (lost["unmixed"].failed or "")
    assert len(found.backtest.failures) == 2 * len(found.backtest.cuts)
    assert any("not shown to beat" in w and "never" in w for w in found.warnings)
    silent = forecast(made(), at=["6e24"], zoo=zoo[3:])
    assert "no model could be fitted to exam: three points" in (silent.withheld or "")


def test_one_measure_may_fail_where_another_does_not() -> None:
    def one(known: Scores, at: Scores, rng: np.random.Generator) -> Predictive:
        if "b" in at.measures:
            raise UnfitError("not b")
        return Predictive.of(np.full(len(at), 0.4), np.full(len(at), 0.2), low=0.0, high=1.0)

    s = made()
    both = replace(
        s, **{n: np.tile(getattr(s, n), 2) for n in ("subject", "family", "scale", "date", "score",
              "se")}, measure=np.repeat(["a", "b"], len(s)),
        limits={"a": (0.0, 1.0), "b": (0.0, 1.0)},
    )  # fmt: skip
    found = forecast(both, at=["6e24"], zoo=[Forecaster("one", "", one)])
    assert [r["measure"] for r in found.rows()] in ([], ["a"])
    assert "not b" in next(r["why"] for r in found.silent if r["measure"] == "b")


def test_the_same_seed_gives_the_same_numbers(said: Forecast) -> None:
    again = forecast(made(), at=["6e24:f3", "6e24"], zoo=QUICK)
    assert dumps(again.to_dict()) == dumps(said.to_dict())


@pytest.mark.parametrize(
    ("more", "says"),
    [({"level": 1.2}, "level: wanted"), ({"cut": "sometimes"}, "--cut: wanted"),
     ({"at": ["soon"]}, "--at: wanted"), ({"at": ["-1"]}, "--at: wanted")],
)  # fmt: skip
def test_wrong_input(more: dict, says: str) -> None:
    with pytest.raises(InputError, match=says):
        forecast(made(), zoo=QUICK, **more)


def test_scores_outside_their_limits_and_no_scale() -> None:
    s = made()
    with pytest.raises(InputError, match="wanted 0 to 1, got 43"):
        forecast(replace(s, score=np.where(np.arange(len(s)) == 3, 43.0, s.score)), zoo=QUICK)
    with pytest.raises(InputError, match="no row has a scale"):
        forecast(replace(s, scale=np.full(len(s), np.nan)), zoo=QUICK)


def test_a_run_that_was_stopped_goes_on(tmp_path: Path, said: Forecast) -> None:
    asked = []

    def counted(known: Scores, at: Scores, rng: np.random.Generator) -> Predictive:
        asked.append(len(known))
        if len(asked) == 3:
            raise KeyboardInterrupt
        return QUICK[2].predict(known, at, rng)

    zoo = [*QUICK[:2], Forecaster(QUICK[2].name, QUICK[2].says, counted)]
    with pytest.raises(KeyboardInterrupt):
        forecast(made(), at=["6e24:f3", "6e24"], zoo=zoo, keep=tmp_path)
    found = forecast(made(), at=["6e24:f3", "6e24"], zoo=zoo, keep=tmp_path)
    assert found.rows() == said.rows()
    assert len(asked) == 6  # two cuts were kept, one was lost, and the last two and now are new
    for path in tmp_path.glob("*.npz"):
        path.write_bytes(b"half a file")
    again = forecast(made(), at=["6e24:f3", "6e24"], zoo=QUICK, keep=tmp_path)
    assert again.to_dict() == found.to_dict()
    other = forecast(made(seed=1), at=["6e24:f3", "6e24"], zoo=QUICK, keep=tmp_path)
    assert other.rows() != found.rows()
    with pytest.raises(InputError, match="no such folder"):
        forecast(made(), zoo=QUICK, keep=next(tmp_path.glob("*.npz")))


def test_a_sampler_that_fails_its_gates_says_nothing_and_is_named() -> None:
    gate = {"name": "R-hat", "value": 1.8, "limit": 1.01, "passed": False}

    def loose(known: Scores, at: Scores, rng: np.random.Generator) -> Predictive:
        if len(known) < 40:
            raise GateError("loose: R-hat: 1.8, wanted at most 1.01: FAILED", [gate])
        return replace(QUICK[2].predict(known, at, rng), gates=({**gate, "passed": True},))

    found = forecast(made(), at=["6e24"], zoo=[*QUICK, Forecaster("loose", "", loose)])
    model = next(m for m in found.to_dict()["models"] if m["name"] == "loose")
    passed = [g["passed"] for g in model["gates"]]
    assert not passed[0] and passed[-1]
    assert model["gates"][0]["gates"] == [gate] and "R-hat" in model["failed"]
    assert any("a sampler that failed" in w and "1.8" in w for w in found.warnings)


def test_plain_models_can_be_settled_with_it_and_distances_are_both_said(said: Forecast) -> None:
    document = said.to_dict()
    plain = {b["name"]: b["forecast"] for b in document["baselines"]}
    assert plain.keys() == {m.name for m in QUICK if m.baseline}
    for rows in plain.values():
        keys = [(r["subject"], r["measure"]) for r in rows]
        assert keys == [(r["subject"], r["measure"]) for r in document["forecast"]]
        Predictive.from_dict(rows[0]["density"])
    known, new = document["forecast"]
    assert known["distance_family"] >= known["distance"] and new["distance_family"] is None


def test_a_score_that_falls_is_said_to_be_forecast_by_persistence() -> None:
    grows = made()
    limits = {"exam": (0.0, 1.0), "fall": (0.0, 1.0)}
    falls = replace(
        grows, score=1 - grows.score, measure=np.full(len(grows), "fall"), limits=limits
    )
    both = joined_rows([grows, falls], falls)
    zoo = [f for f in FORECASTERS if f.name in ("persistence", "pooled sigmoid")]
    for known, then in ((both, "by persistence"), (both.take(both.measure == "fall"), "nothing")):
        found = forecast(known, at=["6e24"], zoo=zoo, cut="rolling:2")
        (told,) = [w for w in found.warnings if "inverse scaling" in w]
        assert told.startswith("fall:") and told.endswith(then)


def test_recent_cuts_speak_for_more() -> None:
    row = np.array([0, 1, 2, 3, 0, 1])
    same = counts(row, np.zeros(6))
    assert same == pytest.approx([0.5, 0.5, 1, 1, 0.5, 0.5])
    # The last two were forecast at the first cut, too, a lifetime earlier.
    age = np.array([3.0, 3, 3, 2, 2, 2])
    found = counts(row, age)
    assert found.sum() == pytest.approx(4) and found[4] == pytest.approx(found[0] * np.e)
    # An outcome counts for its best forecast, however often it was made.
    assert found[3] == pytest.approx(found[0] + found[4])
    assert found[2] == pytest.approx(found[3] / np.e)
    alone = counts(np.arange(41), np.append(np.full(40, 20.0), 0.0))
    assert alone[-1] == MOST
