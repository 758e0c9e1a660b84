"""Which facets are asked for? Names as people give them."""

from __future__ import annotations

from collections.abc import Sequence

from calibrant.errors import InputError

FACETS = ("item", "variant", "epoch", "grader")
"""What a study can take apart; each is repeated within those before it."""


def chosen(facets: Sequence[str] | None) -> tuple[tuple[str, ...], bool]:
    """The facets asked for, and whether variants were declared nested ("variant/item").

    Raises:
        InputError: for a name that is no facet, or one named twice.
    """
    if facets is None:
        return FACETS[:3], False
    if isinstance(facets, str):
        raise InputError(f"facets: wanted a list of names, got {facets!r}")
    nested = "variant/item" in facets
    plain = ["variant" if f == "variant/item" else f for f in facets]
    for name in plain:
        if name not in FACETS:
            raise InputError(f"facets: wanted some of {', '.join(FACETS)}, got {name!r}")
    if not plain or len(set(plain)) < len(plain):
        raise InputError(f"facets: wanted different names, at least one, got {list(facets)}")
    return tuple(f for f in FACETS if f in plain), nested
