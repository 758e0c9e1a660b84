"""Is this safety score only capability?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    within,
    within_p,
)
from calibrant.scaling.capability.itself import beyond_scale, follow, theta
from calibrant.scaling.capability.plan import Plan, groups_for, plan_for, subjects_for
from calibrant.scaling.capability.result import Follows, OnlyCapability
from calibrant.scaling.capability.verdict import Tested, check_margins, conclude
from calibrant.stats.comparisons.multiplicity import adjust
from calibrant.stats.relations.spread import (
    LEAST_FAMILIES,
    Estimate,
    check_level,
    effective_families,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Multiplicity = Literal["holm", "benjamini-hochberg", "benjamini-yekutieli", "none"]

LEAST_SUBJECTS = 8
"""Subjects with a score below which nothing is said about it."""

Found = tuple[Follows, Tested | None, float | None]
"""A score, its tests, and the error on Fisher's scale that one effective family would leave."""


@dataclass(frozen=True)
class How:
    """What was asked for; see `only_capability`. scaled: whether compute is known."""

    margin: float
    driven: float
    level: float
    draws: int
    seed: int
    reliability: float | None
    scaled: bool


@dataclass(frozen=True)
class Whole:
    """Subjects and families of a table, and families of one size that would say as much."""

    subjects: int
    families: int
    effective: float


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
    reliability: float | None = None,
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
            verdict if its interval lies beyond the margins, or that for capability itself inside.
        reliability: the least that the capability score's may be, in 0–1, if it is known from
            elsewhere; by default its theta, with its error. Errors that columns share (one harness,
            one leak) are not seen by theta.
        draws, seed: shuffles of the tests within and between families.

    Raises:
        InputError: for margins or a level that cannot be, fewer than 8 subjects, or bad input.
    """
    check_level(level)
    check_margins(margin, driven)
    if reliability is not None and not 0 < reliability <= 1:
        raise InputError(f"reliability: wanted above 0 and at most 1, got {reliability:g}")
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
    how = How(margin, driven, level, draws, seed, reliability, scale is not None)
    raw = [
        f
        for columns, rows in _alike(matrix.values[:, many:])
        for f in _group(matrix, many, columns, rows, how)
    ]
    order = {name: i for i, name in enumerate(matrix.measures[many:])}
    raw.sort(key=lambda f: order[f[0].score])
    size = Whole(
        len(matrix.subjects), len(set(matrix.families)), effective_families(matrix.family)
    )  # fmt: skip
    alpha, root = (1 - level) / 2, _root_of(matrix.values[:, :many], share, reliability)
    scores = _judged(raw, multiplicity, alpha, root, size, margin, driven)
    units = [unit for _, _, unit in raw if unit is not None]
    plan = None if not units else plan_for(
        float(np.median(units)), root, subjects=size.subjects, families=size.families,
        effective=size.effective, scores=1 if multiplicity == "none" else len(scores),
        margin=margin, driven=driven, alpha=alpha,
    )  # fmt: skip
    notes += _undecided(scores, alpha, plan)
    return OnlyCapability(
        scores, tuple(capability), share,
        dict(zip(matrix.subjects, map(float, whole), strict=True)), size.subjects, size.families,
        size.effective, margin, driven, multiplicity, level, seed, draws,
        (*matrix.notes, *notes), reliability, plan,
    )  # fmt: skip


def _root_of(caps: Floats, share: float, reliability: float | None) -> float:
    """The root of the capability score's reliability; 1 where that is not known."""
    found = theta(share, caps.shape[1]) if reliability is None else reliability
    return float(np.sqrt(found)) if found > 0 else 1.0


def _undecided(scores: tuple[Follows, ...], alpha: float, plan: Plan | None) -> list[str]:
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
    if plan is not None and any(s.verdict == "undetermined" for s in scores):
        notes.append(repr(plan))
    frail = [s for s in scores if s.verdict == "independent" and s.itself.value is None]
    if frail:
        notes.append(
            "independent is of the capability score as it is: the reliability of one column is "
            "not known (name the least that it may be)"
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


def _group(matrix: Matrix, many: int, columns: Ints, rows: Ints, how: How) -> list[Found]:
    """Scores that the same subjects have, not yet judged."""
    level = how.level
    names = [matrix.measures[many + c] for c in columns]
    if rows.size < LEAST_SUBJECTS:
        why = f"wanted at least {LEAST_SUBJECTS} subjects with it, got {rows.size}"
        return [(_nothing(name, rows.size, level, why), None, None) for name in names]
    caps, y = matrix.values[:, :many], matrix.values[np.ix_(rows, many + columns)]
    family = matrix.family[rows]
    size = int(np.unique(family).size)
    found = follow(caps, rows, y, family, level, how.reliability)
    inside: NDArray[np.float64] = ability(caps)[0][rows]
    code = np.unique(family, return_inverse=True)[1].ravel().astype(np.int64)
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence(how.seed).spawn(2)]
    same = within(inside, y, code), within_p(inside, y, code, draws=how.draws, rng=streams[0])
    apart = between(inside, y, code), between_p(inside, y, code, draws=how.draws, rng=streams[1])
    left = _partials(matrix, many, columns, rows, level, how.reliability) if how.scaled else None
    tests, needs = found.tests(margin=how.margin, driven=how.driven), found.needs(margin=how.margin)
    unit = found.unit()
    return [
        (
            Follows(
                name, rows.size, size, found.score[j], found.itself[j],
                within=_number(same[0][j]),
                within_p=_number(same[1][j]) if np.isfinite(same[0][j]) else None,
                between=_number(apart[0][j]),
                between_p=_number(apart[1][j]) if np.isfinite(apart[0][j]) else None,
                beyond_scale=None if left is None else left[0][j],
                scale_beyond=None if left is None else left[1][j],
                beyond_scale_itself=None if left is None else left[2][j],
                scale_beyond_itself=None if left is None else left[3][j],
                least_reliability=needs[j], note=found.score[j].note,
            ),
            tests[j], unit,
        )
        for j, name in enumerate(names)
    ]  # fmt: skip


def _partials(
    matrix: Matrix, many: int, columns: Ints, rows: Ints, level: float, reliability: float | None
) -> tuple[list[Estimate], list[Estimate], list[Estimate], list[Estimate]]:
    """With capability beyond compute, and with compute beyond capability; then error taken out."""
    rows = rows[np.isfinite(matrix.scale[rows])]
    if rows.size < LEAST_SUBJECTS:
        why = f"wanted at least {LEAST_SUBJECTS} subjects with compute, got {rows.size}"
        none = [Estimate(None, None, None, level, why)] * columns.size
        return none, none, none, none
    return beyond_scale(
        matrix.values[rows][:, :many], matrix.scale[rows],
        matrix.values[np.ix_(rows, many + columns)], matrix.family[rows], level, reliability,
    )  # fmt: skip


def _judged(
    raw: list[Found], multiplicity: Multiplicity, alpha: float, root: float, whole: Whole,
    margin: float, driven: float,
) -> tuple[Follows, ...]:  # fmt: skip
    """With verdicts of all together, and with how many subjects would decide what is not."""
    p = [1.0 if t is None else min(t.p_driven, t.p_independent) for _, t, _ in raw]
    adjusted = p if multiplicity == "none" else [float(v) for v in adjust(p, multiplicity)]
    out = []
    for (f, t, unit), one, all_of in zip(raw, p, adjusted, strict=True):
        if t is None:
            out.append(f)
            continue
        verdict, needs = conclude(t, all_of, alpha), None
        rho = f.correlation.value if f.itself.value is None else f.itself.value
        if verdict == "undetermined" and unit is not None and rho is not None:
            groups = groups_for(rho, unit, root, margin=margin, driven=driven, alpha=alpha)
            needs = subjects_for(groups, whole.subjects, whole.effective)
        out.append(replace(
            f, verdict=verdict, p=one, adjusted=all_of, least_margin=t.least_margin, needs=needs,
            least_reliability=f.least_reliability if verdict == "independent" else None,
        ))  # fmt: skip
    return tuple(out)


def _nothing(name: str, subjects: int, level: float, why: str) -> Follows:
    none = Estimate(None, None, None, level, why)
    return Follows(name, subjects, 0, none, none, note=why)


def _number(x: np.float64) -> float | None:
    return float(x) if np.isfinite(x) else None
