"""How well do values tell two groups apart? The area under the ROC curve, with its interval."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtri, stdtrit

from calibrant.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Auroc:
    """The chance that a value of one group is above one of the other (ties count half)."""

    value: float
    low: float
    high: float
    level: float

    @property
    def covers_half(self) -> bool:
        """Whether the groups may be alike in these values."""
        return self.low <= 0.5 <= self.high

    def __repr__(self) -> str:
        return f"AUROC {self.value:.3f}, {self.level:.0%} interval {self.low:.3f}–{self.high:.3f}"

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def placements(left: Floats, right: Floats) -> tuple[Floats, Floats]:
    """For each value of a group, the share of the other that it is above (below, for `right`)."""
    x, y = np.sort(left), np.sort(right)
    above = np.searchsorted(y, left, "left") + np.searchsorted(y, left, "right")
    under = np.searchsorted(x, right, "left") + np.searchsorted(x, right, "right")
    return above / (2 * y.size), 1 - under / (2 * x.size)


def auroc(left: ArrayLike, right: ArrayLike, *, level: float = 0.95) -> Auroc:
    """The AUROC of values of `left` above values of `right`, with an interval that covers.

    The hull of two intervals, each of which fails where the other does not: Brunner and Munzel's
    on the logit scale with their degrees of freedom (Biom. J. 42 (2000) 17), which allows groups
    of unequal spread; and Newcombe's fifth (Stat. Med. 25 (2006) 559), a score interval, which
    does not collapse where groups are (nearly) separated, as DeLong's does.

    Args:
        left, right: shapes (m,) and (n,), at least 2 each, independent units.

    Raises:
        InputError: for fewer than 2 in a group, values that are not finite, a level outside 0–1.
    """
    x, y = np.asarray(left, float), np.asarray(right, float)
    if not 0 < level < 1:
        raise InputError(f"level: wanted strictly between 0 and 1, got {level!r}")
    for name, group in (("left", x), ("right", y)):
        if group.ndim != 1 or group.size < 2:
            raise InputError(f"{name}: wanted at least 2 values, got shape {group.shape}")
        if not np.isfinite(group).all():
            raise InputError(f"{name}: wanted finite values, got {group[~np.isfinite(group)][0]}")
    tail = (1 - level) / 2
    above, under = placements(x, y)
    theta = float(above.mean())
    low, high = _newcombe(theta, x.size, y.size, -float(ndtri(tail)))
    own, other = float(above.var(ddof=1)) / x.size, float(under.var(ddof=1)) / y.size
    if 0 < theta < 1 and own + other > 0:
        df = (own + other) ** 2 / (own**2 / (x.size - 1) + other**2 / (y.size - 1))
        reach = -float(stdtrit(df, tail)) * math.sqrt(own + other) / (theta * (1 - theta))
        at = float(logit(theta))
        low, high = min(low, float(expit(at - reach))), max(high, float(expit(at + reach)))
    return Auroc(theta, low, high, level)


def _newcombe(theta: float, m: int, n: int, z: float) -> tuple[float, float]:
    """The AUROCs t with |theta - t| ≤ z · sd(t), by the variance of Hanley and McNeil for m = n."""

    def off(t: float) -> float:
        half = (m + n) / 2 - 1
        variance = t * (1 - t) * (1 + half * (1 - t) / (2 - t) + half * t / (1 + t)) / (m * n)
        return abs(theta - t) - z * math.sqrt(max(variance, 0.0))

    # At 0 and 1 there is no spread, so that they solve it, too; what is wanted lies inside.
    tiny = 1e-12
    low = 0.0 if theta <= tiny else brentq(off, tiny, min(theta, 1 - tiny))
    high = 1.0 if theta >= 1 - tiny else brentq(off, max(theta, tiny), 1 - tiny)
    return float(low), float(high)
