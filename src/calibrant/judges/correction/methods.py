"""What does each method make of the same items? One row per method that the data allow."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from calibrant.errors import InputError
from calibrant.judges.correction.designs import ppi_clustered, ppi_stratified, ppi_weighted
from calibrant.judges.correction.double import DoubleSample, likelihood_limits
from calibrant.judges.correction.exact import exact_limits
from calibrant.judges.correction.identify import Segments, fieller, segments_data
from calibrant.judges.correction.ppi import PPIMean, ppi_mean
from calibrant.judges.correction.rare import rare_upper
from calibrant.judges.correction.table import Judged
from calibrant.stats.budgets.grader import rogan_gladen
from calibrant.stats.estimates.clusters import ClusterMethod, Clusters, cluster_interval
from calibrant.stats.estimates.intervals import Side, clopper_pearson
from calibrant.stats.estimates.means import bounded_mean, t_mean

Gold = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Row:
    """One method's answer.

    Attributes:
        method: its name.
        value: the estimate as computed, which may lie outside the range of the labels.
        low, high: the interval as computed, never cut; infinite where not asked for; NaN where the
            set has no single interval or the method has none.
        guaranteed: whether its level holds for every number of labels and every judge.
        standard_error, df: where it has them.
        lam: weight of the judge, where it has one.
        segments: the whole set, if it may be more than an interval.
        note: what to keep in mind.
    """

    method: str
    value: float
    low: float
    high: float
    guaranteed: bool = False
    standard_error: float | None = None
    df: float | None = None
    lam: float | None = None
    segments: Segments | None = None
    note: str | None = None

    @property
    def width(self) -> float:
        """high - low."""
        return self.high - self.low

    def to_dict(self) -> dict[str, Any]:
        """Plain data: `interval` is [low, high] with None for an end that is not there."""
        ends = [x if math.isfinite(x) else None for x in (self.low, self.high)]
        rest = {k: v for k, v in self.__dict__.items() if k not in ("low", "high")}
        rest["segments"] = None if self.segments is None else segments_data(self.segments)
        rest["value"] = self.value if math.isfinite(self.value) else None
        return {"method": self.method, "value": rest.pop("value"), "interval": ends, **rest}


def rows(data: Judged, level: float, side: Side, seed: int) -> list[Row]:
    """Every method's answer, the gold labels alone first.

    Raises:
        InputError: if not even the gold labels alone give one.
    """
    if data.probability is not None:
        tried = _weighted(data, level, side)
    elif data.cluster is not None:
        tried = _clustered(data, level, side, seed)
    elif data.stratum is not None:
        tried = _stratified(data, level, side)
    else:
        tried = _simple(data, level, side)
    graded = not data.kinds and data.binary and not data.has_gold.all()
    if graded and data.probability is None and data.stratum is None:
        tried += _calibrated(data, level, side, seed)
    found = []
    for name, attempt in tried:
        try:
            found.append(_told(attempt(), data.binary))
        except InputError as e:
            # What the data do not allow is said, and the other methods still answer.
            found.append(Row(name, math.nan, math.nan, math.nan, note=str(e)))
    return found


Tried = list[tuple[str, Callable[[], Row]]]


def _told(row: Row, binary: bool) -> Row:
    """A rate's limits outside 0–1 are said, not hidden."""
    if not binary or row.segments is not None:
        return row
    outside = [f"{x:.4g}" for x in (row.low, row.high) if math.isfinite(x) and not 0 <= x <= 1]
    if not outside:
        return row
    note = f"outside 0–1: {' and '.join(outside)}, as computed"
    return Row(**{**row.__dict__, "note": note if row.note is None else f"{row.note}; {note}"})


def of_ppi(name: str, found: PPIMean, note: str | None = None) -> Row:
    """A row of a prediction-powered mean."""
    return Row(
        name, found.value, found.low, found.high, False, found.standard_error, found.df,
        found.lam, None, note,
    )  # fmt: skip


def parts(data: Judged) -> tuple[Gold, Gold, Gold]:
    """Gold labels, and the judge's values with and without them."""
    known = data.has_gold
    return data.y[known], data.f[known], data.f[~known]


def double_sample(data: Judged) -> DoubleSample:
    """Counts per kind of verdict, within strata if there are any."""
    known, size = data.has_gold, len(data.kinds)
    code = data.kind
    if data.stratum is not None:
        code, size = code + size * data.stratum, size * len(data.strata)
    positive = known & (np.nan_to_num(data.y) == 1)
    items, labels, yes = (
        np.bincount(code[part], minlength=size) for part in (known | True, known, positive)
    )
    return DoubleSample(items, labels, yes)


def _simple(data: Judged, level: float, side: Side) -> Tried:
    y, f, rest = parts(data)

    def ppi(name: str, lam: Any) -> tuple[str, Callable[[], Row]]:
        return name, lambda: of_ppi(name, ppi_mean(y, f, rest, lam=lam, level=level, side=side))

    tried: Tried = [("gold only", lambda: _gold_only(data, level, side))]
    if rest.size:
        tried += [ppi("ppi", 1.0), ppi("ppi++", "tuned"), ppi("ppi++ cross-fitted", "cross-fitted")]
    if data.kinds and rest.size:
        tried += _double(double_sample(data), level, side)
        tried += _by_grader(data, level, side)
        if side == "upper":
            tried.append(("rare bound", lambda: _rare(data, level)))
    elif rest.size and _in_unit(y, f, rest):
        tried.append(("bounded", lambda: bounded(y, f, rest, level=level, side=side)))
    return tried


def _calibrated(data: Judged, level: float, side: Side, seed: int) -> Tried:
    """PPI++ with the judge's number turned into the chance of a positive label, cross-fitted."""
    from calibrant.judges.calibration import calibrated_ppi
    from calibrant.judges.calibration.crossfit import Method

    def attempt(method: Method) -> Callable[[], Row]:
        def run() -> Row:
            found = calibrated_ppi(
                data.f, np.flatnonzero(data.has_gold), data.y[data.has_gold], method=method,
                clusters=data.cluster, level=level, side=side, seed=seed,
            )  # fmt: skip
            return of_ppi(f"ppi++ {method}", found, "the judge calibrated on the gold labels")

        return run

    return [(f"ppi++ {method}", attempt(method)) for method in get_args(Method)]


def _in_unit(*columns: Gold) -> bool:
    return all(bool(np.all((x >= 0) & (x <= 1))) for x in columns)


def _double(sample: DoubleSample, level: float, side: Side) -> Tried:
    def likelihood(method: str) -> Callable[[], Row]:
        def attempt() -> Row:
            low, high = likelihood_limits(sample, level=level, side=side, method=method)
            value = float(sample.estimate())
            if math.isnan(value):
                raise InputError("a verdict that occurs has no gold label")
            error = math.sqrt(float(sample.plain_variance()))
            return Row(f"double sampling, {method}", value, float(low), float(high),
                       standard_error=error)  # fmt: skip

        return attempt

    def exact() -> Row:
        found = exact_limits(sample, level=level, side=side)
        value = float(sample.estimate())
        gone = np.flatnonzero((sample.items > 0) & (sample.labels == 0)).size
        note = f"{gone} kinds of verdict without gold label may be anything" if gone else None
        return Row("exact", value, found.low, found.high, True, note=note)

    return [
        ("double sampling, score", likelihood("score")),
        ("double sampling, profile", likelihood("profile")),
        ("exact", exact),
    ]


def grader_counts(data: Judged) -> tuple[tuple[tuple[int, int], tuple[int, int]], tuple[int, int]]:
    """Gold by verdict of the labelled items, and verdicts of the others; any other is negative."""
    y, f, rest = parts(data)
    table = [[int(np.sum((y == g) & (f == v))) for v in (1, 0)] for g in (1, 0)]
    counts = (table[0][0], table[0][1]), (table[1][0], table[1][1])
    return counts, (int((rest == 1).sum()), int(rest.size))


def _by_grader(data: Judged, level: float, side: Side) -> Tried:
    ((hit, missed), (alarm, right)), judged = grader_counts(data)
    sensitivity, specificity = (hit, hit + missed), (right, alarm + right)

    def usable() -> None:
        if not sensitivity[1] or not specificity[1]:
            raise InputError("no gold label of one kind: sensitivity or specificity is unknown")

    def ratio() -> Row:
        usable()
        found = fieller(judged, sensitivity, specificity, level=level, side=side)
        j = hit / sensitivity[1] + right / specificity[1] - 1
        top = judged[0] / judged[1] + right / specificity[1] - 1
        value = top / j if j else math.nan
        low, high = found[0] if len(found) == 1 else (math.nan, math.nan)
        note = None if len(found) == 1 else "two half lines, see the set"
        if found == ((-math.inf, math.inf),):
            note = "every rate fits: the verdicts say nothing"
        return Row("rogan-gladen, fieller", value, low, high, segments=found, note=note)

    def split() -> Row:
        usable()
        found = rogan_gladen(*judged, sensitivity, specificity, level=level, side=side)
        return Row("rogan-gladen, exact", found.raw, found.low, found.high, True,
                   note="limits respect 0–1")  # fmt: skip

    return [("rogan-gladen, fieller", ratio), ("rogan-gladen, exact", split)]


def _rare(data: Judged, level: float) -> Row:
    known, yes = data.has_gold, np.nan_to_num(data.y) == 1
    flagged, gone = data.kind == 0, ~data.parsed
    passed = ~flagged & ~gone
    counts = [
        (int(part.sum()), int((part & known).sum()), int((part & known & yes).sum()))
        for part in (flagged, passed)
    ]
    found = rare_upper(counts[0], counts[1], unparsed=int(gone.sum()), level=level)
    value = math.nan if found.value is None else found.value
    note = f"{found.share:.0%} of the error for flagged items; no verdict counts as positive"
    return Row("rare bound", value, -math.inf, found.bound, True, note=note)


def _gold_only(data: Judged, level: float, side: Side) -> Row:
    y = data.y[data.has_gold]
    if data.binary:
        found = clopper_pearson(int(y.sum()), y.size, level=level, side=side)
        return Row("gold only", float(y.mean()), found.low, found.high, True)
    mean = t_mean(y, level=level, side=side)
    return Row("gold only", mean.value, mean.low, mean.high, False, mean.standard_error, mean.df)


def _stratified(data: Judged, level: float, side: Side) -> Tried:
    known, stratum = data.has_gold, data.stratum
    assert stratum is not None
    y, f, rest = parts(data)

    def ppi() -> Row:
        names = np.array(data.strata)[stratum]
        found = ppi_stratified(
            y, f, rest, names[known], names[~known], level=level, side=side
        )  # fmt: skip
        return of_ppi("ppi++ stratified", found)

    def alone() -> Row:
        names = np.array(data.strata)[stratum]
        flat = np.zeros(y.size), np.zeros(rest.size)
        found = ppi_stratified(
            y, *flat, names[known], names[~known], level=level, side=side
        )  # fmt: skip
        return of_ppi("gold only", found, "post-stratified")

    tried: Tried = [("gold only", alone), ("ppi++ stratified", ppi)]
    return tried + (_double(double_sample(data), level, side) if data.kinds else [])


def _clustered(data: Judged, level: float, side: Side, seed: int) -> Tried:
    known, group = data.has_gold, data.cluster
    assert group is not None
    y, f, rest = parts(data)

    def alone() -> Row:
        clusters = Clusters.of(y, group[known])
        method: ClusterMethod = "beta-binomial" if data.binary else "robust"
        found = cluster_interval(clusters, method=method, level=level, side=side, seed=seed)
        return Row("gold only", found.value, found.low, found.high, df=found.df, note=found.method)

    def ppi() -> Row:
        found = ppi_clustered(y, f, rest, group[known], group[~known], level=level, side=side)
        few = int(np.unique(group[known]).size)
        note = f"only {few} labelled clusters" if few < 20 else None
        return of_ppi("ppi++ clustered", found, note)

    return [("gold only", alone), *([("ppi++ clustered", ppi)] if rest.size else [])]


def _weighted(data: Judged, level: float, side: Side) -> Tried:
    known = data.has_gold
    y, f, rest = parts(data)
    assert data.probability is not None
    chance = data.probability[known]
    order = np.argsort(~known, kind="stable")
    group = None if data.cluster is None else data.cluster[order]

    def ppi(name: str, judge: bool) -> tuple[str, Callable[[], Row]]:
        def attempt() -> Row:
            a, b = (f, rest) if judge else (np.zeros(y.size), np.zeros(rest.size))
            return of_ppi(
                name,
                ppi_weighted(y, a, chance, b, clusters=group, level=level, side=side),
                None if judge else "labels weighted by their chances",
            )

        return name, attempt

    return [ppi("gold only", False), ppi("ppi++ weighted", True)]


def bounded(y: Gold, f: Gold, rest: Gold, *, level: float, side: Side) -> Row:
    """Finite-sample limits for labels and judge's values in 0–1: mean of f plus mean of y - f.

    Two thirds of the error go to the labelled differences, one third to the judge's mean, both
    by `bounded_mean`, so that it holds whatever the numbers; weight 1, as chosen beforehand.
    """
    error = 1 - level
    one = bounded_mean(y - f, low=-1, high=1, level=1 - 2 * error / 3, side=side)
    two = bounded_mean(rest, level=1 - error / 3, side=side)
    low = -math.inf if side == "upper" else one.low + two.low
    high = math.inf if side == "lower" else one.high + two.high
    return Row("bounded", one.value + two.value, low, high, True, lam=1.0)
