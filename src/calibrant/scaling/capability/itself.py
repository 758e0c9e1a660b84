"""How would scores follow capability itself? The error of the capability score taken out.

A score follows capability more than it follows a noisy measure of it, and what is left beyond a
noisy measure still holds capability. Rank correlations are carried to those of normal scores
(r = 2 sin(πρ/6)), divided by the root of the capability score's reliability (Spearman, Am. J.
Psychol. 15 (1904) 72), and carried back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from calibrant.scaling.capability.ability import ability, partial, rank_correlations
from calibrant.scaling.capability.verdict import Tested, two_tests
from calibrant.stats.relations.correlations import places
from calibrant.stats.relations.spread import (
    Estimate,
    LeftOut,
    beyond_p,
    corrected_of,
    estimates_of,
    left_out,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

UNKNOWN = "the reliability of one column is not known; name the least it may be"
TOO_LITTLE = "the capability score is too unreliable to say"


@dataclass(frozen=True)
class Followed:
    """How scores follow capability, in subjects and without each family.

    Attributes:
        score: Spearman's correlations with the capability score.
        itself: with capability itself.
        left: the values behind them, shape (1 + folds, m, 2): correlations, and the root of the
            reliability, NaN where that is not known.
    """

    score: list[Estimate]
    itself: list[Estimate]
    left: LeftOut

    def tests(self, *, margin: float, driven: float) -> list[Tested | None]:
        """The tests of each: driven at the least of what may be, independent at the most.

        No error of the capability score makes |ρ| smaller, so that driven is tested on the score
        as it is, and independent on capability itself. Where the reliability is not known, both
        are on the score.
        """
        p = beyond_p(_pairs(self.left), normal_of(margin))
        found: list[Tested | None] = []
        for j, e in enumerate(self.score):
            t = two_tests(e, self.left.free, margin=margin, driven=driven)
            if t is not None and np.isfinite(self.left.every[0, j, 1]):
                most = self.itself[j]
                far = 1.0 if most.low is None else max(abs(most.low), abs(most.high or 0.0))
                t = replace(t, p_independent=float(np.nan_to_num(p[j], nan=1.0)), least_margin=far)
            found.append(t)
        return found

    def needs(self, *, margin: float) -> list[float | None]:
        """The least reliability at which each would, alone, still be within the margin.

        None if it is not even by the capability score as it is.
        """
        found: list[float | None] = []
        for e in self.score:
            if e.low is None or e.high is None:
                found.append(None)
                continue
            share = (normal_of(max(abs(e.low), abs(e.high))) / normal_of(margin)) ** 2
            found.append(share if share <= 1 else None)
        return found

    def unit(self) -> float | None:
        """The error on Fisher's scale that one effective family would leave, the typical score's.

        One by itself is known badly from few families, so that scores are taken together.
        """
        sizes = []
        for e in self.score:
            if e.low is not None and e.high is not None:
                ends = np.arctanh(np.clip([e.low, e.high], -1 + 1e-12, 1 - 1e-12))
                t = float(stdtrit(self.left.free, 0.5 + e.level / 2))
                sizes.append(float(ends[1] - ends[0]) / 2 / t)
        if not sizes:
            return None
        return float(np.sqrt(np.mean(np.square(sizes)) * (self.left.free + 1)))


def normal_of(rho: float) -> float:
    """The correlation of normal scores that have a rank correlation (Pearson, 1907)."""
    return float(2 * np.sin(np.pi * rho / 6))


def theta(share: float, columns: int) -> float:
    """The reliability of a first component that holds a share of the correlations of columns.

    Armor, Sociological Methodology 5 (1974) 17: k / (k - 1) (1 - 1 / largest eigenvalue). NaN of
    one column, and where nothing varies.
    """
    if columns < 2 or not np.isfinite(share):
        return float("nan")
    return columns / (columns - 1) * (1 - 1 / max(columns * share, 1.0))


def follow(
    caps: Floats, rows: Ints, y: Floats, family: Ints, level: float,
    reliability: float | None = None,
) -> Followed:  # fmt: skip
    """Spearman's correlation of scores with capability, with intervals by families.

    Args:
        caps: shape (n, measures) of all subjects: the capability score is that of all that are
            in, also of those without y.
        rows: shape (some,), the subjects that have y.
        y: shape (some, columns).
        family: shape (some,).
        level: of intervals.
        reliability: of the capability score, taken as known; by default its theta, with its error.
    """
    every = np.arange(len(caps))
    cap_places, y_places = places(caps), places(y)

    def statistic(kept: Ints) -> Floats:
        # What leaves the table leaves the capability score too.
        gone = np.setdiff1d(np.arange(rows.size), kept)
        stay = np.setdiff1d(every, rows[gone])
        score = np.full(len(caps), np.nan)
        score[stay], share = ability(caps[stay], cap_places[stay])
        rho = rank_correlations(score[rows[kept]], y_places[kept])
        return np.column_stack([rho, np.full(rho.size, _root(caps[stay], share, reliability))])

    left = left_out(statistic, family)
    plain = estimates_of(LeftOut(left.every[..., 0], left.families, left.free), level=level)
    return Followed(plain, _in_ranks(corrected_of(_pairs(left), level=level), left), left)


def beyond_scale(
    caps: Floats, size: Floats, y: Floats, family: Ints, level: float,
    reliability: float | None = None,
) -> tuple[list[Estimate], list[Estimate], list[Estimate], list[Estimate]]:  # fmt: skip
    """Partial rank correlations of scores with capability and compute.

    Args:
        caps, size, y, family: of subjects that have all of them.
        level, reliability: as `follow`.

    Returns:
        With the capability score beyond compute, and with compute beyond the capability score;
        then both for capability itself.
    """
    cap_places, y_places, m = places(caps), places(y), y.shape[1]

    def statistic(kept: Ints) -> Floats:
        score, share = ability(caps[kept], cap_places[kept])
        with_score = rank_correlations(score, y_places[kept])
        with_size = rank_correlations(size[kept], y_places[kept])
        both = rank_correlations(size[kept], score[:, None])
        w = _root(caps[kept], share, reliability)
        true_score, true_both = taken_out(with_score, w), float(taken_out(both, w)[0])
        return np.concatenate([
            partial(with_score, float(both[0]), with_size),
            partial(with_size, float(both[0]), with_score),
            partial(true_score, true_both, with_size),
            partial(with_size, true_both, true_score),
        ])  # fmt: skip

    found = estimates_of(left_out(statistic, family), level=level)
    why = UNKNOWN if caps.shape[1] < 2 and reliability is None else TOO_LITTLE
    pure = [e if e.low is not None else replace(e, note=why) for e in found[2 * m :]]
    return found[:m], found[m : 2 * m], pure[:m], pure[m:]


def taken_out(rho: Floats, root: float) -> Floats:
    """Rank correlations with what a noisy score measures; NaN where that is 1 or more."""
    r = 2 * np.sin(np.pi * rho / 6)
    good = np.abs(r) < root if np.isfinite(root) else np.zeros(r.shape, bool)
    return np.where(
        good, 6 / np.pi * np.arcsin(np.where(good, r / max(root, 1e-12), 0) / 2), np.nan
    )


def _root(caps: Floats, share: float, reliability: float | None) -> float:
    if reliability is not None:
        return float(np.sqrt(reliability))
    varying = int((np.ptp(caps, axis=0) > 0).sum())
    return float(np.sqrt(theta(share, varying)))


def _pairs(left: LeftOut) -> LeftOut:
    """Correlations of normal scores, and the root of the reliability."""
    every = left.every.copy()
    every[..., 0] = 2 * np.sin(np.pi * every[..., 0] / 6)
    return LeftOut(every, left.families, left.free)


def _in_ranks(found: list[Estimate], left: LeftOut) -> list[Estimate]:
    def back(r: float | None) -> float | None:
        return None if r is None else float(6 / np.pi * np.arcsin(min(max(r, -1.0), 1.0) / 2))

    unknown = np.isnan(left.every[0, :, 1])
    return [
        Estimate(None, None, None, e.level, UNKNOWN) if none
        else Estimate(back(e.value), back(e.low), back(e.high), e.level,
                      TOO_LITTLE if e.value is None and not left.few else e.note)
        for e, none in zip(found, unknown, strict=True)
    ]  # fmt: skip
