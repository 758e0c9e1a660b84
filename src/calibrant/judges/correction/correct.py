"""What is the rate really, when a judge gave the verdicts and people labelled some of the items?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from calibrant._figure import Figure
from calibrant.errors import InputError
from calibrant.judges.correction.identify import Identification, identify, identify_by_verdict
from calibrant.judges.correction.methods import Row, double_sample, grader_counts, parts, rows
from calibrant.judges.correction.ppi import ppi_mean
from calibrant.judges.correction.table import Judged, read
from calibrant.stats.budgets.rare_rates import missing_bounds
from calibrant.stats.comparisons.two_rates import score_test
from calibrant.stats.estimates.intervals import Side
from calibrant.stats.estimates.means import t_mean
from calibrant.stats.estimates.rates import check_level

WORTH = 1.05
"""Effective labels per label up to which a judge is not worth using."""

FEW = 15
"""Gold labels of either kind below which only methods of guaranteed level are recommended."""

STRANGE = 0.01
"""p-value below which labelled items are said not to look like a random sample."""

FEW_NUMBERS = 50
"""Gold numbers below which Student's t is doubted."""


@dataclass(frozen=True)
class Naive:
    """The judge's own rate (or mean), as if it never erred.

    Attributes:
        value, low, high: of the items with a verdict; exact for a rate.
        n, missing: items with and without a verdict.
        least, most: the value if every item without a verdict were negative, or positive; with the
            limits `least_low`, `most_high`; None for means.
    """

    value: float
    low: float
    high: float
    n: int
    missing: int
    least: float | None = None
    most: float | None = None
    least_low: float | None = None
    most_high: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        data = {k: v for k, v in self.__dict__.items() if k not in ("low", "high")}
        return {
            **data,
            "interval": [x if math.isfinite(x) else None for x in (self.low, self.high)],
        }


@dataclass(frozen=True)
class Missing:
    """Items meant to be labelled that have no gold label, and what they can change.

    Attributes:
        items: how many; they count as not labelled.
        low, high: the recommended limits at their worst: all of them negative in the lower one, all
            positive in the upper one.
    """

    items: int
    low: float
    high: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        ends = [x if math.isfinite(x) else None for x in (self.low, self.high)]
        return {"items": self.items, "interval": ends}


@dataclass(frozen=True)
class Correction:
    """A rate (or mean) by a judge, corrected by gold labels.

    Attributes:
        naive: the judge's own.
        corrected: one row per method; one without an answer has NaN and says why.
        recommended, why: the method to report, and the reason, which rests on how many labels there
            are of each kind.
        effective_gain: labels that the gold labels with the judge are worth, per label; None if the
            labels cannot tell, such as where all agree.
        worth: what follows from it, in words.
        identification: sensitivity, specificity and whether they differ from chance; None for
            numbers, labels with unequal chances, and strata other than the two verdicts.
        missing: items meant to be labelled without a label; None if there are none.
        positive: the label that is counted; None for numbers.
        items, labels: how many.
        level, side: of all intervals.
        notes: what to keep in mind.
    """

    naive: Naive
    corrected: tuple[Row, ...]
    recommended: str
    why: str
    effective_gain: float | None
    worth: str
    identification: Identification | None
    missing: Missing | None
    positive: str | None
    items: int
    labels: int
    level: float
    side: Side
    notes: tuple[str, ...]

    def row(self, method: str | None = None) -> Row:
        """The row of a method; by default of the recommended one."""
        wanted = method or self.recommended
        for row in self.corrected:
            if row.method == wanted:
                return row
        names = ", ".join(r.method for r in self.corrected)
        raise InputError(f"method: wanted one of {names}, got {wanted!r}")

    def __repr__(self) -> str:
        best = self.row()
        value = "no estimate," if math.isnan(best.value) else f"{best.value:.4g}"
        return (
            f"{value} [{best.low:.4g}, {best.high:.4g}] ({self.level:.0%}, {best.method}) "
            f"where the judge alone says {self.naive.value:.4g}; {self.labels:,} gold labels on "
            f"{self.items:,} items; {self.worth}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON; an end that is not there is None."""
        who = self.identification
        return {
            "naive": self.naive.to_dict(),
            "corrected": [r.to_dict() for r in self.corrected],
            "recommended": self.recommended,
            "why": self.why,
            "effective_gain": self.effective_gain,
            "worth": self.worth,
            "identification": None if who is None else who.to_dict(),
            "missing": None if self.missing is None else self.missing.to_dict(),
            "positive": self.positive,
            "items": self.items,
            "labels": self.labels,
            "level": self.level,
            "side": self.side,
            "notes": list(self.notes),
        }

    def plot(self) -> Figure:
        """Every method's interval beside the judge's own."""
        from calibrant.judges.correction.figure import intervals

        return intervals(self)

    def _repr_html_(self) -> str:
        return self.plot().svg()


def correct(
    source: Any,
    *,
    judge: str,
    gold: Any,
    labelled: str | None = None,
    positive: str | None = None,
    item: str | None = None,
    gold_column: str | None = None,
    cluster: str | None = None,
    strata: str | None = None,
    probability: str | None = None,
    level: float = 0.95,
    side: Side = "two",
    methods: Sequence[str] | None = None,
    seed: int = 0,
) -> Correction:
    """The rate or mean of the gold labels on this kind of item, from few labels and many verdicts.

    The measurand is that of the population which the items were sampled from. Labelled items are a
    random sample of the items, of each of the `strata`, or drawn with `probability`.

    Args:
        source: a path or table, one row per item.
        judge: column of the verdicts; no value where the judge gave none.
        gold: column of the gold labels, or a path or table of them, joined by item.
        labelled: which items count as labelled: by default those with a gold label; a column of yes
            and no; "first N" rows; "first N by COLUMN", in increasing order.
        positive: the label whose rate is wanted, if labels are categories other than yes and no.
        item: column that says which item, in both tables; by default item, id, item_id or idx.
        gold_column: column of the labels in their own table, if it has several.
        cluster: column; items that share it depend.
        strata: column, known before labelling, within which labels were drawn; may be the judge's.
        probability: column, the chance with which each item was drawn for labelling.
        level, side: of the intervals; "upper" and "lower" spend the whole error on one end.
        methods: only these; by default all that the data allow.
        seed: of the simulated interval of gold labels in clusters.

    Raises:
        InputError: for a wrong table (see `table.read`), options that clash, unknown methods, or
            too few labels for any method.
    """
    check_level(level, side)
    if strata is not None and (cluster is not None or probability is not None):
        raise InputError("strata: cannot be given together with cluster or probability")
    data = read(
        source, judge=judge, gold=gold, labelled=labelled, positive=positive, item=item,
        gold_column=gold_column, cluster=cluster, strata=strata, probability=probability,
    )  # fmt: skip
    found = rows(data, level, side, seed)
    if methods is not None:
        found = _some(found, methods)
    gain = _gain(data, found)
    recommended, why = _recommend(data, found, gain)
    notes = list(data.notes)
    labels = int(data.has_gold.sum())
    lost = None
    if data.lost:
        lost = _lost(data, recommended, level, side, seed)
        notes.append(f"{data.lost} items meant to be labelled have no gold label: taken as not "
                     "labelled, which assumes nothing made them so")  # fmt: skip
    notes += _not_random(data)
    gone = int((~data.parsed).sum())
    if gone:
        notes.append(f"{gone} items have no verdict; the correction takes that as a kind of verdict"
                     if data.kinds else f"{gone} items have no verdict and count at the others' "
                     "mean, which costs precision only")  # fmt: skip
    return Correction(
        _naive(data, level, side), tuple(found), recommended, why, gain, _worth(data, gain),
        _identified(data, level), lost, data.positive, data.y.size, labels, level, side,
        tuple(notes),
    )  # fmt: skip


def _not_random(data: Judged) -> list[str]:
    """A warning if the judge flags labelled items more, or less, often than the others."""
    known = data.has_gold
    n, rest = int(known.sum()), int((~known).sum())
    if not data.kinds or data.stratum is not None or data.probability is not None or not rest:
        return []
    k, j = int(data.f[known].sum()), int(data.f[~known].sum())
    if data.cluster is not None or k + j in (0, n + rest):
        return []
    p = score_test(k, n, j, rest)
    if p >= STRANGE:
        return []
    return [f"the judge flags {k / n:.3g} of the labelled items and {j / rest:.3g} of the others "
            f"(p = {p:.2g}): are they a random sample? If labels were drawn by verdict, give it as "
            "strata"]  # fmt: skip


def _some(found: list[Row], methods: Sequence[str]) -> list[Row]:
    names = [r.method for r in found]
    unknown = [m for m in methods if m not in names]
    if unknown or not methods:
        got = repr(unknown[0]) if unknown else "none"
        raise InputError(f"methods: wanted some of {', '.join(names)}, got {got}")
    return [r for r in found if r.method in methods]


def _gain(data: Judged, found: list[Row]) -> float | None:
    """Effective labels per label, cross-fitted, so that a useless judge is not flattered."""
    y, f, rest = parts(data)
    if data.stratum is None and data.cluster is None and data.probability is None:
        if y.size < 3:
            return None
        gain = ppi_mean(y, f, rest, lam="cross-fitted").gain
        return gain if rest.size else 1.0
    both = {r.method: r.standard_error for r in found}
    tuned = next((e for m, e in both.items() if m.startswith("ppi++") and e), None)
    alone = both.get("gold only")
    if data.cluster is not None and data.probability is None and y.size > 2 and tuned:
        from calibrant.judges.correction.designs import ppi_clustered

        known = data.has_gold
        return ppi_clustered(y, f, rest, data.cluster[known], data.cluster[~known]).gain
    return (alone / tuned) ** 2 if alone and tuned else None


def _worth(data: Judged, gain: float | None) -> str:
    if data.has_gold.all():
        return "every item has a gold label: the judge adds nothing"
    if np.ptp(data.f) == 0:
        return "the judge always says the same: this is the gold labels alone"
    if gain is None:
        return "the gold labels do not vary enough to tell what the judge is worth"
    if gain <= WORTH:
        return f"the judge is not worth it: a label with it is worth {gain:.2f} without"
    return f"with the judge a gold label is worth {gain:.2f}"


def _recommend(data: Judged, found: list[Row], gain: float | None) -> tuple[str, str]:
    there = {
        r.method: r
        for r in found
        if not math.isnan(r.low) and not (math.isnan(r.value) and not r.guaranteed)
    }
    if not there:
        reasons = "; ".join(f"{r.method}: {r.note}" for r in found)
        raise InputError(f"no method gives an answer: {reasons}")

    def first(*names: str) -> str | None:
        return next((n for n in names if n in there), None)

    y = data.y[data.has_gold]
    useless = gain is not None and gain <= WORTH
    alone = first("gold only")
    if alone and (data.has_gold.all() or np.ptp(data.f) == 0 or useless):
        return alone, _worth(data, gain)
    if data.kinds and data.cluster is None and data.probability is None:
        few = int(min(y.sum(), y.size - y.sum()))
        if few >= FEW and "double sampling, score" in there:
            return "double sampling, score", (
                f"{few} gold labels of the rarer kind are enough for a score interval"
            )
        name = min((n for n in ("exact", "gold only") if n in there),
                   key=lambda n: _width(there[n]), default=next(iter(there)))  # fmt: skip
        if few < FEW:
            return name, (
                f"{few} gold labels of the rarer kind (fewer than {FEW}), where likelihood and PPI "
                "fall short; of the two exact intervals the shorter"
            )
        return name, "a kind of verdict has no gold label; of the exact intervals the shorter"
    if data.binary and (y.size == y.sum() or y.sum() == 0) and alone:
        return alone, "all gold labels agree: they alone give limits"
    if not data.binary and y.size < FEW_NUMBERS and "bounded" in there:
        return "bounded", f"fewer than {FEW_NUMBERS} gold labels: limits that need no normality"
    name = first("ppi++ weighted", "ppi++ clustered", "ppi++ stratified", "ppi++ cross-fitted",
                 "gold only") or next(iter(there))  # fmt: skip
    return name, "labels and judge together, with the judge's weight chosen without bias"


def _width(row: Row) -> float:
    """Of what the limits leave of 0–1."""
    return min(row.high, 1.0) - max(row.low, 0.0)


def _naive(data: Judged, level: float, side: Side) -> Naive:
    f, gone = data.f[data.parsed], int((~data.parsed).sum())
    if data.kinds:
        hits = int(f.sum())
        whole = missing_bounds(hits, f.size, 0, level=level, side=side)
        worst = missing_bounds(hits, f.size, gone, level=level, side=side)
        return Naive(whole.least, whole.low, whole.high, f.size, gone, worst.least, worst.most,
                     worst.low, worst.high)  # fmt: skip
    if f.size < 2 or np.ptp(f) == 0:
        return Naive(float(f.mean()), float(f.min()), float(f.max()), f.size, gone)
    mean = t_mean(f, level=level, side=side)
    return Naive(mean.value, mean.low, mean.high, f.size, gone)


def _identified(data: Judged, level: float) -> Identification | None:
    if not data.kinds or data.probability is not None:
        return None
    if data.stratum is not None:
        sample = double_sample(replace(data, stratum=None))
        pairs = len(set(zip(data.kind.tolist(), data.stratum.tolist(), strict=True)))
        by_verdict = len(data.kinds) == 2 == len(data.strata) == pairs
        return identify_by_verdict(sample, level=level) if by_verdict else None
    return identify(*grader_counts(data), level=level)


def _lost(data: Judged, method: str, level: float, side: Side, seed: int) -> Missing | None:
    """The recommended limits with every lost label negative, and positive."""
    if not data.binary or data.probability is not None:
        return None
    low, high = math.inf, -math.inf
    gone = np.flatnonzero(data.lost_at)
    for value in (0.0, 1.0):
        y = data.y.copy()
        y[gone] = value
        row = next(r for r in rows(replace(data, y=y), level, side, seed) if r.method == method)
        low, high = min(low, row.low), max(high, row.high)
    return Missing(int(gone.size), low, high)
