"""Which categories do labels fall into, and do all graders use one scale?"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
LEAST_LABELS = 10
"""Labels of a grader below which nothing is concluded about the scale it uses."""
BEYOND = 0.25
"""Share of one grader's labels outside another's range from which scales are taken to differ."""
MOST_CATEGORIES = 100_000


@dataclass(frozen=True)
class Scale:
    """The categories in order; the numbers they are, if all are; whether the order was told."""

    categories: tuple[str, ...]
    values: Floats | None
    ordered: bool


def scale_of(
    label: pl.Series, categories: Sequence[Any] | None, unparsed: Sequence[str]
) -> tuple[Scale, Ints]:
    """The scale, and the category of each label; -1 where it is none.

    Args:
        label: texts, null where empty.
        categories: the scale in order; None takes what occurs.
        unparsed: texts that are no verdict.

    Raises:
        InputError: for a scale of fewer than two categories, or one that repeats itself.
    """
    texts = label.unique().drop_nulls().to_list()
    lost = {plain(t) for t in unparsed}
    meant = {t: plain(t) for t in texts}
    if categories is None:
        names = {m for m in meant.values() if m and m not in lost}
        numbers = {m: number(m) for m in names}
        numeric = bool(names) and all(x is not None for x in numbers.values())
        ordered = sorted(names, key=lambda m: numbers[m] or 0.0) if numeric else sorted(names)
    else:
        ordered = _declared(categories)
        numbers = {m: number(m) for m in ordered}
        numeric = all(x is not None for x in numbers.values())
    if len(ordered) > MOST_CATEGORIES:
        raise InputError(f"labels: {len(ordered):,} different ones are texts, not categories")
    place = {m: i for i, m in enumerate(ordered) if m not in lost}
    values = np.array([numbers[m] for m in ordered], np.float64) if numeric and ordered else None
    told = numeric or categories is not None
    codes = {t: place.get(m, -1) for t, m in meant.items()}
    code = label.replace_strict(codes, default=-1, return_dtype=pl.Int64) if codes else None
    found = np.full(label.len(), -1, np.int64) if code is None else code.fill_null(-1).to_numpy()
    return Scale(tuple(ordered), values, told), np.asarray(found, np.int64)


def _declared(categories: Sequence[Any]) -> list[str]:
    if isinstance(categories, str) or len(categories) < 2:
        raise InputError(f"categories: wanted a list of at least two, got {categories!r}")
    ordered = [plain(str(c)) for c in categories]
    twice = [c for i, c in enumerate(ordered) if c in ordered[:i]]
    if twice or "" in ordered:
        raise InputError(f"categories: wanted different ones, got {twice[0] if twice else ''!r}")
    return ordered


def plain(text: str) -> str:
    """A label without white space around it, a number in one spelling: "1.0" is "1"."""
    text = text.strip()
    value = number(text)
    if value is None:
        return "" if text.lower() == "nan" else text
    whole = value == math.floor(value) and abs(value) < 1e15
    return str(int(value)) if whole else repr(value)


def number(text: str) -> float | None:
    """The finite number that a text is; None if it is none."""
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def same_but_for_case(categories: tuple[str, ...]) -> list[str]:
    """A note on categories that differ by case only."""
    seen: dict[str, str] = {}
    for c in categories:
        if c.lower() in seen:
            return [f"categories {seen[c.lower()]!r} and {c!r} differ only by case"]
        seen[c.lower()] = c
    return []


def check_scales(
    graders: tuple[str, ...],
    categories: tuple[str, ...],
    values: Floats | None,
    grader: Ints,
    code: Ints,
) -> None:
    """Refuse graders that seem to use different scales.

    Raises:
        InputError: naming two graders and what each of them uses.
    """
    if len(graders) * len(categories) > 20_000_000:
        return  # a crowd on a fine scale: no grader has labels enough to tell
    width = len(categories)
    used = np.bincount(grader * width + code, minlength=len(graders) * width)
    used = used.reshape(len(graders), width)
    enough = np.flatnonzero(used.sum(axis=1) >= LEAST_LABELS)
    if enough.size < 2:
        return
    _refuse_parts(graders, categories, used, enough)
    if values is not None and width >= 5:
        _refuse_ranges(graders, categories, values, used, enough)


def _refuse_parts(
    graders: tuple[str, ...], categories: tuple[str, ...], used: Ints, enough: Ints
) -> None:
    """Refuse groups of graders that share no category: they speak different languages."""
    group = np.arange(enough.size)
    for column in (used[enough] > 0).T:
        members = np.unique(group[column])
        if members.size > 1:
            group[np.isin(group, members)] = members[0]
    first = [int(enough[np.flatnonzero(group == g)[0]]) for g in np.unique(group)]
    if len(first) < 2 or all((used[g] > 0).sum() == 1 for g in first):
        return
    said = [_said(categories, used[g]) for g in first[:2]]
    raise InputError(one_line(
        f"labels: graders {graders[first[0]]!r} ({said[0]}) and {graders[first[1]]!r} ({said[1]}) "
        "share no label; recode one, or name the categories if the scale is one", 500))  # fmt: skip


def _refuse_ranges(
    graders: tuple[str, ...], categories: tuple[str, ...], values: Floats, used: Ints, enough: Ints
) -> None:
    """Refuse a grader that stays in a part of the numbers that others use throughout."""
    top = np.array([np.flatnonzero(used[g])[-1] for g in enough])
    low = np.array([np.flatnonzero(used[g])[0] for g in enough])
    wide = int(enough[np.argmax(values[top] - values[low])])
    share = used[wide] / used[wide].sum()
    span = float(np.ptp(values[np.flatnonzero(used[wide])]))
    for place, g in enumerate(enough):
        bottom, roof = int(low[place]), int(top[place])
        outside = 1 - float(share[bottom : roof + 1].sum())
        few = int((used[g] > 0).sum()) < 3
        if few or outside < BEYOND or values[roof] - values[bottom] > 0.6 * span:
            continue
        said = [f"{categories[bottom]} to {categories[roof]}", _said(categories, used[wide])]
        raise InputError(one_line(
            f"labels: graders {graders[g]!r} ({said[0]}) and {graders[wide]!r} ({said[1]}) seem "
            "to use different scales; rescale one, or name the categories if the scale is one",
            500))  # fmt: skip


def _said(categories: tuple[str, ...], used: Ints) -> str:
    names = [categories[k] for k in np.flatnonzero(used)]
    if len(names) > 4 and all(number(n) is not None for n in names):
        return f"{names[0]} to {names[-1]}"
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
