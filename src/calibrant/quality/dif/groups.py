"""Which subjects are compared with which? Two groups by a fact about them, or by a date."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.quality.responses import Responses

LEAST = 5
"""Subjects in a group below which nothing is compared."""

Group = str | Sequence[str | None] | Mapping[str, str]


def two_groups(
    responses: Responses, group: Group, *, focal: str | None, reference: str | None,
    before: str | None,
) -> tuple[str, str, NDArray[np.int64]]:  # fmt: skip
    """The two groups.

    Args:
        group: a fact about the subjects, a label for each in their order, or labels by name.
        focal, reference: the labels compared; with two labels they need not be told, and the
            smaller group is focal. If one is told of more than two, it is compared with all others.
        before: the fact is a date, as text in the order year, month, day; the focal group are
            those from this date on, the reference those before it.

    Returns:
        Names of the focal and the reference group; shape (subjects,), 1 for focal, 0 for
        reference, −1 for neither.

    Raises:
        InputError: if there are no two groups.
    """
    labels = _labels(responses, group)
    if before is not None:
        sides = [None if v is None else (v >= before) for v in labels]
        code = np.array([-1 if s is None else int(s) for s in sides], np.int64)
        return _checked(f"from {before}", f"before {before}", code)
    counts = Counter(v for v in labels if v is not None)
    for told in (focal, reference):
        if told is not None and told not in counts:
            said = ", ".join(one_line(v, 30) for v in list(counts)[:8])
            raise InputError(f"group {one_line(told, 40)!r}: wanted one of {said}")
    if focal is None and reference is None:
        if len(counts) != 2:
            said = ", ".join(one_line(v, 30) for v in list(counts)[:8])
            raise InputError(
                f"group: wanted two groups, or one named as focal; got {len(counts)}: {said}"
            )
        (reference, _), (focal, _) = counts.most_common(2)
    elif len(counts) == 2 and (focal is None or reference is None):
        other = next(v for v in counts if v not in (focal, reference))
        focal, reference = focal or other, reference or other
    if focal is not None and focal == reference:
        raise InputError(f"group: wanted two groups, got {one_line(focal, 40)!r} twice")
    code = np.array([
        -1 if v is None
        else 1 if v == focal or (focal is None and v != reference)
        else 0 if v == reference or reference is None
        else -1
        for v in labels
    ], np.int64)  # fmt: skip
    return _checked(focal or f"not {reference}", reference or f"not {focal}", code)


def _labels(responses: Responses, group: Group) -> list[str | None]:
    if isinstance(group, str):
        known = responses.subject_column(group)
        if known is None:
            facts = one_line(", ".join(responses.subject_facts.columns), 120)
            raise InputError(f"group: no column {group!r} about the subjects; there are {facts}")
        return known
    if isinstance(group, Mapping):
        return [group.get(name) for name in responses.subjects]
    if len(group) != len(responses.subjects):
        raise InputError(
            f"group: wanted a label for each of {len(responses.subjects)} subjects, "
            f"got {len(group)}"
        )
    return [None if v is None else str(v) for v in group]


def _checked(
    focal: str, reference: str, code: NDArray[np.int64]
) -> tuple[str, str, NDArray[np.int64]]:
    n_f, n_r = int((code == 1).sum()), int((code == 0).sum())
    if min(n_f, n_r) < LEAST:
        least = ""
        if min(n_f, n_r) > 0:
            odds = float(np.exp(2.8 * np.sqrt(4 / n_f + 4 / n_r)))
            least = f"; with these, odds would have to differ {odds:,.0f}-fold to be seen"
        raise InputError(
            f"group: wanted at least {LEAST} subjects in each, got {n_f} in "
            f"{one_line(focal, 40)!r} and {n_r} in {one_line(reference, 40)!r}{least}"
        )
    return focal, reference, code
