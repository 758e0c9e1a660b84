"""The test of growth: against an enumeration, and on curves that fall or turn."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.errors import InputError
from calibrant.scaling.curves.monotone import monotone
from calibrant.scaling.scores import scores

FREE = (-np.inf, np.inf)


@given(st.lists(st.integers(0, 6), min_size=5, max_size=6))
@settings(max_examples=8)
def test_random_exchanges_agree_with_all_of_them(y: list[int]) -> None:
    n = len(y)
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]

    def s(v: tuple[int, ...]) -> int:
        return sum(int(np.sign(v[j] - v[i])) for i, j in pairs)

    exact = np.mean([s(v) >= s(tuple(y)) for v in permutations(y)])
    found = monotone(scores(np.array(y, float), np.arange(n) + 20.0, limits=FREE))
    assert found.p_grows == pytest.approx(1.0 if len(set(y)) == 1 else exact, abs=0.05)


def test_a_permutation_keeps_to_families() -> None:
    # Families fall, and the family of larger subjects is better: pooled, it looks like growth.
    x = np.concatenate([np.linspace(20 + f, 20.8 + f, 6) for f in range(4)])
    y = np.concatenate([f - np.linspace(0, 0.5, 6) for f in range(4)])
    family = np.repeat(list("abcd"), 6)
    assert monotone(scores(y, x, limits=FREE)).verdict != "falling"
    assert monotone(scores(y, x, family=family, limits=FREE)).verdict == "falling"


@pytest.mark.parametrize(
    ("curve", "verdict"),
    [
        (lambda x: x, "growing"),
        (lambda x: -x, "falling"),
        (lambda x: 2 * np.abs(x), "turning"),
        (lambda x: -2 * np.abs(x), "turning"),
        (lambda x: 0 * x, "undetermined"),
    ],
    ids=["up", "down", "U", "hill", "flat"],
)
def test_verdicts(curve: object, verdict: str) -> None:
    x = np.linspace(-2, 2, 40)
    assert callable(curve)
    y = curve(x) + np.random.default_rng(5).normal(0, 0.5, 40)
    found = monotone(scores(y, x + 22, limits=FREE))
    assert found.verdict == verdict
    assert found.to_dict()["says"] in repr(found)
    if verdict == "turning":
        assert found.window is not None
        assert 20 <= found.window[0] < found.window[1] <= 24


def test_equal_scores_and_few_points_say_nothing() -> None:
    assert monotone(scores(np.full(9, 0.5), np.arange(9) + 20.0)).verdict == "undetermined"
    assert monotone(scores(np.array([0.9, 0.1]), np.array([20.0, 21]))).p_falls == 1


def test_several_measures_are_refused() -> None:
    two = scores(np.array([0.1, 0.2]), np.array([20.0, 21]), measure=np.array(["a", "b"]))
    with pytest.raises(InputError, match="one measure, got 2"):
        monotone(two)
