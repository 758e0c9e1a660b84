"""May we stop labelling now? The gold mean of all items, at every moment, with a judge's help.

Prediction-powered inference that may be watched: a confidence sequence by betting on unbiased
increments, an e-process and a sequential p-value for a claim, for gold labels that arrive one by
one. Waudby-Smith and Ramdas, JRSS-B 86 (2024) 1; Csillag, Struchiner and Goedert,
"Prediction-powered e-values", ICML 2025, arXiv 2502.04294.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrant.errors import InputError
from calibrant.judges.anytime.capital import DUST, upper_capital, upper_path
from calibrant.judges.anytime.increments import Increments, increments
from calibrant.judges.calibration.crossfit import Method, gold_positions
from calibrant.stats.estimates.betting import check_level, check_side, numbers, unit
from calibrant.stats.estimates.intervals import Side, clopper_pearson

Floats = NDArray[np.float64]
Measurand = Literal["items", "population"]
Relation = Literal["below", "above"]
Claim = tuple[float, Relation]

DRAWN = 0.1
"""Share of the error spent on the items being a sample, for the measurand "population"."""


@dataclass(frozen=True, eq=False)
class AnytimePPI:
    """The gold mean after 1, 2, … labels; all limits hold at once with chance `level`.

    Attributes:
        value: shape (n,), estimates, in units of the labels.
        low, high: shape (n,), running intersections of limits; a side that was not asked for is
            the end of the range.
        p: shape (n,), the sequential p-value against the claim being false, valid at whatever
            label one stops; None without a claim, or for the measurand "population".
        lam: shape (n,), the judge's weight before each label.
        claim: threshold and relation, or None.
        verdict: "supported", "refuted" or "undetermined"; None without a claim.
        stop: labels at which the claim was decided or the width reached; None if never or if
            neither was asked.
        items: size of the finite set that labels are drawn from.
        measurand: "items", the mean of these items, or "population", of what they are drawn from.
        level, method: of the limits.
    """

    value: Floats
    low: Floats
    high: Floats
    p: Floats | None
    lam: Floats
    claim: Claim | None
    verdict: str | None
    stop: int | None
    items: int
    measurand: Measurand
    level: float
    method: str

    @property
    def n(self) -> int:
        """Labels seen."""
        return int(self.value.size)

    def __repr__(self) -> str:
        text = (
            f"mean {self.value[-1]:.4g}, [{self.low[-1]:.4g}, {self.high[-1]:.4g}] after "
            f"{self.n:,} labels of {self.items:,} items, valid at every label ({self.level:.0%}, "
            f"{self.method})"
        )
        if self.claim is not None:
            at = "" if self.stop is None else f" at label {self.stop:,}"
            text += f"; {self.claim[1]} {self.claim[0]:g}: {self.verdict}{at}"
        elif self.stop is not None:
            text += f"; width reached at label {self.stop:,}"
        return text

    def to_dict(self) -> dict[str, Any]:
        """Plain data, with the whole path."""
        data = dict(self.__dict__)
        for name in ("value", "low", "high", "lam", "p"):
            data[name] = None if data[name] is None else data[name].tolist()
        data["claim"] = None if self.claim is None else list(self.claim)
        return {**data, "n": self.n}


def anytime_ppi(
    judge: ArrayLike,
    order: ArrayLike,
    y: ArrayLike,
    *,
    low: float = 0.0,
    high: float = 1.0,
    weights: ArrayLike | None = None,
    calibrate: Method | None = None,
    lam: float | None = None,
    measurand: Measurand = "items",
    claim: Claim | None = None,
    width: float | None = None,
    level: float = 0.95,
    side: Side = "two",
    grid: int = 1000,
) -> AnytimePPI:
    """A confidence sequence for the gold mean from labels in the order in which they came.

    Args:
        judge: shape (N,), the judge's value of every item, in `low`–`high` (any numbers where
            they are calibrated).
        order: shape (n,), positions of the labelled items as drawn at random without replacement.
        y: shape (n,), their gold labels in `low`–`high`.
        low, high: the range that no label can leave.
        weights: shape (N,), above 0: items were drawn in proportion to them from those left (such
            as by the judge's doubt); None if all were alike.
        calibrate: map the judge's values to labels, refitted as they come, by past labels only.
        lam: the judge's weight, 0 for gold alone; None learns it from past labels.
        measurand: the mean of these N items, or of the population they are a random sample of
            (a tenth of the error is spent on that; exact for labels 0 and 1).
        claim: (threshold, "below" or "above"): the mean is so. Decided by the limits.
        width: stop where high - low is at most this.
        side: "upper" and "lower" spend the whole error on one limit.
        grid: candidate means; limits are rounded outwards to one of them.

    Raises:
        InputError: for values outside the range, positions that are wrong or repeated, impossible
            options.
    """
    check_level(level)
    check_side(side)
    gold = unit(y, low, high, "gold")
    f = numbers(judge, "judge") if calibrate else unit(judge, low, high, "judge")
    at = gold_positions(order, f.size, gold.size)
    w = None if weights is None else numbers(weights, "weights")
    if w is not None and (w.shape != f.shape or np.any(w <= 0)):
        raise InputError(f"weights: wanted {f.size} above 0, got {w.size}, least {w.min():g}")
    if measurand not in ("items", "population"):
        raise InputError(f"measurand: wanted 'items' or 'population', got {measurand!r}")
    if lam is not None and not 0 <= lam <= 1:
        raise InputError(f"lam: wanted 0–1, got {lam!r}")
    if not 10 <= grid <= 10_000:
        raise InputError(f"grid: wanted 10–10,000 candidates, got {grid}")
    _check_goal(claim, width, low, high)
    found = increments(f, at, gold, weights=w, lam=lam, calibrate=calibrate)
    alpha = (1 - level) / (2 if side == "two" else 1)
    share = 1.0 if measurand == "items" else 1 - DRAWN
    ends = _ends(found, f.size, alpha * share, side, grid)
    if measurand == "population":
        binary = bool(np.all((gold == 0) | (gold == 1)))
        ends = _of_population(ends, f.size, alpha * DRAWN, side, binary)
    scale = high - low
    lower, upper = low + scale * ends[0], low + scale * ends[1]
    p = None
    if claim is not None and measurand == "items":
        p = _p_path(found, f.size, (claim[0] - low) / scale, claim[1], alpha)
    verdict, stop = _decide(lower, upper, claim, width)
    words = "betting on the judge's errors" + (f", {calibrate}" if calibrate else "")
    return AnytimePPI(
        low + scale * np.clip(found.value, 0, 1), lower, upper, p, found.lam, claim, verdict,
        stop, f.size, measurand, level, words,
    )  # fmt: skip


def _check_goal(claim: Claim | None, width: float | None, low: float, high: float) -> None:
    if claim is not None:
        if not (len(claim) == 2 and claim[1] in ("below", "above")):
            raise InputError(f"claim: wanted (threshold, 'below' or 'above'), got {claim!r}")
        if not low < claim[0] < high:
            raise InputError(f"threshold: wanted inside {low:g}–{high:g}, got {claim[0]!r}")
    if width is not None and not 0 < width < high - low:
        raise InputError(f"width: wanted above 0 and below {high - low:g}, got {width!r}")


def _ends(x: Increments, items: int, alpha: float, side: Side, grid: int) -> tuple[Floats, Floats]:
    n = x.z.size
    # What has been seen leaves this much room, whatever the bets say.
    least = x.seen / items
    most = (x.seen + items - np.arange(1, n + 1)) / items
    lower, upper = np.zeros(n), np.ones(n)
    if side != "lower":
        upper = upper_path(x.z, x.high, alpha, grid)
    if side != "upper":
        lower = 1 - upper_path(1 - x.z, 1 - x.low, alpha, grid)
    upper = np.maximum(np.minimum.accumulate(np.minimum(upper, most)), least)
    lower = np.minimum(np.maximum.accumulate(np.maximum(lower, least)), most)
    return (lower if side != "upper" else np.zeros(n)), (upper if side != "lower" else np.ones(n))


def _of_population(
    ends: tuple[Floats, Floats], items: int, alpha: float, side: Side, binary: bool
) -> tuple[Floats, Floats]:
    """Limits for the population: those for a rate of which the items are a sample."""
    reach = math.sqrt(math.log(1 / alpha) / (2 * items))

    def one(end: float, upper: bool) -> float:
        if not binary:  # Hoeffding, JASA 58 (1963) 13
            return min(1.0, end + reach) if upper else max(0.0, end - reach)
        if upper:
            k = math.floor(end * items + 1e-9)
            return clopper_pearson(k, items, level=1 - alpha, side="upper").high
        k = math.ceil(end * items - 1e-9)
        return clopper_pearson(k, items, level=1 - alpha, side="lower").low

    out = []
    for path, upper in zip(ends, (False, True), strict=True):
        if side == ("lower" if upper else "upper"):
            out.append(path)
            continue
        values, which = np.unique(path, return_inverse=True)
        out.append(np.array([one(float(v), upper) for v in values])[which])
    return out[0], out[1]


def _p_path(x: Increments, items: int, m: float, relation: Relation, alpha: float) -> Floats:
    """One over the largest capital so far of a gambler against the claim being false."""
    at = np.array([m])
    n = np.arange(1, x.z.size + 1)
    if relation == "below":
        path = upper_capital(x.z, x.high, at, alpha)[:, 0]
        certain = (x.seen + items - n) / items < m - DUST
    else:
        path = upper_capital(1 - x.z, 1 - x.low, 1 - at, alpha)[:, 0]
        certain = x.seen / items > m + DUST
    path = np.where(certain, np.inf, path)
    return np.asarray(1 / np.maximum(np.maximum.accumulate(path), 1.0))


def _decide(
    lower: Floats, upper: Floats, claim: Claim | None, width: float | None
) -> tuple[str | None, int | None]:
    """The verdict, and the label at which it (or the width) was first reached."""
    if claim is None:
        if width is None:
            return None, None
        return None, _first(upper - lower <= width)
    threshold, relation = claim
    # Limits that only rounding tells from the threshold do not decide.
    yes, no = _first(upper < threshold - DUST), _first(lower > threshold + DUST)
    if relation == "above":
        yes, no = no, yes
    if yes is not None and (no is None or yes <= no):
        return "supported", yes
    return ("undetermined", None) if no is None else ("refuted", no)


def _first(reached: NDArray[np.bool_]) -> int | None:
    return int(reached.argmax()) + 1 if reached.any() else None
