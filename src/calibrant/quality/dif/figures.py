"""How do differences look? Log odds ratios of the items that differ most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from calibrant._figure import Figure, shorten
from calibrant._forest import Row, forest
from calibrant.errors import InputError

if TYPE_CHECKING:
    from calibrant.quality.dif.result import Dif

MOST = 40


def differences(found: Dif) -> Figure:
    """The items with the smallest p-values and their log odds ratios; those flagged stand out.

    Raises:
        InputError: if no item could be compared.
    """
    known = [
        (i.p, Row(i.item, i.odds, i.low, i.high,
                  f"{i.odds:+.2f}  ({i.low:.2f} to {i.high:.2f})", i.flagged))
        for i in found.items
        if i.odds is not None and i.p is not None and i.low is not None and i.high is not None
    ]  # fmt: skip
    if not known:
        raise InputError("figure: no item could be compared, so there is nothing to draw")
    return forest(
        [row for _, row in sorted(known, key=lambda pair: pair[0])[:MOST]],
        title=f"Items by group: {shorten(found.focal, 30)} against {shorten(found.reference, 30)}",
        said=f"log odds ratio at equal score, {found.level:.0%} intervals; red: unequal",
        axis="favours the focal group →", description=repr(found),
    )  # fmt: skip
