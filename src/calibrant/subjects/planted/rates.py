"""How well do signals tell single items that were planted from items that were not?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.contamination.exposure import auroc
from calibrant.stats.estimates.intervals import clopper_pearson
from calibrant.stats.estimates.means import t_mean
from calibrant.subjects.planted.readings import Readings

Floats = NDArray[np.float64]

DETECTORS = ("loss", "zlib", "min-k", "min-k++", "tail-top1", "reference")
"""Signals of an item; "reference" is beside the clean twin, the best reference there can be."""

OWN = DETECTORS[:-1]
"""Those of the subject alone."""


@dataclass(frozen=True)
class Rates:
    """How well a signal tells single items of one arm from items that were not planted.

    Attributes:
        variant, detector, copies, form: of what.
        items, clean: of the arm, and without copies; of all pairs.
        pairs: that it was measured on; values are means over them.
        auroc, low, high: with its 95 % interval: of one pair over its items, of several by
            Student's t over pairs.
        at_1, at_5: share of the arm above all but 1 % or 5 % of items without copies; thresholds
            are order statistics, so that a new item without copies is above them no more often;
            None if there are too few items without copies for that.
        at_5_low, at_5_high: 95 % interval of `at_5`: of one pair exact, the threshold taken as it
            is; of several by Student's t over pairs.
    """

    variant: str
    detector: str
    copies: int
    form: str
    items: int
    clean: int
    pairs: int
    auroc: float
    low: float
    high: float
    at_1: float | None
    at_5: float | None
    at_5_low: float | None
    at_5_high: float | None

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def rates(
    pairs: Sequence[Readings], variants: Sequence[str] = ("clean", "planted", "tuned")
) -> Iterator[Rates]:
    """Rates of every detector in every arm, averaged over pairs of one design.

    Raises:
        InputError: for a detector that a variant has not.
    """
    for variant in variants:
        for detector in OWN if variant == "clean" else DETECTORS:
            for form in ("verbatim", "rephrased"):
                for copies in sorted({int(k) for k in pairs[0].copies} - {0}):
                    if pairs[0].arm(copies, form).size:
                        yield _mean([_rates(p, variant, detector, copies, form) for p in pairs])


def _rates(found: Readings, variant: str, detector: str, copies: int, form: str) -> Rates:
    values = found.signal(variant, detector)
    own, clean = values[found.arm(copies, form)], values[found.arm(0)]
    a = auroc(own, clean)
    p = tail_p(own, clean)
    hits = int((p <= 0.05).sum())
    interval = clopper_pearson(hits, own.size)
    five, one = (clean.size + 1) * 0.05 >= 1, (clean.size + 1) * 0.01 >= 1
    return Rates(
        variant, detector, copies, form, own.size, clean.size, 1, a.value, a.low, a.high,
        float(np.mean(p <= 0.01)) if one else None, hits / own.size if five else None,
        interval.low if five else None, interval.high if five else None,
    )  # fmt: skip


def _mean(each: list[Rates]) -> Rates:
    """The mean over pairs; the pair is the unit of the intervals."""
    first = each[0]
    if len(each) == 1:
        return first
    area = t_mean([r.auroc for r in each], bounds=(0, 1))
    share = [r.at_5 for r in each if r.at_5 is not None]
    five = t_mean(share, bounds=(0, 1)) if share else None
    one = [r.at_1 for r in each if r.at_1 is not None]
    return Rates(
        first.variant, first.detector, first.copies, first.form, sum(r.items for r in each),
        sum(r.clean for r in each), len(each), area.value, max(0.0, area.low),
        min(1.0, area.high), float(np.mean(one)) if one else None,
        five.value if five else None, max(0.0, five.low) if five else None,
        min(1.0, five.high) if five else None,
    )  # fmt: skip


def tail_p(own: Floats, clean: Floats) -> Floats:
    """Of each value, its rank among clean ones: valid for a value that is one of them."""
    above = clean.size - np.searchsorted(np.sort(clean), own, "left")
    return np.asarray((1 + above) / (1 + clean.size))
