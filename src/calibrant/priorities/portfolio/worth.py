"""What is a grant worth? The two strategies of the expert survey as utilities of mean ratings.

Near term: promise, importance times tractability. Long term: where importance is at least 4 and
tractability at most 3.5, what the area's promise lacks because it is hard: importance times
(importance minus tractability); nothing elsewhere. Likert points are no utilities: `UTILITIES`
holds other readings, by which every portfolio is tried as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.priorities.posterior import AreaPosterior

Floats = NDArray[np.float64]
Utility = Callable[[Floats, Floats], tuple[Floats, Floats]]

IMPORTANT, HARD = 4.0, 3.5
"""The paper's limits of the long-term strategy: importance at least, tractability at most."""


def _gap(i: Floats, t: Floats) -> Floats:
    eligible = (i >= IMPORTANT) & (t <= HARD)
    return np.where(eligible, i - t, 0.0)


def product(i: Floats, t: Floats) -> tuple[Floats, Floats]:
    """The paper's: the product, and what the gap takes from it."""
    return i * t, i * _gap(i, t)


def from_zero(i: Floats, t: Floats) -> tuple[Floats, Floats]:
    """The product of points above the scale's lowest, 1, which means "strongly disagree"."""
    return (i - 1) * (t - 1), (i - 1) * _gap(i, t)


def convex(i: Floats, t: Floats) -> tuple[Floats, Floats]:
    """Each point of importance stands for twice the harm: harms differ by orders of magnitude."""
    harm = 2.0 ** (i - 1)
    return harm * (t - 1), harm * _gap(i, t)


def total(i: Floats, t: Floats) -> tuple[Floats, Floats]:
    """The sum of both questions, and the gap alone."""
    return i + t, _gap(i, t)


UTILITIES: Mapping[str, Utility] = {
    "product": product,
    "from zero": from_zero,
    "convex": convex,
    "sum": total,
}


def worth(posterior: AreaPosterior, utility: str = "product") -> tuple[Floats, Floats]:
    """Draws of what a first grant to each area is worth, near term and long term.

    Returns:
        Two of shape (draws, areas), on one scale.

    Raises:
        InputError: for an unknown utility, or a posterior without the two questions.
    """
    if utility not in UTILITIES:
        raise InputError(f"utility: wanted one of {', '.join(UTILITIES)}, got {utility!r}")
    for question in ("importance", "tractability"):
        if question not in posterior.draws:
            raise InputError(
                f"portfolio: no question {question!r}; there are {', '.join(posterior.draws)}"
            )
    return UTILITIES[utility](posterior.draws["importance"], posterior.draws["tractability"])
