"""Which rates are compatible with counts in clusters whose rates spread like a beta distribution?

One question: the p-value of a rate p, when the intraclass correlation rho (ICC) is unknown. The
test averages the score for p over what the data say about rho, and finds its distribution by
simulation at the plausible rho. `BetaBinomialTest` holds one design (cluster sizes); simulated
distributions are kept, so that many data sets of one design cost little more than one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, gammaln, logit, ndtr, ndtri

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STEADY, PLUGGED = 3.0, 2.6
"""Second parameters of the Beta(1, ·) densities of rho that steady the statistic and the plugged-in
rho. Chosen on four regimes so that bounds are short; docs/clusters.md shows the others."""
STEPS = 48
"""Steps of the grid of rho on which its likelihood is evaluated, for up to 2,000 clusters."""
EVERY = 3
"""Null distributions are simulated at every third of them, and p-values interpolated."""
MANY = 1000
"""From so many expected clusters both with events and with non-events on, the normal limit is used.
"""


@dataclass
class BetaBinomialTest:
    """Tests of a rate from events in clusters of given sizes, under beta-binomial counts.

    For a rate p and the ICC rho, a cluster's rate has a beta distribution with mean p and
    variance rho p (1 - p). Write U(rho) and I(rho) for the score and the expected information
    about p. With q(rho) proportional to likelihood × Beta(1, 3) density, both at this p,
    the statistic is T = Σ q U / (Σ q I)^½. Its p-value is found by simulation at the mode
    of likelihood × Beta(1, 2.6) density. This inverts a test with a plugged-in nuisance parameter
    ("estimated p-value": Lloyd, Biometrika 95 (2008) 747). The two densities only steady rho
    where few clusters have events. The error rates are measured, not proven.

    Attributes:
        sizes: trials in each cluster.
        draws: simulated data sets per null distribution.
        seed: of the simulation.
    """

    sizes: Ints
    draws: int = 5000
    seed: int = 0
    _nulls: dict[tuple[int, int], Floats | None] = field(default_factory=dict, repr=False)
    _informed: dict[float, Floats] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.sizes = np.asarray(self.sizes, np.int64)
        self.kinds, self.many = np.unique(self.sizes, return_counts=True)
        self.longest, self.trials = int(self.kinds[-1]), int(self.sizes.sum())
        # Fine near 0 in units of the design effect, 1 + (size - 1) rho.
        smallest = min(0.02, 0.1 / max(self.longest - 1, 1))
        # More clusters tell rho more precisely, and a score at a neighbouring rho is biased.
        steps = STEPS * int(np.ceil((self.sizes.size / 2000) ** 0.5))
        self.rho = np.concatenate([[0.0], expit(np.linspace(logit(smallest), 4.0, steps))])
        log_keep = np.log1p(-self.rho)
        self.prior = (STEADY - 1) * log_keep + np.log(np.gradient(self.rho))
        # From the weights q to the density whose mode is plugged in.
        self._plug = np.exp((PLUGGED - STEADY) * log_keep) / np.gradient(self.rho)
        self.step = min(0.1, 2 / self.trials**0.5)
        # Rates are tested on nodes of equal steps in log-odds.
        j = np.arange(self.longest)
        self._larger = self.many.sum() - np.searchsorted(np.sort(self.sizes), j, side="right")
        # The term of the likelihood that depends on rho alone.
        self._alone = self._larger @ np.log(1 - self.rho + j[:, None] * self.rho)
        self.last = int(np.ceil(np.log(1e4 * self.trials) / self.step))

    def bound(
        self, events: Ints, tail: float, side: Literal["upper", "lower"]
    ) -> tuple[float, bool]:
        """The largest (smallest) rate that the one-sided test at level `tail` does not reject.

        Args:
            events: events in each cluster, in the order of `sizes`.

        Returns:
            The bound, and whether its p-values were simulated or exact (not the normal limit).
            Where every trial or no trial has an event it is the exact one for any
            clustering: each cluster counts as one trial.
        """
        total, up = int(events.sum()), side == "upper"
        if total == (self.trials if up else 0):
            return float(up), True
        if total in (0, self.trials):
            # Nothing is known about rho, so the bound must hold for every rho, and does for
            # every clustering: P(no events) = Π E(1 - rate)^size ≤ (1 - p)^clusters.
            edge = tail ** (1 / self.sizes.size)
            return (1 - edge if up else edge), True
        sign = 1 if up else -1
        tails = self._observed(events)

        @cache
        def p_value(node: int) -> float:
            return self._p_value(tails, sign * node, up)

        # p-values fall along the nodes: bisect, then look a little further, as simulated
        # p-values may rise again by chance.
        low, high = -self.last, self.last
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if p_value(middle) > tail else (low, middle)
        low = max([low, *(at for at in (low + 2, low + 3) if p_value(at) > tail)])
        while p_value(low + 1) > tail:
            low += 1
        inside, outside = ndtri([min(p_value(low), 1 - 1e-9), p_value(low + 1)])
        part = (inside - ndtri(tail)) / (inside - outside)
        near = {sign * low, sign * (low + 1)}
        simulated = all(null is not None for key, null in self._nulls.items() if key[0] in near)
        return float(expit(sign * (low + part) * self.step)), simulated

    def p_value(self, events: Ints, node: int, side: Literal["upper", "lower"]) -> float:
        """The one-sided p-value of the rate with log-odds `node * step`.

        "upper" tests that the rate is at least so large; "lower", at most.
        """
        return self._p_value(self._observed(events), node, side == "upper")

    def icc(self, events: Ints, rate: float) -> float:
        """The plugged-in ICC of the test of this rate, on its grid."""
        weights = self._statistic(*self._observed(events), *self._terms(rate))[1]
        return float(self.rho[np.argmax(weights[0] * self._plug)])

    def _observed(self, events: Ints) -> tuple[Floats, Floats]:
        some = events > 0
        return self._tails(
            np.zeros(int(some.sum()), np.int64), events[some], self.sizes[some], draws=1
        )

    def _p_value(self, tails: tuple[Floats, Floats], node: int, up: bool) -> float:
        rate = float(expit(node * self.step))
        statistic, weights = self._statistic(*tails, *self._terms(rate))
        at = int(np.argmax(weights[0] * self._plug))
        left = at // EVERY * EVERY
        share = (at - left) / EVERY
        value = (1 - share) * self._tail(float(statistic[0]), node, rate, left, up)
        if share > 0:
            value += share * self._tail(float(statistic[0]), node, rate, left + EVERY, up)
        return value

    def _tail(self, statistic: float, node: int, rate: float, at: int, up: bool) -> float:
        null = self._null(node, rate, at)
        if null is None:
            return float(ndtr(statistic if up else -statistic))
        # Ties are events too; the observed set counts as one draw (Davison and Hinkley, 4.2).
        slack = 1e-9 * (1 + abs(statistic))
        if up:
            beyond = int(np.searchsorted(null, statistic + slack, side="right"))
        else:
            beyond = null.size - int(np.searchsorted(null, statistic - slack, side="left"))
        return (beyond + 1) / (null.size + 1)

    def _null(self, node: int, rate: float, at: int) -> Floats | None:
        """The sorted simulated statistics, or None where clusters with events abound."""
        if (node, at) not in self._nulls:
            # Both tests of a rate, and its neighbours, see the same random numbers.
            rng = np.random.default_rng([self.seed, at])
            drawn = self._draw(rate, float(self.rho[at]), rng)
            null = None
            if drawn is not None:
                null = np.sort(self._statistic(*drawn, *self._terms(rate))[0])
            self._nulls[node, at] = null
        return self._nulls[node, at]

    def _draw(
        self, rate: float, rho: float, rng: np.random.Generator
    ) -> tuple[Floats, Floats] | None:
        """Tail counts of simulated data sets; None if the normal limit will do.

        Only clusters with events are ever drawn, or with non-events if these are the rarer.
        """
        flip = rate > 0.5
        p, icc = np.array([1 - rate if flip else rate]), np.array([rho])
        masses = [np.exp(log_mass(int(n), p, icc)[0]) for n in self.kinds]
        some = np.array([m[1:].sum() for m in masses])
        if float(some @ self.many) > MANY:
            return None
        draw, events, sizes = [], [], []
        for n, many, mass, chance in zip(self.kinds, self.many, masses, some, strict=True):
            positive = rng.binomial(many, min(float(chance), 1.0), self.draws)
            shape = np.cumsum(mass[1:]) / chance if chance > 0 else np.ones(int(n))
            found = 1 + np.searchsorted(shape[:-1], rng.random(int(positive.sum())), side="right")
            draw.append(np.repeat(np.arange(self.draws), positive))
            events.append(found)
            sizes.append(np.full(found.size, n))
        more, fewer = self._tails(
            np.concatenate(draw), np.concatenate(events), np.concatenate(sizes), draws=self.draws
        )
        return (fewer, more) if flip else (more, fewer)

    def _tails(self, draw: Ints, events: Ints, sizes: Ints, *, draws: int) -> tuple[Floats, Floats]:
        """Counts of clusters with more than j events, and with more than j non-events.

        These are sufficient for (p, rho). Only clusters with events are passed; the others
        have `size` non-events.
        """
        wide = self.longest + 1
        cells, shape = draws * wide, (draws, wide)
        exact = np.bincount(draw * wide + events, minlength=cells).reshape(shape)
        more = exact[:, ::-1].cumsum(1)[:, ::-1][:, 1:]
        # A cluster with k events lacks the non-events j = size - k, ..., size - 1.
        lacking = np.bincount(draw * wide + sizes - events, minlength=cells) - np.bincount(
            draw * wide + sizes, minlength=cells
        )
        missing = lacking.reshape(shape).cumsum(1)[:, :-1]
        return more.astype(np.float64), (self._larger - missing).astype(np.float64)

    def _terms(self, rate: float) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """Log-likelihood and score weights of the tail counts, and the information, per rho."""
        j = np.arange(self.longest)[:, None]
        keep = 1 - self.rho
        yes, no = rate * keep + j * self.rho, (1 - rate) * keep + j * self.rho
        if rate not in self._informed:
            self._informed[rate] = self._information(rate)
        return np.log(yes), np.log(no), keep / yes, keep / no, self._informed[rate]

    def _information(self, rate: float) -> Floats:
        """The expected information about p of the whole design, for each rho."""
        rates = np.full(self.rho.size, rate)
        # Sums over the longest cluster hold those of every shorter one.
        yes, no, alone = _sums(self.longest, rates, self.rho)
        score_yes, score_no = _score_sums(self.longest, rates, self.rho)
        total = np.zeros(self.rho.size)
        for n, many in zip(self.kinds, self.many, strict=True):
            k = slice(0, n + 1)
            mass = np.exp(_log_choose(int(n)) + yes[:, k] + no[:, n::-1] - alone[:, n, None])
            total += many * (mass * (score_yes[:, k] - score_no[:, n::-1]) ** 2).sum(1)
        return total

    def _statistic(
        self,
        more: Floats,
        fewer: Floats,
        log_yes: Floats,
        log_no: Floats,
        score_yes: Floats,
        score_no: Floats,
        information: Floats,
    ) -> tuple[Floats, Floats]:
        """T of each data set, and the unnormalised weights q."""
        log_q = more @ log_yes + fewer @ log_no - self._alone + self.prior
        q = np.exp(log_q - log_q.max(1, keepdims=True))
        score = more @ score_yes - fewer @ score_no
        return np.asarray((q * score).sum(1) / np.sqrt((q @ information) * q.sum(1))), q


def log_mass(n: int, rate: Floats, rho: Floats) -> Floats:
    """Log beta-binomial probabilities of 0…n events; `rate` and `rho` are arrays of one length.

    Written with products, not beta functions, so that rho = 0 is the binomial itself.
    """
    yes, no, alone = _sums(n, rate, rho)
    return np.asarray(_log_choose(n) + yes + no[:, ::-1] - alone[:, -1:])


def cluster_score(n: int, rate: Floats, rho: Floats) -> Floats:
    """The derivative of `log_mass` with respect to the rate, same shape."""
    yes, no = _score_sums(n, rate, rho)
    return yes - no[:, ::-1]


def _log_choose(n: int) -> Floats:
    k = np.arange(n + 1)
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))


def _sums(n: int, rate: Floats, rho: Floats) -> tuple[Floats, Floats, Floats]:
    """Log products of the first 0…n factors for events, non-events and trials."""
    j, rate, rho = np.arange(n), rate[:, None], rho[:, None]
    return (
        _from_zero(np.log(rate * (1 - rho) + j * rho)),
        _from_zero(np.log((1 - rate) * (1 - rho) + j * rho)),
        _from_zero(np.log(1 - rho + j * rho)),
    )


def _score_sums(n: int, rate: Floats, rho: Floats) -> tuple[Floats, Floats]:
    """Derivatives of the first two of `_sums` by the rate, the second with its sign turned."""
    j, rate, rho = np.arange(n), rate[:, None], rho[:, None]
    keep = 1 - rho
    return (
        _from_zero(keep / (rate * keep + j * rho)),
        _from_zero(keep / ((1 - rate) * keep + j * rho)),
    )


def _from_zero(terms: Floats) -> Floats:
    return np.concatenate([np.zeros((terms.shape[0], 1)), np.cumsum(terms, axis=1)], axis=1)


@lru_cache(maxsize=8)
def _kept(sizes: bytes, draws: int, seed: int) -> BetaBinomialTest:
    return BetaBinomialTest(np.frombuffer(sizes, np.int64), draws, seed)


def design(sizes: Ints, draws: int, seed: int) -> BetaBinomialTest:
    """The test of a design; the last few designs keep their simulations."""
    return _kept(np.asarray(sizes, np.int64).tobytes(), draws, seed)
