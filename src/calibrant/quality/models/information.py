"""How sure are the parameters? Observed information (Louis 1982), abilities being uncertain too.

Per subject the complete-data scores have a covariance given the responses; what that takes from
the complete-data information is what is not known for want of abilities. For tests of moderate
size the whole matrix is made and inverted. For long ones each item's own block is exact, and what
items share, such as the location and scale of abilities, goes through a matrix of low rank: each
subject's scores move along their covariance with ability.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from calibrant.quality.models.climb import Summit
from calibrant.quality.models.kernel import Kernel
from calibrant.quality.models.shared import by_groups
from calibrant.quality.models.whole import whole

Floats = NDArray[np.float64]

COST = 6e9
"""Multiplications beyond which the whole matrix is not made."""

LARGEST = 600
"""Parameters beyond which it is not either."""

Method = Literal["whole information", "item blocks and shared directions"]


@dataclass(frozen=True, eq=False)
class Precision:
    """What is known about the parameters.

    Attributes:
        covariance: shape (items, p, p), of each item's parameters; 0 for what is fixed.
        method: how it was made.
        robust: whether it is a sandwich, which holds where the model is only roughly true.
        smallest: the least eigenvalue of the information, scaled to a diagonal of 1: how much is
            left of what one parameter alone would have.
        condition: largest over smallest of those eigenvalues.
        drift: shape (subjects,), variance that uncertain items add to each estimate of ability.
    """

    covariance: Floats
    method: Method
    robust: bool
    smallest: float
    condition: float
    drift: Floats


def precision(kernel: Kernel, summit: Summit, *, robust: bool = False) -> Precision:
    """Covariances of the parameters at the summit."""
    if wholly(kernel, min(60, summit.grid.nodes.size)):
        return _of_whole(kernel, summit, robust)
    return _of_blocks(kernel, summit, robust)


def wholly(kernel: Kernel, nodes: int) -> bool:
    """Whether the test is small enough for the whole matrix, on a grid of so many nodes."""
    count = kernel.family.count
    if kernel.linear and kernel.data.trials is None:
        nodes = 1
    return count <= LARGEST and kernel.data.subjects * nodes * float(count) ** 2 <= COST


def _of_whole(kernel: Kernel, summit: Summit, robust: bool) -> Precision:
    found = whole(kernel, summit, drift=True)
    inverse, smallest, condition = inverted(found.information)
    sigma = inverse @ found.meat @ inverse if robust else inverse
    items, p = summit.xi.shape
    spread = found.spread.reshape(items, p, -1)
    blocks = np.einsum("jpa,ab,jrb->jpr", spread, sigma, spread, optimize=True)
    drift = np.einsum("ia,ab,ib->i", found.pulls, sigma, found.pulls, optimize=True)
    return Precision(
        blocks, "whole information", robust, smallest, condition, np.maximum(drift, 0.0)
    )


def _of_blocks(kernel: Kernel, summit: Summit, robust: bool) -> Precision:
    blocks, smallest, condition, drift = by_groups(kernel, summit, robust)
    return Precision(
        blocks, "item blocks and shared directions", robust, smallest, condition, drift
    )


def inverted(information: Floats) -> tuple[Floats, float, float]:
    """The inverse, and the smallest eigenvalue and condition of the matrix scaled to diagonal 1.

    Directions without information get none of a share of 1e-12, so that errors there are large.
    """
    scale = 1.0 / np.sqrt(np.maximum(np.diag(information), 1e-12))
    values, vectors = linalg.eigh(information * scale[:, None] * scale)
    kept = np.maximum(values, 1e-10)
    half = scale[:, None] * vectors
    return (half / kept) @ half.T, float(values[0]), float(values[-1] / max(values[0], 1e-300))
