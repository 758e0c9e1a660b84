"""Do exposed items go better than unexposed ones that are as difficult?

Which items stood in training is known from a scan. Exposed items may be easier for everybody, so
their difficulty is measured by reference subjects that were not exposed to them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from calibrant.contamination.inflation.data import Answers, answers_on, matrix, trials_of
from calibrant.contamination.inflation.doses import by_dose
from calibrant.contamination.inflation.result import Inflation, check_reason, term
from calibrant.contamination.inflation.scans import Groups, group_items, read_scan
from calibrant.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST = 10
"""Exposed items, and unexposed ones, below which nothing is estimated."""

LEAST_REFERENCES = 5
"""Reference subjects below which item difficulty is too noisy."""


@dataclass(frozen=True, eq=False)
class Fit:
    """Exposed items against what unexposed ones of their difficulty predict.

    Attributes:
        effect: mean excess on exposed items; `error` its cluster-robust standard error.
        without: mean score of all items without exposure; `without_error` its standard error.
        slope: of the subject's score in the reference subjects' mean, on unexposed items.
        gap: by how much exposed items are easier for the reference subjects.
        excess: shape (items,), score minus prediction.
        df: degrees of freedom.
    """

    effect: float
    error: float
    without: float
    without_error: float
    slope: float
    gap: float
    excess: Floats
    df: float


def fit_items(score: Floats, exposed: NDArray[np.bool_], unit: Ints, others: Floats) -> Fit:
    """Predict exposed items from unexposed ones by the reference subjects' means.

    The slope is corrected for the noise of those means (Fuller 1987, section 2.2); variances add
    up linearised contributions of items within clusters.

    Args:
        score: shape (items,); `others`: shape (subjects, items), of the reference subjects.
    """
    m = others.mean(0)
    blur = others.var(0, ddof=1) / others.shape[0]
    e, u = np.flatnonzero(exposed), np.flatnonzero(~exposed)
    at, y = m[u] - m[u].mean(), score[u] - score[u].mean()
    clean = float((at**2).sum() - blur[u].sum())
    # Items that hardly differ in difficulty need no slope: then it is that of equal gaps, 1.
    free = clean > 0.2 * float((at**2).sum()) and clean > 1e-12
    slope = float(at @ y) / clean if free else 1.0
    gap = float(m[e].mean() - m[u].mean())
    excess = score - (score[u].mean() + slope * (m - m[u].mean()))
    n, effect = score.size, float(excess[e].mean())
    # What each item contributes to slope, effect, and mean without exposure.
    turn = np.zeros(n)
    if free:
        turn[u] = (at * (y - slope * at) + slope * blur[u]) / clean
    push = np.zeros(n)
    push[e] = (excess[e] - effect) / e.size
    push[u] = -excess[u] / u.size
    push = push - gap * turn
    share = e.size / n
    expected = np.where(exposed, score - excess, score)
    without = float(expected.mean())
    move = (expected - without) / n
    move[u] += share * excess[u] / u.size
    move = move + share * gap * turn
    many = np.unique(unit).size
    small = min(many, *(np.unique(unit[g]).size for g in (e, u)))
    factor = math.sqrt(many / max(many - 2, 1))
    errors = [
        factor * float(np.sqrt((np.bincount(unit, parts) ** 2).sum())) for parts in (push, move)
    ]
    df = float(max(_welch(push, exposed, unit, small), 1.0))
    return Fit(effect, errors[0], without, errors[1], slope, gap, excess, df)


def _welch(push: Floats, exposed: NDArray[np.bool_], unit: Ints, small: int) -> float:
    """Welch's degrees of freedom for the two groups' contributions."""
    total = bottom = 0.0
    for group in (exposed, ~exposed):
        parts = np.bincount(unit[group], push[group])
        variance, count = float((parts**2).sum()), np.unique(unit[group]).size
        total += variance
        bottom += variance**2 / max(count - 1, 1)
    return total**2 / bottom if bottom > 0 else small - 1.0


def item_inflation(
    source: Any,
    *,
    subject: str,
    instrument: str,
    scan: str | Path | Mapping[str, Any],
    references: Sequence[str] | None = None,
    exposed_from: float = 0.8,
    unexposed_to: float = 0.2,
    hidden: float = 0.0,
    score: str | None = None,
    reason: str | None = None,
    level: float = 0.95,
) -> Inflation:
    """Inflation from exposed and unexposed items of one benchmark.

    Args:
        source: a path that `read` takes, or a table of trials.
        subject: as the table names it.
        instrument: the benchmark.
        scan: the JSON of `calibrant contamination scan`, or its path.
        references: subjects not exposed to these items; by default all others that answered 95 %
            of them.
        exposed_from, unexposed_to: containments from which an item is exposed, and up to which it
            is not; those between are left out.
        hidden: by how much exposed items may be easier for this subject, beyond what the
            reference subjects show, in units of the score: a rectangular Type B term.
        score: which one, where there are several.
        reason: "unexposed-reference" if the reference subjects have not seen the exposed items;
            without it no p-value is given.
        level: confidence.

    Raises:
        InputError: for too few items or reference subjects, or no such names.
    """
    if not 0.5 < level < 1:
        raise InputError(f"level: wanted between 0.5 and 1, got {level!r}")
    if not 0 <= unexposed_to < exposed_from <= 1:
        raise InputError(
            f"exposed_from: wanted 0 ≤ unexposed_to < exposed_from ≤ 1, got {unexposed_to:g} and "
            f"{exposed_from:g}"
        )
    if not (math.isfinite(hidden) and 0 <= hidden < 1):
        raise InputError(f"hidden: wanted from 0 to below 1, got {hidden!r}")
    said = check_reason(reason, ("unexposed-reference",))
    trials = trials_of(source, score)
    answers = answers_on(trials, instrument)
    groups = group_items(answers, subject, read_scan(scan), exposed_from, unexposed_to)
    groups, others, names = _with_references(answers, groups, subject, references)
    _enough(groups)
    fit = fit_items(groups.score, groups.exposed, groups.unit, others)
    apart, placebo = placebos(others, groups.exposed, groups.unit, names)
    error = math.hypot(fit.error, apart)
    df = fit.df if not apart else min(fit.df, len(names) - 1.0)
    reach = -float(stdtrit(df, (1 - level) / 2))
    share = float(groups.exposed.mean())
    ends = fit.effect - reach * error - hidden, fit.effect + reach * error + hidden
    observed = float(groups.score.mean())
    wide = reach * math.hypot(fit.without_error, share * apart) + share * hidden
    terms = [term("exposed and unexposed items", "A", share * fit.error)]
    if apart:
        terms.append(term("what subjects find easy differs", "A", share * apart))
    if hidden:
        terms.append(term("hidden difference in difficulty", "B", share * hidden / math.sqrt(3),
                          share * hidden))  # fmt: skip
    notes = [*groups.notes]
    if not said:
        notes.append("No p-value, as no reason was named why reference subjects are alike.")
    detail = by_dose(groups, fit, reach, apart, ends, level)
    return Inflation(
        subject=subject, instrument=instrument, score=str(trials["grader"][0]), design="items",
        value=share * fit.effect, standard_error=math.hypot(*(t["u"] for t in terms)), df=df,
        interval=(share * ends[0], share * ends[1]), level=level, observed=observed,
        without=min(1.0, max(0.0, fit.without)),
        without_interval=(max(0.0, fit.without - wide), min(1.0, fit.without + wide)),
        p=float(stdtr(df, (hidden - fit.effect) / error)) if said else None, reason=said,
        items=groups.score.size, references=len(names), terms=tuple(terms),
        method=f"exposed against unexposed items, {df:.3g} df",
        assumptions=_assumptions(hidden), notes=tuple(notes),
        detail=detail | {"placebos": placebo, "hidden": hidden},
    )  # fmt: skip


def _assumptions(hidden: float) -> tuple[str, ...]:
    more = f", but for at most {hidden:g}" if hidden else ""
    return (
        "The reference subjects have not been exposed to these items.",
        "Without exposure the subject's scores would follow the reference subjects' on exposed "
        f"items as they do on unexposed ones{more}.",
        "Items that the scan did not find were not in training in other words.",
    )


def _enough(groups: Groups) -> None:
    for name, group in (("exposed", groups.exposed), ("unexposed", ~groups.exposed)):
        many = np.unique(groups.unit[group]).size
        if group.sum() < LEAST or many < 2:
            raise InputError(
                f"{name} items: wanted at least {LEAST} in 2 clusters, got {int(group.sum())} in "
                f"{many}"
            )


def _with_references(
    answers: Answers, groups: Groups, subject: str, references: Sequence[str] | None
) -> tuple[Groups, Floats, tuple[str, ...]]:
    """Only the items that all reference subjects answered, and their scores there."""
    others = sorted(set(answers.frame["subject"]) - {subject})
    chosen = (
        others if references is None else [n for n in dict.fromkeys(references) if n != subject]
    )
    if stray := next((n for n in chosen if n not in others), None):
        raise InputError(f"references: no scores of {stray!r} on {answers.instrument}")
    scores = matrix(answers.frame, chosen, groups.items)
    good = np.isfinite(scores).mean(1) >= 0.95 if groups.items else np.zeros(len(chosen), np.bool_)
    names = tuple(n for n, g in zip(chosen, good, strict=True) if g)
    if len(names) < LEAST_REFERENCES:
        raise InputError(
            f"references: wanted at least {LEAST_REFERENCES} subjects that answered 95 % of the "
            f"items, got {len(names)}; without them only a bound can be given"
        )
    scores = scores[good]
    whole = np.isfinite(scores).all(0)
    notes = list(groups.notes)
    if lost := int((~whole).sum()):
        notes.append(f"{lost} items that some reference subject lacks are left out.")
    unit = np.unique(groups.unit[whole], return_inverse=True)[1]
    kept = replace(
        groups, items=tuple(i for i, w in zip(groups.items, whole, strict=True) if w),
        score=groups.score[whole], exposed=groups.exposed[whole],
        exposures=groups.exposures[whole], unit=unit, notes=tuple(notes),
    )  # fmt: skip
    return kept, scores[:, whole], names


def placebos(
    others: Floats, exposed: NDArray[np.bool_], unit: Ints, names: Sequence[str]
) -> tuple[float, list[dict[str, Any]]]:
    """Each reference subject as if it were the one in question: how far does none reach?

    Returns:
        The standard deviation of their effects beyond what their errors explain, and the effects.
    """
    rows, errors = [], []
    for j, name in enumerate(names):
        fit = fit_items(others[j], exposed, unit, np.delete(others, j, axis=0))
        rows.append({"subject": name, "effect": fit.effect, "standard_error": fit.error})
        errors.append(fit.error)
    effects = np.array([r["effect"] for r in rows])
    excess = float(effects.var(ddof=1) - np.mean(np.square(errors)))
    return math.sqrt(max(0.0, excess)), rows
