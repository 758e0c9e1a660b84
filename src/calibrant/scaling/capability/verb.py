"""Is this safety score only capability?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.scaling.axes.table import Matrix, read_matrix
from calibrant.scaling.capability.ability import (
    ability,
    between,
    between_p,
    partial,
    rank_correlations,
    within,
    within_p,
)
from calibrant.scaling.capability.result import Follows, OnlyCapability
from calibrant.scaling.capability.verdict import Tested, check_margins, conclude, two_tests
from calibrant.stats.comparisons.multiplicity import adjust
from calibrant.stats.relations.spread import (
    LEAST_FAMILIES,
    Estimate,
    check_level,
    effective_families,
    estimates,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Multiplicity = Literal["holm", "benjamini-hochberg", "benjamini-yekutieli", "none"]

LEAST_SUBJECTS = 8
"""Subjects with a score below which nothing is said about it."""


def only_capability(
    source: Any,
    *,
    capability: Sequence[str],
    score: Sequence[str] | None = None,
    family: str | None = None,
    family_pattern: str | None = None,
    scale: str | None = None,
    subject: str | None = None,
    log: bool = True,
    margin: float = 0.3,
    driven: float = 0.5,
    multiplicity: Multiplicity = "holm",
    level: float = 0.9,
    draws: int = 9999,
    seed: int = 0,
) -> OnlyCapability:
    """How scores follow capability, and whether that is enough to call them driven by it.

    Args:
        source, family, family_pattern, scale, subject, log: see `read_matrix`.
        capability: the columns that make up the capability score.
        score: the columns asked about; by default every other column of numbers that does not
            describe subjects.
        margin: the size of Spearman's correlation within which a score is independent.
        driven: the size beyond which it is driven by capability. 0.3 and 0.5 are what Cohen calls
            medium and large.
        multiplicity: "holm" keeps the chance of any wrong verdict at (1 - level) / 2; the others
            the share of wrong ones among verdicts, or nothing.
        level: of intervals, for subjects of other families of the same kind; one by itself has a
            verdict if its interval lies beyond or inside the margins.
        draws, seed: shuffles of the tests within and between families.

    Raises:
        InputError: for margins or a level that cannot be, fewer than 8 subjects, or bad input.
    """
    check_level(level)
    check_margins(margin, driven)
    if draws < 99:
        raise InputError(f"draws: wanted at least 99, got {draws}")
    matrix = read_matrix(
        source, columns=None if score is None else list(score), besides=list(capability),
        scale=scale, family=family, family_pattern=family_pattern, subject=subject, log=log,
    )  # fmt: skip
    many = len(capability)
    matrix, notes = _usable(matrix, many)
    whole, share = ability(matrix.values[:, :many])
    if not np.isfinite(share):
        raise InputError("capability: all subjects have the same scores, so that nothing varies")
    if many > 1 and share < 0.5:
        notes.append(
            f"the capability score holds only {share:.0%} of what its columns share: is it one "
            "ability?"
        )
    found = [
        _group(matrix, many, columns, rows, scale is not None, level, draws, seed)
        for columns, rows in _alike(matrix.values[:, many:])
    ]
    raw = [f for group in found for f in group]
    order = {name: i for i, name in enumerate(matrix.measures[many:])}
    raw.sort(key=lambda f: order[f.score])
    scores = _judged(raw, matrix, margin, driven, multiplicity, level)
    notes += _undecided(scores, (1 - level) / 2)
    return OnlyCapability(
        scores, tuple(capability), share,
        dict(zip(matrix.subjects, map(float, whole), strict=True)), len(matrix.subjects),
        len(set(matrix.families)), effective_families(matrix.family), margin, driven,
        multiplicity, level, seed, draws, (*matrix.notes, *notes),
    )  # fmt: skip


def _undecided(scores: tuple[Follows, ...], alpha: float) -> list[str]:
    """What to keep in mind of scores without a verdict."""
    notes = []
    alone = sum(s.verdict == "undetermined" and s.p is not None and s.p <= alpha for s in scores)
    if alone:
        notes.append(
            f"{alone} of the undetermined would have a verdict if asked about alone, which only "
            "counts if it had been asked about before anyone looked"
        )
    if scores and all(s.verdict == "undetermined" for s in scores):
        notes.append(
            "undetermined is not independent: this table could have shown either only for "
            "correlations far from the margins"
        )
    return notes


def _usable(matrix: Matrix, many: int) -> tuple[Matrix, list[str]]:
    if many < 1 or len(matrix.measures) == many:
        raise InputError(
            "capability: wanted columns of capability, and at least one other column of scores; "
            f"got {many} and {len(matrix.measures) - many}"
        )
    whole = np.asarray(~np.isnan(matrix.values[:, :many]).any(axis=1), np.bool_)
    if not whole.all():
        lost = [s for s, w in zip(matrix.subjects, whole, strict=True) if not w]
        more = ", …" if len(lost) > 4 else ""
        said = one_line(", ".join(lost[:4]), 160)
        matrix = matrix.only(
            whole,
            note=f"{len(lost)} subjects lack a capability score and are left out: {said}{more}",
        )
    n = len(matrix.subjects)
    if n < LEAST_SUBJECTS:
        raise InputError(
            f"capability: wanted at least {LEAST_SUBJECTS} subjects with all of its columns, "
            f"got {n}"
        )
    notes = []
    if not matrix.related:
        notes.append(
            "every subject counts as its own family: if some are versions of one model, intervals "
            "are too narrow and verdicts too many (name a column or a pattern of families)"
        )
    elif len(set(matrix.families)) < LEAST_FAMILIES:
        notes.append(
            f"fewer than {LEAST_FAMILIES} families: nothing here says how it is in others, so "
            "there are no intervals"
        )
    return matrix, notes


def _alike(values: Floats) -> list[tuple[Ints, Ints]]:
    """Columns with the same gaps together: their numbers, and the rows that have them."""
    there = ~np.isnan(values)
    patterns, which = np.unique(there.T, axis=0, return_inverse=True)
    return [
        (np.flatnonzero(which.ravel() == i), np.flatnonzero(pattern))
        for i, pattern in enumerate(patterns)
    ]


def _group(
    matrix: Matrix, many: int, columns: Ints, rows: Ints, scaled: bool, level: float, draws: int,
    seed: int,
) -> list[Follows]:  # fmt: skip
    """Scores that the same subjects have, not yet judged."""
    names = [matrix.measures[many + c] for c in columns]
    if rows.size < LEAST_SUBJECTS:
        why = f"wanted at least {LEAST_SUBJECTS} subjects with it, got {rows.size}"
        return [_nothing(name, rows.size, level, why) for name in names]
    caps, y = matrix.values[:, :many], matrix.values[np.ix_(rows, many + columns)]
    family = matrix.family[rows]
    size = int(np.unique(family).size)
    found = follow(caps, rows, y, family, level)
    inside: NDArray[np.float64] = ability(caps)[0][rows]
    code = np.unique(family, return_inverse=True)[1].ravel().astype(np.int64)
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2)]
    same = within(inside, y, code), within_p(inside, y, code, draws=draws, rng=streams[0])
    apart = between(inside, y, code), between_p(inside, y, code, draws=draws, rng=streams[1])
    left = _partials(matrix, many, columns, rows, level) if scaled else [(None, None)] * len(names)
    return [
        Follows(
            name, rows.size, size, found[j], "undetermined", None, None, None,
            _number(same[0][j]), _number(same[1][j]) if np.isfinite(same[0][j]) else None,
            _number(apart[0][j]), _number(apart[1][j]) if np.isfinite(apart[0][j]) else None,
            left[j][0], left[j][1], found[j].note,
        )
        for j, name in enumerate(names)
    ]  # fmt: skip


def follow(caps: Floats, rows: Ints, y: Floats, family: Ints, level: float) -> list[Estimate]:
    """Spearman's correlation of scores with capability, with intervals by families.

    Args:
        caps: shape (n, measures) of all subjects: the capability score is that of all that are
            in, also of those without y.
        rows: shape (some,), the subjects that have y.
        y: shape (some, columns).
        family: shape (some,).
    """
    every = np.arange(len(caps))

    def statistic(kept: Ints) -> Floats:
        # What leaves the table leaves the capability score too.
        gone = np.setdiff1d(np.arange(rows.size), kept)
        stay = np.setdiff1d(every, rows[gone])
        score = np.full(len(caps), np.nan)
        score[stay] = ability(caps[stay])[0]
        return rank_correlations(score[rows[kept]], y[kept])

    return estimates(statistic, family, level=level)


def _partials(
    matrix: Matrix, many: int, columns: Ints, rows: Ints, level: float
) -> list[tuple[Estimate, Estimate]]:
    """With capability beyond compute, and with compute beyond capability."""
    rows = rows[np.isfinite(matrix.scale[rows])]
    if rows.size < LEAST_SUBJECTS:
        why = f"wanted at least {LEAST_SUBJECTS} subjects with compute, got {rows.size}"
        none = Estimate(None, None, None, level, why)
        return [(none, none)] * columns.size
    caps, size = matrix.values[rows][:, :many], matrix.scale[rows]
    y = matrix.values[np.ix_(rows, many + columns)]

    def statistic(kept: Ints) -> Floats:
        score = ability(caps[kept])[0]
        with_score = rank_correlations(score, y[kept])
        with_size = rank_correlations(size[kept], y[kept])
        both = float(rank_correlations(size[kept], score[:, None])[0])
        return np.concatenate(
            [partial(with_score, both, with_size), partial(with_size, both, with_score)]
        )

    found = estimates(statistic, matrix.family[rows], level=level)
    return list(zip(found[: columns.size], found[columns.size :], strict=True))


def _judged(
    raw: list[Follows], matrix: Matrix, margin: float, driven: float, multiplicity: Multiplicity,
    level: float,
) -> tuple[Follows, ...]:  # fmt: skip
    column = {m: j for j, m in enumerate(matrix.measures)}
    tests: list[Tested | None] = []
    for f in raw:
        there = ~np.isnan(matrix.values[:, column[f.score]])
        code = np.unique(matrix.family[there], return_inverse=True)[1].ravel()
        df = max(effective_families(np.asarray(code, np.int64)) - 1, 1.0) if there.any() else 1.0
        tests.append(two_tests(f.correlation, df, margin=margin, driven=driven))
    p = [1.0 if t is None else min(t.p_driven, t.p_independent) for t in tests]
    adjusted = p if multiplicity == "none" else [float(v) for v in adjust(p, multiplicity)]
    out = []
    for f, t, one, all_of in zip(raw, tests, p, adjusted, strict=True):
        if t is None:
            out.append(f)
            continue
        verdict = conclude(t, all_of, (1 - level) / 2)
        out.append(replace(f, verdict=verdict, p=one, adjusted=all_of, least_margin=t.least_margin))
    return tuple(out)


def _nothing(name: str, subjects: int, level: float, why: str) -> Follows:
    none = Estimate(None, None, None, level, why)
    return Follows(
        name, subjects, 0, none, "undetermined", None, None, None, None, None, None, None, None,
        None, why,
    )  # fmt: skip


def _number(x: np.float64) -> float | None:
    return float(x) if np.isfinite(x) else None
