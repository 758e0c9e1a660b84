"""How hard are the judged items in fact, and who would pass? Answers of subjects for raters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.quality.read import read_responses

Floats = NDArray[np.float64]


def feedback(source: Any, items: Sequence[str], **reading: Any) -> dict[str, Floats]:
    """`observed` and `scores` for `angoff`: from answers of subjects.

    Args:
        source: answers, and `reading` how to read them; see `read_responses`.
        items: names of the judged items.

    Raises:
        InputError: if none of the judged items was answered.
    """
    responses = read_responses(source, **reading)
    at = {name: j for j, name in enumerate(responses.items)}
    columns = [at.get(name) for name in items]
    if all(c is None for c in columns):
        raise InputError(
            f"responses: none of the judged items, such as {one_line(items[0], 60)!r}, was answered"
        )
    unit = responses.unit
    seen = unit[:, [c for c in columns if c is not None]]
    observed = np.array([np.nan if c is None else _mean(unit[:, c]) for c in columns])
    return {"observed": observed, "scores": np.array([_mean(s) for s in seen if _any(s)])}


def _any(values: Floats) -> bool:
    return bool((~np.isnan(values)).any())


def _mean(values: Floats) -> float:
    return float(np.nanmean(values)) if _any(values) else float("nan")
