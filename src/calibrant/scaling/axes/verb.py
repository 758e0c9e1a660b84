"""How many capabilities do benchmarks measure, and how do these grow with compute?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError, UnfitError
from calibrant.scaling.axes.components import Components, components, iterated, probabilistic
from calibrant.scaling.axes.growth import NOT_IN_LINES, growth
from calibrant.scaling.axes.result import Axes
from calibrant.scaling.axes.table import Matrix, read_matrix
from calibrant.stats.relations.factors import Parallel, parallel_analysis
from calibrant.stats.relations.spread import (
    LEAST_FAMILIES,
    MOST_GROUPS,
    Estimate,
    check_level,
    estimates,
    folds_of,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Missing = Literal["iterate", "ppca", "drop"]

LEAST_SUBJECTS = 5
"""Subjects below which there are no axes."""

LEAST_SHARE = 0.5
"""The share of measures that a subject must have."""

STEADY = 0.9
"""The cosine below which an axis that turns when a family is left out is not the same axis."""


def capability_axes(
    source: Any,
    *,
    columns: Sequence[str] | None = None,
    family: str | None = None,
    family_pattern: str | None = None,
    scale: str | None = None,
    subject: str | None = None,
    log: bool = True,
    standardise: bool = False,
    missing: Missing = "iterate",
    rank: int = 1,
    level: float = 0.95,
    draws: int = 200,
    seed: int = 0,
) -> Axes:
    """The principal axes of scores, how many are more than chance, and the first against compute.

    Args:
        source, columns, family, family_pattern, scale, subject, log: see `read_matrix`.
        standardise: whether each measure counts the same; by default they are only centred, so
            that measures that vary more count more.
        missing: "iterate" fills gaps from `rank` components of standardised scores, again and
            again until nothing moves; "ppca" from probabilistic components of standardised
            scores, which also say what gaps leave open; "drop" leaves out subjects with gaps.
        rank: components that fill gaps.
        level: of intervals, for subjects of other families of the same kind.
        draws, seed: of the parallel analysis.

    Raises:
        InputError: for fewer than 5 subjects, fewer than two measures that vary, or bad input.
        UnfitError: if gaps cannot be filled.
    """
    check_level(level)
    if draws < 20:
        raise InputError(f"draws: wanted at least 20, got {draws}")
    matrix, notes = _usable(
        read_matrix(
            source, columns=columns, scale=scale, family=family, family_pattern=family_pattern,
            subject=subject, log=log,
        ),
        missing,
    )  # fmt: skip
    k = len(matrix.measures)
    gaps = np.isnan(matrix.values)
    if not 1 <= rank < k:
        raise InputError(f"rank: wanted 1 to {k - 1}, got {rank}")
    how, spread = filler(missing, rank)
    full = how(matrix.values)
    whole = components(full, standardise=standardise)
    parallel = _parallel(matrix, full, gaps, draws, seed, rank, notes)
    shown = min(k, max(3, parallel.factors if parallel is not None else 0))
    jack = Jackknife(matrix, how, standardise, whole, shown)
    share, cumulative = jack.shares(level)
    errors, stable = jack.loadings()
    grown = None
    if scale is not None:
        names = tuple(map(str, np.unique(matrix.families)))
        grown = growth(whole.scores[:, 0], matrix.scale, matrix.family, names, level=level)
        # Where the reader of the table has named the subjects without compute, once is enough.
        told = any("have no scale" in n for n in matrix.notes)
        notes += [n for n in grown.notes if not (told and n.endswith(NOT_IN_LINES))]
    left = None if spread is None else _open(spread(matrix.values), whole, shown)
    return Axes(
        matrix.subjects, matrix.families, matrix.scale, matrix.measures,
        _said(standardise, missing, rank, gaps), int(gaps.sum()), share, cumulative,
        whole.loadings[:, :shown], errors, stable, whole.scores[:, :shown], left, parallel, grown,
        level, seed, (*matrix.notes, *notes),
    )  # fmt: skip


def _usable(matrix: Matrix, missing: Missing) -> tuple[Matrix, list[str]]:
    """Without subjects that have too few scores and measures that do not vary."""
    there = ~np.isnan(matrix.values)
    least = 1.0 if missing == "drop" else LEAST_SHARE
    enough = there.mean(axis=1) >= least
    if not enough.all():
        lost = [s for s, e in zip(matrix.subjects, enough, strict=True) if not e]
        why = "with gaps" if missing == "drop" else "with fewer than half of the scores"
        matrix = matrix.only(
            enough,
            note=f"{len(lost)} subjects {why} are left out: {one_line(', '.join(lost[:4]), 160)}"
            + (", …" if len(lost) > 4 else ""),
        )
    n, k = matrix.values.shape
    if n < LEAST_SUBJECTS:
        raise InputError(f"axes: wanted at least {LEAST_SUBJECTS} subjects, got {n}")
    if k < 2:
        raise InputError(f"axes: wanted at least two measures, got {k}")
    for j, name in enumerate(matrix.measures):
        some = matrix.values[~np.isnan(matrix.values[:, j]), j]
        if some.size < 3 or np.ptp(some) <= 1e-12 * max(float(np.abs(some).max()), 1e-300):
            raise InputError(
                f"axes: measure {one_line(name, 60)!r}: wanted three scores that differ, got "
                f"{some.size} of {n}{', all the same' if some.size >= 3 else ''}; leave it out"
            )
    notes = []
    if not matrix.related:
        notes.append(
            "every subject counts as its own family: if some are versions of one model, intervals "
            "are too narrow and too many axes are found (name a column or a pattern of families)"
        )
    elif len(set(matrix.families)) < LEAST_FAMILIES:
        notes.append(
            f"fewer than {LEAST_FAMILIES} families: nothing here says how it is in others, so "
            "there are no intervals"
        )
    share = float(np.isnan(matrix.values).mean())
    if share > 0.05:
        notes.append(
            f"{share:.0%} of cells were filled: filled cells agree with the axes by design, so "
            "that these look stronger than they are"
        )
    notes += _two_units(matrix)
    size = np.nanstd(matrix.values, axis=0)
    if size.max() > 10 * size.min():
        wide, narrow = (matrix.measures[int(i)] for i in (size.argmax(), size.argmin()))
        notes.append(
            f"{one_line(wide, 60)} varies {size.max() / size.min():.0f} times as much as "
            f"{one_line(narrow, 60)}: percent beside shares? standardise if units differ"
        )
    return matrix, notes


def _two_units(matrix: Matrix) -> list[str]:
    """Measures in which some scores look like percent and the others like shares."""
    said = []
    for name, column in zip(matrix.measures, matrix.values.T, strict=True):
        some = column[~np.isnan(column)]
        large = some > 1
        if some.min() < 0 or some.max() > 100 or large.all() or not large.any():
            continue
        small = some[~large]
        # Percents beside shares leave a gap between them that one range of scores does not.
        if some[large].min() > 5 * small.max() and np.median(small) > 0.01:
            said.append(
                f"{one_line(name, 60)}: {int(large.sum())} of {some.size} scores are "
                f"{some[large].min():g} to {some.max():g}, the others at most {small.max():g}: "
                "percent and shares in one column? Its axis is then an axis of units"
            )
    return said


def filler(
    missing: Missing, rank: int, tolerance: float = 1e-10
) -> tuple[Callable[[Floats], Floats], Callable[[Floats], Floats] | None]:
    """What fills gaps, and what says how much they leave open: (n, k, k), in units of scores.

    Raises:
        InputError: for an unknown way.
    """
    if missing == "iterate":
        return lambda x: iterated(x, rank=rank, tolerance=tolerance), None
    if missing == "drop":
        return np.copy, None
    if missing != "ppca":
        raise InputError(f"missing: wanted iterate, ppca or drop, got {missing!r}")

    def standard(x: Floats) -> tuple[Floats, Floats]:
        size = np.nanstd(x, axis=0)
        return x / size, size

    def fill(x: Floats) -> Floats:
        if not np.isnan(x).any():
            return x.copy()
        z, size = standard(x)
        return np.where(np.isnan(x), probabilistic(z, axes=rank).fill * size, x)

    def spread(x: Floats) -> Floats:
        z, size = standard(x)
        return np.asarray(probabilistic(z, axes=rank).spread * np.outer(size, size))

    return fill, spread


def _parallel(
    matrix: Matrix, full: Floats, gaps: NDArray[np.bool_], draws: int, seed: int, rank: int,
    notes: list[str],
) -> Parallel | None:  # fmt: skip
    """The number of axes; references are given the same gaps, filled in the same way."""
    n, k = full.shape
    if not 3 <= k < n:
        notes.append(
            f"the number of axes is not tested: wanted at least 3 measures and fewer than the {n} "
            f"subjects, got {k}"
        )
        return None

    def treated(x: Floats) -> Floats:
        return iterated(np.where(gaps, np.nan, x), rank=rank, tolerance=1e-4, rounds=100)

    return parallel_analysis(
        full, matrix.family, draws=draws, seed=seed, treated=treated if gaps.any() else None
    )


class Jackknife:
    """Components without each family, gaps filled again each time."""

    def __init__(
        self, matrix: Matrix, how: Callable[[Floats], Floats], standardise: bool,
        whole: Components, shown: int,
    ) -> None:  # fmt: skip
        self.matrix, self.how, self.standardise = matrix, how, standardise
        self.whole, self.shown = whole, shown
        self.kept: dict[bytes, Components | None] = {}

    def at(self, rows: Ints) -> Components | None:
        """Components of some subjects; None where there are none."""
        key = rows.tobytes()
        if key not in self.kept:
            try:
                full = self.how(self.matrix.values[rows])
                one = components(full, standardise=self.standardise)
                # Without scores of subjects: kept for hundreds of folds, they would fill memory.
                self.kept[key] = replace(one, scores=np.empty((0, 0)))
            except UnfitError:
                self.kept[key] = None
        return self.kept[key]

    def shares(self, level: float) -> tuple[tuple[Estimate, ...], tuple[Estimate, ...]]:
        """Of each axis, and of the first together."""
        k = len(self.matrix.measures)

        def statistic(rows: Ints) -> Floats:
            found = self.at(rows) if rows.size >= 3 and self._varied(rows) else None
            if found is None:
                return np.full(2 * k, np.nan)
            return log_odds(np.concatenate([found.share, np.cumsum(found.share)]))

        every = estimates(statistic, self.matrix.family, scale="plain", level=level)
        whole = np.concatenate([self.whole.share, np.cumsum(self.whole.share)])
        ends = [shares_of(e, v) for e, v in zip(every, whole, strict=True)]
        return tuple(ends[:k]), tuple(ends[k:])

    def loadings(self) -> tuple[Floats, Floats]:
        """Standard errors of loadings, shape (k, shown), and how steady each axis is."""
        target = self.whole.loadings[:, : self.shown]
        # The same folds as of shares: beyond 200 families several are left out together.
        family = folds_of(self.matrix.family, MOST_GROUPS)
        groups = np.unique(family)
        turned = np.full((groups.size, *target.shape), np.nan)
        for i, g in enumerate(groups):
            rows = np.flatnonzero(family != g)
            found = self.at(rows) if rows.size >= 3 and self._varied(rows) else None
            if found is not None:
                own = found.loadings[:, : self.shown]
                turned[i] = own * np.where((own * target).sum(axis=0) < 0, -1.0, 1.0)
        nothing = np.full(target.shape, np.nan)
        if groups.size < 4 or np.isnan(turned).any():
            return nothing, np.full(self.shown, np.nan)
        stable = (turned * target).sum(axis=1).min(axis=0)
        apart = turned - turned.mean(axis=0)
        errors = np.sqrt((groups.size - 1) / groups.size * (apart**2).sum(axis=0))
        return np.where(stable >= STEADY, errors, np.nan), np.asarray(np.clip(stable, -1, 1))

    def _varied(self, rows: Ints) -> bool:
        """Whether each measure still has two scores that differ."""
        some = self.matrix.values[rows]
        there = ~np.isnan(some)
        if (there.sum(axis=0) < 2).any():
            return False
        return bool((np.nanmax(some, axis=0) > np.nanmin(some, axis=0)).all())


def log_odds(share: Floats) -> Floats:
    """Of shares: on this scale they are about normal. NaN where nothing, or nothing else, is."""
    good = (share > 1e-12) & (share < 1 - 1e-12)
    safe = np.where(good, share, 0.5)
    return np.where(good, np.log(safe) - np.log1p(-safe), np.nan)


def shares_of(found: Estimate, share: float) -> Estimate:
    """An interval of log odds as one of the share."""
    if found.low is None or found.high is None:
        note = found.note if 1e-12 < share < 1 - 1e-12 else ""
        return Estimate(float(share), None, None, found.level, note)
    low, high = (1 / (1 + np.exp(-v)) for v in (found.low, found.high))
    return Estimate(float(share), float(low), float(high), found.level)


def _open(spread: Floats, whole: Components, shown: int) -> Floats:
    """The standard deviation of each subject's place on each axis that its gaps leave."""
    turn = whole.loadings[:, :shown] / whole.size[:, None]
    left = np.einsum("ka,nkl,la->na", turn, spread, turn)
    return np.asarray(np.sqrt(np.maximum(left, 0.0)))


def _said(
    standardise: bool, missing: Missing, rank: int, gaps: NDArray[np.bool_]
) -> tuple[str, ...]:
    said = ["centred and divided by the standard deviation (n)" if standardise
            else "centred, not standardised"]  # fmt: skip
    many = int(gaps.sum())
    if many == 0:
        said.append("no score was missing")
    else:
        axis = "component" if rank == 1 else "components"
        by = (
            f"iterated from {rank} {axis}"
            if missing == "iterate"
            else f"probabilistic, {rank} {axis}"
        )
        cell = "cell" if many == 1 else "cells"
        said.append(f"{many} missing {cell} of {gaps.size} filled ({by}, on standardised scores)")
    said.append("parallel analysis on correlations, references with the likeness of families")
    return tuple(said)
