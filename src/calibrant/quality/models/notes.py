"""What should a reader of a fit know? Designs that fall apart, doubles, priors that were needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibrant._figure import shorten
from calibrant.quality.models.climb import PRIOR_INTERCEPT, PRIOR_SLOPE, Summit
from calibrant.quality.models.data import Data
from calibrant.quality.models.prepare import GUESSING_PRIOR, Prepared

Ints = NDArray[np.int64]
FEW = 10
"""Subjects below which a fit says so."""


def components(data: Data) -> Ints:
    """Shape (subjects,): the part of the design that each belongs to, by shared items."""
    part = np.full(data.subjects, -1, np.int64)
    if data.trials is None:
        return np.zeros(data.subjects, np.int64)
    for number in range(data.subjects):
        new = np.flatnonzero(part < 0)[:1]
        if not new.size:
            break
        part[new] = number
        reached = np.zeros(data.items, bool)
        while new.size:
            items = np.zeros(data.items, bool)
            for some in np.array_split(new, 1 + new.size // 500):
                items |= (data.trials[some] > 0).any(axis=0)
            fresh = np.flatnonzero(items & ~reached)
            reached |= items
            left = np.flatnonzero(part < 0)
            if not fresh.size or not left.size:
                break
            hit = np.zeros(left.size, bool)
            for at in np.array_split(np.arange(left.size), 1 + left.size // 500):
                hit[at] = (data.trials[np.ix_(left[at], fresh)] > 0).any(axis=1)
            new = left[hit]
            part[new] = number
    return part


def doubles(data: Data) -> list[tuple[int, int]]:
    """Pairs of subjects with the same answers to at least 30 items, at least 10 of either kind."""
    if data.items < 30:
        return []
    seen: dict[bytes, int] = {}
    found = []
    for i in range(data.subjects):
        row = np.ascontiguousarray(data.hits[i])
        key = row.tobytes()
        if data.trials is not None:
            key += np.ascontiguousarray(data.trials[i]).tobytes()
        # The rest is made only of the few that repeat: rows of plain rights or wrongs may.
        hashed = hash(key).to_bytes(8, "little", signed=True)
        other = seen.setdefault(hashed, i)
        if other == i or not np.array_equal(data.hits[other], row):
            continue
        if np.unique(row, return_counts=True)[1].min() >= 10 and np.unique(row).size > 1:
            found.append((other, i))
    return found


def _ends(data: Data) -> list[str]:
    """Subjects with the highest, or the lowest, score on each item that they answered."""
    best = worst = 0
    for rows in data.blocks():
        hits, trials = data.block(rows)
        full = np.broadcast_to(data.categories - 1.0, hits.shape) * (
            1.0 if trials is None else trials
        )
        answered = full.max(axis=1) > 0
        best += int((answered & (hits >= full).all(axis=1)).sum())
        worst += int((answered & (hits <= 0).all(axis=1)).sum())
    if not best + worst:
        return []
    return [
        f"{best} of {data.subjects} subjects have the highest score on all items, {worst} the "
        "lowest: only the spread of the other subjects bounds their abilities"
    ]


def design_notes(prepared: Prepared, subjects: tuple[str, ...], back: Ints) -> list[str]:
    """About the responses."""
    data = prepared.data
    place = np.argsort(back)
    notes = []
    if data.subjects < FEW:
        notes.append(
            f"{data.subjects} subjects: fewer than {FEW}; another few may give quite other "
            "estimates"
        )
    notes += _ends(data)
    silent = 0
    if data.trials is not None:
        silent = int(sum((data.trials[r].max(axis=1) == 0).sum() for r in data.blocks()))
    varying = prepared.kept.size
    if varying < prepared.answers.size:
        left = prepared.answers.size - varying
        notes.append(
            f"{left} of {prepared.answers.size} items have one score only, or none; "
            "they are left out of the fit"
        )
    groups = np.unique(components(data)).size - silent
    if groups > 1:
        notes.append(
            f"the design falls apart: {groups} groups of subjects share no item; only the "
            "assumption that all abilities come from one population puts them on one scale"
        )
    twice = doubles(data)
    if twice:
        first, second = (shorten(subjects[place[i]], 40) for i in twice[0])
        notes.append(
            f"{len(twice)} subjects have the same answers as another, such as {first!r} and "
            f"{second!r}: if they are one, they count twice and errors are too small"
        )
    if silent:
        notes.append(f"{silent} subject{'s' * (silent > 1)} answered no item that varies")
    if prepared.fractional:
        notes.append(
            "scores between failure and success count as that share of a success: a "
            "quasi-likelihood, with sandwich errors; the log likelihood is no probability"
        )
    return notes


def summit_notes(prepared: Prepared, summit: Summit) -> list[str]:
    """About the estimates."""
    notes = []
    if summit.separated.any():
        notes.append(
            f"the slopes of {int(summit.separated.sum())} items would be infinite (ability "
            "separates their right from their wrong): these alone have weak normal priors, "
            f"sd {PRIOR_SLOPE:g} of slopes and {PRIOR_INTERCEPT:g} of intercepts"
        )
    if prepared.family.model == "3pl":
        if prepared.prior.precision[:, -1].any():
            mean, sd = GUESSING_PRIOR
            notes.append(
                f"the logit of guessing has a normal prior, mean {mean:g} and sd {sd:g}: with few "
                "subjects that, more than the data, says what g is"
            )
        none = int((summit.xi[:, -1] < -6).sum())
        if none:
            notes.append(f"{none} items are fitted best without guessing: g runs to 0")
    return notes
