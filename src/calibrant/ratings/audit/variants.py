"""How much does it flatter to try N variants in private and publish the best?

The best of N noisy ratings is too high by the noise that was chosen with it (Singh et al., The
leaderboard illusion, arXiv 2504.20879).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from calibrant.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class BestOf:
    """The published best of N private variants, put right.

    Attributes:
        variants: N. observed: the published rating. standard_error: of each variant's rating.
        spread: standard deviation of the variants' true ratings.
        inflation: expected excess of the published rating over the chosen variant's true one.
        corrected: observed less inflation.
        corrected_error: standard deviation of the published rating about the true one.
    """

    variants: int
    observed: float
    standard_error: float
    spread: float
    inflation: float
    corrected: float
    corrected_error: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return dict(self.__dict__)

    def __repr__(self) -> str:
        return (
            f"The best of {self.variants} variants is published {self.inflation:.3g} too high: "
            f"{self.observed:.4g} becomes {self.corrected:.4g} ± {self.corrected_error:.2g}"
        )


def best_of(
    variants: int, *, observed: float = 0.0, standard_error: float, spread: float = 0.0
) -> BestOf:
    """Correct the rating of the best of N variants, in any unit.

    Args:
        variants: variants tried, the published one included.
        observed: its rating. standard_error: of one variant's rating.
        spread: how much the variants truly differ (standard deviation); 0 if they are alike.

    Raises:
        InputError: for fewer than one variant, or a negative or infinite spread or error.
    """
    if variants < 1:
        raise InputError(f"variants: wanted at least 1, got {variants}")
    for name, value in (("standard error", standard_error), ("spread", spread)):
        if not (np.isfinite(value) and value >= 0):
            raise InputError(f"{name}: wanted a finite number from 0, got {value}")
    noise, truth = standard_error**2, spread**2
    total = noise + truth
    mean, variance = extreme(variants)
    # Given its rating, a variant's noise has this mean slope and this variance left.
    slope = noise / total if total > 0 else 0.0
    left = noise * truth / total if total > 0 else 0.0
    inflation = slope * float(np.sqrt(total)) * mean
    error = float(np.sqrt(slope**2 * total * variance + left))
    return BestOf(
        variants, float(observed), float(standard_error), float(spread), inflation,
        observed - inflation, error,
    )  # fmt: skip


def variants_to_gain(gain: float, standard_error: float, *, most: int = 1_000_000) -> int | None:
    """Fewest alike variants whose best is expected to be published `gain` too high.

    Args:
        gain, standard_error: in one unit, above 0.

    Returns:
        None if more than `most` are needed.
    """
    if not (np.isfinite(gain) and standard_error > 0):
        raise InputError(f"gain: wanted finite, with an error above 0, got {gain}")
    low, high = 1, most
    if extreme(most)[0] * standard_error < gain:
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if extreme(middle)[0] * standard_error >= gain else (
            middle + 1, high)  # fmt: skip
    return low


@cache
def extreme(n: int) -> tuple[float, float]:
    """Mean and variance of the largest of n independent standard normal variables."""
    x = np.linspace(-12, 12, 24_001)
    density = n * np.exp(-(x**2) / 2 + (n - 1) * log_ndtr(x)) / np.sqrt(2 * np.pi)
    step = x[1] - x[0]
    mean = float((x * density).sum() * step)
    return mean, float(((x - mean) ** 2 * density).sum() * step)
