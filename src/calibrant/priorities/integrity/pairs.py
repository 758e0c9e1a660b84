"""Do two respondents, or a group, agree more than their habits and the areas explain?

The chance that two answer a cell alike is taken from random tables with the same counts (see
`chain`); so is how large the largest of all pairs' and groups' excesses is among honest ones, which
makes the p-values right for all pairs and all groups at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from calibrant.priorities.integrity.answers import Answers, Floats, Ints

LEAST_SHARED = 4
"""Cells that two must both have answered to be compared."""

LARGEST = 10
"""Members of the largest group that is looked for."""

_ROUNDS = 4
"""Groups that are looked for, one after the other."""

_BLOCK = 50


@dataclass(frozen=True, eq=False)
class Pairs:
    """How far every two respondents agree.

    Attributes:
        shared, matches: shape (respondents, respondents): cells both answered, and answered alike.
        expected, variance: of the matches, given everyone's habits and every cell's answers.
        chance: that so many matches or more came about so, pair by pair.
        adjusted: the same for the most striking of all pairs (family-wise error).
        groups: found groups, each with its p-value, family-wise too.
    """

    shared: Ints
    matches: Ints
    expected: Floats
    variance: Floats
    chance: Floats
    adjusted: Floats
    groups: tuple[tuple[tuple[int, ...], float], ...]


def matches_of(block: NDArray[np.int8], levels: int) -> NDArray[np.float32]:
    """Cells answered alike, of every pair: shape (tables, respondents, respondents)."""
    found = np.zeros((len(block), block.shape[1], block.shape[1]), np.float32)
    for level in range(levels):
        gave = (block == level).astype(np.float32)
        found += gave @ gave.transpose(0, 2, 1)
    at = np.arange(block.shape[1])
    found[:, at, at] = 0
    return found


def upper_tails(match: Floats) -> Floats:
    """P(at least m matches) for independent matches with chances `match`.

    Args:
        match: shape (pairs, cells), 0 where a cell does not count.

    Returns:
        Shape (pairs, cells + 1), by m.
    """
    chance = np.zeros((match.shape[0], match.shape[1] + 1))
    chance[:, 0] = 1.0
    for cell in range(match.shape[1]):
        q = match[:, cell, None]
        moved = chance[:, :-1] * q
        chance *= 1 - q
        chance[:, 1:] += moved
    tails: Floats = np.minimum(np.cumsum(chance[:, ::-1], axis=1)[:, ::-1], 1.0)
    return tails


def test_pairs(answers: Answers, kept: NDArray[np.int8]) -> Pairs:
    """Compare all pairs and look for groups.

    Args:
        kept: random tables that keep everyone's answers, shape (draws, respondents, cells).
    """
    shared, draws, levels = answers.together, len(kept), answers.levels.size
    compared = shared >= LEAST_SHARED
    left, right = np.nonzero(np.triu(compared))
    match = _match_chances(answers, kept, left, right)
    surprise = -np.log(np.maximum(upper_tails(match), 1e-300))
    expected, variance = np.zeros(shared.shape), np.zeros(shared.shape)
    for matrix, value in ((expected, match), (variance, match * (1 - match))):
        matrix[left, right] = matrix[right, left] = value.sum(axis=1)
    own = matches_of(answers.codes[None], levels)[0]
    rows = np.arange(left.size)
    observed = surprise[rows, own[left, right].astype(int)]
    highest, best = np.zeros(draws), np.zeros((draws, LARGEST - 2))
    for at in range(0, draws, _BLOCK):
        found = matches_of(kept[at : at + _BLOCK], levels)
        part = slice(at, at + len(found))
        if left.size:
            highest[part] = surprise[rows, found[:, left, right].astype(int)].max(axis=1)
        best[part] = grow(np.where(compared, found - expected, 0.0), variance)[0]
    adjusted, chance = np.ones(shared.shape), np.ones(shared.shape)
    beyond = (1 + (highest[:, None] >= observed - 1e-9).sum(axis=0)) / (draws + 1)
    adjusted[left, right] = adjusted[right, left] = beyond
    chance[left, right] = chance[right, left] = np.exp(-observed)
    groups = _groups(np.where(compared, own - expected, 0.0), variance, best)
    whole = own.astype(np.int64)
    return Pairs(shared, whole, expected, variance, chance, adjusted, groups)


def _match_chances(answers: Answers, kept: NDArray[np.int8], left: Ints, right: Ints) -> Floats:
    """The chance of a match in every cell that a pair shares, shape (pairs, most cells shared).

    From the share of each answer among the random tables and the table at hand, so that all of
    them are treated alike.
    """
    chances = np.stack(
        [(kept == k).mean(axis=0, dtype=np.float64) for k in range(answers.levels.size)], axis=-1
    )
    own = answers.codes[..., None] == np.arange(answers.levels.size)
    chances = (chances * len(kept) + own) / (len(kept) + 1)
    match = np.zeros((left.size, max(int(answers.together.max()), 1)))
    for row, (i, j) in enumerate(zip(left, right, strict=True)):
        both = np.flatnonzero(answers.there[i] & answers.there[j])
        match[row, : both.size] = np.minimum((chances[i, both] * chances[j, both]).sum(axis=1), 1)
    return match


def grow(excess: Floats, variance: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """The best group of each size, grown from every respondent by who adds most.

    A group's score is its pairs' excess of matches over its standard deviation.

    Args:
        excess: shape (tables, n, n), symmetric, 0 where two are not compared.
        variance: shape (n, n).

    Returns:
        Scores of sizes 3 to `LARGEST`, shape (tables, LARGEST - 2), minus infinity where there is
        no group; and who is in them, shape (tables, LARGEST - 2, n).
    """
    count, n, _ = excess.shape
    member = np.broadcast_to(np.eye(n, dtype=bool), (count, n, n)).copy()
    gain, weight = excess.copy(), np.broadcast_to(variance, excess.shape).copy()
    total, spread = np.zeros((count, n)), np.zeros((count, n))
    scores = np.full((count, LARGEST - 2), -np.inf)
    groups = np.zeros((count, LARGEST - 2, n), bool)
    draw, seed = np.arange(count)[:, None], np.arange(n)[None, :]
    for size in range(2, min(LARGEST, n) + 1):
        new = total[..., None] + gain
        score = new / np.sqrt(np.maximum(spread[..., None] + weight, 1e-12))
        # Whoever shares no cell with the group brings nothing to be judged by.
        score = np.where(member | (weight < 1e-9), -np.inf, score)
        chosen = score.argmax(axis=2)
        value = np.take_along_axis(score, chosen[..., None], axis=2)[..., 0]
        total = total + gain[draw, seed, chosen]
        spread = spread + weight[draw, seed, chosen]
        member[draw, seed, chosen] = True
        gain = gain + excess[draw, chosen]
        weight = weight + variance[chosen]
        if size > 2:
            top = value.argmax(axis=1)
            scores[:, size - 3] = value[np.arange(count), top]
            groups[:, size - 3] = member[np.arange(count), top]
    return scores, groups


def _groups(
    excess: Floats, variance: Floats, null: Floats
) -> tuple[tuple[tuple[int, ...], float], ...]:
    """Groups one after the other, each against the best group of honest tables."""
    found: list[tuple[tuple[int, ...], float]] = []
    left = excess.copy()
    for _ in range(_ROUNDS):
        scores, members = grow(left[None], variance)
        usable = np.isfinite(scores[0]) & np.isfinite(null).all(axis=0)
        if not usable.any():
            break
        every = np.concatenate([scores, null])[:, usable]
        # Sizes are made alike by all tables, the observed one among them.
        standard = (every - every.mean(axis=0)) / np.maximum(every.std(axis=0), 1e-9)
        p = float((standard.max(axis=1) >= standard[0].max() - 1e-9).mean())
        size = np.flatnonzero(usable)[standard[0].argmax()]
        group = _core(np.flatnonzero(members[0, size]), left, variance)
        found.append((tuple(int(g) for g in group), p))
        left[group, :] = 0
        left[:, group] = 0
    return tuple(found)


def _core(group: Ints, excess: Floats, variance: Floats) -> Ints:
    """A grown group without those who may be in it by chance, as the best of everyone left."""
    least = -float(ndtri(0.05 / len(excess)))
    while group.size > 3:
        inside = np.ix_(group, group)
        z = excess[inside].sum(axis=1) / np.sqrt(np.maximum(variance[inside].sum(axis=1), 1e-12))
        if z.min() >= least:
            break
        group = np.delete(group, z.argmin())
    return group
