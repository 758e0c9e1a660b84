"""What is one more answer worth to the decision? Expected fall in regret, and simpler guides."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, roots_hermitenorm

from calibrant.priorities.linear import Belief

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

Strategy = Literal["regret", "boundary", "uncertainty", "fewest", "random"]
STRATEGIES: tuple[str, ...] = get_args(Strategy)

AHEAD = (1, 2, 4, 8)
"""So many answers about an area are imagined at most: one alone often cannot change what is funded,
and would seem worth nothing."""

_NODES, _WEIGHTS = roots_hermitenorm(15)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


@dataclass(frozen=True, eq=False)
class Outlook:
    """What is believed of areas and raters, without what they are made of.

    Places of question q: area a at q × areas + a; rater r's severity at 2 × areas + q × raters + r;
    the own-area effect at 2 × (areas + raters) + q.

    Attributes:
        mean, covariance: of all these.
        noise: shape (2, 2), of one rater's two answers about an area.
        severity: shape (2, 2), of raters yet unknown.
        areas, raters: how many.
    """

    mean: Floats
    covariance: Floats
    noise: Floats
    severity: Floats
    areas: int
    raters: int

    def columns(self, rater: int, question: int, areas: Ints, own: Bools) -> Floats:
        """Covariance of everything with the rater's expected answers, shape (places, areas)."""
        c = self.covariance
        after = 2 * self.areas
        out = c[:, question * self.areas + areas] + c[:, [after + question * self.raters + rater]]
        mine = own[areas]
        if mine.any():
            out = out + c[:, [after + 2 * self.raters + question]] * mine
        return np.asarray(out)

    def rows(self, columns: Floats, rater: int, question: int, areas: Ints, own: Bools) -> Floats:
        """Entry by entry, the covariance that columns hold with the rater's answers."""
        after, at = 2 * self.areas, np.arange(areas.size)
        out = columns[question * self.areas + areas, at]
        out = out + columns[after + question * self.raters + rater, at]
        return np.asarray(out + columns[after + 2 * self.raters + question, at] * own[areas])


def outlook(belief: Belief) -> Outlook:
    """The outlook of a belief."""
    size, g = belief.category.size, belief.coefficients
    pick = np.zeros((2 * size + 2 * belief.raters + 2, 2 * g))
    for q in range(2):
        pick[q * size : (q + 1) * size] = belief.areas(q)
        start = q * g + 2 + belief.categories + size
        rows = 2 * size + q * belief.raters + np.arange(belief.raters)
        pick[rows, start + np.arange(belief.raters)] = 1
        pick[2 * size + 2 * belief.raters + q, q * g + 1] = 1
    return Outlook(
        pick @ belief.mean, pick @ belief.covariance @ pick.T, belief.noise, belief.spread[2],
        size, belief.raters,
    )  # fmt: skip


def promise(look: Outlook) -> Floats:
    """Expected promise of each area; the expectation of a product holds their covariance."""
    n = look.areas
    at = np.arange(n)
    return np.asarray(look.mean[:n] * look.mean[n : 2 * n] + look.covariance[at, n + at])


def _of_promise(look: Outlook, columns: Floats) -> Floats:
    """Covariance of promise with what the columns are of, to first order: (areas, columns)."""
    n = look.areas
    m, t = look.mean[:n, None], look.mean[n : 2 * n, None]
    return np.asarray(t * columns[:n] + m * columns[n : 2 * n])


def shifts(look: Outlook, rater: int, areas: Ints, own: Bools, ahead: int = 1) -> Floats:
    """How far an answer about an area is expected to move every area's promise.

    Args:
        rater: who answers both questions.
        areas: shape (candidates,).
        own: shape (areas,), where the rater works.
        ahead: answers that are imagined at once; if more than one, of raters yet unknown.

    Returns:
        Shape (candidates, areas): standard deviations along the direction that moves the area
        asked about most.
    """
    if ahead == 1:
        moved = [look.columns(rater, q, areas, own) for q in range(2)]
        v = [[look.rows(m, rater, q, areas, own) for q in range(2)] for m in moved]
        noise = look.noise
    else:
        # Those who would answer later are others, whose severity averages out as noise does.
        moved = [look.covariance[:, q * look.areas + areas] for q in range(2)]
        at = np.arange(areas.size)
        v = [[m[q * look.areas + areas, at] for q in range(2)] for m in moved]
        noise = (look.noise + look.severity) / ahead
    total = np.array(v).transpose(2, 0, 1) + noise
    root = np.linalg.cholesky(total)
    promised = np.stack([_of_promise(look, m).T for m in moved], axis=1)
    shift = np.linalg.solve(root, promised)
    at_own = np.take_along_axis(shift, np.repeat(areas[:, None, None], 2, axis=1), axis=2)
    direction = at_own[:, :, 0]
    norm = np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-300)
    return np.asarray(np.einsum("cq,cqa->ca", direction / norm, shift))


def gain(mean: Floats, shift: Floats, k: int) -> Floats:
    """Expected rise of the best k areas' summed expected promise, once an answer is known.

    As much as the expected regret falls (the knowledge gradient: Frazier, Powell and Dayanik,
    INFORMS Journal on Computing 21 (2009) 599), by Gauss–Hermite quadrature.

    Args:
        mean: shape (areas,).
        shift: shape (candidates, areas).

    Returns:
        Shape (candidates,), per funded area.
    """
    size = mean.size
    now = np.sort(mean)[size - k :].sum()
    after = mean + _NODES[:, None, None] * shift
    top = np.partition(after, size - k, axis=2)[:, :, size - k :].sum(axis=2)
    return np.asarray(np.maximum((_WEIGHTS @ top) - now, 0.0) / k)


def worths(
    look: Outlook, strategy: Strategy, k: int, rater: int, areas: Ints, own: Bools
) -> Floats:
    """What asking the rater about each of `areas` is worth, for the strategies that use a belief.

    "regret": the fall in expected regret per answer, for the best number of answers imagined;
    "boundary": the fall in the expected number of areas on the wrong side of the top k;
    "uncertainty": the fall in the variance of the area's promise.
    """
    mean = promise(look)
    if strategy == "regret":
        each = [gain(mean, shifts(look, rater, areas, own, m), k) / m for m in AHEAD]
        return np.asarray(np.max(each, axis=0))
    shift = shifts(look, rater, areas, own)
    fall = np.square(shift[np.arange(areas.size), areas])
    if strategy == "uncertainty":
        return np.asarray(fall)
    n, c = look.areas, look.covariance
    m, t = look.mean[areas], look.mean[n + areas]
    variance = t**2 * c[areas, areas] + m**2 * c[n + areas, n + areas]
    variance = variance + 2 * m * t * c[areas, n + areas]
    ordered = np.sort(mean)
    edge = (ordered[-k] + ordered[-k - 1]) / 2
    away = -np.abs(mean[areas] - edge)
    rest = np.sqrt(np.maximum(variance - fall, 1e-12))
    return np.asarray(np.maximum(ndtr(away / np.sqrt(variance)) - ndtr(away / rest), 0.0))


def updated(look: Outlook, rater: int, area: int, own: Bools) -> Outlook:
    """The outlook once the rater's answers about the area will be in: the mean is expected to stay,
    and only the covariance shrinks."""
    areas = np.array([area])
    moved = [look.columns(rater, q, areas, own) for q in range(2)]
    v = np.array([[look.rows(m, rater, q, areas, own)[0] for q in range(2)] for m in moved])
    both = np.concatenate(moved, axis=1)
    fall = both @ np.linalg.solve(v + look.noise, both.T)
    return replace(look, covariance=look.covariance - (fall + fall.T) / 2)
