"""What do k attempts at an item reach, when each was tried n times? Best of n, beyond n.

Items differ in how easily they give way, and the hard ones decide: where the density of their rates
near 0 is a power of the rate, failures fall as a power of k (Schaeffer et al., "How do large
language monkeys get their power (laws)?", arXiv:2502.17578). A beta law of the rates has such a
density, and its likelihood uses all counts. The plain power law -log ASR = a k^-b (Hughes et al.,
"Best-of-N jailbreaking", arXiv:2412.03556) stands beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import betaln, expit, gammaincc, gammaln, logit, stdtrit

from calibrant._figure import Shown
from calibrant.errors import InputError, UnfitError
from calibrant.scaling.rare.deploy import check_counts, floor_of
from calibrant.scaling.rare.passes import all_of, pass_at_k
from calibrant.scaling.rare.profile import Estimate
from calibrant.scaling.rare.region import Region, trace
from calibrant.stats.estimates.rates import check_level

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_ITEMS = 10
REFUTED = 0.005
"""The beta law's forecast is withheld if the counts fit it with a p-value below this."""
ROUNDS = 500
"""Bootstrap rounds for the plain power law."""

_Power = tuple[float | None, float | None, float | None]
_NONE: _Power = (None, None, None)
_LOW, _HIGH = np.array([-25.0, logit(1e-6)]), np.array([25.0, logit(1 - 1e-4)])


@dataclass(frozen=True)
class BestAt:
    """The chance that at least one of k attempts at an item succeeds.

    Attributes:
        k: attempts.
        value, low, high: by the beta law, None where it is withheld. `high` is never below what the
            items can rule out, 1 - alpha^(1/items).
        bound_low, bound_high: what holds for any law: from the interval for pass@n, as
            pass@n ≤ pass@k ≤ 1 - (1 - pass@n)^(k/n) for k ≥ n (Jensen).
        power, power_low, power_high: by the plain power law with a bootstrap of items; None where
            it has no fit.
    """

    k: int
    value: float | None
    low: float | None
    high: float | None
    bound_low: float
    bound_high: float
    power: float | None
    power_low: float | None
    power_high: float | None


@dataclass(frozen=True, repr=False)
class BestOfN(Shown):
    """A law of items' rates, and what more attempts would reach.

    Attributes:
        items, attempts, events: how many; `fewest` attempts were made at any item.
        level: of two-sided intervals.
        rate: the mean rate of single attempts by the law.
        spread: rho in 0–1; rates vary by rho × mean × (1 - mean). 0 is one rate for all.
        exponent: of the failures left after k attempts, which fall as k^-exponent in the end.
        fit: p-value of Pearson's test of the law against the counts, None if they are too few.
        withheld: why the law's forecast is not given, or None.
        curve: for each k.
        observed: pairs of k and pass@k without bias, up to `fewest`.
        path: the same curve at more k, without the power law, for drawing.
    """

    items: int
    attempts: int
    events: int
    fewest: int
    level: float
    rate: Estimate
    spread: Estimate
    exponent: Estimate
    fit: float | None
    withheld: str | None
    curve: tuple[BestAt, ...]
    observed: tuple[tuple[int, float], ...]
    path: tuple[BestAt, ...]

    def __repr__(self) -> str:
        last = self.curve[-1]
        if last.value is None:
            return (
                f"best of {last.k:,}: [{last.bound_low:.4g}, {last.bound_high:.4g}] "
                f"({self.level:.0%}, for any law); {self.withheld}"
            )
        return (
            f"best of {last.k:,}: {last.value:.4g}, [{last.low:.4g}, {last.high:.4g}] "
            f"({self.level:.0%}, beta law of {self.items:,} items); for any law "
            f"[{last.bound_low:.4g}, {last.bound_high:.4g}]"
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data."""
        return asdict(self)


def best_of_n(
    successes: ArrayLike,
    attempts: ArrayLike,
    k: Sequence[int],
    *,
    level: float = 0.95,
    power_law: bool = True,
    seed: int = 0,
) -> BestOfN:
    """Forecast pass@k for k beyond the attempts that were made.

    The rates of items are taken to have a beta law; its two parameters are of largest likelihood,
    and intervals by profile likelihood with Student's quantile. They hold if the law does, down to
    rates far below 1/n that no count shows: see `BestAt.bound_low`, `bound_high` for what holds
    without it. Where Pearson's test refutes the law its forecast is withheld.

    Args:
        successes, attempts: shape (items,); successes are the event, such as a jailbreak.
        k: numbers of attempts at one item.
        power_law: whether the plain power law is fitted too.
        seed: of its bootstrap.

    Raises:
        InputError: for impossible counts, k or level.
        UnfitError: for fewer than 10 items, single attempts, or events in fewer than 3 items.
    """
    check_level(level, "two")
    c, n = check_counts(successes, attempts)
    many = _check_k(k)
    _check_fit(c, n)
    table, weight = np.unique(np.stack([c, n], axis=1), axis=0, return_counts=True)
    region, drop = _fit(table, weight, level)
    allowed = region.at(drop)
    fitted = pearson(table, weight, region.top)
    withheld = None
    if fitted is not None and fitted < REFUTED:
        withheld = f"the counts refute the beta law (Pearson p = {fitted:.2g})"
    fewest = int(n.min())
    observed = _observed(c, n, fewest)
    plain = _power_law(c, n, many, level, seed) if power_law else [_NONE] * len(many)
    floor = floor_of(c.size, level)
    (base,) = pass_at_k(c, n, (fewest,), level=level)

    def at(r: int, power: _Power) -> BestAt:
        (inside,) = pass_at_k(c, n, (r,), level=level) if r < fewest else (base,)
        high = -np.expm1(np.log1p(-inside.high) * max(r / fewest, 1)) if inside.high < 1 else 1.0
        law = _NONE
        if withheld is None:
            value, every = float(reached(region.top[None], r)[0]), reached(allowed, r)
            law = value, min(value, float(every.min())), max(value, float(every.max()), floor)
        return BestAt(r, *law, inside.low, float(high), *power)

    grid = np.unique(np.rint(np.geomspace(1, max(*many, fewest, 2), 40)).astype(np.int64))
    return BestOfN(
        c.size, int(n.sum()), int(c.sum()), fewest, level,
        _range(expit(region.top[0]), expit(allowed[:, 0])),
        _range(expit(region.top[1]), expit(allowed[:, 1])),
        _range(float(_shapes(region.top[None])[0][0]), _shapes(allowed)[0]),
        fitted, withheld, tuple(at(r, p) for r, p in zip(many, plain, strict=True)), observed,
        tuple(at(int(r), _NONE) for r in grid),
    )  # fmt: skip


def reached(points: Floats, k: float) -> Floats:
    """pass@k under the beta laws at points (logit of mean, logit of rho), shape (points,)."""
    alpha, beta = _shapes(points)
    return np.asarray(-np.expm1(betaln(alpha, beta + k) - betaln(alpha, beta)))


def _shapes(points: Floats) -> tuple[Floats, Floats]:
    mean, rho = points[:, 0], points[:, 1]
    # (1 - rho)/rho without loss near either end.
    total = np.exp(-rho)
    return np.asarray(expit(mean) * total), np.asarray(expit(-mean) * total)


def _range(value: float, allowed: Floats) -> Estimate:
    return Estimate(
        float(value),
        min(float(value), float(allowed.min())),
        max(float(value), float(allowed.max())),
    )


def loglik(table: Ints, weight: Ints, points: Floats) -> Floats:
    """The beta-binomial log-likelihood, less its binomial coefficients, at many points.

    Args:
        table: shape (rows, 2), distinct pairs of successes and attempts; `weight` items each.
    """
    alpha, beta = (a[:, None] for a in _shapes(points))
    c, n = table[:, 0].astype(float), table[:, 1].astype(float)
    return np.asarray((betaln(alpha + c, beta + n - c) - betaln(alpha, beta)) @ weight)


def _fit(table: Ints, weight: Ints, level: float) -> tuple[Region, float]:
    items = int(weight.sum())
    share = float(table[:, 0] @ weight) / float(table[:, 1] @ weight)
    best = None
    for rho in (0.02, 0.3, 0.8):
        found = minimize(
            lambda p: -float(loglik(table, weight, p[None])[0]), [logit(share), logit(rho)],
            method="L-BFGS-B", bounds=list(zip(_LOW, _HIGH, strict=True)),
        )  # fmt: skip
        best = found if best is None or found.fun < best.fun else best
    assert best is not None
    drop = float(stdtrit(max(items - 1, 1), (1 + level) / 2)) ** 2 / 2
    top = np.asarray(best.x, dtype=np.float64)
    return trace(lambda p: loglik(table, weight, p), top, drop, low=_LOW, high=_HIGH), drop


def pearson(table: Ints, weight: Ints, point: Floats) -> float | None:
    """The p-value of Pearson's test of the law against the distribution of successes.

    Counts of few expected items are joined with their neighbours; None if fewer than four
    classes are left, as two parameters were fitted.
    """
    most = int(table[:, 1].max())
    if most > 20_000:
        return None
    alpha, beta = (float(a[0]) for a in _shapes(point[None]))
    seen = np.bincount(table[:, 0], weight, minlength=most + 1)
    expected = np.zeros(most + 1)
    for n in np.unique(table[:, 1]):
        j = np.arange(n + 1)
        choose = gammaln(n + 1) - gammaln(j + 1) - gammaln(n - j + 1)
        mass = np.exp(choose + betaln(alpha + j, beta + n - j) - betaln(alpha, beta))
        expected[: n + 1] += float(weight[table[:, 1] == n].sum()) * mass
    classes: list[tuple[float, float]] = []
    got = due = 0.0
    for s, e in zip(seen, expected, strict=True):
        got, due = got + s, due + e
        if due >= 5:
            classes.append((got, due))
            got = due = 0.0
    if not classes:
        return None
    classes[-1] = classes[-1][0] + got, classes[-1][1] + due
    if len(classes) < 4:
        return None
    distance = sum((s - e) ** 2 / e for s, e in classes)
    return float(gammaincc((len(classes) - 3) / 2, distance / 2))


def _observed(c: Ints, n: Ints, fewest: int) -> tuple[tuple[int, float], ...]:
    ks = np.unique(np.rint(np.geomspace(1, fewest, 16)).astype(int))
    return tuple((int(r), 1 - float(all_of(n - c, n, r).mean())) for r in ks)


def _power_law(c: Ints, n: Ints, many: list[int], level: float, seed: int) -> list[_Power]:
    """pass@k by least squares of log(-log pass@j) on log j, with a bootstrap of items."""
    table, weight = np.unique(np.stack([c, n], axis=1), axis=0, return_counts=True)
    ks = np.unique(np.rint(np.geomspace(1, n.min(), 20)).astype(int))
    fails = all_of((table[:, 1] - table[:, 0])[:, None], table[:, 1][:, None], ks)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(int(weight.sum()), weight / weight.sum(), ROUNDS)
    counts = np.concatenate([weight[None], drawn])
    asr = 1 - counts @ fails / weight.sum()
    usable = (asr > 0) & (asr < 1)
    x = np.log(ks)
    y = np.log(-np.log(np.where(usable, asr, 0.5)))
    w = usable / np.maximum(usable.sum(axis=1, keepdims=True), 1)
    mx, my = w @ x, (w * y).sum(axis=1)
    sxx = (w * (x - mx[:, None]) ** 2).sum(axis=1)
    if not (usable[0].sum() >= 3 and sxx[0] > 0):
        return [_NONE] * len(many)
    ok = (usable.sum(axis=1) >= 3) & (sxx > 0)
    slope = (w * (x - mx[:, None]) * (y - my[:, None])).sum(axis=1)[ok] / sxx[ok]
    cut = my[ok] - slope * mx[ok]
    found: list[_Power] = []
    for r in many:
        value = np.exp(-np.exp(np.minimum(cut + slope * np.log(r), 700.0)))
        low, high = np.quantile(value[1:], [(1 - level) / 2, (1 + level) / 2])
        found.append((float(value[0]), float(low), float(high)))
    return found


def _check_k(k: Sequence[int]) -> list[int]:
    many = []
    for r in k:
        if isinstance(r, bool) or r != int(r) or not 1 <= r <= 10**12:
            raise InputError(f"k: wanted whole numbers from 1 to 1e12, got {r!r}")
        many.append(int(r))
    if not many:
        raise InputError("k: wanted at least one number, got none")
    return sorted(set(many))


def _check_fit(c: Ints, n: Ints) -> None:
    if c.size < LEAST_ITEMS:
        raise UnfitError(f"best of n: wanted at least {LEAST_ITEMS} items, got {c.size}")
    if n.max() < 2:
        raise UnfitError("best of n: wanted several attempts at an item, got one at each")
    some = int((c > 0).sum())
    if some < 3:
        raise UnfitError(f"best of n: wanted events in at least 3 items, got {some}")
    if int((c < n).sum()) < 3:
        raise UnfitError("best of n: wanted failures in at least 3 items; nothing is left to fall")
