"""Is a column of compute what its neighbours say? 6 × weights × tokens, where a table has these.

A dense transformer takes about 6 FLOPs a weight and token in training (Kaplan and others, 2020).
Mixtures of experts, repeated data and other counts of weights differ, so that this is a note.
"""

from __future__ import annotations

import re

import numpy as np
import polars as pl

from calibrant._text import one_line
from calibrant.scaling.reading.columns import is_compute, power_of
from calibrant.scaling.scores import Floats

TWOFOLD = float(np.log10(2))
"""Orders of magnitude by which compute may differ before it is said."""

_WEIGHTS = re.compile(r"param|weights|model.?size|^n$", re.IGNORECASE)
_TOKENS = re.compile(r"token|(?:train(?:ing)?|data).*(?:data|size)", re.IGNORECASE)


def six_times(table: pl.DataFrame, scale: str, size: Floats) -> list[str]:
    """A note if compute is not about 6 × weights × tokens; none where the table cannot say.

    Args:
        scale: the column of compute.
        size: shape (rows,); its base-10 logarithm, in FLOPs.
    """
    weights, tokens = _only(table, _WEIGHTS, scale), _only(table, _TOKENS, scale)
    if not is_compute(scale) or weights is None or tokens is None or weights == tokens:
        return []
    off = size - np.log10(6) - _log(table, weights) - _log(table, tokens)
    known = np.isfinite(off)
    wrong = np.flatnonzero(known & (np.abs(np.where(known, off, 0.0)) > TWOFOLD))
    if not wrong.size:
        return []
    row = int(wrong[np.argmax(np.abs(off[wrong]))])
    return [
        f"{one_line(scale, 60)}: {wrong.size} of {int(known.sum())} rows are more than twofold off "
        f"6 × {one_line(weights, 60)} × {one_line(tokens, 60)}, row {row + 1} most, "
        f"{10 ** abs(off[row]):.3g} times {'above' if off[row] > 0 else 'below'}"
    ]


def _only(table: pl.DataFrame, pattern: re.Pattern[str], scale: str) -> str | None:
    """The one column of numbers whose name fits; None if there is none, or more than one."""
    fits = [c for c in table.columns
            if c != scale and pattern.search(c) and table[c].dtype.is_numeric()]  # fmt: skip
    return fits[0] if len(fits) == 1 else None


def _log(table: pl.DataFrame, column: str) -> Floats:
    values = table[column].cast(pl.Float64).fill_null(np.nan).to_numpy()
    found = np.log10(np.where(values > 0, values, np.nan))
    return np.asarray(found + power_of(column), dtype=np.float64)
