"""Which subjects are relatives? Versions of one model are not independent witnesses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.quality.responses import Responses
from calibrant.records.families import families_of_names

COLUMN = "family"
"""The fact about subjects that is taken for their family where no other is named."""


def families(
    responses: Responses, column: str | None = None, pattern: str | None = None
) -> tuple[str, ...]:
    """The family of each subject, in their order.

    Args:
        responses: whose subjects.
        column: a fact about the subjects that holds their family; by default "family" if it is
            known. A subject without one is its own family.
        pattern: a regular expression whose first group, where it is found in a subject's name, is
            its family (such as "^([a-z]+)"); a name in which it is not found is its own family.
            Names are never guessed at without one.

    Returns:
        One name a subject; each subject's own name without column and pattern, as
        `family_notes` says.

    Raises:
        InputError: for both a column and a pattern, an unknown column, a pattern that is none or
            has no group, or one that is found in no name.
    """
    if column is not None and pattern is not None:
        raise InputError("families: wanted a column or a pattern, got both")
    if pattern is not None:
        return families_of_names(responses.subjects, pattern)
    known = responses.subject_column(COLUMN if column is None else column)
    if known is None:
        if column is not None:
            facts = one_line(", ".join(responses.subject_facts.columns), 120)
            raise InputError(
                f"families: no column {column!r} about the subjects; there are {facts}"
            )
        return responses.subjects
    return tuple(f or name for f, name in zip(known, responses.subjects, strict=True))


def family_notes(names: Sequence[str]) -> tuple[str, ...]:
    """What a reader should know about how subjects fall into families, one sentence each.

    Args:
        names: the family of each subject, as of `families`.
    """
    sizes = Counter(names)
    most, size = sizes.most_common(1)[0]
    if size == 1:
        return (
            "every subject counts as its own family: if some are versions of one model, intervals "
            "are too narrow (name a column or a pattern of families)",
        )
    if size > len(names) / 2:
        return (f"{size} of {len(names)} subjects are of one family, {one_line(most, 60)}",)
    return ()


def codes(names: Sequence[str]) -> NDArray[np.int64]:
    """The number of each subject's family, shape (subjects,), families in order of appearance."""
    order: dict[str, int] = {}
    return np.array([order.setdefault(n, len(order)) for n in names], np.int64)
