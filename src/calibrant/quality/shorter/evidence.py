"""How wrong were predictions of full scores, on subjects of families not used in calibration?

Each subject is predicted by a model fitted without its family. How far off the predictions were,
in units of the model's own standard errors, says by how much intervals must be stretched; how far
off in plain units says what a shorter test is worth beside three that need no thought.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from calibrant.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

METHODS = ("target", "random")
"""With the model: items chosen for the full score, and drawn at random."""
BASELINES = ("random sample", "random + model", "average")
"""What a shorter test must beat: the mean of items drawn at random, the same items with the model
for the rest (the p-IRT of tinyBenchmarks), and the average of the calibration subjects."""


@dataclass(frozen=True)
class ErrorOf:
    """Mean absolute error of predicted full scores on unseen families, in units of scores.

    Attributes:
        method: one of "adaptive", "short form" and `BASELINES`.
        items: asked.
        error, low, high: the error with its interval over families.
        root: root mean square error.
    """

    method: str
    items: int
    error: float
    low: float
    high: float
    root: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"method": self.method, "items": self.items, "error": self.error, "low": self.low,
                "high": self.high, "root_mean_square": self.root}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Evidence:
    """Errors of predictions for held-out subjects, at several lengths.

    Attributes:
        lengths: numbers of items, ascending.
        errors: method or baseline → shape (subjects, lengths), predicted less true, in 0–1 units.
        ratios: method → shape (subjects, lengths), the same over the model's standard error.
        family: shape (subjects,), the number of each subject's family.
    """

    lengths: Ints
    errors: dict[str, Floats]
    ratios: dict[str, Floats]
    family: Ints

    def stretch(
        self, pick: str, items: int, level: float, *, watched: bool = False, least: int = 5
    ) -> float:
        """By how much the model's standard error is multiplied for an interval.

        Args:
            pick: one of `METHODS`.
            items: with a score.
            level: of the interval.
            watched: whether it must hold at all lengths from `least` on at once, so that one may
                stop whenever one likes.
        """
        key = (pick, level, least if watched else 0)
        if key not in self._kept:
            each = self._each(pick, level)
            if watched:
                late = self.lengths >= min(least, int(self.lengths[-1]))
                worst = np.max(np.abs(self.ratios[pick][:, late]) / each[late], axis=1)
                each = each * max(1.0, largest(worst, self.family, level))
            self._kept[key] = each
        each = self._kept[key]
        return float(np.interp(math.log(max(items, 1)), np.log(self.lengths), each))

    @cached_property
    def _kept(self) -> dict[tuple[str, float, int], Floats]:
        """Factors that were computed before."""
        return {}

    def _each(self, pick: str, level: float) -> Floats:
        """Shape (lengths,): the factor at each length, smoothed over neighbours."""
        ratios = self.ratios[pick]
        raw = np.array([factor(r, self.family, level) for r in ratios.T])
        padded = np.pad(raw, 2, mode="edge")
        smooth: Floats = np.convolve(padded, np.full(5, 0.2), "valid")
        return smooth

    def error_of(self, method: str, items: int, level: float = 0.95, scale: float = 1.0) -> ErrorOf:
        """The mean absolute error at the nearest length measured.

        Args:
            method: a key of `errors`.
            scale: the width of the range of scores.
        """
        at = int(np.argmin(np.abs(self.lengths - items)))
        off = np.abs(self.errors[method][:, at]) * scale
        mean, half = float(off.mean()), cluster_half(off, self.family, level)
        root = float(np.sqrt(np.mean(np.square(off))))
        name = {"target": "adaptive", "random": "random + model"}.get(method, method)
        return ErrorOf(name, int(self.lengths[at]), mean, max(mean - half, 0.0), mean + half, root)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "lengths": self.lengths.tolist(), "family": self.family.tolist(),
            "errors": {k: v.tolist() for k, v in self.errors.items()},
            "ratios": {k: v.tolist() for k, v in self.ratios.items()},
        }  # fmt: skip


def evidence_of(plain: dict[str, Any]) -> Evidence:
    """The evidence that `Evidence.to_dict` made plain.

    Raises:
        InputError: if it is none.
    """
    try:
        found = Evidence(
            np.array(plain["lengths"], np.int64),
            {k: np.array(v, np.float64) for k, v in plain["errors"].items()},
            {k: np.array(v, np.float64) for k, v in plain["ratios"].items()},
            np.array(plain["family"], np.int64),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as e:
        raise InputError(f"evidence: not that of a calibration ({type(e).__name__}: {e})") from e
    shape = (len(found.family), len(found.lengths))
    arrays = [*found.errors.values(), *found.ratios.values()]
    if not found.lengths.size or any(a.shape != shape for a in arrays):
        raise InputError(f"evidence: wanted arrays of {shape[0]} subjects by {shape[1]} lengths")
    return found


def factor(ratios: Floats, family: Ints, level: float) -> float:
    """A number that |error / standard error| of a subject of a new family exceeds at 1 − level.

    The larger of two: the conformal quantile over subjects, which takes them for independent, and
    Student's t with the scale and the degrees of freedom (Satterthwaite) of the families' mean
    squares, which takes families for independent and errors for normal.

    Args:
        ratios: shape (subjects,).
        family: shape (subjects,).
    """
    size = ratios.size
    rank = math.ceil((size + 1) * level)
    conformal = float(np.sort(np.abs(ratios))[min(rank, size) - 1])
    count = np.bincount(family)
    count = count[count > 0]
    square = np.bincount(family, weights=np.square(ratios))
    square = square[np.bincount(family) > 0]
    scale = float(square.sum() / size)
    if scale == 0.0:
        return conformal
    groups = len(count)
    # The variance of the mean square, from how families differ in it.
    off = square - count * scale
    variance = float(np.square(off).sum()) * groups / max(groups - 1, 1) / size**2
    freedom = 2.0 * scale**2 / variance if variance > 0 else float(size)
    freedom = min(max(freedom, 3.0), float(size))
    return max(conformal, math.sqrt(scale) * float(stdtrit(freedom, 0.5 + level / 2.0)))


def largest(worst: Floats, family: Ints, level: float) -> float:
    """A number that a subject of a new family exceeds at 1 − level.

    The larger of the conformal quantile over subjects and Student's upper bound for one more draw,
    with degrees of freedom of the families.

    Args:
        worst: shape (subjects,), positive, such as the largest of a subject's ratios.
    """
    rank = min(math.ceil((worst.size + 1) * level), worst.size)
    conformal = float(np.sort(worst)[rank - 1])
    groups = len(set(family.tolist()))
    spread = float(np.std(worst, ddof=1)) * math.sqrt(1.0 + 1.0 / groups)
    return max(conformal, float(worst.mean()) + spread * float(stdtrit(max(groups - 1, 2), level)))


def cluster_half(values: Floats, family: Ints, level: float) -> float:
    """Half the width of the interval of a mean over subjects that come in families."""
    count = np.bincount(family)
    groups = int((count > 0).sum())
    if groups < 2:
        return float("inf")
    total = np.bincount(family, weights=values - values.mean())
    error = math.sqrt(float(np.square(total).sum()) * groups / (groups - 1)) / values.size
    return error * float(stdtrit(groups - 1, 0.5 + level / 2.0))
