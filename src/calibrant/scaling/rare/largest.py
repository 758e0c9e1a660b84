"""What is the largest of m queries, when n were seen? A generalised Pareto tail, with its floor.

For probabilities the tail is fitted to elicitation scores -log(-log p), whose upper tail was found
close to exponential for many queries (Jones et al., "Forecasting rare language model behaviors",
arXiv:2502.16797); here its shape is free, and its uncertainty is carried into the forecast.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrant._figure import Shown
from calibrant.errors import InputError
from calibrant.scaling.rare import pareto
from calibrant.scaling.rare.deploy import check_deployments, floor_of, seen_until
from calibrant.scaling.rare.profile import Estimate, Fitted, drop_of
from calibrant.scaling.rare.thresholds import REJECT, Threshold, candidates, choose
from calibrant.stats.estimates.betting import numbers
from calibrant.stats.estimates.rates import check_level

Floats = NDArray[np.float64]
Of = Literal["probability", "logprob", "score"]
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)


@dataclass(frozen=True)
class ReturnLevel:
    """What is reached once in so many queries.

    Attributes:
        deployments: queries m, at least as many as exceed the threshold once.
        value, low, high: the level that a query exceeds with chance 1/m, and its interval.
        largest, largest_low, largest_high: the median of the largest of m queries, and an interval
            that holds this largest itself at the level asked for (error of the fit and of the
            draw together).
        parametric_only: whether only the law bounds it from above: n queries alone do not rule
            out that one of m reaches the top.
    """

    deployments: float
    value: float
    low: float
    high: float
    largest: float
    largest_low: float
    largest_high: float
    parametric_only: bool


@dataclass(frozen=True)
class Rate:
    """The chance of an event in one query.

    Attributes:
        value, low, high: as the fitted law has it.
        floored_high: high plus the largest share of queries that n queries may have missed, in
            which the event is certain; never below 1 - alpha^(1/n).
    """

    value: float
    low: float
    high: float
    floored_high: float


@dataclass(frozen=True, repr=False)
class Tail(Shown):
    """A fitted tail and what it says of more queries than were seen.

    Attributes:
        of: what the values are.
        n: queries seen.
        level: of the intervals.
        threshold: where the tail begins, in the units of the values.
        exceedances: values above it.
        shape, scale: of the tail, the scale in units of the fit. A shape below 0 has an end.
        p: of the Anderson–Darling test of the tail, cut at 0.001 and 0.5.
        levels: for each number of deployments.
        rate: the mean probability of an event, for probabilities.
        above: the share of queries above the level asked for.
        tried: all thresholds, the highest first.
        seen: (queries, value) of the largest values: the i-th of n is reached once in n/i.
        law: the tail with the parameters that the data allow; it is not part of `to_dict`.
        notes: what a reader must know, one sentence each.
    """

    of: Of
    n: int
    level: float
    threshold: float
    exceedances: int
    shape: Estimate
    scale: Estimate
    p: float
    levels: tuple[ReturnLevel, ...]
    rate: Rate | None
    above: Rate | None
    above_level: float | None
    tried: tuple[Threshold, ...]
    seen: tuple[tuple[float, float], ...]
    law: Fitted
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        one = self.levels[-1]
        return (
            f"one query in {one.deployments:,.6g} reaches {one.value:.4g}, [{one.low:.4g}, "
            f"{one.high:.4g}] ({self.level:.0%}, generalised Pareto tail of shape "
            f"{self.shape.value:.2f} over {self.exceedances} of {self.n:,} queries), if no query "
            "outside that law exists"
        )

    @cached_property
    def path(self) -> tuple[tuple[float, float, float, float], ...]:
        """(queries, level, low, high) of the law, for drawing."""
        show, most = _shown(self.of), max(r.deployments for r in self.levels)
        return _path(self.law, most, show)

    def to_dict(self) -> dict[str, Any]:
        """The fields and the path as plain data; ends without limit are None."""
        plain = {f.name: _plain(getattr(self, f.name)) for f in fields(self) if f.name != "law"}
        return {**plain, "path": _plain(self.path)}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def tail(
    values: ArrayLike,
    *,
    deployments: Sequence[float] = (1e6,),
    of: Of = "probability",
    above: float | None = None,
    exceedances: int | None = None,
    level: float = 0.95,
) -> Tail:
    """Fit the tail of n queries and forecast the largest of m.

    Shape and scale are of largest likelihood. Intervals are by profile likelihood, with the share
    above the threshold uncertain too, and Student's quantile for the normal one, as tails are
    small. They hold if deployment draws from the same queries and the tail goes on as
    it was seen; of a mode that no query showed they say nothing (see `ReturnLevel.parametric_only`,
    `Rate.floored_high`).

    Args:
        values: shape (n,), one a query: the probability of the event, its natural logarithm, or
            a score that is large where it matters.
        deployments: numbers of queries, each above n / exceedances.
        above: a level whose exceedance is also asked for, in the units of the values.
        exceedances: how many of the values form the tail; by default chosen by `thresholds.choose`.
        level: confidence of two-sided intervals.

    Raises:
        InputError: for values outside their range, or deployments that the sample itself covers.
        UnfitError: for fewer than 125 values, or a tail that no generalised Pareto fits.
    """
    check_level(level, "two")
    raw = _checked(values, of)
    many = check_deployments(deployments)
    alike = _alike(raw)
    tried = candidates(raw, exceedances)
    index = choose(tried) if exceedances is None else 0
    fitted = Fitted.of(raw, tried[index], level)
    show = _shown(of)
    for m in many:
        if m * tried[index].exceedances <= raw.size:
            least = raw.size / tried[index].exceedances
            raise InputError(
                f"deployments: wanted more than {least:.4g} for the tail, got {m:g}; so few "
                "queries are covered by the sample itself"
            )
    levels = tuple(_level(fitted, m, level, show) for m in many)
    rate = over = None
    if of != "score":
        rate = _rate(fitted, raw, level)
    if above is not None:
        over = _above(fitted, _checked([above], of)[0], level)
    return Tail(
        of, raw.size, level, show(fitted.threshold), fitted.count,
        fitted.estimate(lambda *p: p[0]), fitted.estimate(lambda *p: p[1]),
        tried[index].p, levels, rate, over, above, tuple(tried),
        _seen(raw, fitted.count, show), fitted,
        (*alike, *_notes(tried, index, fitted, many, raw.size)),
    )  # fmt: skip


def elicitation(logprob: Floats) -> Floats:
    """Elicitation scores -log(-log p) from natural logarithms of probabilities."""
    with np.errstate(divide="ignore"):
        return np.asarray(-np.log(-logprob))


def _level(fitted: Fitted, m: float, level: float, show: Callable[[float], float]) -> ReturnLevel:
    found = fitted.estimate(fitted.reached(1 / m))
    tail_error = (1 - level) / 4
    half = drop_of(1 - (1 - level) / 2, fitted.count)

    def share(quantile: float) -> float:
        """The chance at which the largest of m has this quantile."""
        return float(-np.expm1(np.log(quantile) / m))

    middle = fitted.estimate(fitted.reached(share(0.5))).value
    low = fitted.estimate(fitted.reached(share(tail_error)), half).low
    high = fitted.estimate(fitted.reached(share(1 - tail_error)), half).high
    return ReturnLevel(
        m, show(found.value), show(found.low), show(found.high),
        show(middle), show(low), show(high),
        m > seen_until(fitted.n, level),
    )  # fmt: skip


def _path(
    fitted: Fitted, most: float, show: Callable[[float], float]
) -> tuple[tuple[float, float, float, float], ...]:
    found = []
    for m in np.geomspace(1.05 * fitted.n / fitted.count, most, 30).tolist():
        e = fitted.estimate(fitted.reached(1 / m))
        found.append((m, show(e.value), show(e.low), show(e.high)))
    return tuple(found)


def _seen(x: Floats, count: int, show: Callable[[float], float]) -> tuple[tuple[float, float], ...]:
    top = np.sort(np.partition(x, x.size - count)[x.size - count :])[::-1]
    ranks = np.unique(np.rint(np.geomspace(1, count, 40)).astype(int))
    return tuple((x.size / int(i), show(float(top[i - 1]))) for i in ranks)


def _rate(fitted: Fitted, x: Floats, level: float) -> Rate:
    """The mean probability: that of the tail by its law, that of the body as observed."""
    grid = np.linspace(0.0, 60.0, 16)
    half = (grid[1] - grid[0]) / 2
    t = ((grid[:-1] + half)[:, None] + half * _NODES).ravel()
    weight = np.tile(_WEIGHTS * half, grid.size - 1) * np.exp(-t)

    def mean(xi: Floats, sigma: Floats, above: Floats) -> Floats:
        # Beyond e^-60 of the tail the probability may be 1 and still not matter.
        score = fitted.threshold + pareto.quantile(np.exp(-t), xi[:, None], sigma[:, None])
        return np.asarray(above * (np.exp(-np.exp(-score)) @ weight))

    found = fitted.estimate(mean)
    body = np.where(x > fitted.threshold, 0.0, np.exp(-np.exp(-np.minimum(x, fitted.threshold))))
    reach = np.sqrt(2 * fitted.drop) * float(body.std(ddof=1)) / x.size**0.5
    value = found.value + float(body.mean())
    # Two independent parts: their reaches add as squares (Zou and Donner, Statistics in
    # Medicine 27 (2008) 1693).
    low = max(value - float(np.hypot(found.value - found.low, reach)), 0.0)
    high = min(value + float(np.hypot(found.high - found.value, reach)), 1.0)
    return _floored(value, low, high, x.size, level)


def _above(fitted: Fitted, c: float, level: float) -> Rate:
    if c <= fitted.threshold:
        raise InputError("above: wanted a level within the tail, got one below its threshold")

    def share(xi: Floats, sigma: Floats, above: Floats) -> Floats:
        y = np.asarray(c - fitted.threshold)
        return np.asarray(above * np.exp(pareto.log_survival(y, xi, sigma)))

    found = fitted.estimate(share)
    return _floored(found.value, found.low, found.high, fitted.n, level)


def _floored(value: float, low: float, high: float, n: int, level: float) -> Rate:
    return Rate(value, low, high, high + (1 - high) * floor_of(n, level))


def _checked(values: ArrayLike, of: Of) -> Floats:
    """Values on the scale of the fit: elicitation scores of probabilities, or scores."""
    if of not in ("probability", "logprob", "score"):
        raise InputError(f"of: wanted probability, logprob or score, got {of!r}")
    if of == "score":
        return numbers(values, "scores")
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or x.size == 0 or np.any(np.isnan(x)):
        x = numbers(values, "probabilities")
    if of == "probability":
        wrong = (x < 0) | (x >= 1)
        wanted = "0 ≤ p < 1"
        with np.errstate(divide="ignore"):
            logs = np.log(np.where(wrong, 0.5, x))
    else:
        wrong, wanted, logs = x >= 0, "a logarithm below 0", np.where(x >= 0, -1.0, x)
    if np.any(wrong):
        at = int(np.flatnonzero(wrong)[0])
        raise InputError(f"probabilities: wanted {wanted}, got {x[at]:g} at {at}")
    return elicitation(logs)


def _shown(of: Of) -> Callable[[float], float]:
    if of == "score":
        return lambda v: v
    if of == "logprob":
        return lambda v: float(-np.exp(-v))
    return lambda v: float(np.exp(-np.exp(-v)))


def _alike(x: Floats) -> tuple[str, ...]:
    """Whether neighbouring rows are alike, by the correlation of their ranks."""
    rank = np.argsort(np.argsort(x, kind="stable"), kind="stable").astype(float)
    apart = rank - rank.mean()
    found = float(apart[1:] @ apart[:-1] / (apart @ apart))
    if found < 0.5 or found * x.size**0.5 < 4:
        return ()
    return (
        f"neighbouring rows are alike (rank correlation {found:.2f}): intervals take queries as "
        "independent, and are too narrow if rows are in the order they were made",
    )


def _notes(
    tried: list[Threshold], index: int, fitted: Fitted, many: Sequence[float], n: int
) -> list[str]:
    notes = []
    if tried[index].p < REJECT:
        notes.append(f"the tail fits badly (Anderson–Darling p = {tried[index].p:.3g})")
    if tried[index].shape <= pareto.LEAST_SHAPE + 1e-6:
        notes.append("the shape is at the edge of -1/2: the tail ends abruptly, and intervals are "
                     "not trustworthy")  # fmt: skip
    reach = np.log10(max(many) / n)
    if reach > 0:
        notes.append(f"{reach:.1f} orders of magnitude beyond the {n:,} queries seen")
    found = fitted.estimate(fitted.reached(1 / max(many)))
    out = []
    for t in tried[: index + 1]:
        share = np.asarray(n / (max(many) * t.exceedances))
        reached = t.threshold + float(
            pareto.quantile(share, np.asarray(t.shape), np.asarray(t.scale))
        )
        # Far fewer exceedances move by chance alone.
        if 3 * t.exceedances >= fitted.count and not found.low <= reached <= found.high:
            out.append(t)
    if out:
        counts = ", ".join(str(t.exceedances) for t in out[:6])
        notes.append(f"not stable: with {counts} exceedances the forecast leaves the interval")
    return notes
