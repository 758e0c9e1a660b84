"""Weights of models, and whether one beats another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special

from calibrant.errors import InputError
from calibrant.scaling.stacking.against import against, each_against
from calibrant.scaling.stacking.weights import mixture_log_density, record, stack


def plain(log_density: np.ndarray, belief: float) -> np.ndarray:
    """The same maximum, by a general optimiser on free parameters."""
    many = len(log_density)
    raised = np.exp(np.maximum(log_density, -20).sum(axis=1) / 2)
    centre = raised / raised.sum()

    def loss(free: np.ndarray) -> float:
        w = special.softmax(free)
        gain = special.logsumexp(log_density, axis=0, b=w[:, None]).sum()
        return float(-gain - belief * (centre * np.log(w)).sum())

    return special.softmax(optimize.minimize(loss, np.zeros(many), tol=1e-12).x)


@given(st.integers(0, 10**6), st.integers(2, 4), st.integers(1, 30), st.sampled_from([0.5, 2.0]))
@settings(max_examples=15, deadline=None)
def test_stacking_is_the_plain_maximum(seed: int, models: int, n: int, belief: float) -> None:
    log = np.random.default_rng(seed).normal(size=(models, n)) * 2
    assert stack(log, belief=belief) == pytest.approx(plain(log, belief), abs=2e-3)


def test_few_outcomes_move_little_and_many_much() -> None:
    log = np.vstack([np.zeros(200), -np.ones(200)])
    one, many = stack(log[:, :1])[0], stack(log)[0]
    assert 0.5 < one < 0.75 < 0.95 < many
    same = stack(log, np.full(200, "one family"))[0]
    assert one < same < many


def test_one_that_is_now_and_then_sharp_and_mostly_wrong_gets_little() -> None:
    rng = np.random.default_rng(0)
    family = np.repeat([f"f{i}" for i in range(12)], 8)
    steady = np.full(96, 1.0)
    sharp = np.where(rng.random(96) < 0.5, 2.5, -6.0)
    assert stack(np.vstack([steady, sharp]), family, belief=1e-6)[1] > 0.25
    assert stack(np.vstack([steady, sharp]), family)[1] < 0.2
    assert record(np.vstack([steady, sharp]), family)[1] < 1e-6


def test_silence_speaks_neither_for_nor_against() -> None:
    log = np.array([[0.0, np.nan, np.nan], [0.0, 0.0, 0.0]])
    assert stack(log) == pytest.approx([0.5, 0.5], abs=1e-6)
    assert stack(np.zeros((3, 0))) == pytest.approx([1 / 3] * 3)
    mixture = mixture_log_density(np.array([[-1.0, np.nan], [-3.0, -2.0]]), np.array([0.5, 0.5]))
    assert mixture == pytest.approx([np.log((np.exp(-1) + np.exp(-3)) / 2), -2])
    impossible = stack(np.array([[-np.inf] * 20, [0.0] * 20]))
    assert impossible[0] < 0.06
    with pytest.raises(InputError, match="at least one model"):
        stack(np.zeros((0, 2)))


def test_beating_is_shown_or_not() -> None:
    rng = np.random.default_rng(0)
    family = np.repeat([f"f{i}" for i in range(10)], 4)
    noise = rng.normal(size=40) * 0.1
    better = against("b", noise + 1, np.zeros(40), family)
    assert better.beats and "beats b: +0.99" in repr(better)
    assert not against("b", noise, np.zeros(40), family).beats
    assert not against("b", noise[:4] + 1, np.zeros(4), family[:4]).beats
    few = np.repeat(["a", "b", "c", "d"], 10)
    assert against("b", noise + 1, np.zeros(40), few).low is None
    silent = against("b", np.full(40, np.nan), noise, family)
    assert silent.n == 0 and silent.low is None and "too few" in repr(silent)
    impossible = against("b", np.zeros(40), np.full(40, -np.inf), family)
    assert impossible.difference == 20


def test_what_is_now_and_then_far_worse_is_not_better_for_being_mostly_so() -> None:
    family = np.repeat([f"f{i}" for i in range(12)], 4)
    d = np.where(np.arange(48) < 4, -3.0, 0.6 + 0.1 * np.random.default_rng(0).normal(size=48))
    one, other = each_against(d, np.array([np.zeros(48), d - 1 - d * 1e-3]), "ab", family)
    assert one.difference is not None and one.difference > 0.2
    assert one.low is not None and one.high is not None and one.low < 0
    assert one.difference - one.low > one.high - one.difference
    assert (one.rival, one.beats) == ("a", False) and (other.rival, other.beats) == ("b", True)
