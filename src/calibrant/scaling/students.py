"""Student's t, fast where many values are asked for at once."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]


def t_cdf(z: Floats, df: Floats) -> Floats:
    """P(T ≤ z); a df of inf is the normal."""
    finite = np.isfinite(df)
    if not finite.any():
        return np.asarray(special.ndtr(z))
    with np.errstate(invalid="ignore"):
        t = special.stdtr(np.where(finite, df, 1.0), z)
    return np.asarray(t if finite.all() else np.where(finite, t, special.ndtr(z)))


_STEP, _END = 1 / 128, 12.0
_MANY, _KINDS, _PIECE = 500, 64, 1 << 14
_NODES_OF_T = round(2 * _END / _STEP) + 1
"""Where more are asked for at once, distribution functions of Student's t come from tables."""


@lru_cache(maxsize=128)
def _t_table(df: float) -> tuple[Floats, Floats]:
    """P(T ≤ z) and its slope at equal steps of asinh(z), from -12 to 12; df may be infinite."""
    s = np.linspace(-_END, _END, _NODES_OF_T)
    z, kind = np.sinh(s), np.array(df)
    return t_cdf(z, kind), np.exp(t_log_pdf(z, kind)) * np.cosh(s) * _STEP


@lru_cache(maxsize=16)
def _t_tables(kinds: tuple[float, ...]) -> tuple[Floats, Floats]:
    """The tables of several degrees of freedom, one after another."""
    value, slope = zip(*map(_t_table, kinds), strict=True)
    return np.concatenate(value), np.concatenate(slope)


def kinds_of(df: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """The degrees of freedom that there are, and which each is, of the shape of `df`."""
    kinds, code = np.unique(df, return_inverse=True)
    return kinds, code.reshape(df.shape)


def t_cdf_fast(
    z: Floats, df: Floats, kinds: tuple[Floats, NDArray[np.int64]] | None = None
) -> Floats:
    """As `t_cdf`, to 1e-8: cubic interpolation between tabled values and slopes.

    Args:
        z: shape (..., *df.shape).
        kinds: of `df`, from `kinds_of`, where that is known.
    """
    if z.size < _MANY:
        return t_cdf(z, df)
    some, code = kinds or kinds_of(df)
    if some.size > _KINDS:
        return t_cdf(z, df)
    value, slope = _t_tables(tuple(map(float, some)))
    start = np.broadcast_to(code * _NODES_OF_T, z.shape).reshape(-1)
    flat, found = z.reshape(-1), np.empty(z.size)
    # In pieces that stay in the processor's cache.
    for piece in (slice(k, k + _PIECE) for k in range(0, z.size, _PIECE)):
        t = (np.clip(np.arcsinh(flat[piece]), -_END, _END - 1e-9) + _END) / _STEP
        i = t.astype(np.int64)
        t -= i
        i += start[piece]
        here = value[i]
        rise = value[i + 1] - here
        a, b = slope[i] - rise, rise - slope[i + 1]
        found[piece] = here + t * (rise + (1 - t) * (a * (1 - t) + b * t))
    return found.reshape(z.shape)


def t_log_pdf(z: Floats, df: Floats) -> Floats:
    """Logarithm of the density; a df of inf is the normal."""
    finite = np.isfinite(df)
    v = np.where(finite, df, 1.0)
    t = (
        special.gammaln((v + 1) / 2)
        - special.gammaln(v / 2)
        - 0.5 * np.log(v * np.pi)
        - (v + 1) / 2 * np.log1p(z * z / v)
    )
    return np.asarray(np.where(finite, t, -0.5 * z * z - 0.5 * np.log(2 * np.pi)))
