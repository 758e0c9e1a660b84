"""How do anchors shift? Each shared item's change in difficulty, the largest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from calibrant._figure import Figure
from calibrant._forest import Row, forest
from calibrant.errors import InputError

if TYPE_CHECKING:
    from calibrant.quality.linking.link import Link

MOST = 60


def anchor_shifts(found: Link) -> Figure:
    """Shifts of anchors on the old scale with two standard errors; those dropped stand out.

    Raises:
        InputError: if no shift is known.
    """
    rows = []
    for a in found.anchors:
        if a.shift is not None and a.reason != "turned round":
            reach = 2 * (a.standard_error or 0.0)
            rows.append(Row(a.item, a.shift, a.shift - reach, a.shift + reach,
                            f"{a.shift:+.2f}", not a.used))  # fmt: skip
    if not rows:
        raise InputError("figure: no shift is known, so there is nothing to draw")
    return forest(
        sorted(rows, key=lambda r: -abs(r.value))[:MOST],
        title="How much harder each shared item has become",
        said="on the old scale, ± 2 standard errors; red: not an anchor",
        axis="shift in difficulty", description=repr(found),
    )  # fmt: skip
