"""Where is the likelihood summed? A uniform grid of abilities finer than the narrowest posterior.

The trapezoid rule on a bell of standard deviation s errs by about 2 exp(−2 π² (s / h)²): at a
spacing h of 0.9 s by 5e-11. Items steeper than that would let a logistic curve's poles, π / |a|
off the real line, come within reach of the grid, so the spacing follows the steepest item too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

COARSEST = 0.25
"""The widest spacing used, in standard deviations of ability."""

MOST = 6000
"""Nodes beyond which no grid is made."""

TAILS = 8.0
"""How many posterior standard deviations a grid reaches beyond the outermost ability."""


@dataclass(frozen=True)
class Grid:
    """Nodes low, low + spacing, …, high, multiples of the spacing."""

    spacing: float
    low: float
    high: float

    @cached_property
    def nodes(self) -> Floats:
        """Shape (nodes,): abilities."""
        first, last = round(self.low / self.spacing), round(self.high / self.spacing)
        found: Floats = np.arange(first, last + 1).astype(np.float64) * self.spacing
        return found

    @cached_property
    def log_weights(self) -> Floats:
        """Shape (nodes,): log of the normal density times the spacing."""
        found: Floats = -0.5 * self.nodes**2 - 0.5 * np.log(2 * np.pi) + np.log(self.spacing)
        return found

    def refined(self) -> Grid:
        """Half the spacing, and a range half as wide again."""
        return grid(self.spacing / 2, 1.5 * self.low, 1.5 * self.high)


def grid(spacing: float, low: float, high: float) -> Grid:
    """A grid that covers low to high, its ends moved out to multiples of the spacing."""
    spacing = max(spacing, (high - low) / MOST)
    return Grid(
        spacing, float(np.floor(low / spacing) * spacing), float(np.ceil(high / spacing) * spacing)
    )


def grid_for(
    narrowest: float, steepest: float, low: float = -6.5, high: float = 6.5, share: float = 0.9
) -> Grid:
    """The grid for posteriors no narrower than this, and slopes no steeper."""
    spacing = min(COARSEST, share * narrowest, 1.2 * share / max(steepest, 1e-3))
    return grid(spacing, low, high)


def narrowest(information: Floats) -> float:
    """The least posterior standard deviation, by the information about ability on a grid."""
    return float(1.0 / np.sqrt(1.0 + max(float(information.max()), 0.0)))
