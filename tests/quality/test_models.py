"""Do fits reach published numbers, and agree with a plain sum over abilities?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import logsumexp, roots_hermitenorm

from calibrant.quality.bank import Bank
from calibrant.quality.models import information
from calibrant.quality.models.data import Data, provisional
from calibrant.quality.models.families import Family
from calibrant.quality.models.fit import fit_bank
from calibrant.quality.models.grid import Grid
from calibrant.quality.models.kernel import Kernel
from calibrant.quality.models.tables import fieller

# Bock & Lieberman (1970): how many subjects gave each pattern 00000, 00001, …, 11111.
LSAT6 = (
    3, 6, 2, 11, 1, 1, 3, 4, 1, 8, 0, 16, 0, 3, 2, 15,
    10, 29, 14, 81, 3, 28, 15, 80, 16, 56, 21, 173, 11, 61, 28, 298,
)  # fmt: skip
LSAT7 = (
    12, 19, 1, 7, 3, 19, 3, 17, 10, 5, 3, 7, 7, 23, 8, 28,
    7, 39, 11, 34, 14, 51, 15, 90, 6, 25, 7, 35, 18, 136, 32, 308,
)  # fmt: skip


def scores(counts: tuple[int, ...]) -> NDArray[np.float64]:
    """Shape (1000, 5)."""
    patterns = (np.arange(32)[:, None] >> np.arange(4, -1, -1)) & 1
    return np.repeat(patterns, counts, axis=0).astype(np.float64)


@pytest.mark.parametrize(
    ("counts", "model", "wanted"),
    [
        (LSAT6, "rasch", -2466.938),
        (LSAT6, "2pl", -2466.653),
        (LSAT7, "2pl", -2658.805),
        (LSAT7, "grm", -2658.805),
        (LSAT7, "gpcm", -2658.805),
        (LSAT6, "pcm", -2466.938),
    ],
)
def test_published_log_likelihoods(counts: tuple[int, ...], model: str, wanted: float) -> None:
    found = fit_bank(scores(counts), model)
    assert found.log_likelihood == pytest.approx(wanted, abs=0.0006)
    assert found.adequacy.verdict == "adequate"


def test_published_parameters_and_errors_of_lsat6() -> None:
    # ltm(LSAT ~ z1) and rasch(LSAT) of the R package ltm, in its article (Rizopoulos 2006).
    two = fit_bank(scores(LSAT6), "2pl")
    assert [i.discrimination for i in two.items] == pytest.approx(
        [0.8256, 0.7229, 0.8907, 0.6883, 0.6569], abs=6e-4
    )
    assert [i.standard_errors["discrimination"] for i in two.items] == pytest.approx(
        [0.2581, 0.1867, 0.2326, 0.1851, 0.2100], abs=6e-4
    )
    one = fit_bank(scores(LSAT6), "rasch")
    assert one.bank.sd == pytest.approx(0.7551, abs=1e-4)
    easiness = [i.intercepts[0] for i in one.items]
    assert easiness == pytest.approx([2.730, 0.999, 0.240, 1.306, 2.099], abs=1e-3)
    assert np.allclose(one.bank.discrimination, 1.0)


def drawn(
    model: str, subjects: int, items: int, seed: int, *, steps: int = 3, missing: float = 0.0
) -> tuple[Bank, NDArray[np.float64]]:
    """A bank whose items differ in their numbers of categories, and responses to it."""
    rng = np.random.default_rng(seed)
    steps = 1 if model in ("rasch", "2pl", "3pl") else steps
    slope = np.ones(items) if model in ("rasch", "pcm") else rng.lognormal(0, 0.3, items)
    if model in ("2pl", "grm", "gpcm"):
        slope[1] *= -1
    d = -np.sort(-rng.normal(size=(items, steps)), axis=1)
    if steps > 1:
        d[0, 1:] = np.nan
    values = np.where(np.arange(steps + 1) <= (~np.isnan(d)).sum(axis=1)[:, None],
                      np.arange(steps + 1.0), np.nan)  # fmt: skip
    names = tuple(f"item {j + 1}" for j in range(items))
    bank = Bank(model, names, slope, d, np.full(items, 0.2 * (model == "3pl")), values)
    scores = bank.draw(rng.normal(size=subjects), rng)
    scores[rng.random(scores.shape) < missing] = np.nan
    return bank, scores


def plainly(bank: Bank, scores: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """The twin: log likelihood and mean abilities by 201 Gauss-Hermite nodes, cell by cell."""
    nodes, weight = roots_hermitenorm(201)
    theta = bank.mean + bank.sd * nodes
    curves = np.log(np.maximum(bank.probabilities(theta), 1e-320))
    chosen = bank.category_of(scores)
    logs = np.tile(np.log(np.maximum(weight / weight.sum(), 1e-320)), (len(scores), 1))
    for j in range(len(bank.items)):
        own = curves[:, j].T[chosen[:, j]]
        logs += np.where(chosen[:, [j]] < 0, 0.0, own)
    values = logsumexp(logs, axis=1)
    return float(values.sum()), np.exp(logs - values[:, None]) @ theta


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("model", ["rasch", "2pl", "3pl", "grm", "pcm", "gpcm"])
def test_every_model_has_the_likelihood_and_abilities_of_its_twin(
    model: str, missing: float
) -> None:
    _, scores = drawn(model, 250, 8, 4, missing=missing)
    prior = "guessing" if model == "3pl" else None
    found = fit_bank(scores, model, prior=prior, high=float(np.nanmax(scores)))
    value, mean = plainly(found.bank, scores)
    assert found.log_likelihood == pytest.approx(value, abs=1e-6)
    assert found.ability == pytest.approx(mean, abs=1e-6)
    assert found.adequacy.gradient_per_subject < 1e-8
    assert abs(found.adequacy.refined) < 1e-6


@settings(max_examples=15)
@given(
    model=st.sampled_from(["2pl", "3pl", "grm", "gpcm"]), seed=st.integers(0, 10**6),
    missing=st.sampled_from([0.0, 0.4]),
)  # fmt: skip
def test_gradient_is_the_change_of_the_likelihood(model: str, seed: int, missing: float) -> None:
    bank, scores = drawn(model, 12, 4, seed, missing=missing)
    family = Family(model, bank.categories, int(bank.categories.max()))
    trials = None if not missing else (~np.isnan(scores)).astype(np.int8)
    kernel = Kernel(Data(np.nan_to_num(scores).astype(np.int8), trials, bank.categories), family)
    parts = [bank.discrimination[:, None], np.nan_to_num(bank.intercepts)]
    xi = np.concatenate([*parts, np.full((4, 1), -1.4)][: 3 if model == "3pl" else 2], axis=1)
    grid = Grid(0.2, -8.0, 8.0)
    slope = kernel.evaluate(xi, grid).gradient
    for j, p in np.argwhere(family.free):
        step = np.zeros_like(xi)
        step[j, p] = 1e-5
        ends = [kernel.evaluate(xi + s * step, grid).log_likelihood for s in (1, -1)]
        assert slope[j, p] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-5)


@pytest.mark.parametrize("model", ["2pl", "rasch", "grm", "gpcm"])
def test_observed_information_is_the_change_of_the_gradient(model: str) -> None:
    _, scores = drawn(model, 80, 4, 5, missing=0.2)
    found = fit_bank(scores, model, high=float(np.nanmax(scores)))
    variance = found.bank.covariance
    assert variance is not None
    # The twin: second differences of the likelihood of the bank, all parameters at once.
    bank, free = found.bank, []
    for j in range(4):
        free += [(j, 0)] * (model != "rasch")
        free += [(j, 1 + k) for k in range(bank.categories[j] - 1)]
    free += [("sd", 0)] * (model == "rasch")

    def value(move: NDArray[np.float64]) -> float:
        a, d, sd = bank.discrimination.copy(), bank.intercepts.copy(), bank.sd
        for (j, p), by in zip(free, move, strict=True):
            if j == "sd":
                sd += by
            elif p == 0:
                a[j] += by
            else:
                d[j, p - 1] += by
        moved = Bank(model, bank.items, a, d, bank.guessing, bank.values, 0.0, sd)
        return plainly(moved, scores)[0]

    h, size = 1e-3, len(free)
    unit, base = np.eye(size) * h, value(np.zeros(size))
    second = np.zeros((size, size))
    ends = [(value(u), value(-u)) for u in unit]
    for i, u in enumerate(unit):
        second[i, i] = (ends[i][0] + ends[i][1] - 2 * base) / h**2
        for k in range(i):
            both = value(u + unit[k]) - ends[i][0] - ends[k][0] + base
            back = value(-u - unit[k]) - ends[i][1] - ends[k][1] + base
            second[i, k] = second[k, i] = (both + back) / (2 * h**2)
    wanted = np.diag(np.linalg.inv(-second))
    ours = [variance[j, p, p] for j, p in free if j != "sd"]
    assert np.sqrt(ours) == pytest.approx(np.sqrt(wanted[: len(ours)]), rel=5e-3)


def test_blocks_of_items_with_shared_directions_come_near_the_whole_information(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for model, missing in (("2pl", 0.0), ("2pl", 0.3), ("rasch", 0.0), ("grm", 0.2)):
        _, scores = drawn(model, 300, 25, 8, missing=missing)
        high = float(np.nanmax(scores))
        whole = fit_bank(scores, model, high=high)
        with monkeypatch.context() as patch:
            patch.setattr(information, "COST", 0.0)
            blocks = fit_bank(scores, model, high=high)
        assert whole.adequacy.standard_errors == "whole information"
        assert blocks.adequacy.standard_errors == "item blocks and shared directions"
        for found, name in ((whole, blocks),):
            a = np.sqrt(np.einsum("jpp->jp", found.bank.covariance))
            b = np.sqrt(np.einsum("jpp->jp", name.bank.covariance))
            ratio = (b / a)[~np.isnan(a)]
            assert ratio == pytest.approx(np.ones(ratio.size), abs=0.05)
        assert blocks.total_error == pytest.approx(whole.total_error, rel=0.01)


def test_trials_count_as_that_many_answers() -> None:
    _, scores = drawn("2pl", 120, 6, 2)
    again = np.concatenate([scores, scores[:, :3]], axis=1)
    # Two items with equal parameters are one item of two trials.
    hits = scores.copy()
    hits[:, :3] *= 2
    trials = np.array([2, 2, 2, 1, 1, 1]) * np.ones_like(scores)
    family = Family("2pl", np.full(6, 2), 2)
    both = Kernel(Data(hits, trials, np.full(6, 2)), family)
    wide = Kernel(Data(again, None, np.full(9, 2)), Family("2pl", np.full(9, 2), 2))
    xi = np.random.default_rng(0).normal(size=(6, 2))
    grid = Grid(0.1, -7, 7)
    one = both.evaluate(xi, grid)
    two = wide.evaluate(np.concatenate([xi, xi[:3]]), grid)
    assert one.log_likelihood == pytest.approx(two.log_likelihood, abs=1e-9)
    assert one.mean == pytest.approx(two.mean, abs=1e-12)


def test_long_tests_use_windows_and_lose_nothing() -> None:
    _, scores = drawn("2pl", 60, 900, 4, missing=0.3)
    found = fit_bank(scores)
    kept = [int(name.split()[1]) - 1 for name in found.bank.items]
    xi = np.column_stack([found.bank.discrimination, found.bank.intercepts[:, 0]])
    theta = np.arange(-9, 9, 0.004)
    z = xi[:, :1] * theta + xi[:, 1:]
    y = scores[:, kept]
    soft = np.logaddexp(0, z)
    logs = np.nan_to_num(y) @ z - (~np.isnan(y)).astype(float) @ soft
    logs += -(theta**2) / 2 + np.log(0.004 / np.sqrt(2 * np.pi))
    assert found.log_likelihood == pytest.approx(logsumexp(logs, axis=1).sum(), abs=1e-5)
    assert found.adequacy.spacing <= found.adequacy.narrowest


def test_items_the_wrong_way_round_get_negative_slopes() -> None:
    bank, scores = drawn("2pl", 400, 12, 6)
    found = fit_bank(scores)
    assert (np.sign(found.bank.discrimination) == np.sign(bank.discrimination)).all()
    assert found.items[1].flags == ("wrong way",)
    assert (found.items[1].item_rest or 0) < 0
    # Which end is up is settled by the majority.
    flipped = fit_bank(1 - scores)
    assert flipped.log_likelihood == pytest.approx(found.log_likelihood, abs=1e-6)
    assert flipped.bank.discrimination == pytest.approx(found.bank.discrimination, abs=1e-4)


def test_item_rest_correlations_are_the_plain_ones() -> None:
    _, scores = drawn("2pl", 50, 8, 9)
    rest = provisional(Data(scores.astype(np.int8), None, np.full(8, 2)))[2]
    for j in range(8):
        others = np.delete(scores, j, axis=1).sum(axis=1)
        assert rest[j] == pytest.approx(np.corrcoef(scores[:, j], others)[0, 1], abs=1e-10)


def test_fieller_is_unbounded_where_the_slope_may_be_nothing() -> None:
    tight = np.array([[0.01, 0.0], [0.0, 0.01]])
    low, high = fieller(1.0, 0.5, tight, 1.96)
    assert low is not None and high is not None and low < -0.5 < high
    # The defining property: the combination d + a b is just significant at either end.
    for b in (low, high):
        assert abs(0.5 + b) / np.sqrt(0.01 + b * b * 0.01) == pytest.approx(1.96)
    assert fieller(0.1, 0.5, tight, 1.96) == (None, None)


def test_bank_of_a_fit_is_plain_data_and_comes_back() -> None:
    from calibrant.quality.bank import bank_of

    _, scores = drawn("gpcm", 120, 5, 1)
    found = fit_bank(scores, "gpcm", high=3.0)
    back = bank_of(found.bank.to_dict())
    assert np.allclose(back.intercepts, found.bank.intercepts, equal_nan=True)
    plain = found.to_dict()
    assert {"model", "log_likelihood", "adequacy", "items", "subjects", "reliability"} <= set(plain)
    assert isinstance(plain["items"][1]["difficulty"], tuple | list)
    assert isinstance(plain["items"][0]["difficulty"], float)
