"""Which items are bad, and what should be done about them? All that `items check` looks at."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.quality.bank import Bank
from calibrant.quality.checks.actions import Action, alpha, effect, unfair_actions
from calibrant.quality.checks.duplicates import (
    AGREEMENT,
    PHI,
    SAME_SUBJECT,
    Twin,
    twin_texts,
    twins,
)
from calibrant.quality.checks.forecast import Forecast, forecast, years
from calibrant.quality.checks.keys import Suspect, purified_rest, suspects
from calibrant.quality.checks.residuals import Dependence, Fit, connected, residual_checks
from calibrant.quality.checks.result import ItemCheck
from calibrant.quality.checks.saturation import saturation
from calibrant.quality.checks.working import Working, posterior_of, slope_errors, work
from calibrant.quality.dif import Dif, dif
from calibrant.quality.dif.groups import Group
from calibrant.quality.families import codes, families, family_notes
from calibrant.quality.read import read_responses
from calibrant.quality.responses import Responses

Floats = NDArray[np.float64]

TEXTS = ("text", "question", "input", "prompt")
DATE = "date"
CLUSTERS = ("cluster", "task", "category", "instrument")
"""Facts about items that are looked for."""
FEWEST = 10
"""Subjects below which no model is fitted."""
MANY = 4000
"""Items above which their pairs are too many to be drawn again and again."""
WORK = 3e10
"""Multiplications that the replicates may cost; beyond it, fewer subjects or items are drawn."""


def check(
    source: Any,
    bank: Bank | None = None,
    *,
    family: str | None = None,
    family_pattern: str | None = None,
    group: Group | None = None,
    focal: str | None = None,
    reference: str | None = None,
    before: str | None = None,
    date: str = DATE,
    target: float = 0.95,
    rate: float = 0.05,
    level: float = 0.95,
    replicates: int = 99,
    seed: int = 0,
    **reading: Any,
) -> ItemCheck:
    """Find the items that are wrong, alike, dependent, spent or unfair.

    Args:
        source: responses, or what `read_responses` takes, with its options in `reading`.
        bank: calibrated right-or-wrong items to judge fit and dependence by; by default a model
            with a slope and a difficulty for each item is fitted.
        family, family_pattern: which subjects are versions of one, as in `families`; tests of
            correlations are robust to their resemblance. Subjects with identical scores are taken
            for one family in any case.
        group, focal, reference, before: two groups of subjects whose items are compared at equal
            score, as in `calibrant.quality.dif.groups.two_groups`; by default none are.
        date: the column of subjects' facts with their dates.
        target: the share of the full score at which the benchmark counts as saturated, 0–1.
        rate: false discovery rate of suspect keys, misfit and unfair items; family-wise rate of
            pairs.
        level: of intervals.
        replicates: data sets drawn for fit and dependence; 0 for neither.
        seed: of everything random.

    Raises:
        InputError: for fewer than 3 subjects or 2 items, options that are out of range, or groups
            that cannot be compared.
    """
    responses = read_responses(source, **reading)
    _refuse(responses, rate, level, replicates)
    _refuse_dates(responses, date, target)
    if group is None and (focal, reference, before) != (None, None, None):
        raise InputError("group: wanted a column of groups with focal, reference or before")
    unfair = None if group is None else dif(
        responses, group=group, focal=focal, reference=reference, before=before, alpha=rate,
        level=level, seed=seed,
    )  # fmt: skip
    unit = responses.unit
    rng = np.random.default_rng(seed)
    notes = list(responses.notes)
    fit = _working(responses, unit, bank)
    twin_subjects = twins(unit.T, fit.probability.T, agreement=SAME_SUBJECT)
    names = _families(responses, family, family_pattern, twin_subjects, notes)
    rest = purified_rest(unit, families=names, level=level, rate=rate)
    suspect = suspects(responses, unit, rest, fit.ability, rate=rate)
    always, never = _constant(unit)
    pairs = twins(unit, fit.probability, agreement=AGREEMENT, phi=PHI)
    texts = next((t for c in TEXTS if (t := responses.item_column(c)) is not None), None)
    if texts is not None:
        known = {(t.first, t.second) for t in pairs}
        pairs += tuple(t for t in twin_texts(texts, unit) if (t.first, t.second) not in known)
    fits, dependence = _residuals(responses, unit, fit, bank, replicates, rng, notes)
    if unfair is not None:
        notes.extend(f"groups: {n}" for n in unfair.notes if n not in responses.notes)
    spent = saturation(unit, [s.item for s in suspect])
    return ItemCheck(
        responses, rest, alpha(unit), suspect, always, never, pairs, twin_subjects, fits,
        dependence, spent, _forecast(responses, unit, date, target, rng, notes),
        _actions(responses, suspect, never, pairs, twin_subjects, dependence, unfair),
        rate, level, tuple(notes), unfair,
    )  # fmt: skip


def _refuse_dates(responses: Responses, date: str, target: float) -> None:
    """Refuse a column of dates that was asked for and is not there, and a score nobody can have."""
    if date != DATE and responses.subject_column(date) is None:
        facts = one_line(", ".join(responses.subject_facts.columns), 120)
        raise InputError(f"date: no column {date!r} about the subjects; there are {facts}")
    if not 0.0 < target <= 1.0:
        raise InputError(f"target: wanted a share of the full score, 0 to 1, got {target:g}")


def _refuse(responses: Responses, rate: float, level: float, replicates: int) -> None:
    subjects, items = len(responses.subjects), len(responses.items)
    if subjects < 3 or items < 2:
        raise InputError(
            f"responses: wanted at least 3 subjects and 2 items to check, "
            f"got {subjects} and {items}"
        )
    if not responses.observed.any():
        raise InputError("responses: wanted at least one score, got none")
    for name, value in (("rate", rate), ("level", level)):
        if not 0.0 < value < 1.0:
            raise InputError(f"{name}: wanted a number strictly between 0 and 1, got {value:g}")
    if replicates != 0 and replicates < 19:
        raise InputError(f"replicates: wanted 0 or at least 19, got {replicates}")


def _working(responses: Responses, unit: Floats, bank: Bank | None) -> Working:
    """The model that is worked with: fitted, or a bank's, on the scale of its own subjects."""
    if bank is None:
        return work(unit)
    if bank.model not in ("rasch", "2pl"):
        raise InputError(f"bank: wanted a rasch or 2pl model to check by, got {bank.model}")
    where = {name: j for j, name in enumerate(bank.items)}
    missing = [name for name in responses.items if name not in where]
    if missing:
        raise InputError(
            f"bank: has no item {one_line(missing[0], 60)!r}, nor {len(missing) - 1} others"
        )
    chosen = bank.select([where[name] for name in responses.items])
    a = chosen.discrimination * chosen.sd
    d = chosen.intercepts[:, 0] + chosen.discrimination * chosen.mean
    seen = ~np.isnan(unit)
    right = np.where(seen, unit, 0.0)
    posterior = posterior_of(right, np.where(seen, 1.0 - right, 0.0), a, d)
    return Working(a, d, slope_errors(right, seen, posterior, a, d), posterior)


def _families(
    responses: Responses, column: str | None, pattern: str | None, same: tuple[Twin, ...],
    notes: list[str],
) -> list[str | None] | None:  # fmt: skip
    """Families as given, with subjects that are one joined; None if all are strangers."""
    names = list(families(responses, column, pattern))
    if len(set(names)) == len(names):
        notes.append(
            "families of subjects are not known: if some are versions of one model, tests of "
            "correlations are too sure (name a column or a pattern of families)"
        )
    else:
        notes.extend(family_notes(names))
    twins_of = [(t.first, t.second) for t in same]
    if twins_of:
        number = codes(names)
        alike = connected([(int(number[i]), int(number[j])) for i, j in twins_of])
        merged = {n: group[0] for group in alike for n in group}
        names = [f"{merged.get(int(n), int(n))}" for n in number]
        first = same[0]
        notes.append(
            f"{len(same)} pairs of subjects are nearly or wholly the same, such as "
            f"{one_line(responses.subjects[first.first], 40)} and "
            f"{one_line(responses.subjects[first.second], 40)}; they count as one family"
        )
    return None if len(set(names)) == len(names) else list(names)


def _constant(unit: Floats) -> tuple[tuple[int, ...], tuple[int, ...]]:
    seen = ~np.isnan(unit)
    some = seen.any(axis=0)
    always = some & np.where(seen, unit >= 1.0, True).all(axis=0)
    never = some & np.where(seen, unit <= 0.0, True).all(axis=0)
    return tuple(np.flatnonzero(always).tolist()), tuple(np.flatnonzero(never).tolist())


def _residuals(
    responses: Responses, unit: Floats, fit: Working, bank: Bank | None, replicates: int,
    rng: np.random.Generator, notes: list[str],
) -> tuple[Fit | None, Dependence | None]:  # fmt: skip
    if replicates == 0:
        return None, None
    varied = int((np.nanmax(np.where(np.isnan(unit), -1, unit), axis=0)
                  > np.nanmin(np.where(np.isnan(unit), 2, unit), axis=0)).sum())  # fmt: skip
    if unit.shape[0] < FEWEST or varied < 3:
        notes.append(
            f"item fit and dependence are not looked at: wanted {FEWEST} subjects and 3 items that "
            f"vary, got {unit.shape[0]} and {varied}"
        )
        return None, None
    if unit.shape[1] > MANY:
        notes.append(
            f"item fit and dependence are not looked at: wanted at most {MANY:,} items, got "
            f"{unit.shape[1]:,}; check parts of the benchmark by themselves"
        )
        return None, None
    found = {c: column for c in CLUSTERS if (column := responses.item_column(c)) is not None}
    cost = 3.0 * unit.shape[0] * unit.shape[1] ** 2 * (replicates + 1)
    if cost > WORK:
        rows = max(int(unit.shape[0] * WORK / cost), min(200, unit.shape[0]))
        chosen = np.sort(rng.permutation(unit.shape[0])[:rows])
        replicates = int(np.clip(replicates * WORK / (cost * rows / unit.shape[0]), 19, replicates))
        notes.append(
            f"item fit and dependence are from {rows:,} of {unit.shape[0]:,} subjects, drawn at "
            f"random, and {replicates} replicates, as there are many items"
        )
        fit = Working(fit.slope, fit.intercept, fit.slope_error, fit.posterior[chosen])
        return residual_checks(
            unit[chosen], fit, clusters=found, replicates=replicates, rng=rng, refit=bank is None
        )
    return residual_checks(
        unit, fit, clusters=found, replicates=replicates, rng=rng, refit=bank is None
    )


def _forecast(
    responses: Responses, unit: Floats, column: str, target: float, rng: np.random.Generator,
    notes: list[str],
) -> Forecast | None:  # fmt: skip
    if column not in responses.subject_facts.columns:
        return None
    when = years(responses.subject_facts[column])
    seen = ~np.isnan(unit)
    count = seen.sum(axis=1)
    enough = count * 2 >= unit.shape[1]
    mean = np.where(seen, unit, 0.0).sum(axis=1) / np.maximum(count, 1)
    score = np.where(enough, mean, np.nan)
    try:
        return forecast(when, score, target=target, items=unit.shape[1], rng=rng)
    except InputError as e:
        notes.append(f"no forecast of saturation: {e}")
        return None


def _actions(
    responses: Responses, suspect: tuple[Suspect, ...], never: tuple[int, ...],
    pairs: tuple[Twin, ...], same: tuple[Twin, ...], dependence: Dependence | None,
    unfair: Dif | None,
) -> tuple[Action, ...]:  # fmt: skip
    """What to do, the surest kind first, and within a kind by what it changes."""
    unit = responses.unit
    found = [Action("review key", (s.item,), s.why, *effect(unit, [s.item])) for s in suspect[:200]]
    by_items = {(t.first, t.second): t for t in pairs}
    for group in connected(list(by_items)):
        inside = [t for (i, _), t in by_items.items() if i in group]
        reason = (
            f"{len(group)} items agree on {min(t.same for t in inside):.1%} or more of scores"
            if any(t.p is not None for t in inside)
            else f"{len(group)} texts share {min(t.overlap or 0 for t in inside):.0%} of words"
        )  # fmt: skip
        found.append(Action("keep one of these", group, reason, *effect(unit, list(group[1:]))))
    for cluster in dependence.clusters if dependence is not None else ():
        if not any(set(cluster) <= set(a.items) for a in found):
            reason = f"{len(cluster)} items share more than ability: they count as fewer than that"
            found.append(
                Action("keep one of these", cluster, reason, *effect(unit, list(cluster[1:])))
            )
    suspected = {s.item for s in suspect}
    rest = [j for j in never if j not in suspected]
    if rest:
        found.append(Action(
            "drop", tuple(rest), f"no subject is right on {len(rest)} items: too hard, or broken",
            *effect(unit, rest),
        ))  # fmt: skip
    for t in same:
        reason = f"the same on {t.same:.1%} of {t.common} items" + (
            ", every score identical" if t.identical else ""
        )
        found.append(Action("merge subjects", (t.first, t.second), reason, float("nan"), 0))
    order = ("review key", "keep one of these", "drop", "merge subjects")
    found.sort(key=lambda a: (order.index(a.what), -a.swaps, -abs(a.reliability)))
    keys = sum(a.what == "review key" for a in found)
    looks = [] if unfair is None else unfair_actions(unfair, responses.items, unit)
    return tuple(found[:keys] + looks + found[keys:])
