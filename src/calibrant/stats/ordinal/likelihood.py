"""How likely is an answer between two thresholds, and how fast does that change?

An answer is given where a latent number falls between a lower and an upper threshold; both are
measured from the latent number's mean, and may be infinite. All derivatives are of the log of
that chance, which is concave in the two limits together (Pratt, JASA 76 (1981) 103).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log1p, log_expit, log_ndtr, ndtr

Floats = NDArray[np.float64]
Link = Literal["probit", "logit"]

LINKS: tuple[Link, ...] = ("probit", "logit")
_ROOT = 1 / np.sqrt(2 * np.pi)
_LEAST = 1e-290


@dataclass(frozen=True)
class Slopes:
    """Log chances and their derivatives by the upper (u) and lower (l) limits.

    Attributes:
        log: shape (n,), log chances.
        u, l: first derivatives.
        uu, ul, ll: minus the second derivatives.
        third: by uuu, uul, ull and lll; empty unless asked for.
    """

    log: Floats
    u: Floats
    l: Floats  # noqa: E741
    uu: Floats
    ul: Floats
    ll: Floats
    third: tuple[Floats, ...] = ()


def log_chance(upper: Floats, lower: Floats, link: Link = "probit") -> Floats:
    """Log of the chance between the limits, exact far out; -inf where they are out of order."""
    # In the upper tail both are turned round, so that small numbers are subtracted.
    swap = upper + lower > 0
    high = np.where(swap, -lower, upper)
    low = np.where(swap, -upper, lower)
    log_f = log_ndtr if link == "probit" else log_expit
    top = log_f(high)
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = np.minimum(log_f(low) - top, 0.0)
        found = top + log1p(-np.exp(gap))
    return np.asarray(np.where(high > low, found, -np.inf))


def slopes(upper: Floats, lower: Floats, link: Link = "probit", *, third: bool = False) -> Slopes:
    """Log chances with their derivatives.

    Args:
        upper, lower: shape (n,), upper > lower; ±inf allowed.
    """
    swap = upper + lower > 0
    high = np.where(swap, -lower, upper)
    low = np.where(swap, -upper, lower)
    u = np.where(np.isinf(upper), 0.0, upper)
    l = np.where(np.isinf(lower), 0.0, lower)  # noqa: E741
    if link == "probit":
        p = np.maximum(ndtr(high) - ndtr(low), _LEAST)
        log = np.log(p)
        far = p < 1e-12
        if far.any():
            log[far] = log_chance(upper[far], lower[far], link)
            p = np.where(far, np.maximum(np.exp(log), _LEAST), p)
        a = np.exp(-0.5 * upper * upper) * (_ROOT / p)
        b = np.exp(-0.5 * lower * lower) * (_ROOT / p)
        da, db = -u * a, -l * b  # density's slope over the chance
        d2a, d2b = (u * u - 1) * a, (l * l - 1) * b
    else:
        log = log_chance(upper, lower, link)
        fu, fl = expit(upper), expit(lower)
        a = np.exp(log_expit(upper) + log_expit(-upper) - log)
        b = np.exp(log_expit(lower) + log_expit(-lower) - log)
        da, db = a * (1 - 2 * fu), b * (1 - 2 * fl)
        d2a, d2b = a * (1 - 6 * fu * (1 - fu)), b * (1 - 6 * fl * (1 - fl))
    ab = a * b
    more: tuple[Floats, ...] = ()
    if third:
        more = (
            d2a - 3 * a * da + 2 * a**3,
            b * da - 2 * a * ab,
            a * db + 2 * ab * b,
            -d2b - 3 * b * db - 2 * b**3,
        )
    return Slopes(log, a, -b, a * a - da, -ab, b * b + db, more)
