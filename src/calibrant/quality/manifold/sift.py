"""Which scores can be fitted? Constant items are set aside, and designs that fall apart refused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrant._figure import shorten
from calibrant.errors import InputError
from calibrant.quality.responses import Floats, Ints, Responses

FEWEST = 10
"""Subjects below which slopes are not estimated."""


@dataclass(frozen=True)
class Sifted:
    """What is left to fit.

    Attributes:
        unit: shape (subjects, items), 0–1, NaN where there is none.
        kept: shape (items,), numbers of the items that are fitted.
        rows: shape (subjects,), numbers of the subjects that are fitted.
        aside: names of constant items, which say nothing about ability.
        concerns: one sentence each.
    """

    unit: Floats
    kept: Ints
    rows: Ints
    aside: tuple[str, ...]
    concerns: tuple[str, ...]


def sift(responses: Responses, *, what: str, items: int = 3) -> Sifted:
    """Drop constant items and empty subjects, with what a reader should know.

    Args:
        what: the model's name, for messages.
        items: fewest that are fitted.

    Raises:
        InputError: for too few subjects or items, or a design that falls into parts.
    """
    unit = responses.unit
    seen = ~np.isnan(unit)
    low = np.where(seen, unit, np.inf).min(axis=0)
    high = np.where(seen, unit, -np.inf).max(axis=0)
    varies = high > low
    kept = np.flatnonzero(varies)
    rows = np.flatnonzero(seen[:, varies].any(axis=1))
    aside = tuple(responses.items[j] for j in np.flatnonzero(~varies))
    concerns = list(responses.notes)
    if aside:
        concerns.append(
            f"{len(aside)} items on which all have the same score are set aside, "
            f"such as {shorten(aside[0], 60)}"
        )
    if rows.size < len(responses.subjects):
        concerns.append(
            f"{len(responses.subjects) - rows.size} subjects have no score on the other items"
        )
    if rows.size < FEWEST:
        raise InputError(f"{what}: wanted at least {FEWEST} subjects with scores, got {rows.size}")
    if kept.size < items:
        raise InputError(f"{what}: wanted at least {items} items that vary, got {kept.size}")
    unit = unit[np.ix_(rows, kept)]
    check_connected(unit, [responses.subjects[i] for i in rows], what)
    filled = np.nan_to_num(unit, nan=-1.0)
    _, first = np.unique(filled, axis=0, return_index=True)
    # Few items that are right or wrong give equal rows by chance.
    telling = kept.size >= 20 or bool(((unit > 0) & (unit < 1)).any())
    if first.size < rows.size and telling:
        twin = next(i for i in range(rows.size) if i not in set(first.tolist()))
        concerns.append(
            f"{rows.size - first.size} subjects have the very scores of another, "
            f"such as {shorten(responses.subjects[rows[twin]], 60)}: "
            "duplicates make standard errors too small"
        )
    return Sifted(unit, kept.astype(np.int64), rows.astype(np.int64), aside, tuple(concerns))


def check_connected(unit: Floats, subjects: list[str], what: str) -> None:
    """Refuse designs in which subjects fall into groups that share no item.

    Raises:
        InputError: naming a subject of either group.
    """
    group = groups_of(~np.isnan(unit))
    if group.max() > 0:
        other = int(np.argmax(group > 0))
        raise InputError(
            f"{what}: the design falls into {group.max() + 1} parts that share no item: "
            f"{shorten(subjects[0], 60)} and {shorten(subjects[other], 60)} "
            "cannot be compared"
        )


def groups_of(seen: NDArray[np.bool_]) -> Ints:
    """Shape (subjects,): which part of the design each is in, counted from 0."""
    group = np.full(seen.shape[0], -1, np.int64)
    count = 0
    while (group < 0).any():
        mine = np.zeros(seen.shape[0], bool)
        mine[int(np.argmax(group < 0))] = True
        while True:
            more = seen[:, seen[mine].any(axis=0)].any(axis=1) | mine
            if (more == mine).all():
                break
            mine = more
        group[mine] = count
        count += 1
    return group
