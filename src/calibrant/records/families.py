"""Which subjects are relatives, by their names?"""

from __future__ import annotations

import re
from collections.abc import Sequence

from calibrant._text import one_line
from calibrant.errors import InputError


def families_of_names(names: Sequence[str], pattern: str) -> tuple[str, ...]:
    """The first group of a regular expression in each name; the name itself where it is not found.

    Raises:
        InputError: if the pattern is none, has no group, or is found in no name.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as e:
        raise InputError(f"family pattern {one_line(pattern, 60)!r}: {e}") from e
    if not compiled.groups:
        raise InputError(
            f"family pattern {one_line(pattern, 60)!r}: wanted a group, as in ^([a-z]+), got none"
        )
    found = [compiled.search(name) for name in names]
    if not any(found):
        raise InputError(f"family pattern {one_line(pattern, 60)!r}: found in no subject's name")
    return tuple((m[1] or n) if m else n for m, n in zip(found, names, strict=True))
