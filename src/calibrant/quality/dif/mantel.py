"""Do two groups of equal score differ on an item? Mantel and Haenszel, exactly where it is counted.

Given each stratum's numbers, how many of the focal group are right is hypergeometric without DIF;
the sum over strata has an exact distribution, by convolution. Scores with more than two values are
permuted within strata.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtr

from calibrant.quality.bank import Floats, Ints

_BATCH = 500


@dataclass(frozen=True, eq=False)
class Mantel:
    """Shape (items,) each.

    Attributes:
        odds: log of the common odds ratio, focal against reference; NaN if not binary or undefined.
        error: its standard error (Robins, Breslow and Greenland, Biometrics 42 (1986) 311).
        difference: standardised difference of mean scores, focal − reference, weighted by the
            focal group (Dorans and Kulick, J. Educ. Meas. 23 (1986) 355).
        p: exact, or by permutation; 1 where nothing can be compared.
        p_asymptotic: of χ² without a correction.
    """

    odds: Floats
    error: Floats
    difference: Floats
    p: Floats
    p_asymptotic: Floats


def strata_of(score: Floats, focal: NDArray[np.bool_]) -> Ints:
    """The stratum of each subject by its score; −1 where the other group has none near.

    Thin strata: about four subjects of the smaller group each, between scores that both groups
    reach, at most ten.
    """
    inside = (score >= max(score[focal].min(), score[~focal].min())) & (
        score <= min(score[focal].max(), score[~focal].max())
    )
    found = np.full(score.size, -1)
    if not (inside & focal).any() or not (inside & ~focal).any():
        return found
    small = focal if (inside & focal).sum() <= (inside & ~focal).sum() else ~focal
    count = int(np.clip((inside & small).sum() // 4, 1, 10))
    cuts = np.unique(np.quantile(score[inside & small], np.arange(1, count) / count))
    found[inside] = np.searchsorted(cuts, score[inside], side="left")
    for s in np.unique(found[inside]):
        here = found == s
        if not (here & focal).any() or not (here & ~focal).any():
            found[here] = -1
    return found


def mantel_haenszel(
    scores: Floats, focal: NDArray[np.bool_], strata: Ints, *, rounds: int, seed: int
) -> Mantel:
    """Compare two groups within strata, item by item.

    Args:
        scores: shape (subjects, items), in 0–1, NaN where there is none.
        focal: shape (subjects,).
        strata: shape (subjects,), −1 for who is left out.
        rounds: permutations for items with scores between 0 and 1.
        seed: of the permutations.
    """
    names = [s for s in np.unique(strata) if s >= 0]
    seen = ~np.isnan(scores)
    x = np.where(seen, scores, 0.0)
    cells = np.array([
        [[(seen & g[:, None]).sum(axis=0), (x * (seen & g[:, None])).sum(axis=0)]
         for g in ((strata == s) & focal, (strata == s) & ~focal)]
        for s in names
    ], np.float64).reshape(len(names), 2, 2, scores.shape[1])  # fmt: skip
    n_f, n_r = cells[:, 0, 0], cells[:, 1, 0]
    total = n_f + n_r
    usable = (n_f > 0) & (n_r > 0)
    right_f, right_r = np.where(usable, cells[:, 0, 1], 0), np.where(usable, cells[:, 1, 1], 0)
    safe = np.where(usable, total, 1.0)
    wrong_f, wrong_r = np.where(usable, n_f, 0) - right_f, np.where(usable, n_r, 0) - right_r
    binary = ((x == 0) | (x == 1)).all(axis=0)
    odds, error = _odds(right_f, wrong_f, right_r, wrong_r, safe)
    odds[~binary], error[~binary] = np.nan, np.nan
    p, asymptotic = _permuted(x, seen, focal, strata, names, binary, rounds, seed)
    for j in np.flatnonzero(binary):
        p[j] = _exact(
            right_f[:, j], n_f[:, j], (right_f + right_r)[:, j], total[:, j], usable[:, j]
        )
    gap = np.where(usable, right_f / np.maximum(n_f, 1) - right_r / np.maximum(n_r, 1), 0.0)
    share = np.where(usable, n_f, 0.0)
    difference = np.divide(
        (share * gap).sum(axis=0), share.sum(axis=0), out=np.full(scores.shape[1], np.nan),
        where=share.sum(axis=0) > 0,
    )  # fmt: skip
    return Mantel(odds, error, difference, p, asymptotic)


def _odds(a: Floats, b: Floats, c: Floats, d: Floats, n: Floats) -> tuple[Floats, Floats]:
    r, s = a * d / n, b * c / n
    sum_r, sum_s = r.sum(axis=0), s.sum(axis=0)
    defined = (sum_r > 0) & (sum_s > 0)
    up, down = np.where(defined, sum_r, 1.0), np.where(defined, sum_s, 1.0)
    p, q = (a + d) / n, (b + c) / n
    variance = (
        (p * r).sum(axis=0) / (2 * up**2) + (p * s + q * r).sum(axis=0) / (2 * up * down)
        + (q * s).sum(axis=0) / (2 * down**2)
    )  # fmt: skip
    return (
        np.where(defined, np.log(up / down), np.nan), np.where(defined, np.sqrt(variance), np.nan)
    )  # fmt: skip


def _exact(
    seen: Floats, focal: Floats, right: Floats, total: Floats, usable: NDArray[np.bool_]
) -> float:
    """Two-sided: the chance of a number right in the focal group that is no likelier."""
    chances = np.ones(1)
    shift = 0
    for k in np.flatnonzero(usable):
        low = int(max(0, focal[k] + right[k] - total[k]))
        high = int(min(focal[k], right[k]))
        i = np.arange(low, high + 1.0)
        log_p = (
            _choose(right[k], i) + _choose(total[k] - right[k], focal[k] - i)
            - _choose(total[k], focal[k])
        )  # fmt: skip
        chances = np.convolve(chances, np.exp(log_p))
        shift += low
    at = round(float(seen[usable].sum())) - shift
    return float(min(1.0, chances[chances <= chances[at] * (1 + 1e-7)].sum() / chances.sum()))


def _choose(n: Floats, k: Floats) -> Floats:
    found: Floats = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return found


def _permuted(
    x: Floats, seen: NDArray[np.bool_], focal: NDArray[np.bool_], strata: Ints, names: list[int],
    binary: NDArray[np.bool_], rounds: int, seed: int,
) -> tuple[Floats, Floats]:  # fmt: skip
    """p by permutation within strata (1 for binary items) and by Mantel's χ² of all."""
    centred, spread = np.zeros_like(x), np.zeros(x.shape[1])
    for s in names:
        here = strata == s
        there = seen & here[:, None]
        n = there.sum(axis=0)
        mean = (x * there).sum(axis=0) / np.maximum(n, 1)
        centred += np.where(there, x - mean, 0.0)
        n_f = (there & focal[:, None]).sum(axis=0)
        square = (np.where(there, x - mean, 0.0) ** 2).sum(axis=0)
        spread += np.where(n > 1, n_f * (n - n_f) / np.maximum(n * (n - 1), 1) * square, 0.0)
    sums = focal.astype(np.float64) @ centred
    z = np.divide(np.abs(sums), np.sqrt(spread), out=np.zeros_like(sums), where=spread > 0)
    p, asymptotic = np.ones(x.shape[1]), 2 * ndtr(-z)
    graded = np.flatnonzero(~binary & (spread > 0))
    if graded.size:
        rng = np.random.default_rng(seed)
        above = np.ones(graded.size)
        least = np.abs(sums[graded]) * (1 - 1e-9) - 1e-12
        for start in range(0, rounds, _BATCH):
            size = min(_BATCH, rounds - start)
            labels = np.zeros((size, focal.size))
            for s in names:
                here = np.flatnonzero(strata == s)
                labels[:, here] = rng.permuted(np.tile(focal[here], (size, 1)), axis=1)
            above += (np.abs(labels @ centred[:, graded]) >= least).sum(axis=0)
        p[graded] = above / (rounds + 1)
    return p, asymptotic
