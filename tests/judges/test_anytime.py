"""Gold labels one by one: increments against their definition, capital against a plain gambler."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.errors import InputError
from calibrant.judges.anytime import anytime_ppi
from calibrant.judges.anytime.capital import CONSTANT, stakes, upper_capital, upper_path
from calibrant.judges.anytime.increments import increments
from calibrant.stats.estimates.betting import BETS


def world(seed, items=60, n=25):
    rng = np.random.default_rng(seed)
    y = (rng.random(items) < 0.3).astype(float)
    judge = np.clip(0.6 * y + 0.4 * rng.random(items), 0, 1)
    return judge, y, rng.permutation(items)[:n], rng.random(items) + 0.2


@given(st.integers(0, 10_000), st.sampled_from([None, 0.0, 0.7, 1.0]), st.booleans())
@settings(max_examples=40, deadline=None)
def test_an_increment_is_unbiased_whatever_comes_next(seed, lam, weighted):
    """The definition, item by item: for the label to come, every item left gives an increment."""
    judge, y, order, w = world(seed)
    weights = w if weighted else None
    n = 12
    found = increments(judge, order[:n], y[order[:n]], weights=weights, lam=lam)
    left = np.setdiff1d(np.arange(judge.size), order[: n - 1])
    chances = (w if weighted else np.ones_like(w))[left]
    chances = chances / chances.sum()
    every = []
    for i in left:
        path = np.append(order[: n - 1], i)
        inc = increments(judge, path, y[path], weights=weights, lam=lam)
        assert inc.low[-1] - 1e-12 <= inc.z[-1] <= inc.high[-1] + 1e-12
        assert inc.low[-1] == pytest.approx(found.low[-1])
        assert inc.high[-1] == pytest.approx(found.high[-1])
        assert inc.lam[-1] == found.lam[-1], "the weight was chosen before the label"
        every.append(inc.z[-1])
    assert np.dot(chances, every) == pytest.approx(y.mean())


def test_an_increment_by_hand():
    # 4 items; labels seen: 1. lam 1: (1 + 0.5 + 0.5 + 0)/4 + 3/4 (0 - 0.5).
    found = increments(np.array([1, 0.5, 0.5, 0]), np.array([0, 1]), np.array([1.0, 0]), lam=1.0)
    assert found.z.tolist() == [0.5, 0.5 - 0.375]
    assert found.seen.tolist() == [1, 1]
    assert found.low[1] == pytest.approx(0.5 + 0.75 * -0.5)
    assert found.high[1] == pytest.approx(0.5 + 0.75 * 1.0)


@given(st.integers(0, 10_000), st.floats(0.05, 0.95))
@settings(max_examples=60, deadline=None)
def test_capital_is_that_of_a_plain_gambler(seed, mean):
    judge, y, order, _ = world(seed)
    x = increments(judge, order, y[order])
    fast = upper_capital(x.z, x.high, np.array([mean]), 0.05)[:, 0]
    money = [CONSTANT / BETS.size] * BETS.size + [1 - CONSTANT]
    follow = stakes(x.z, 0.05)
    for t in range(x.z.size):
        room = x.high[t] - mean
        if room < 0:
            assert np.isinf(fast[t:]).all()
            break
        bets = [*(b / room for b in BETS), min(follow[t], 0.75 / room)]
        money = [m * (1 + b * (mean - x.z[t])) for m, b in zip(money, bets, strict=True)]
        assert fast[t] == pytest.approx(sum(money), rel=1e-9, abs=1e-12)


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_the_limit_is_the_smallest_refuted_candidate(seed):
    judge, y, order, _ = world(seed)
    x = increments(judge, order, y[order])
    means = np.sin(np.linspace(0, np.pi / 2, 51)[1:-1]) ** 2
    capital = np.maximum.accumulate(upper_capital(x.z, x.high, means, 0.05), axis=0)
    assert np.all(np.diff(capital[np.isfinite(capital).all(axis=1)], axis=1) >= -1e-9)
    twin = [means[row >= 20].min() if np.any(row >= 20) else 1.0 for row in capital]
    assert upper_path(x.z, x.high, 0.05, 50).tolist() == pytest.approx(twin)


def test_the_path_narrows_and_ends_at_the_truth_when_all_are_labelled():
    judge, y, _, _ = world(3)
    order = np.random.default_rng(0).permutation(60)
    found = anytime_ppi(judge, order, y[order], claim=(y.mean(), "below"))
    assert np.all(np.diff(found.low) >= 0)
    assert np.all(np.diff(found.high) <= 0)
    assert found.low[-1] == pytest.approx(y.mean())
    assert found.high[-1] == pytest.approx(y.mean())
    assert found.value[-1] == pytest.approx(y.mean())
    assert found.verdict == "undetermined"
    assert found.p.min() > 0.025


def test_a_good_judge_stops_earlier():
    rng = np.random.default_rng(2)
    y = (rng.random(3000) < 0.05).astype(float)
    judge = np.where(rng.random(3000) < 0.02, 1 - y, y)
    order = rng.permutation(3000)[:600]
    both = [anytime_ppi(judge, order, y[order], lam=lam, width=0.07) for lam in (None, 0.0)]
    assert both[0].stop < 0.7 * both[1].stop
    claims = [
        anytime_ppi(judge, order, y[order], claim=(t, r))
        for t, r in ((0.1, "below"), (0.1, "above"), (0.02, "above"), (0.02, "below"))
    ]
    assert [c.verdict for c in claims] == ["supported", "refuted", "supported", "refuted"]
    assert claims[0].p[-1] < 0.01
    assert claims[1].p[-1] == 1
    assert "supported at label" in repr(claims[0])
    assert claims[0].to_dict()["stop"] == claims[0].stop


def test_other_ranges_and_measurands():
    judge, y, order, w = world(5, 400, 100)
    unit = anytime_ppi(judge, order, y[order])
    stars = anytime_ppi(1 + 4 * judge, order, 1 + 4 * y[order], low=1, high=5)
    assert stars.low == pytest.approx(1 + 4 * unit.low)
    assert stars.high == pytest.approx(1 + 4 * unit.high)
    wider = anytime_ppi(judge, order, y[order], measurand="population")
    assert np.all(wider.high >= unit.high - 1e-12)
    assert np.all(wider.low <= unit.low + 1e-12)
    assert wider.p is None
    soft = anytime_ppi(judge, order, 0.3 + 0.4 * y[order], measurand="population")
    assert soft.high[-1] - soft.low[-1] > 0.05
    upper = anytime_ppi(judge, order, y[order], side="upper")
    assert np.all(upper.low == 0)
    assert upper.high[-1] <= unit.high[-1]
    mapped = anytime_ppi(100 * judge - 3, order, y[order], calibrate="isotonic")
    assert mapped.high[-1] - mapped.low[-1] < 0.4
    assert anytime_ppi(judge, order, y[order], weights=w).n == 100


def test_calibration_uses_the_past_only():
    judge, y, order, _ = world(6, 200, 60)
    one = increments(judge, order, y[order], calibrate="platt")
    changed = y.copy()
    changed[order[40]] = 1 - changed[order[40]]
    two = increments(judge, order, changed[order], calibrate="platt")
    assert np.array_equal(one.z[:40], two.z[:40])
    assert one.low[40] == two.low[40]
    assert one.lam[40] == two.lam[40]


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"y": [0.0, 3.0]}, "gold"),
        ({"order": [0, 0]}, "at most once"),
        ({"judge": [0.5, 0.5, 7.0]}, "judge"),
        ({"weights": [1.0, 0.0, 1.0]}, "weights"),
        ({"claim": (0.5, "under")}, "claim"),
        ({"claim": (1.5, "below")}, "threshold"),
        ({"width": 0.0}, "width"),
        ({"lam": 2.0}, "lam"),
        ({"level": 1.0}, "level"),
        ({"grid": 3}, "grid"),
        ({"measurand": "world"}, "measurand"),
    ],
)
def test_what_cannot_be_followed_is_refused(change, wanted):
    args = {"judge": [0.5, 0.2, 0.9], "order": [0, 1], "y": [0.0, 1.0]} | change
    with pytest.raises(InputError, match=wanted):
        anytime_ppi(**args)
