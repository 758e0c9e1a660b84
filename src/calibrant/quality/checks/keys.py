"""Is an item keyed the wrong way round? Able subjects fail it, and agree on another answer."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant.quality.checks.rest import Rest, item_rest
from calibrant.quality.responses import Responses

Floats = NDArray[np.float64]

AGREED = 0.5
"""Share of able subjects that must give one other answer for it to be suggested as the key."""


@dataclass(frozen=True)
class Suspect:
    """An item whose key may be wrong.

    Attributes:
        item: position.
        correlation: with the rest; NaN where nobody is right.
        q: false discovery rate at which it is negative; 1 where nobody is right.
        upper, lower: facility among the upper and the lower third of subjects.
        answer: what most able subjects answered instead, if answers are known and most agree.
        agreed: share of able subjects that gave it.
        why: a sentence.
    """

    item: int
    correlation: float
    q: float
    upper: float
    lower: float
    answer: str | None
    agreed: float | None
    why: str


def purified_rest(
    unit: Floats, *, families: list[str | None] | None, level: float, rate: float
) -> Rest:
    """Items against the rest, where the rest leaves out items found to be the wrong way round.

    A few reversed items blunt every correlation; a second look without those of the first sees
    more, and costs nothing where there are none.
    """
    first = item_rest(unit, families=families, level=level)
    wrong = first.q_negative <= rate
    if not wrong.any() or wrong.mean() >= 0.5:
        return first
    return item_rest(unit, families=families, level=level, trusted=~wrong)


def suspects(
    responses: Responses, unit: Floats, rest: Rest, ability: Floats, *, rate: float
) -> tuple[Suspect, ...]:
    """Items whose key may be wrong, the surest first.

    Those that weaker subjects surely answer better, at a false discovery rate; and, where answers
    are known, those that nobody gets right while most able subjects give the same other answer.
    """
    answers = _answers(responses)
    order = np.argsort(ability, kind="stable")
    third = max(order.size // 3, 1)
    found = []
    for j in range(len(responses.items)):
        upper, lower = (_facility(unit[part, j]) for part in (order[-third:], order[:third]))
        flagged = bool(rest.q_negative[j] <= rate)
        nobody = bool(rest.facility[j] == 0.0) and int(rest.count[j]) >= 3
        if not (flagged or nobody):
            continue
        top = {responses.subjects[i] for i in order[-third:]}
        answer, agreed = _agreed(answers.get(responses.items[j], []), top)
        if not flagged and answer is None:
            continue
        why = (
            f"right {upper:.0%} in the upper third of subjects, {lower:.0%} in the lower "
            f"(correlation with the rest {rest.correlation[j]:.2f}, q {rest.q_negative[j]:.2g})"
            if flagged else f"none of {int(rest.count[j])} subjects is right"
        )  # fmt: skip
        if answer is not None and agreed is not None:
            why += f"; {agreed:.0%} of the upper third give one other answer"
        found.append(Suspect(
            j, float(rest.correlation[j]), float(rest.q_negative[j]), upper, lower, answer, agreed,
            why,
        ))  # fmt: skip
    return tuple(sorted(found, key=lambda s: (s.q, s.correlation, s.item)))


def _facility(column: Floats) -> float:
    seen = column[~np.isnan(column)]
    return float(seen.mean()) if seen.size else float("nan")


def _answers(responses: Responses) -> dict[str, list[tuple[str, str, float]]]:
    """Of each item: who answered what, and its score."""
    long = responses.long
    if long is None or "answer" not in long.columns:
        return {}
    rows = long.filter(pl.col("answer").is_not_null() & pl.col("score").is_not_null())
    found: dict[str, list[tuple[str, str, float]]] = {}
    for item, subject, answer, score in rows.select("item", "subject", "answer", "score").rows():
        found.setdefault(item, []).append((subject, " ".join(answer.split()).casefold(), score))
    middle = (responses.low + responses.high) / 2
    return {
        item: [(who, what, 1.0 if score > middle else 0.0) for who, what, score in given]
        for item, given in found.items()
    }


def _agreed(given: list[tuple[str, str, float]], top: set[str]) -> tuple[str | None, float | None]:
    """The answer that most of the top give and that does not count as right."""
    able = [(what, score) for who, what, score in given if who in top]
    if len(able) < 3:
        return None, None
    wrong = Counter(what for what, score in able if score == 0.0)
    if not wrong:
        return None, None
    answer, count = min(wrong.items(), key=lambda c: (-c[1], c[0]))
    share = count / len(able)
    return (answer, share) if share >= AGREED else (None, None)
