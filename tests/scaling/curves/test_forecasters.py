"""The zoo: it forecasts, refuses and repeats itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibrant.errors import UnfitError
from calibrant.scaling.curves.forecasters import FORECASTERS, refused
from calibrant.scaling.forecaster import Forecaster
from calibrant.scaling.scores import Scores, scores

from .worlds import sigmoid_world


@pytest.fixture(scope="module")
def world() -> tuple[Scores, Scores]:
    every = sigmoid_world(3, families=8)
    return every.take(every.scale <= 23), every.take(every.scale > 23)


def test_the_baselines_come_first_and_names_are_unique() -> None:
    assert [f.name for f in FORECASTERS if f.baseline] == ["persistence", "pooled sigmoid"]
    assert len({f.name for f in FORECASTERS}) == len(FORECASTERS)


@pytest.mark.parametrize("model", FORECASTERS, ids=lambda f: f.name)
def test_each_forecasts_a_smooth_world_the_same_twice(
    model: Forecaster, world: tuple[Scores, Scores]
) -> None:
    known, at = world
    blind = replace(at, score=np.full(len(at), np.nan))
    p = model.predict(known, blind, np.random.default_rng(1))
    again = model.predict(known, blind, np.random.default_rng(1))
    assert np.array_equal(p.location, again.location)
    low, high = p.interval(0.9)
    assert (low >= 0).all()
    assert (high <= 1).all()
    if model.name not in ("persistence", "power law"):
        assert np.abs(p.quantile(0.5) - at.score).mean() < 0.15


def test_measures_are_fitted_apart_and_answers_keep_the_order_of_rows() -> None:
    up, other = sigmoid_world(1), sigmoid_world(2)
    both = _two(up, other)
    model = next(f for f in FORECASTERS if f.name == "pooled sigmoid")
    order = np.random.default_rng(0).permutation(len(both))
    p = model.predict(both, both.take(order), np.random.default_rng(0))
    q = model.predict(both, both, np.random.default_rng(0))
    assert p.quantile(0.5) == pytest.approx(q.quantile(0.5)[order], abs=0.03)


def test_where_one_measure_of_two_falls_it_is_named_and_persistence_forecasts_it() -> None:
    up, down = sigmoid_world(1), sigmoid_world(2)
    both = _two(up, replace(down, score=1 - down.score))
    assert list(refused(both)) == ["b"]
    assert "inverse scaling" in refused(both)["b"]
    model = next(f for f in FORECASTERS if f.name == "family sigmoid")
    p = model.predict(both, both, np.random.default_rng(0))
    persistent = FORECASTERS[0].predict(both, both, np.random.default_rng(0))
    b = both.measure == "b"
    assert p.quantile(0.5)[b] == pytest.approx(persistent.quantile(0.5)[b])
    with pytest.raises(UnfitError, match="sigmoid refused: the score falls with scale"):
        model.predict(both.take(b), both.take(b), np.random.default_rng(0))


def test_scores_at_chance_leave_a_wide_forecast_and_no_certainty() -> None:
    rng = np.random.default_rng(0)
    known = scores(0.25 + rng.normal(0, 0.01, 12), np.linspace(20, 22, 12), chance={"score": 0.25})
    at = scores(np.full(3, np.nan), np.array([22.2, 23.0, 24.0]), chance={"score": 0.25})
    for name in ("pooled sigmoid", "monotone spline", "broken power law"):
        model = next(f for f in FORECASTERS if f.name == name)
        low, high = model.predict(known, at, np.random.default_rng(0)).interval(0.9)
        assert (low < 0.27).all(), name
        assert high[2] > 0.4, name
        assert (np.diff(high) > 0).all(), name


@pytest.mark.parametrize("model", FORECASTERS[1:], ids=lambda f: f.name)
def test_three_scales_are_refused(model: Forecaster) -> None:
    few = scores(np.array([0.1, 0.2, 0.3]), np.array([20.0, 21, 22]))
    with pytest.raises(UnfitError, match="4 scales"):
        model.predict(few, few, np.random.default_rng(0))


def test_a_measure_without_known_scores_is_refused() -> None:
    few = scores(
        np.array([0.1, 0.2, 0.3]), np.array([20.0, 21, 22]), measure=np.array(["a", "a", "b"])
    )
    with pytest.raises(UnfitError, match="b: no score is known"):
        FORECASTERS[0].predict(few.take(np.array([0, 1])), few, np.random.default_rng(0))


def _two(a: Scores, b: Scores) -> Scores:
    return scores(
        np.concatenate([a.score, b.score]),
        np.concatenate([a.scale, b.scale]),
        family=np.concatenate([a.family, b.family]),
        measure=np.repeat(["a", "b"], len(a)),
    )
