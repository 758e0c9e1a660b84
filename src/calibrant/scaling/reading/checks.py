"""What must a reader of a forecast know of its data? Few, double, at chance, from the future."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

import numpy as np

from calibrant._text import one_line
from calibrant.errors import InputError, UnfitError
from calibrant.scaling.scores import Scores

FEW = 8
"""Known scores of a measure below which hardly anything can be tried on the past."""
LEAST = 4
"""Known scores of a measure below which nothing can be forecast from them."""
NEAR = 0.02
"""Share of the range above chance, or below the ceiling, that is no different from it."""


def checked(scores: Scores, today: date | None = None) -> Scores:
    """The scores with everything that a reader must know of them said, and doubles taken out.

    Args:
        today: the day after which no score can be known; by default the day where it is latest
            on Earth, so that nobody's today is the future.

    Raises:
        InputError: if a score is outside the limits, a standard error is negative, a known score
            is dated in the future, or one subject has two scores.
    """
    _ranges(scores)
    _future(scores, today or datetime.now(timezone(timedelta(hours=14))).date())
    scores, said = _once(scores)
    notes, warnings = [*scores.notes], [*scores.warnings, *said]
    for group in (_families, _names, _sizes, _copies, _old):
        warnings += group(scores)
    for measure in scores.measures:
        known = scores.score[(scores.measure == measure) & np.isfinite(scores.score)]
        warnings += _few(measure, known)
        more, worse = _edges(scores, measure)
        notes += more
        warnings += worse
    return replace(scores, notes=tuple(notes), warnings=tuple(dict.fromkeys(warnings)))


def require(scores: Scores, least: int = LEAST) -> None:
    """That each measure has enough known scores, at different scales, for a forecast.

    Raises:
        UnfitError: naming the measure, how many it has and how many it needs; three points, or
            many at one scale or all alike, say nothing of how a score grows.
    """
    for measure in scores.measures:
        rows = (scores.measure == measure) & np.isfinite(scores.score)
        named = one_line(measure, 80)
        if rows.sum() < least:
            raise UnfitError(
                f"{named}: wanted {least} known scores or more to forecast from, "
                f"got {int(rows.sum())}"
            )
        scales = np.unique(scores.scale[rows & np.isfinite(scores.scale)])
        if 0 < scales.size < 3:
            raise UnfitError(f"{named}: wanted known scores at 3 scales or more, got {scales.size}")
        if np.ptp(scores.score[rows]) == 0:
            raise UnfitError(f"{named}: all {int(rows.sum())} known scores are the same")


def _ranges(scores: Scores) -> None:
    outside = (scores.score < scores.low) | (scores.score > scores.high)
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        low, high = scores.low[row], scores.high[row]
        got = scores.score[row]
        hint = "; in percent?" if high == 1 and 1 < got <= 100 else ""
        raise InputError(
            f"scores: {_who(scores, row)}: wanted a score from {low:g} to {high:g}, "
            f"got {got:g}{hint}"
        )
    if (scores.se < 0).any():
        row = int(np.flatnonzero(scores.se < 0)[0])
        raise InputError(
            f"scores: {_who(scores, row)}: wanted a standard error of 0 or more, "
            f"got {scores.se[row]:g}"
        )


def _future(scores: Scores, today: date) -> None:
    late = (scores.date > np.datetime64(today)) & np.isfinite(scores.score)
    if late.any():
        row = int(np.flatnonzero(late)[0])
        raise InputError(
            f"scores: {_who(scores, row)}: its score is known, but its date is "
            f"{scores.date[row]}, after today ({today})"
        )


def _once(scores: Scores) -> tuple[Scores, list[str]]:
    """Without rows that say the same twice; subjects at several scales are said."""
    first: dict[tuple[str, str, float, int], int] = {}
    drop: list[int] = []
    # Lists first: a million rows are read in a second then.
    keys = zip(scores.subject.tolist(), scores.measure.tolist(),
               np.where(np.isfinite(scores.scale), scores.scale, -1.0).tolist(),
               scores.date.astype(np.int64).tolist(), strict=True)  # fmt: skip
    for row, key in enumerate(keys):
        before = first.setdefault(key, row)
        if before == row:
            continue
        one, two = scores.score[before], scores.score[row]
        if not (one == two or (np.isnan(one) and np.isnan(two))):
            raise InputError(
                f"scores: {_who(scores, row)} is there twice, with {_say(one)} and {_say(two)}; "
                "keep one, or give them names of their own"
            )
        drop.append(row)
    said = []
    if drop:
        said.append(
            f"{len(drop)} rows were there twice and count once, such as {_who(scores, drop[0])}"
        )
        scores = scores.take(np.setdiff1d(np.arange(len(scores)), drop))
    places = Counter(zip(scores.subject.tolist(), scores.measure.tolist(), strict=True))
    several = sorted({subject for (subject, _), count in places.items() if count > 1})
    if several:
        said.append(
            f"{_some(several)}: at several scales or dates; taken as checkpoints of one subject, "
            "which are not independent"
        )
    return scores, said


def _families(scores: Scores) -> list[str]:
    known = np.isfinite(scores.score)
    families = np.unique(scores.family[known])
    if families.size == 1 and len(np.unique(scores.subject[known])) > 1:
        name = one_line(str(families[0]), 80)
        return [
            f"one family, {name}: how families differ cannot be known, so nothing here holds for "
            "another family"
        ]
    return []


def _names(scores: Scores) -> list[str]:
    alike: dict[str, set[str]] = defaultdict(set)
    for name in map(str, np.unique(scores.family)):
        alike[" ".join(name.casefold().replace("-", " ").replace("_", " ").split())].add(name)
    return [
        f"families {_some(sorted(names))} differ only in how they are written"
        for names in alike.values()
        if len(names) > 1
    ]


def _sizes(scores: Scores) -> list[str]:
    lost = np.isnan(scores.scale)
    if lost.all() or not lost.any():
        return []
    who = sorted(set(map(str, scores.subject[lost])))
    all_ = len(set(map(str, scores.subject)))
    return [f"{len(who)} of {all_} subjects have no scale ({_some(who)}) and are on no curve"]


def _copies(scores: Scores) -> list[str]:
    """Subjects with all scores alike under two names: one of them counts twice."""
    rows: dict[str, list[tuple[str, float]]] = defaultdict(list)
    known = np.isfinite(scores.score)
    every = (scores.subject[known], scores.measure[known], scores.score[known])
    for subject, measure, score in zip(*(x.tolist() for x in every), strict=True):
        rows[subject].append((measure, score))
    same: dict[tuple[tuple[str, float], ...], list[str]] = defaultdict(list)
    for subject, found in rows.items():
        if len({score for _, score in found}) >= 3:
            same[tuple(sorted(found))].append(subject)
    return [
        f"{_some(sorted(names))} have the same score on every measure: one subject by two names?"
        for names in same.values()
        if len(names) > 1
    ]


def _old(scores: Scores) -> list[str]:
    old = scores.date < np.datetime64("1980-01-01")
    if not old.any():
        return []
    row = int(np.flatnonzero(old)[0])
    return [f"{_who(scores, row)}: {scores.date[row]} looks like an empty date"]


def _few(measure: str, known: np.ndarray) -> list[str]:
    named = one_line(measure, 80)
    if not known.size:
        return [f"{named}: no score is known"]
    if known.size < FEW:
        return [f"{named}: {known.size} known scores: hardly anything can be tried on the past"]
    return []


def _edges(scores: Scores, measure: str) -> tuple[list[str], list[str]]:
    """Notes and warnings on scores of a measure that are at chance or at the ceiling."""
    rows = (scores.measure == measure) & np.isfinite(scores.score)
    low = scores.chance.get(measure, scores.limits[measure][0])
    high = scores.limits[measure][1]
    if not rows.any() or not np.isfinite([low, high]).all():
        return [], []
    known, se = scores.score[rows], np.where(np.isfinite(scores.se[rows]), scores.se[rows], 0.0)
    near = np.maximum(NEAR * (high - low), 2 * se)
    notes, warnings = [], []
    for count, word, why in (
        (int(np.sum(known - low <= near)), f"at chance ({low:g}) or below",
         "a floor says nothing of when a score will rise"),
        (int(np.sum(high - known <= near)), f"at the ceiling ({high:g})",
         "a ceiling hides what comes after"),
    ):  # fmt: skip
        said = f"{one_line(measure, 80)}: {count} of {known.size} known scores are {word}: {why}"
        if 2 * count > known.size:
            warnings.append(said)
        elif count:
            notes.append(said)
    return notes, warnings


def _who(scores: Scores, row: int) -> str:
    return f"{one_line(str(scores.subject[row]), 80)} on {one_line(str(scores.measure[row]), 80)}"


def _say(score: float) -> str:
    return "none" if np.isnan(score) else f"{score:g}"


def _some(names: list[str]) -> str:
    shown = ", ".join(one_line(name, 60) for name in names[:3])
    return shown + (f" and {len(names) - 3} more" if len(names) > 3 else "")
