"""Which subject, family and measure does each score belong to, and what is known of its curve?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from calibrant._text import one_line
from calibrant.errors import UnfitError
from calibrant.scaling.scores import Names, Scores

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

QUIET = 0.01
"""Noise is as that of a rate, but never less than a fifth of its largest: its variance is as
m (1 - m) + QUIET, where the expected score m goes from 0 at the lowest to 1 at the highest."""

LEAST = 6
"""Scores below which nothing is fitted."""


@dataclass(frozen=True, repr=False, eq=False)
class Layout:
    """Scores as numbers, with one code for each name.

    Attributes:
        families, measures, subjects: names, in alphabetical order.
        family, measure, subject, cell: shape (rows,); codes. A cell is a family on a measure.
        cells: shape (cells, 2); family and measure of each cell.
        x: shape (rows,); scale less `anchor`, in units of `unit`.
        y, error: shape (rows,); score and its standard error (0 where unknown).
        anchor, unit: median and standard deviation of the subjects' scales.
        bounded: shape (measures,); whether both limits are known, so that the curve is a sigmoid.
        base, span: shape (measures,); of a sigmoid, chance and its distance to the ceiling; of a
            line, mean and standard deviation of the scores.
        low, reach: shape (measures,); the lowest score and its distance to the highest; 0 and 1
            where there is none.
    """

    families: Names
    measures: Names
    subjects: Names
    family: Ints
    measure: Ints
    subject: Ints
    cell: Ints
    cells: Ints
    x: Floats
    y: Floats
    error: Floats
    anchor: float
    unit: float
    bounded: NDArray[np.bool_]
    base: Floats
    span: Floats
    low: Floats
    reach: Floats

    @property
    def blocks(self) -> dict[str, int]:
        """The number of effects of each kind, in the order in which they are held.

        With one measure a subject cannot be told from its noise, nor a family on a measure from
        the family; with one family there is nothing to tell it from.
        """
        families = self.families.size if self.families.size > 1 else 0
        many = self.measures.size > 1
        return {
            "slope": self.measures.size,
            "level": self.measures.size,
            "bend": self.measures.size,
            "family": families,
            "growth": families,
            "subject": self.subjects.size if many else 0,
            "cell": len(self.cells) if many and families else 0,
        }

    def starts(self) -> dict[str, slice]:
        """Where each kind of effect is held in the vector of all."""
        found, at = {}, 0
        for name, size in self.blocks.items():
            found[name] = slice(at, at + size)
            at += size
        return found


def layout(known: Scores) -> Layout:
    """The layout of scores.

    Args:
        known: rows without a score or a scale are left out.

    Raises:
        UnfitError: for fewer than `LEAST` scores, fewer than three scales, or a measure whose
            scores are all one number and that has no limits.
    """
    rows = known.take(np.isfinite(known.score) & np.isfinite(known.scale))
    scales = np.unique(rows.scale)
    if len(rows) < LEAST or scales.size < 3:
        raise UnfitError(
            f"hierarchy: wanted {LEAST} scores at 3 scales or more, got {len(rows)} at "
            f"{scales.size}"
        )
    families, family = np.unique(rows.family, return_inverse=True)
    measures, measure = np.unique(rows.measure, return_inverse=True)
    subjects, first, subject = np.unique(rows.subject, return_index=True, return_inverse=True)
    pairs = np.column_stack([family, measure])
    cells, cell = np.unique(pairs, axis=0, return_inverse=True)
    ends = np.array([rows.limits[m] for m in measures], dtype=float)
    bounded = np.isfinite(ends).all(axis=1)
    base, span = _ranges(rows, measures, measure, ends)
    anchor = float(np.median(rows.scale[first]))
    unit = max(1.0, float(rows.scale[first].std()))
    return Layout(
        families, measures, subjects, family, measure, subject, cell.ravel(), cells,
        (rows.scale - anchor) / unit, rows.score,
        np.where(np.isfinite(rows.se), rows.se, 0.0), anchor, unit,
        bounded, base, span, np.where(bounded, ends[:, 0], 0.0),
        np.where(bounded, np.ptp(ends, axis=1), 1.0),
    )  # fmt: skip


def _ranges(rows: Scores, measures: Names, measure: Ints, ends: Floats) -> tuple[Floats, Floats]:
    """Where each measure's curve begins, and how far it goes: `Layout.base` and `Layout.span`.

    Raises:
        UnfitError: for a measure without limits whose scores are all one number.
    """
    base, span = np.zeros(measures.size), np.ones(measures.size)
    for j, name in enumerate(measures):
        if np.isfinite(ends[j]).all():
            base[j] = rows.chance.get(str(name), ends[j, 0])
            span[j] = ends[j, 1] - base[j]
            continue
        base[j] = rows.score[measure == j].mean()
        span[j] = rows.score[measure == j].std()
        if not span[j] > 0:
            raise UnfitError(f"hierarchy: all scores of {one_line(str(name))!r} are {base[j]:g}")
    return base, span


@dataclass(frozen=True)
class Curve:
    """Curves at some points.

    Attributes:
        mean: expected scores.
        noise: variance of noise of size 1.
        slope: derivative of `mean` by the predictor.
        louder: derivative of the logarithm of `noise` by the predictor.
    """

    mean: Floats
    noise: Floats
    slope: Floats
    louder: Floats


def curve(at: Layout, measure: Ints, eta: Floats) -> Curve:
    """Expected scores and their noise.

    Args:
        measure: codes.
        eta: predictors, in logits from chance to ceiling or in units of a line; shapes broadcast.
    """
    base, span = at.base[measure], at.span[measure]
    s = expit(eta)
    curved, reach = at.bounded[measure], at.reach[measure]
    mean = np.where(curved, base + span * s, base + span * eta)
    slope = np.where(curved, span * s * (1 - s), span)
    m = np.where(curved, (mean - at.low[measure]) / reach, 0.5)
    rate = m * (1 - m) + QUIET
    tilt = (1 - 2 * m) / (rate * reach)
    noise = np.where(curved, reach**2 * rate, span**2)
    return Curve(mean, noise, slope, tilt * slope)


def elbow(ability: Floats) -> tuple[Floats, Floats]:
    """How a bend adds to a line, and its derivative: a slope of -1 far below the anchor, 1 far
    above it, so that lines stay lines where nothing has been seen."""
    root = np.sqrt(1 + ability**2)
    return root - 1, ability / root
