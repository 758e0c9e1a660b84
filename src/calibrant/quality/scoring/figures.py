"""How do abilities look? Each subject with its interval, the ablest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from calibrant._figure import Figure
from calibrant._forest import Row, forest
from calibrant.errors import InputError

if TYPE_CHECKING:
    from calibrant.quality.scoring.result import Scores

MOST = 100


def abilities(found: Scores) -> Figure:
    """Abilities with their intervals; subjects whose answers do not go together stand out.

    Raises:
        InputError: if no ability is known.
    """
    order = np.argsort(-np.where(np.isnan(found.ability), -np.inf, found.ability), kind="stable")
    order = order[np.isfinite(found.ability[order])][:MOST]
    if not order.size:
        raise InputError("figure: no ability is known, so there is nothing to draw")
    rows = [
        Row(found.subjects[i], float(found.ability[i]), float(found.low[i]), float(found.high[i]),
            f"{found.ability[i]:.2f}  ({_end(found.low[i])} to {_end(found.high[i])})",
            bool(found.aberrant[i]))
        for i in order
    ]  # fmt: skip
    return forest(
        rows, title=f"Abilities ({found.method})",
        said=f"{found.level:.0%} intervals; red: answers that do not go together",
        axis="ability", description=repr(found), zero=False,
    )  # fmt: skip


def _end(x: float) -> str:
    return f"{x:.2f}" if np.isfinite(x) else ("−∞" if x < 0 else "∞")
