"""What may be claimed of a true rate, when trials were graded and the grader was validated?

For suites: the counts of fresh graded trials come as limits of the apparent rate, however they were
stopped; the grader's errors come from a validation study with gold labels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrant.errors import InputError
from calibrant.stats.estimates.clusters import Clusters, cluster_interval
from calibrant.stats.estimates.intervals import Side, clopper_pearson
from calibrant.stats.estimates.rates import check_level

Relation = Literal["<", "<=", ">", ">="]
RELATIONS = ("<", "<=", ">", ">=")

APPARENT = 0.5
"""Part of the error for the apparent rate, the rest for the grader, unless told otherwise."""


@dataclass(frozen=True)
class Validation:
    """A study in which gold labels were put beside a grader's verdicts.

    Attributes:
        hits, positives: positive verdicts on gold positive items, and those items.
        rejections, negatives: negative verdicts on gold negative items, and those items.
        clusters: for each of the two, sums and sizes per cluster, if items depend; else None.
    """

    hits: int
    positives: int
    rejections: int
    negatives: int
    clusters: tuple[Clusters | None, Clusters | None] | None = None

    @classmethod
    def of(
        cls, verdicts: ArrayLike, gold: ArrayLike, clusters: ArrayLike | None = None
    ) -> Validation:
        """From one row per item.

        Args:
            verdicts, gold: shape (n,), 0 or 1.
            clusters: shape (n,), the cluster of each item, text or whole numbers.

        Raises:
            InputError: for other values, or lengths that differ.
        """
        f, y = np.asarray(verdicts), np.asarray(gold)
        if f.ndim != 1 or f.shape != y.shape:
            raise InputError(
                f"validation: wanted a verdict and a gold label each, got {f.shape} and {y.shape}"
            )
        for name, x in (("verdicts", f), ("gold", y)):
            if x.size and not np.all((x == 0) | (x == 1)):
                raise InputError(f"{name}: wanted 0 and 1")
        yes = y == 1
        counts = (
            int((f[yes] == 1).sum()), int(yes.sum()), int((f[~yes] == 0).sum()), int((~yes).sum())
        )  # fmt: skip
        if clusters is None:
            return cls(*counts)
        group = np.asarray(clusters)
        if group.shape != y.shape:
            raise InputError(f"clusters: wanted one for each of {y.size} items, got {group.size}")
        both = _clusters(f[yes] == 1, group[yes]), _clusters(f[~yes] == 0, group[~yes])
        return cls(*counts, clusters=both)


def _clusters(right: NDArray[np.bool_], group: NDArray[Any]) -> Clusters | None:
    """None where there are too few clusters to say anything."""
    names, which = np.unique(group, return_inverse=True)
    if names.size < 2:
        return None
    return Clusters.of(right.astype(np.int64), which.astype(np.int64))


@dataclass(frozen=True)
class ClaimInterval:
    """An interval for a true rate behind graded trials.

    Attributes:
        low, high: within 0–1; [0, 1] where the study says too little.
        level: of the interval, at least.
        side: "two", "upper" or "lower"; the other end is 0 or 1.
        apparent: the limits of the graded rate that it was made from.
        sensitivity, specificity: limits of these, all at once.
        least, most: corrected rates that the grader's errors alone leave, at the apparent rate
            `seen`; None without it.
        consistent: False if no rate fits both the trials and the study (the grader acts differently
            here); the interval is then [0, 1].
        method: in words.
    """

    low: float
    high: float
    level: float
    side: Side
    apparent: tuple[float, float]
    sensitivity: tuple[float, float]
    specificity: tuple[float, float]
    least: float | None
    most: float | None
    consistent: bool
    method: str

    def could_flip(self, threshold: float, relation: Relation) -> bool:
        """Whether the grader's errors could turn what the apparent rate decides into its opposite.

        Args:
            threshold: in 0–1.
            relation: what the claim says of the rate, such as "<".

        Returns:
            True if the apparent limits decide the claim and the corrected interval holds a rate
            for which it would be the other way; False too where the apparent limits decide nothing.

        Raises:
            InputError: for another relation or threshold.
        """
        if relation not in RELATIONS:
            raise InputError(f"relation: wanted one of {', '.join(RELATIONS)}, got {relation!r}")
        if not 0 <= threshold <= 1:
            raise InputError(f"threshold: wanted 0–1, got {threshold!r}")
        naive = _holds(self.apparent, threshold, relation)
        # A one-sided interval says nothing of the other end.
        ends = (
            self.low if self.side != "upper" else 0.0, self.high if self.side != "lower" else 1.0
        )  # fmt: skip
        if naive is None:
            return False
        return _some(ends, threshold, relation, wanted=not naive)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        pairs = ("apparent", "sensitivity", "specificity")
        return {**self.__dict__, **{k: list(getattr(self, k)) for k in pairs}}

    def __repr__(self) -> str:
        if not self.consistent:
            return (
                "no true rate fits both the graded trials and the grader's validation: "
                "the grader acts differently here"
            )
        return (
            f"true rate in [{self.low:.4g}, {self.high:.4g}] ({self.level:.0%}) behind graded "
            f"[{self.apparent[0]:.4g}, {self.apparent[1]:.4g}]"
        )


def _holds(ends: tuple[float, float], threshold: float, relation: Relation) -> bool | None:
    """Whether a claim holds of all rates between the ends; None if of some only."""
    if not _some(ends, threshold, relation, wanted=False):
        return True
    return None if _some(ends, threshold, relation, wanted=True) else False


def _some(ends: tuple[float, float], at: float, relation: Relation, *, wanted: bool) -> bool:
    """Whether the claim holds (or not) of some rate between the ends."""
    low, high = ends
    some = {"<": low < at, "<=": low <= at, ">": high > at, ">=": high >= at}
    none = {"<": high >= at, "<=": high > at, ">": low <= at, ">=": low < at}
    return some[relation] if wanted else none[relation]


def apparent_level(level: float, *, share: float = APPARENT) -> float:
    """The level at which the apparent rate's limits are wanted, so that the grader's part is left.

    For one side the limit of that side only.

    Raises:
        InputError: for a level or share not strictly between 0 and 1.
    """
    check_level(level, "two")
    if not 0 < share < 1:
        raise InputError(f"share: wanted strictly between 0 and 1, got {share!r}")
    return 1 - (1 - level) * share


def corrected_interval(
    study: Validation,
    low: float,
    high: float,
    *,
    apparent_level: float,
    level: float = 0.95,
    side: Side = "two",
    seen: float | None = None,
) -> ClaimInterval:
    """An interval for a true rate, from limits of the graded one and the grader's validation.

    Of the error 1 - level, the apparent limits have spent 1 - apparent_level; the rest is halved
    between sensitivity and specificity (Clopper–Pearson; with clusters by betting, which assumes
    only that clusters are independent). All three then hold at once, whatever their dependence,
    and a true rate t fits if t·sensitivity + (1 - t)(1 - specificity) can be within the apparent
    limits. Both conditions are linear in t, so that what fits is an interval; it is the whole of
    0–1 where the grader may be no better than chance.

    Args:
        study: of the same grader, on items of the kind that the trials are of: the grader must
            err as often here as there on positive and on negative items. Rates may differ.
        low, high: limits of the rate of positive grades, in 0–1; for side "upper" only `high`
            counts, for "lower" only `low`.
        apparent_level: of those limits (see the function of that name), above `level`.
        seen: the observed rate of positive grades, for `least` and `most`.

    Raises:
        InputError: for limits outside 0–1 or crossed, or levels that leave no error.
    """
    check_level(level, side)
    check_level(apparent_level, "two")
    if not 0 <= low <= high <= 1:
        raise InputError(f"apparent limits: wanted 0 ≤ low ≤ high ≤ 1, got {low!r} and {high!r}")
    rest = (1 - level) - (1 - apparent_level)
    if rest <= 0:
        raise InputError(
            f"apparent_level: wanted above the level {level:g}, as the grader needs a part of the "
            f"error, got {apparent_level:g}"
        )
    if seen is not None and not 0 <= seen <= 1:
        raise InputError(f"seen: wanted 0–1, got {seen!r}")
    groups = study.clusters or (None, None)
    clustered = study.clusters is not None
    se = _limits(study.hits, study.positives, groups[0], clustered, rest / 2)
    sp = _limits(study.rejections, study.negatives, groups[1], clustered, rest / 2)
    least, most = (None, None) if seen is None else _fitting((seen, seen), se, sp) or (0.0, 1.0)
    if side != "two":
        # One end needs one limit of each: twice the error for it.
        one, two = (
            _limits(study.hits, study.positives, groups[0], clustered, rest),
            _limits(study.rejections, study.negatives, groups[1], clustered, rest),
        )
        se, sp = ((one[0], 1.0), (0.0, two[1])) if side == "upper" else ((0.0, one[1]), (two[0], 1))
    ends = low if side != "upper" else 0.0, high if side != "lower" else 1.0
    found = _fitting(ends, se, sp)
    words = "error split, " + ("betting on clusters" if clustered else "Clopper–Pearson")
    bottom, top = found or (0.0, 1.0)
    return ClaimInterval(
        bottom if side != "upper" else 0.0, top if side != "lower" else 1.0, level, side, ends,
        se, sp, least, most, found is not None, words,
    )  # fmt: skip


def _limits(
    k: int, n: int, clusters: Clusters | None, clustered: bool, error: float
) -> tuple[float, float]:  # fmt: skip
    """Two-sided limits of a rate; of nothing, or of one cluster, all rates."""
    if clustered:
        if clusters is None:
            return 0.0, 1.0
        found = cluster_interval(clusters, method="betting", level=1 - error)
        return max(0.0, found.low), min(1.0, found.high)
    exact = clopper_pearson(k, n, level=1 - error)
    return exact.low, exact.high


def _fitting(
    apparent: tuple[float, float], se: tuple[float, float], sp: tuple[float, float]
) -> tuple[float, float] | None:  # fmt: skip
    """True rates in 0–1 for which the graded rate can be within the limits; None if none is."""
    low, high = 0.0, 1.0
    # The least graded rate at t is t·se.low + (1 - t)(1 - sp.high): at most apparent[1]; the
    # greatest is t·se.high + (1 - t)(1 - sp.low): at least apparent[0].
    for at_0, at_1, limit in (
        (1 - sp[1], se[0], apparent[1]),
        (-(1 - sp[0]), -se[1], -apparent[0]),
    ):
        slope = at_1 - at_0
        if slope == 0:
            if at_0 > limit + 1e-12:
                return None
            continue
        t = (limit - at_0) / slope
        low, high = (low, min(high, t)) if slope > 0 else (max(low, t), high)
    if low > high + 1e-12 or not math.isfinite(low + high):
        return None
    return min(low, high), high
