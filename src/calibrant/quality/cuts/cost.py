"""Which cut, and how many items, cost least? Bayes decisions on beta-binomial scores.

A subject's true rate has a beta distribution among subjects, and the test shows k of n items right.
To pass a subject whose true rate misses the standard costs something, and so does to fail one that
meets it. The cut is the score at which both expected costs are the same (Novick and Lindley,
Journal of Educational Measurement 15 (1978) 181; van der Linden and Mellenbergh, Applied
Psychological Measurement 1 (1977) 593). All sums over k are exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaln, gammaln

from calibrant.errors import InputError
from calibrant.quality.cuts.cut import (
    Cut,
    check_direction,
    check_level,
    hash_of,
    inside,
)
from calibrant.quality.cuts.prior import Priors, declared, posterior

if TYPE_CHECKING:
    from calibrant._figure import Figure

Floats = NDArray[np.float64]

LOSSES = ("threshold", "linear")
MOST = 2000
"""Items up to which tests are compared."""


@dataclass(frozen=True)
class Choice:
    """A test of so many items with its best cut.

    Attributes:
        items: how many.
        passes_at: the fewest right answers with which a subject passes, one more than `items` if
            none does; where acceptable lies below, the most counts, and -1 if none does.
        loss: expected cost of wrong decisions, a subject.
        total: that and the cost of the items.
        false_pass, false_fail: chance that a subject is passed, or failed, wrongly.
    """

    items: int
    passes_at: int
    loss: float
    total: float
    false_pass: float
    false_fail: float


@dataclass(frozen=True, eq=False)
class CostCut:
    """A cut of least expected cost.

    Attributes:
        cut: the cut for the number of items asked for.
        choice: that test.
        standard: the true rate that is just acceptable.
        prior_mean, prior_sd: of true rates among subjects.
        icc: share of the variance of a single answer that lies between subjects, 0–1.
        loss_untested: expected cost of the better of passing and failing everybody.
        value: what the test saves a subject, `loss_untested` less its loss.
        value_of_certainty: what knowing true rates would save.
        best: the number of items with the least total cost; None without an item cost.
        curve: tests of other lengths.
        losses: cut scores, and at each the expected cost of false passes and of false fails.
        notes: what a reader should know, one sentence each.
    """

    cut: Cut
    choice: Choice
    standard: float
    prior_mean: float
    prior_sd: float
    icc: float
    loss_untested: float
    value: float
    value_of_certainty: float
    best: Choice | None
    curve: tuple[Choice, ...]
    losses: tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return asdict(self) | {"cut": self.cut.to_dict(), "notes": list(self.notes)}

    def plot(self) -> Figure:
        """The loss over the cut score, from both kinds of error."""
        from calibrant.quality.cuts.figures import Curve, curves_figure

        x, wrong_pass, wrong_fail = (np.array(v) for v in self.losses)
        curves = [
            Curve("false pass", x, wrong_pass, "refute", (5, 3)),
            Curve("false fail", x, wrong_fail, "futile", (2, 2)),
            Curve("both", x, wrong_pass + wrong_fail, "path"),
        ]
        said = f"{self.choice.items} items; expected cost a subject of each cut score"
        return curves_figure("What each cut would cost", self.cut, curves, axis="cut score",
                             said=said)  # fmt: skip

    def __repr__(self) -> str:
        c = self.choice
        how = "from" if self.cut.direction == "above" else "up to"
        text = f"{self.cut!r}; pass {how} {c.passes_at} of {c.items}, expected cost {c.loss:.4g}"
        if self.best is not None:
            text += f"; cheapest with {self.best.items} items, {self.best.total:.4g} in all"
        return text


def cost_cut(
    scores: Sequence[float] | Floats | None = None,
    *,
    items: int,
    standard: float | Cut,
    cost_false_pass: float = 1.0,
    cost_false_fail: float = 1.0,
    item_cost: float | None = None,
    loss: str = "threshold",
    prior: tuple[float, float] | None = None,
    scored: Sequence[float] | Floats | int | None = None,
    lengths: Sequence[int] | None = None,
    level: float = 0.95,
    direction: str = "above",
) -> CostCut:
    """The cut of least expected cost on a test of so many items.

    Args:
        scores: observed scores of subjects like those to be tested, 0–1, from which the
            distribution of true rates is learnt. Its uncertainty is in the cut's error.
        items: of the test that the cut is for.
        standard: the true rate that is just acceptable, 0–1; or a cut, whose error then counts.
        cost_false_pass, cost_false_fail: above 0, in one unit. With loss "threshold" a wrong
            decision; with "linear" one that is wrong by a true rate of 1.
        item_cost: of one more item for one subject, in the same unit: then the best number too.
        prior: a and b of a declared beta distribution of true rates, in place of `scores`.
        scored: items behind each score, by default `items`.
        lengths: of other tests to compare; by default a dozen.

    Raises:
        InputError: for impossible numbers, fewer than 5 subjects, or no or two distributions.
    """
    check_level(level)
    side = check_direction(direction)
    _check(items, cost_false_pass, cost_false_fail, item_cost, loss)
    priors, source = _priors(scores, scored, items, prior, side)
    rates, shares = _standard(standard, side)
    costs = (cost_false_pass, cost_false_fail)
    problem = _Problem(priors, rates, shares, costs, loss)
    error: float | None
    value, error, low, high = problem.cut(items, level)
    if priors.subjects == 0 and rates.size == 1:
        error, low, high = None, value, value
    choice, lost = problem.choice(items, item_cost or 0.0)
    untested = problem.choice(0, 0.0)[0].loss
    others = _lengths(items) if lengths is None else sorted({items, *lengths})
    curve = tuple(choice if n == items else problem.choice(n, item_cost or 0.0)[0] for n in others)
    best = None if item_cost is None else problem.best(item_cost, curve)
    grid = np.arange(items + 1) / items
    notes = _notes(priors, choice, untested, error)
    mean, where = priors.mean, float(shares @ rates)
    if side == "below":
        value, low, high, mean, where = 1 - value, 1 - high, 1 - low, 1 - mean, 1 - where
        grid = 1 - grid
        turn = {n: replace(n, passes_at=n.items - n.passes_at) for n in (choice, *curve)}
        choice, curve = turn[choice], tuple(turn[n] for n in curve)
        best = None if best is None else replace(best, passes_at=best.items - best.passes_at)
    cut = Cut(
        inside(value), side, error, inside(min(low, value)), inside(max(high, value)), level,
        "cost", priors.subjects, "subjects", items, False, None,
        hash_of(source, items, where, costs, loss, item_cost),
    )  # fmt: skip
    return CostCut(
        cut, choice, where, mean, priors.sd, priors.icc, untested, untested - choice.loss,
        untested, best, curve, (_plain(grid), _plain(lost[0]), _plain(lost[1])), notes,
    )  # fmt: skip


class _Problem:
    """What passing and failing cost, given k of n right; acceptable lies above the standard."""

    def __init__(
        self, priors: Priors, rates: Floats, shares: Floats, costs: tuple[float, float], loss: str
    ) -> None:
        self.priors, self.rates, self.shares = priors, rates, shares
        self.costs, self.linear = costs, loss == "linear"

    def expected(self, k: Floats, n: int, rates: Floats, shares: Floats) -> tuple[Floats, Floats]:
        """Costs of passing and of failing: shape of k, distributions in the last axis."""
        a, b = self.priors.a + k, self.priors.b + n - k
        passing, failing = np.zeros(a.shape), np.zeros(a.shape)
        for rate, share in zip(rates, shares, strict=True):
            below = betainc(a, b, rate)
            if not self.linear:
                passing += share * below
                failing += share * (1 - below)
                continue
            mean = a / (a + b)
            under = betainc(a + 1, b, rate)
            passing += share * np.maximum(rate * below - mean * under, 0.0)
            failing += share * np.maximum(mean * (1 - under) - rate * (1 - below), 0.0)
        return self.costs[0] * passing, self.costs[1] * failing

    def marginal(self, k: Floats, n: int) -> Floats:
        """How likely k of n is under each distribution, times its weight; k may be a fraction."""
        a, b = self.priors.a, self.priors.b
        choose = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
        found: Floats = self.priors.weights * np.exp(choose + betaln(a + k, b + n - k)
                                                     - betaln(a, b))  # fmt: skip
        return found

    def mixed(self, k: float, n: int) -> float:
        """Cost of passing less that of failing, over all distributions that may be."""
        at = np.array([k])[:, None]
        weight = self.marginal(at, n)
        passing, failing = self.expected(at, n, self.rates, self.shares)
        return float((weight * (passing - failing)).sum())

    def cut(self, n: int, level: float) -> tuple[float, float, float, float]:
        """The score at which both cost the same, its standard error and interval."""
        low, high = 0.0, float(n)
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if self.mixed(middle, n) > 0 else (low, middle)
        value = high / n
        each, weight = [], []
        for rate, share in zip(self.rates, self.shares, strict=True):
            each.append(self._each(n, rate) / n)
            weight.append(share * self.priors.weights)
        found, mass = np.concatenate(each), np.concatenate(weight)
        error = math.sqrt(float(mass @ (found - mass @ found) ** 2))
        tail = (1 - level) / 2
        ends = _quantiles(found, mass, (tail, 1 - tail))
        return value, error, min(ends[0], value), max(ends[1], value)

    def _each(self, n: int, rate: float) -> Floats:
        """The cut in right answers, were each distribution and this standard true."""
        low = np.zeros(self.priors.a.size)
        high = np.full(self.priors.a.size, float(n))
        one = np.array([rate]), np.ones(1)
        for _ in range(50):
            middle = (low + high) / 2
            passing, failing = self.expected(middle, n, *one)
            short = passing > failing
            low, high = np.where(short, middle, low), np.where(short, high, middle)
        return np.asarray(high)

    def table(self, n: int) -> tuple[Floats, Floats]:
        """For every k: how likely, times the cost of passing, and of failing."""
        k = np.arange(n + 1, dtype=np.float64)[:, None]
        weight = self.marginal(k, n)
        passing, failing = self.expected(k, n, self.rates, self.shares)
        return (weight * passing).sum(axis=1), (weight * failing).sum(axis=1)

    def choice(self, n: int, item_cost: float) -> tuple[Choice, tuple[Floats, Floats]]:
        """The best cut on n items; and costs of false passes and fails, were it each of 0 to n."""
        passing, failing = self.table(n)
        wrong = np.concatenate([np.cumsum(passing[::-1])[::-1], [0.0]])
        missed = np.concatenate([[0.0], np.cumsum(failing)])
        at = int(np.argmin(wrong + missed))
        loss = float(wrong[at] + missed[at])
        bad, good = passing / self.costs[0], failing / self.costs[1]
        if self.linear:
            chances = _Problem(self.priors, self.rates, self.shares, (1.0, 1.0), "threshold")
            bad, good = chances.table(n)
        found = Choice(n, at, loss, loss + n * item_cost, float(bad[at:].sum()),
                       float(good[:at].sum()))  # fmt: skip
        return found, (wrong[:-1], missed[:-1])

    def best(self, item_cost: float, curve: tuple[Choice, ...]) -> Choice:
        """The number of items with the least total cost."""
        tried = {c.items: c for c in (*curve, self.choice(0, item_cost)[0])}
        for _ in range(8):
            order = sorted(tried)
            at = order.index(min(tried, key=lambda n: (tried[n].total, n)))
            left = order[max(at - 1, 0)]
            right = order[min(at + 1, len(order) - 1)]
            fresh = {round(x) for x in np.linspace(left, right, 9)} - set(tried)
            if not fresh:
                break
            tried |= {n: self.choice(n, item_cost)[0] for n in fresh}
        return min(tried.values(), key=lambda c: (c.total, c.items))


def _plain(values: Floats) -> tuple[float, ...]:
    return tuple(float(v) for v in values)


def _lengths(items: int) -> list[int]:
    """Lengths for the curve: round numbers, and the one asked for."""
    most = min(MOST, max(200, 4 * items))
    return sorted({items, *(round(x) for x in np.geomspace(5, most, 12))})


def _quantiles(values: Floats, weights: Floats, at: tuple[float, float]) -> tuple[float, float]:
    order = np.argsort(values, kind="stable")
    mass = np.cumsum(weights[order]) - weights[order] / 2
    low, high = np.interp(at, mass / weights.sum(), values[order])
    return float(low), float(high)


def _standard(standard: float | Cut, side: str) -> tuple[Floats, Floats]:
    """Rates that may be the standard, with weights; one for certain if it is a number."""
    if isinstance(standard, Cut):
        if standard.direction != side:
            raise InputError(
                f"standard: this cut says that {standard.direction} it is acceptable, wanted {side}"
            )
        value, error = standard.value, standard.standard_error or 0.0
    else:
        value, error = float(standard), 0.0
    if not 0 < value < 1:
        raise InputError(f"standard: wanted a true rate between 0 and 1, got {value!r}")
    value = value if side == "above" else 1 - value
    if error == 0:
        return np.array([value]), np.ones(1)
    nodes, weights = np.polynomial.hermite_e.hermegauss(9)
    return np.clip(value + error * nodes, 1e-6, 1 - 1e-6), weights / weights.sum()


def _priors(
    scores: Sequence[float] | Floats | None,
    scored: Sequence[float] | Floats | int | None,
    items: int,
    prior: tuple[float, float] | None,
    side: str,
) -> tuple[Priors, str]:
    if (scores is None) == (prior is None):
        raise InputError("cost: wanted either scores of subjects or a declared prior")
    if prior is not None:
        a, b = prior if side == "above" else prior[::-1]
        return declared(a, b), hash_of(list(prior))
    x = np.asarray(scores, np.float64).ravel()
    n = np.broadcast_to(np.asarray(items if scored is None else scored, np.float64), x.shape)
    if np.isnan(x).any() or not ((x >= 0) & (x <= 1)).all():
        raise InputError("scores: wanted numbers from 0 to 1")
    x = x if side == "above" else 1 - x
    return posterior(x * n, n), hash_of(x, n)


def _check(
    items: int, false_pass: float, false_fail: float, item_cost: float | None, loss: str
) -> None:
    if not 1 <= items <= 10_000:
        raise InputError(f"items: wanted 1 to 10,000, got {items!r}")
    for name, cost in (("false_pass", false_pass), ("false_fail", false_fail)):
        if not 0 < cost < math.inf:
            raise InputError(f"cost_{name}: wanted a number above 0, got {cost!r}")
    if item_cost is not None and not 0 <= item_cost < math.inf:
        raise InputError(f"item_cost: wanted a number of 0 or more, got {item_cost!r}")
    if loss not in LOSSES:
        raise InputError(f"loss: wanted one of {', '.join(LOSSES)}, got {loss!r}")


def _notes(priors: Priors, choice: Choice, untested: float, error: float | None) -> tuple[str, ...]:
    notes = []
    if error is None:
        notes.append("the distribution and the standard were declared, so that the cut has no "
                     "standard error")  # fmt: skip
    elif 0 < priors.subjects < 10:
        notes.append(f"{priors.subjects} subjects say little about how true rates vary")
    if choice.passes_at in (0, choice.items + 1):
        who = "passes" if choice.passes_at == 0 else "fails"
        notes.append(f"with these costs everybody {who}, whatever the test shows")
    if untested - choice.loss < 1e-9 * max(untested, 1e-300):
        notes.append("the test is worth nothing: no result would change the decision")
    return tuple(notes)
