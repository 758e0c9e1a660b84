"""Which answers may not mean what they say? Every check of a ratings table, with its error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.priorities.integrity import speed as speeds
from calibrant.priorities.integrity.answers import Answers, answers_of
from calibrant.priorities.integrity.chain import tables
from calibrant.priorities.integrity.conflicts import Conflict, conflict, own_cells
from calibrant.priorities.integrity.influence import (
    Influence,
    TopOf,
    each_alone,
    top_by_promise,
    without,
)
from calibrant.priorities.integrity.pairs import LEAST_SHARED, Pairs, test_pairs
from calibrant.priorities.integrity.persons import LEAST, Tested, test_persons
from calibrant.priorities.integrity.result import Flag, Integrity
from calibrant.records.ratings import Ratings, as_ratings

MOST_PAIRED = 500
"""Respondents up to which everyone is compared with everyone."""

_MOST_BYTES = 400_000_000
_FEWEST = 99


def check_integrity(
    ratings: Any,
    *,
    own: Iterable[tuple[str, str]] | None = None,
    seconds: Mapping[str, float] | None = None,
    alpha: float = 0.01,
    draws: int = 999,
    top: int = 10,
    top_of: TopOf = top_by_promise,
    floor: float = speeds.FLOOR,
    seed: int = 0,
) -> Integrity:
    """Look for answers that may not mean what they say; nothing is removed.

    For each kind of check, the chance that a table of honest respondents gets any flag is at most
    `alpha`, whatever their severity, their habits and how far they agree on each area (see
    `chain` for the null and its assumption).

    Args:
        ratings: as `as_ratings` takes it; each respondent's last answers are looked at.
        own: (respondent, area) pairs: who works on what, self-declared.
        seconds: seconds that respondents took for all of it; without it, the answers' times.
        draws: random tables; the smallest p-value is 1 / (draws + 1).
        top: k, of the first areas whose change is reported.
        top_of: the ranking whose first areas are watched; the paper's unless another is given.
        floor: seconds per answer below which nobody reads.

    Raises:
        InputError: for ratings on no scale of few points, an alpha that the draws cannot reach,
            or numbers out of range.
    """
    if not 0 < alpha < 1:
        raise InputError(f"alpha: wanted strictly between 0 and 1, got {alpha!r}")
    if draws < 1 or 1 / (draws + 1) > alpha:
        raise InputError(
            f"draws: wanted at least {int(np.ceil(1 / alpha)) - 1} for alpha {alpha:g}, got {draws}"
        )
    if top < 1:
        raise InputError(f"top: wanted 1 or more, got {top}")
    table = as_ratings(ratings).latest
    answers = answers_of(table)
    room = _MOST_BYTES // max(answers.codes.size, 1)
    if room < min(draws, max(_FEWEST, int(np.ceil(1 / alpha)) - 1)):
        raise InputError(f"ratings: {len(answers.respondents):,} respondents are too many to check")
    draws = min(draws, room)
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(4)]
    notes: list[str] = []
    flags, tested = _drawn_flags(answers, alpha, draws, streams, notes)
    flags += _speed_flags(table, seconds, alpha, floor, streams[2], tested, notes)
    ranked = tuple(top_of(table, top))
    return Integrity(
        respondents=len(answers.respondents),
        answers=int(answers.there.sum()),
        tested=tested,
        alpha=alpha,
        draws=draws,
        flags=tuple(flags),
        top=ranked,
        influence=each_alone(table, top, top_of),
        without=_without(table, flags, top, top_of, ranked),
        conflicts=_conflicts(answers, own, streams[3], notes),
        notes=tuple(notes),
    )


def _drawn_flags(
    answers: Answers, alpha: float, draws: int, streams: list[np.random.Generator],
    notes: list[str],
) -> tuple[list[Flag], dict[str, int]]:  # fmt: skip
    kept = tables(answers, "answers", draws, streams[0])
    even = tables(answers, "mean", draws, streams[1])
    persons = test_persons(answers, kept, even)
    flags = []
    for kind, one in persons.items():
        flags += _person_flags(answers, kind, one, alpha)
    tested = {kind: int(np.isfinite(found.p).sum()) for kind, found in persons.items()}
    few = len(answers.respondents) - tested["run"]
    if few:
        notes.append(
            f"{few} respondents gave fewer than {LEAST} answers to each question: their rows were "
            "not tested for runs, spread and oddness"
        )
    if len(answers.respondents) > MOST_PAIRED:
        notes.append(f"more than {MOST_PAIRED} respondents: they were not compared with each other")
        return flags, tested
    pairs = test_pairs(answers, kept)
    tested["pair"] = int(np.triu(answers.together >= LEAST_SHARED).sum())
    return flags + _pair_flags(answers, pairs, alpha) + _group_flags(answers, pairs, alpha), tested


def _person_flags(answers: Answers, kind: str, found: Tested, alpha: float) -> list[Flag]:
    flags = []
    for at in np.flatnonzero(np.nan_to_num(found.adjusted, nan=1.0) <= alpha):
        value, usual = float(found.value[at]), float(found.usual[at])
        if kind == "run":
            why = f"{value:.0f} equal answers in a row, {usual:.1f} usual with these answers"
        elif kind == "spread":
            why = (
                f"standard deviation {abs(value) ** 0.5:.2f} around the own mean, "
                f"{abs(usual) ** 0.5:.2f} usual with this mean"
            )
        else:
            why = "the higher others rate an area, the lower this row does, or without relation"
        name = (answers.respondents[at],)
        flags.append(Flag(kind, name, float(found.adjusted[at]), why, True))  # type: ignore[arg-type]
    return flags


def _pair_flags(answers: Answers, pairs: Pairs, alpha: float) -> list[Flag]:
    flags = []
    for i, j in zip(*np.nonzero(np.triu(pairs.adjusted <= alpha, 1)), strict=True):
        same = bool(np.array_equal(answers.codes[i], answers.codes[j]))
        why = (
            f"{pairs.matches[i, j]} of {pairs.shared[i, j]} shared answers equal, "
            f"{pairs.expected[i, j]:.1f} expected; by itself a chance of {pairs.chance[i, j]:.1g}"
            + ("; the rows are identical, gaps and all" if same else "")
        )
        names = answers.respondents[i], answers.respondents[j]
        flags.append(Flag("pair", names, float(pairs.adjusted[i, j]), why, True))
    return flags


def _group_flags(answers: Answers, pairs: Pairs, alpha: float) -> list[Flag]:
    flags = []
    for members, p in pairs.groups:
        if p > alpha:
            break
        inside = np.ix_(members, members)
        shared = pairs.shared[inside] * (pairs.shared[inside] >= LEAST_SHARED)
        equal = pairs.matches[inside][shared > 0].sum() / shared.sum()
        usual = pairs.expected[inside].sum() / shared.sum()
        why = f"{equal:.0%} of the answers that two of them share are equal, {usual:.0%} expected"
        names = tuple(answers.respondents[m] for m in members)
        flags.append(Flag("group", names, p, why, True))
    return flags


def _speed_flags(
    table: Ratings, given: Mapping[str, float] | None, alpha: float, floor: float,
    rng: np.random.Generator, tested: dict[str, int], notes: list[str],
) -> list[Flag]:  # fmt: skip
    known = speeds.seconds_per_answer(table, given)
    tested["speed"] = len(known)
    if len(known) < speeds.LEAST:
        notes.append(
            f"speed: not compared: times of {len(known)} respondents, wanted {speeds.LEAST}"
        )
        return []
    names = sorted(known)
    values = np.array([known[n] for n in names])
    distance, p = speeds.too_fast(values, rng)
    # Holm, as only one can be the fastest: the family is the respondents.
    from calibrant.stats.comparisons.multiplicity import adjust

    adjusted = adjust(p, "holm")
    flags = []
    for name, value, far, chance in zip(names, values, distance, adjusted, strict=True):
        who, said = (one_line(name, 80),), f"{value:.1f} s an answer"
        if chance <= alpha:
            why = f"{said}, {-far:.1f} deviations below the median {np.median(values):.1f} s"
            flags.append(Flag("speed", who, float(chance), why, False))
        if value < floor:
            flags.append(Flag("floor", who, None, f"{said}, below {floor:g} s", False))
    return flags


def _without(
    table: Ratings, flags: list[Flag], top: int, top_of: TopOf, ranked: tuple[str, ...]
) -> tuple[Influence, ...]:
    groups = [f.respondents for f in flags]
    everyone = tuple(sorted({r for g in groups for r in g}))
    return tuple(without(table, g, top, top_of, ranked) for g in [*groups, everyone] if g)


def _conflicts(
    answers: Answers, own: Iterable[tuple[str, str]] | None, rng: np.random.Generator,
    notes: list[str],
) -> tuple[Conflict, ...]:  # fmt: skip
    if own is None:
        notes.append("conflicts of interest: not checked, as no own areas were given")
        return ()
    mine = own_cells(answers, own)
    return tuple(conflict(answers, mine, q, rng=rng) for q in range(len(answers.questions)))
