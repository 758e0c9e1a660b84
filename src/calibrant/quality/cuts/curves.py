"""How often is a cut wrong about a subject, as a bank's curves say? Lee's and Rudner's rules.

Lee (Journal of Educational Measurement 47 (2010) 1): the exact distribution of the summed score at
each ability, by Lord and Wingersky's recursion. Rudner (Practical Assessment, Research &
Evaluation 7(14) (2001)): ability estimates are normal around the true one with the bank's standard
error.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from calibrant.errors import InputError
from calibrant.quality.bank import Bank
from calibrant.quality.cuts.classify import Classification, tallied
from calibrant.quality.cuts.cut import Cut, check_direction
from calibrant.quality.cuts.raters import ability_at

Floats = NDArray[np.float64]

_SIDE = 40
_FINEST = 60


def lee(
    bank: Bank,
    cut: float | Cut,
    *,
    abilities: Floats | None = None,
    direction: str = "above",
) -> Classification:
    """How often a cut on the mean score over a bank's items is wrong about a subject.

    Args:
        bank: the items of the test.
        cut: on the mean score, each item from 0 to 1; a subject exactly at it passes. A subject is
            truly acceptable if its expected score is.
        abilities: of the subjects (Lee's P method); by default normal with the mean and standard
            deviation of the bank (D method).

    Raises:
        InputError: if no ability has that expected score, or the items' scores have no common
            step.
    """
    at, side = _place(cut, direction)
    place = ability_at(bank, _raw(bank, at))
    if place is None:
        raise InputError(f"cut: no ability has an expected score of {at:g} on these items")
    theta, weights, good = _abilities(bank, place, abilities, side)
    chances = summed(bank, theta)
    top = chances.shape[1] - 1
    edge = math.ceil(at * top - 1e-9) if side == "above" else math.floor(at * top + 1e-9)
    pass_ = chances[:, edge:].sum(axis=1) if side == "above" else chances[:, : edge + 1].sum(axis=1)
    spread = _variance(bank, place)
    low, high = low_high(bank)
    error = math.sqrt(spread) / float((high - low).sum())
    return _told(at, side, tallied(weights, good, pass_), error, "Lee", bank, abilities, place)


def rudner(
    bank: Bank,
    ability: float,
    *,
    abilities: Floats | None = None,
    direction: str = "above",
) -> Classification:
    """How often a cut on ability estimates is wrong about a subject, for normal estimates.

    Args:
        ability: the cut, on the bank's scale.
        abilities: as `lee`.

    Raises:
        InputError: if the bank says nothing at the cut.
    """
    side = check_direction(direction)
    if not math.isfinite(ability):
        raise InputError(f"ability: wanted a number, got {ability!r}")
    if bank.information(np.array([ability])).sum() <= 0:
        raise InputError(f"ability: these items say nothing about subjects at {ability:g}")
    theta, weights, good = _abilities(bank, ability, abilities, side)
    information = bank.information(theta).sum(axis=1)
    pass_ = ndtr((theta - ability) * np.sqrt(information))
    pass_ = pass_ if side == "above" else 1 - pass_
    low, high = low_high(bank)
    expected = bank.expected(np.array([ability]))[0]
    at = float(((expected - low) / (high - low)).mean())
    spread = _variance(bank, ability)
    error = math.sqrt(spread) / float((high - low).sum())
    return _told(at, side, tallied(weights, good, pass_), error, "Rudner", bank, abilities, ability)


def summed(bank: Bank, theta: Floats) -> Floats:
    """Shape (abilities, steps + 1): chances of each summed score, from the least to the most.

    Lord and Wingersky, Applied Psychological Measurement 8 (1984) 453.

    Raises:
        InputError: if the items' scores have no common step of a sixtieth or more.
    """
    low = np.nanmin(bank.values, axis=1)
    worth = bank.values - low[:, None]
    seen = worth[~np.isnan(worth)]
    whole = next(
        (d for d in range(1, _FINEST + 1) if np.allclose(seen * d, np.round(seen * d), atol=1e-6)),
        None,
    )
    if whole is None:
        raise InputError("bank: the items' scores have no common step")
    units = np.where(np.isnan(worth), 0, np.round(worth * whole)).astype(np.int64)
    p = bank.probabilities(theta)
    chances = np.ones((theta.size, 1))
    for j in range(len(bank.items)):
        grown = np.zeros((theta.size, chances.shape[1] + int(units[j].max())))
        for c in range(int(bank.categories[j])):
            u = int(units[j, c])
            grown[:, u : u + chances.shape[1]] += chances * p[:, j, c : c + 1]
        chances = grown
    return chances


def low_high(bank: Bank) -> tuple[Floats, Floats]:
    """Shape (items,) each: the least and the most an item can score."""
    return np.nanmin(bank.values, axis=1), np.nanmax(bank.values, axis=1)


def _raw(bank: Bank, score: float) -> float:
    """A mean score of 0–1 in the units of the items."""
    low, high = low_high(bank)
    if not np.allclose(high - low, (high - low)[0]):
        raise InputError("bank: wanted items with one range of scores")
    return float(low.mean() + score * (high - low)[0])


def _variance(bank: Bank, theta: float) -> float:
    """Of the summed score at an ability."""
    p = bank.probabilities(np.array([theta]))[0]
    worth = np.where(np.isnan(bank.values), 0.0, bank.values)
    mean = (p * worth).sum(axis=1)
    return float(((p * worth**2).sum(axis=1) - mean**2).sum())


def _place(cut: float | Cut, direction: str) -> tuple[float, str]:
    if isinstance(cut, Cut):
        return cut.value, cut.direction
    if not 0 < cut < 1:
        raise InputError(f"cut: wanted a score between 0 and 1, got {cut!r}")
    return float(cut), check_direction(direction)


def _abilities(
    bank: Bank, place: float, abilities: Floats | None, side: str
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Abilities with weights, and whether each is acceptable."""
    if abilities is not None:
        theta = np.asarray(abilities, np.float64).ravel()
        if not theta.size or not np.isfinite(theta).all():
            raise InputError("abilities: wanted at least one, all of them numbers")
        good = theta >= place if side == "above" else theta <= place
        return theta, np.full(theta.size, 1 / theta.size), good
    # Gauss and Legendre on both sides of the cut, in the normal's own probabilities.
    edge = float(ndtr((place - bank.mean) / bank.sd))
    z, w = np.polynomial.legendre.leggauss(_SIDE)
    parts = []
    for low, high, above in ((0.0, edge, False), (edge, 1.0, True)):
        u = low + (high - low) * (z + 1) / 2
        parts.append((u, w * (high - low) / 2, np.full(z.size, above == (side == "above"))))
    u, weights, good = (np.concatenate(x) for x in zip(*parts, strict=True))
    theta = bank.mean + bank.sd * ndtri(np.clip(u, 1e-15, 1 - 1e-15))
    return theta, weights / weights.sum(), good


def _told(
    at: float,
    side: str,
    found: tuple[float, float, float | None, float, float, float, float | None, float | None],
    error: float,
    name: str,
    bank: Bank,
    abilities: Floats | None,
    ability: float,
) -> Classification:
    how = "subjects' abilities" if abilities is not None else "normal abilities"
    method = f"{name}, {len(bank.items)} items, {how}, cut at ability {ability:.3f}"
    return Classification(
        at, side, *found, error, method, float(len(bank.items)), None, 0.95, None, None,
        ("items' parameters and abilities are taken as known",),
    )  # fmt: skip
