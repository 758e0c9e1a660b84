"""How sure are a slope and a shift? By leaving anchors out, and by the errors of the items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.special import stdtrit

from calibrant.quality.bank import Bank, Floats
from calibrant.quality.linking.scale import Method, Points, constants, gaps, points_of

_TINY = 1e-5


def jackknife(
    old: Bank, new: Bank, method: Method, found: tuple[float, float], slope: float | None,
    points: Points | None,
) -> tuple[Floats, float]:  # fmt: skip
    """Covariance of the log of the slope and the shift, shape (2, 2), and degrees of freedom.

    Each anchor is left out in turn. What it tells is how far another choice of anchors would move
    the link: the errors of their parameters and whatever drift there is, whether or not a bank
    knows its errors. Links by curves are found anew by one step of Gauss and Newton.
    """
    n = len(old.items)
    free = [1] if slope is not None else [0, 1]
    if method in ("mean-mean", "mean-sigma"):
        rest = [np.flatnonzero(np.arange(n) != j) for j in range(n)]
        some = [constants(old.select(r), new.select(r), method, slope=slope) for r in rest]
        left = np.array([(np.log(a), b) for a, b in some])
    else:
        at, turn = _linear(old, new, method, found, points)
        left = np.zeros((n, 2))
        for j in range(n):
            left[j, free] = _step(at, turn, method, free, j)
    apart = left - left.mean(axis=0)
    return (n - 1) / n * (apart.T @ apart), float(max(n - len(free), 1))


def _linear(
    old: Bank, new: Bank, method: Method, found: tuple[float, float], points: Points | None
) -> tuple[Floats, Floats]:
    """Gaps of curves, shape (rows, items), and their derivatives by log A and B, last axis."""
    around = points if points is not None else points_of(old, new)
    whole = method == "stocking-lord"

    def at(log_slope: float, shift: float) -> Floats:
        return gaps(old, new, (float(np.exp(log_slope)), shift), around, whole)

    a, b = float(np.log(found[0])), found[1]
    turn = np.stack(
        [at(a + _TINY, b) - at(a - _TINY, b), at(a, b + _TINY) - at(a, b - _TINY)], axis=-1
    ) / (2 * _TINY)
    return at(a, b), turn


def _step(at: Floats, turn: Floats, method: Method, free: list[int], without: int) -> Floats:
    """One step of Gauss and Newton without an anchor."""
    if method == "stocking-lord":
        r = at.sum(axis=1) - at[:, without]
        t = (turn.sum(axis=1) - turn[:, without])[:, free]
        return np.asarray(-np.linalg.solve(t.T @ t, t.T @ r))
    kept = np.arange(at.shape[1]) != without
    r, t = at[:, kept].ravel(), turn[:, kept][..., free].reshape(-1, len(free))
    return np.asarray(-np.linalg.solve(t.T @ t, t.T @ r))


def interval(value: float, error: float, df: float, level: float) -> tuple[float, float]:
    """Student's t about a value."""
    reach = float(stdtrit(df, 0.5 + level / 2)) * error
    return value - reach, value + reach


def slope_interval(value: float, error: float, df: float, level: float) -> tuple[float, float]:
    """Student's t about the logarithm of a slope.

    Args:
        error: of the logarithm.
    """
    low, high = interval(float(np.log(value)), error, df, level)
    return float(np.exp(low)), float(np.exp(high))


def by_item_errors(
    old: Bank, new: Bank, method: Method, found: tuple[float, float], slope: float | None,
    points: Points | None,
) -> Floats | None:  # fmt: skip
    """Standard errors of slope and shift from those of the items (delta method); None if unknown.

    Errors of different items count as independent, and anchors as not drifting.
    """
    if old.covariance is None or new.covariance is None:
        return None
    if method in ("mean-mean", "mean-sigma"):
        move = _moved_moments(method, found, slope)
    else:
        move = _moved_curves(old, new, method, found, slope, points)
    variance = np.zeros(2)
    steps = old.intercepts.shape[1]
    for first in (True, False):
        bank = old if first else new
        assert bank.covariance is not None
        block = np.nan_to_num(bank.covariance)[:, : steps + 1, : steps + 1]
        turn = np.zeros((len(bank.items), steps + 1, 2))
        for k in range(steps + 1):
            if (block[:, k, k] > 0).any():
                turn[:, k] = move(old, new, first, k)
        variance += np.einsum("jki,jkl,jli->i", turn, block, turn)
    return np.sqrt(variance)


Move = Callable[[Bank, Bank, bool, int], Floats]


def _moved_moments(method: Method, found: tuple[float, float], slope: float | None) -> Move:
    def move(old: Bank, new: Bank, first: bool, k: int) -> Floats:
        turn = np.zeros((len(old.items), 2))
        for j in range(len(old.items)):
            bent = _bent(old if first else new, k, j)
            pair = (bent, new) if first else (old, bent)
            turn[j] = (np.array(constants(*pair, method, slope=slope)) - found) / _TINY
        return turn

    return move


def _moved_curves(
    old: Bank, new: Bank, method: Method, found: tuple[float, float], slope: float | None,
    points: Points | None,
) -> Move:  # fmt: skip
    """The constants are where a sum of squares is least; its residuals move with the items."""
    around = points if points is not None else points_of(old, new)
    whole = method == "stocking-lord"
    free = [1] if slope is not None else [0, 1]
    at, turn = _linear(old, new, method, found, around)
    n = at.shape[1]
    flat = turn.sum(axis=1)[:, free] if whole else turn[..., free].reshape(-1, len(free))
    pull = np.linalg.inv(flat.T @ flat)

    def move(old: Bank, new: Bank, first: bool, k: int) -> Floats:
        pair = (_bent(old, k), new) if first else (old, _bent(new, k))
        change = (gaps(*pair, found, around, whole) - at) / _TINY
        rows = change.T @ flat if whole else np.einsum("rj,rjf->jf", change, turn[..., free])
        moved = np.zeros((n, 2))
        moved[:, free] = -rows @ pull
        moved[:, 0] *= found[0]
        return moved

    return move


def _bent(bank: Bank, parameter: int, item: int | None = None) -> Bank:
    """The bank with one parameter of an item, or of each, a little larger."""
    where = slice(None) if item is None else item
    if parameter == 0:
        a = bank.discrimination.copy()
        a[where] += _TINY
        return replace(bank, discrimination=a)
    d = bank.intercepts.copy()
    d[where, parameter - 1] += _TINY
    return replace(bank, intercepts=d)
