"""Where do the scores of acceptable subjects begin? Cuts from subjects that experts judged.

Borderline group: the middle of the scores of subjects judged to be just on the border (Livingston
and Zieky 1982). Contrasting groups: the score at which a subject is as likely judged acceptable
as not, or at which both errors cost the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, ndtr

from calibrant.errors import InputError
from calibrant.quality.cuts.cut import (
    Cut,
    Direction,
    check_direction,
    check_level,
    hash_of,
    inside,
)
from calibrant.quality.cuts.firth import Firth, cut_interval, firth
from calibrant.stats.estimates.means import t_mean
from calibrant.stats.tails import binomial_cdf

if TYPE_CHECKING:
    from calibrant._figure import Figure

Floats = NDArray[np.float64]

_DRAWS = 1000


@dataclass(frozen=True, eq=False)
class Borderline:
    """A borderline-group cut.

    Attributes:
        cut: the cut.
        scores: of the subjects judged borderline, in order of size.
        statistic: "median" or "mean".
        notes: what a reader should know, one sentence each.
    """

    cut: Cut
    scores: tuple[float, ...]
    statistic: str
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return asdict(self) | {"cut": self.cut.to_dict(), "notes": list(self.notes)}

    def plot(self) -> Figure:
        """The scores, with the cut."""
        from calibrant.quality.cuts.figures import rows_figure

        rows = [(f"subject {i + 1}", s, False) for i, s in enumerate(self.scores)]
        return rows_figure("Scores of the borderline group", self.cut, rows, "score")

    def __repr__(self) -> str:
        return f"{self.cut!r}; {self.statistic} of the group"


@dataclass(frozen=True, eq=False)
class Contrasting:
    """A contrasting-groups cut.

    Attributes:
        cut: the cut.
        acceptable, unacceptable: scores of both groups, in order of size.
        how: "logistic" or "kernel".
        intercept, slope: of the logistic curve P(acceptable | score); None for "kernel".
        separated: no score of one group lies among the other's.
        equal_error: the score at which the same share of both groups is judged wrongly.
        false_pass, false_fail: shares of the unacceptable and acceptable subjects on the wrong
            side of the cut, as observed.
        notes: what a reader should know, one sentence each.
    """

    cut: Cut
    acceptable: tuple[float, ...]
    unacceptable: tuple[float, ...]
    how: str
    intercept: float | None
    slope: float | None
    separated: bool
    equal_error: float
    false_pass: float
    false_fail: float
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return asdict(self) | {"cut": self.cut.to_dict(), "notes": list(self.notes)}

    def plot(self) -> Figure:
        """How the scores of both groups lie, with the cut."""
        from calibrant.quality.cuts.figures import Curve, curves_figure

        x = np.linspace(0, 1, 201)
        below = self.cut.direction == "below"
        curves = []
        for name, scores, role in (("not acceptable", self.unacceptable, "refute"),
                                   ("acceptable", self.acceptable, "path")):  # fmt: skip
            y = np.array(scores)
            width = _bandwidth(y)
            share = np.mean(ndtr((x[:, None] - y) / width), axis=1)
            wrong = share if (name == "acceptable") != below else 1 - share
            curves.append(Curve(f"{name}, on the wrong side", x, wrong, role))
        said = f"{len(self.acceptable)} acceptable and {len(self.unacceptable)} not, smoothed"
        return curves_figure("Two groups and the cut between them", self.cut, curves,
                             axis="score", said=said, top=1.0)  # fmt: skip

    def __repr__(self) -> str:
        return (
            f"{self.cut!r}; wrong about {self.false_pass:.0%} of those not acceptable and "
            f"{self.false_fail:.0%} of those acceptable"
        )


def borderline(
    scores: Sequence[float] | Floats,
    *,
    statistic: str = "median",
    level: float = 0.95,
    direction: str = "above",
    items: int | None = None,
) -> Borderline:
    """The cut of a borderline group.

    The median's interval is that of order statistics, exact for every distribution; where the
    group is too small for it, it ends at the ends of the scale. Its standard error is that of
    Maritz and Jarrett (JASA 73 (1978) 194), exact over all bootstrap samples.

    Args:
        scores: of the subjects judged borderline, 0–1.
        statistic: "median" or "mean".
        items: how many items the scores are of, for the record.

    Raises:
        InputError: for fewer than 3 scores, or scores outside 0–1.
    """
    check_level(level)
    side = check_direction(direction)
    x = np.sort(_scores(scores, "scores", 3))
    n = x.size
    notes = []
    if statistic == "median":
        value, error = float(np.median(x)), _maritz_jarrett(x)
        low, high, reached = _order_interval(x, level)
        if not reached:
            notes.append(
                f"{n} subjects are too few for a {level:.0%} interval of the median; it ends at "
                "the ends of the scale"
            )
    elif statistic == "mean":
        found = t_mean(x, level=level, bounds=(0.0, 1.0))
        value, low, high = float(x.mean()), max(0.0, found.low), min(1.0, found.high)
        error = float(np.std(x, ddof=1) / math.sqrt(n))
    else:
        raise InputError(f"statistic: wanted median or mean, got {statistic!r}")
    if n < 10:
        notes.append(f"{n} subjects are few")
    if np.ptp(x) == 0:
        notes.append("all scores are equal, so that their spread cannot be seen")
    cut = Cut(value, side, error, inside(min(low, value)), inside(max(high, value)), level,
              "borderline group", n, "subjects", items, False, None, hash_of(x, statistic),
              )  # fmt: skip
    return Borderline(cut, tuple(map(float, x)), statistic, tuple(notes))


def _maritz_jarrett(x: Floats) -> float:
    """Standard error of the median over all bootstrap samples, by weights of order statistics."""
    n = x.size
    edges = np.arange(n + 1) / n
    # Of an even number the median is the mean of the middle two; their covariance is bounded by
    # taking the weights of the middle of both.
    m = (n + 1) / 2
    weights = np.diff(betainc(m, n - m + 1, edges))
    mean = float(weights @ x)
    return math.sqrt(max(0.0, float(weights @ x**2) - mean**2))


def _order_interval(x: Floats, level: float) -> tuple[float, float, bool]:
    """Order statistics around the median: P(fewer than k of n lie below it) ≤ half the error."""
    n, k = x.size, 0
    while k < n // 2 and binomial_cdf(k, n, 0.5) <= (1 - level) / 2:
        k += 1
    if k == 0:
        return 0.0, 1.0, False
    return float(x[k - 1]), float(x[n - k]), True


def contrasting(
    scores: Sequence[float] | Floats,
    acceptable: Sequence[bool] | NDArray[np.bool_],
    *,
    how: str = "logistic",
    cost_false_pass: float = 1.0,
    cost_false_fail: float = 1.0,
    base_rate: float | None = None,
    level: float = 0.95,
    direction: str = "above",
    items: int | None = None,
    seed: int = 0,
) -> Contrasting:
    """The cut between subjects judged acceptable and not.

    "logistic" is the score at which P(acceptable | score) makes both errors cost the same (at
    equal costs ½), by Firth's penalised likelihood (Biometrika 80 (1993) 27), finite even where
    the groups do not overlap; its interval is that of the penalised likelihood ratio, with the
    slope profiled out. "kernel" smooths each group's distribution and takes the score of least
    expected cost, or at equal costs and no base rate that of equal error rates; its interval is
    the bootstrap's, within groups.

    Args:
        scores: 0–1, one a subject.
        acceptable: the experts' judgement of each.
        cost_false_pass, cost_false_fail: of an unacceptable subject that passes, and of an
            acceptable one that fails; above 0.
        base_rate: share of acceptable subjects where the cut will be used, 0–1; by default that of
            these subjects (logistic), or equal error rates (kernel).
        items: how many items the scores are of, for the record.

    Raises:
        InputError: for fewer than 5 subjects in a group, scores outside 0–1, groups the wrong way
            round, or groups that scores do not tell apart.
    """
    check_level(level)
    side = check_direction(direction)
    x, good = _two(scores, acceptable)
    for name, cost in (("false_pass", cost_false_pass), ("false_fail", cost_false_fail)):
        if not 0 < cost < math.inf:
            raise InputError(f"cost_{name}: wanted a number above 0, got {cost!r}")
    if base_rate is not None and not 0 < base_rate < 1:
        raise InputError(f"base_rate: wanted between 0 and 1, got {base_rate!r}")
    up = x if side == "above" else 1 - x
    if up[good].mean() <= up[~good].mean():
        raise InputError(
            f"groups: acceptable subjects score {x[good].mean():.3f} on average and the others "
            f"{x[~good].mean():.3f}; with direction {side!r} they are the wrong way round"
        )
    notes: list[str] = []
    equal = _equal(up[good], up[~good])
    fitted: Firth | None = None
    if how == "logistic":
        ratio = cost_false_pass / cost_false_fail
        offset = 0.0
        if base_rate is not None:
            share = float(good.mean())
            offset = math.log(base_rate / (1 - base_rate)) - math.log(share / (1 - share))
        # Passing costs less where P / (1 − P) is at least the ratio of the costs.
        target = math.log(ratio) - offset
        fitted = firth(up, good)
        value, error, low, high = cut_interval(up, good, fitted, target, level, notes)
    elif how == "kernel":
        costs = (cost_false_pass, cost_false_fail)
        plain = base_rate is None and cost_false_pass == cost_false_fail
        share = 0.5 if plain else float(good.mean()) if base_rate is None else base_rate
        value, error, low, high = _kernel(up, good, costs, share, plain, level, seed)
    else:
        raise InputError(f"how: wanted logistic or kernel, got {how!r}")
    separated = bool(up[good].min() > up[~good].max())
    if separated:
        notes.append("no score of one group lies among the other's: the cut is between them, and "
                     "the interval as wide as the gap leaves open")  # fmt: skip
    if min(good.sum(), (~good).sum()) < 10:
        notes.append(f"{int(good.sum())} acceptable subjects and {int((~good).sum())} others: few")
    passes = up >= value
    false_pass, false_fail = float(passes[~good].mean()), float((~passes[good]).mean())
    low, high, intercept, slope = _turned(side, low, high, fitted)
    value, equal = (value, equal) if side == "above" else (1 - value, 1 - equal)
    source = hash_of(x, good, how, cost_false_pass, cost_false_fail, base_rate)
    cut = Cut(inside(value), side, error, inside(min(low, value)), inside(max(high, value)), level,
              "contrasting groups", x.size, "subjects", items, False, None, source)  # fmt: skip
    return Contrasting(
        cut, tuple(map(float, np.sort(x[good]))), tuple(map(float, np.sort(x[~good]))), how,
        intercept, slope, separated, inside(equal), false_pass, false_fail, tuple(notes),
    )  # fmt: skip


def _turned(
    side: Direction, low: float, high: float, fitted: Firth | None
) -> tuple[float, float, float | None, float | None]:
    """Back on the score's own scale, where acceptable lies below."""
    if fitted is None:
        ends = (low, high) if side == "above" else (1 - high, 1 - low)
        return *ends, None, None
    a, b = fitted.intercept, fitted.slope
    if side == "above":
        return low, high, a, b
    return 1 - high, 1 - low, a + b, -b


def _scores(scores: Sequence[float] | Floats, name: str, least: int) -> Floats:
    x = np.asarray(scores, np.float64).ravel()
    if x.size < least:
        raise InputError(f"{name}: wanted at least {least}, got {x.size}")
    if np.isnan(x).any():
        raise InputError(f"{name}: subject {int(np.isnan(x).argmax()) + 1} has none")
    wrong = (x < 0) | (x > 1)
    if wrong.any():
        raise InputError(f"{name}: wanted numbers from 0 to 1, got {x[wrong][0]:g}")
    return x


def _two(
    scores: Sequence[float] | Floats, acceptable: Sequence[bool] | NDArray[np.bool_]
) -> tuple[Floats, NDArray[np.bool_]]:
    x = _scores(scores, "scores", 1)
    told = np.asarray(acceptable)
    if told.shape != x.shape or not np.isin(told, (0, 1)).all():
        raise InputError(f"acceptable: wanted true or false for each of {x.size} subjects")
    good = told.astype(bool)
    for name, count in (("acceptable", int(good.sum())), ("not acceptable", int((~good).sum()))):
        if count < 5:
            raise InputError(f"groups: wanted at least 5 subjects that are {name}, got {count}")
    return x, good


def _bandwidth(x: Floats) -> float:
    """Silverman's rule of thumb (1986, eq. 3.31), at least a hundredth of the scale."""
    q75, q25 = np.percentile(x, [75, 25])
    spread = min(float(np.std(x, ddof=1)), float(q75 - q25) / 1.349) or float(np.std(x, ddof=1))
    return float(max(0.9 * spread * x.size**-0.2, 0.01))


_GRID = np.linspace(0.0, 1.0, 1001)


def _shares(x: Floats) -> Floats:
    """Shape (points, subjects): each subject's smoothed share below every point of the grid."""
    found: Floats = ndtr((_GRID[:, None] - x) / _bandwidth(x))
    return found


def _equal(good: Floats, bad: Floats) -> float:
    fail, wrong = _shares(good).mean(axis=1), 1 - _shares(bad).mean(axis=1)
    return float(_GRID[np.argmin(np.abs(fail - wrong))])


def _kernel(
    x: Floats,
    good: NDArray[np.bool_],
    costs: tuple[float, float],
    share: float,
    equal: bool,
    level: float,
    seed: int,
) -> tuple[float, float, float, float]:
    """Value, standard error and interval, by a bootstrap within groups."""
    below = [_shares(x[good]), _shares(x[~good])]
    rng = np.random.default_rng(seed)

    def best(fail: Floats, wrong: Floats) -> Floats:
        if equal:
            return np.asarray(_GRID[np.argmin(np.abs(fail - wrong), axis=0)])
        loss = costs[1] * share * fail + costs[0] * (1 - share) * wrong
        return np.asarray(_GRID[np.argmin(loss, axis=0)])

    value = float(best(below[0].mean(axis=1), 1 - below[1].mean(axis=1)))
    drawn = [
        b @ rng.multinomial(b.shape[1], np.full(b.shape[1], 1 / b.shape[1]), _DRAWS).T / b.shape[1]
        for b in below
    ]
    values = best(drawn[0], 1 - drawn[1])
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return value, float(np.std(values, ddof=1)), float(low), float(high)
