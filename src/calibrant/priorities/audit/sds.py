"""Can these standard deviations be those of whole ratings? Exact, by all sums of squares.

GRIMMER (Anaya 2016; Allard 2018) asks which sums of squares have the right parity; here those
that whole ratings on the scale can have at all are found by counting upwards, one rating at a time.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from calibrant.priorities.tables.fits import Fits
from calibrant.priorities.tables.printed import Column, Integers

_LARGEST = 240
"""Ratings times the width of the scale up to which sums of squares are counted; beyond, only their
range and parity are used."""


@lru_cache(maxsize=256)
def squares(n: int, width: int) -> NDArray[np.bool_]:
    """Which sums and sums of squares n whole numbers from 0 to `width` have, as a table of both."""
    out = np.zeros((n * width + 1, n * width * width + 1), dtype=np.bool_)
    if n == 0:
        out[0, 0] = True
        return out
    before = squares(n - 1, width)
    for k in range(width + 1):
        out[k : k + before.shape[0], k * k : k * k + before.shape[1]] |= before
    return out


def sums_of_squares(n: int, total: int, width: int) -> Integers:
    """Every sum of squares of n whole numbers from 0 to `width` with this sum, rising."""
    if n * width <= _LARGEST:
        return np.flatnonzero(squares(n, width)[total]).astype(np.int64)
    base, more = divmod(total, n)
    full, rest = divmod(total, width)
    low = (n - more) * base**2 + more * (base + 1) ** 2
    return np.arange(low, full * width**2 + rest**2 + 1, 2, dtype=np.int64)


def sd_possible(
    sd: int, digits: int, n: int, total: int, scale: tuple[int, int], divisor: int
) -> bool:
    """Whether n ratings of this sum can have a standard deviation that prints as `sd` units.

    Args:
        divisor: 1 for sample standard deviations (n − 1), 0 for population ones (n).
    """
    degrees = n - divisor
    if degrees < 1:
        return False
    shifted = total - n * scale[0]
    spread = n * sums_of_squares(n, shifted, scale[1] - scale[0]) - shifted**2
    # sd is printed as c if (2c − 1)² ≤ 4·100^d·variance ≤ (2c + 1)².
    value, over = 4 * 100**digits * spread, n * degrees
    low = max(2 * sd - 1, 0) ** 2
    return bool(((value >= low * over) & (value <= (2 * sd + 1) ** 2 * over)).any())


def keep_sds(
    found: Fits, sds: dict[str, Column], scale: tuple[int, int], divisor: int
) -> NDArray[np.bool_]:
    """Which solutions allow the printed standard deviations, shape (solutions,)."""
    keep = np.ones(found.row.size, dtype=np.bool_)
    for q, column in sds.items():
        known: dict[tuple[int, int, int], bool] = {}
        for i in np.flatnonzero(keep):
            key = (
                int(column.units[found.row[i]]), int(found.answers[q][i]), int(found.sums[q][i])
            )  # fmt: skip
            if key not in known:
                known[key] = sd_possible(key[0], column.digits, key[1], key[2], scale, divisor)
            keep[i] = known[key]
    return keep
