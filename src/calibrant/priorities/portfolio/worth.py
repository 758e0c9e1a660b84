"""What is a grant worth? The two strategies of the expert survey as utilities of mean ratings.

Near term: promise, importance times tractability. Long term: where importance is at least 4 and
tractability at most 3.5, what the area's promise lacks because it is hard: importance times
(importance minus tractability); nothing elsewhere. Likert points are no utilities: `UTILITIES`
holds other readings, by which every portfolio is tried as well. On a scale other than 1 to 5 the
limits are as far along it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.priorities.posterior import AreaPosterior

Floats = NDArray[np.float64]
Utility = Callable[[Floats, Floats, Floats], tuple[Floats, Floats]]

_IMPORTANT, _HARD = 4.0, 3.5


def limits(most: int = 5) -> tuple[float, float]:
    """The paper's limits of the long-term strategy: importance at least, tractability at most.

    On a scale of 1 to `most`, as far along it as 4 and 3.5 are on one of 1 to 5.

    >>> limits(), limits(7)
    ((4.0, 3.5), (5.5, 4.75))
    """
    unit = (most - 1) / 4
    return 1 + (_IMPORTANT - 1) * unit, 1 + (_HARD - 1) * unit


def product(i: Floats, t: Floats, gap: Floats) -> tuple[Floats, Floats]:
    """The paper's: the product, and what the gap takes from it."""
    return i * t, i * gap


def from_zero(i: Floats, t: Floats, gap: Floats) -> tuple[Floats, Floats]:
    """The product of points above the scale's lowest, 1, which means "strongly disagree"."""
    return (i - 1) * (t - 1), (i - 1) * gap


def convex(i: Floats, t: Floats, gap: Floats) -> tuple[Floats, Floats]:
    """Each point of importance stands for twice the harm: harms differ by orders of magnitude."""
    harm = 2.0 ** (i - 1)
    return harm * (t - 1), harm * gap


def total(i: Floats, t: Floats, gap: Floats) -> tuple[Floats, Floats]:
    """The sum of both questions, and the gap alone."""
    return i + t, gap


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
    i, t = posterior.draws["importance"], posterior.draws["tractability"]
    important, hard = limits(posterior.most)
    gap = np.where((i >= important) & (t <= hard), i - t, 0.0)
    return UTILITIES[utility](i, t, gap)
