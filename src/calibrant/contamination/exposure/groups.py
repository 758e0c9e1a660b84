"""Is the published part of a randomly split test likelier than the part kept back?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from calibrant.contamination.evidence import ExposureTest
from calibrant.contamination.exposure.blind import beyond, blind_baseline
from calibrant.contamination.exposure.conclude import (
    check_alpha,
    check_draws,
    check_reason,
    concluded,
)
from calibrant.contamination.exposure.nulls import Floats, Null, drawn, midranks, relabelled
from calibrant.contamination.exposure.power import detects_split
from calibrant.contamination.exposure.units import Labels, Mask, Units, units_of
from calibrant.errors import InputError

Statistic = Literal["rank", "mean"]
_CELLS = 2_000_000
"""Places in splits held at once."""
Resplit = Callable[[np.random.Generator], ArrayLike]


def split_test(
    values: ArrayLike,
    published: ArrayLike,
    *,
    reason: str,
    texts: Sequence[str] | None = None,
    clusters: Labels | None = None,
    strata: Labels | None = None,
    statistic: Statistic = "rank",
    subject: str = "subject",
    alpha: float = 0.05,
    draws: int = 9999,
    seed: int = 0,
) -> ExposureTest:
    """Test whether published items have larger signals than items held out at random.

    A permutation test: given which items there are, every split was as likely. Exact where the
    distribution of rank sums can be worked out, else by `draws` random splits, the observed one
    counted. One-sided.

    Args:
        values: shape (texts,), any signal, larger for more exposed.
        published: shape (texts,), true for published, false for held out.
        reason: "random-split": which items were published was drawn at random.
        texts: what the items say; without them, or if features of texts tell the groups apart
            (see `blind_baseline`), or explain the difference (its p on what they do not explain
            is above alpha), the verdict is at most "differs".
        clusters: of each text; clusters are drawn whole, and count once, as their mean.
        strata: of each text; the split was drawn within each.
        statistic: "rank": the rank sum (over strata weighted as van Elteren's), whatever the
            tails; "mean": the difference of means.

    Returns:
        `statistic` is the AUROC ("rank"; over strata a weighted mean), or the difference of means.

    Raises:
        InputError: for another reason, an empty group, values that are not finite, a cluster in
            both groups, fewer than 99 draws, a level outside 0–1.
    """
    _check("split", reason, alpha, draws)
    units = units_of(values, published, clusters, strata)
    scores, told = _scores(units, statistic)

    def null_of(scores: Floats) -> Null:
        return relabelled(scores, units.published, units.strata, draws=draws,
                          rng=np.random.default_rng(seed))  # fmt: skip

    null = null_of(scores)
    left = None
    if texts is not None:
        rest = beyond(np.asarray(values, float), texts, published, clusters, strata)
        left = null_of(_scores(rest, "rank")[0]).p
    blind = _blind(texts, published, clusters, strata, seed)
    return _found("split", units, null, told, blind, left, subject, reason, alpha)


def rank_test(
    values: ArrayLike,
    published: ArrayLike,
    *,
    reason: str,
    resplit: Resplit | None = None,
    texts: Sequence[str] | None = None,
    subject: str = "subject",
    alpha: float = 0.05,
    draws: int = 1999,
    seed: int = 0,
) -> ExposureTest:
    """As `split_test`, for a split that was drawn in a way of its own: by its re-splits.

    The AUROC of the actual split among those of splits drawn again by the same procedure, such
    as a hash with another salt, or quotas by source.

    Args:
        resplit: draws a split: takes a generator, gives a mask of shape (texts,); by default as
            many published texts as there are, all alike.

    Raises:
        InputError: as `split_test`; if `resplit` gives something else than a split.
    """
    _check("rank", reason, alpha, draws)
    units = units_of(values, published)
    rng = np.random.default_rng(seed)
    size, few = len(units), int(units.published.sum())

    def anew() -> Mask:
        if resplit is None:
            mask = np.zeros(size, bool)
            mask[rng.permutation(size)[:few]] = True
            return mask
        return _split_of(resplit(rng), size)

    masks = np.array([anew() for _ in range(draws)])
    masks = masks[masks.any(axis=1) & ~masks.all(axis=1)]

    def null_of(values: Floats) -> Null:
        ranks = midranks(values) / 2
        observed = float(_aurocs(ranks, units.published[None, :])[0])
        return drawn(observed, _aurocs(ranks, masks))

    null = null_of(units.values[:, 0])
    left = None
    if texts is not None:
        left = null_of(beyond(units.values, texts, published, None, None).values[:, 0]).p
    blind = _blind(texts, published, None, None, seed)
    return _found("rank", units, null, float, blind, left, subject, reason, alpha)


def combined_test(
    signals: ArrayLike,
    published: ArrayLike,
    *,
    reason: str,
    texts: Sequence[str] | None = None,
    clusters: Labels | None = None,
    strata: Labels | None = None,
    ridge: float = 0.1,
    subject: str = "subject",
    alpha: float = 0.05,
    draws: int = 1999,
    seed: int = 0,
) -> ExposureTest:
    """Test several signals at once: weights learnt on one half, differences taken on the other.

    After dataset inference (Maini et al., NeurIPS 2024), both ways round, and with a p-value from
    re-splits that learn anew each time, so that it holds at any number of items and signals.
    Weights below 0 are set to 0: signals are larger for more exposed, and only that counts.

    Args:
        signals: shape (texts, signals).
        ridge: added to the variances (of standardised signals) before weights are learnt.
        others: as in `split_test`.

    Raises:
        InputError: as `split_test`; for fewer than 8 units, or a ridge not above 0.
    """
    _check("combined", reason, alpha, draws)
    units = units_of(signals, published, clusters, strata)
    if len(units) < 8:
        raise InputError(f"signals: wanted at least 8 units to learn from half, got {len(units)}")
    if not ridge > 0:
        raise InputError(f"ridge: wanted above 0, got {ridge!r}")
    null = _crossed(units, ridge, draws, seed)
    left = None
    if texts is not None:
        rest = beyond(np.asarray(signals, float), texts, published, clusters, strata)
        left = _crossed(rest, ridge, draws, seed).p
    blind = _blind(texts, published, clusters, strata, seed)
    return _found("combined", units, null, float, blind, left, subject, reason, alpha)


def _crossed(units: Units, ridge: float, draws: int, seed: int) -> Null:
    """Σ over halves of weights learnt on the other half times differences, of each split."""
    table = _standard(units)
    # Any halves will do that do not look at the groups.
    half = np.zeros(len(units), bool)
    half[np.random.default_rng(len(units)).permutation(len(units))[: len(units) // 2]] = True
    parts = [_Half(table[h], ridge) for h in (half, ~half)]

    def statistics(masks: Mask) -> Floats:
        apart = [part.apart(masks[:, h]) for part, h in zip(parts, (half, ~half), strict=True)]
        total = np.zeros(len(masks))
        for one, other in ((0, 1), (1, 0)):
            weights = np.maximum(apart[one] @ parts[one].inverse, 0.0)
            total += np.einsum("ij,ij->i", weights, apart[other])
        return total

    rng = np.random.default_rng(seed)
    found = [statistics(_masks(units, rows, rng)) for rows in _blocks(draws, len(units))]
    return drawn(float(statistics(units.published[None, :])[0]), np.concatenate(found))


def _blocks(draws: int, size: int) -> list[int]:
    """How many splits to hold at once, block by block, so that memory stays small."""
    most = max(1, _CELLS // size)
    return [min(most, draws - start) for start in range(0, draws, most)]


class _Half:
    """Half of the units: how far apart groups are in it, and what weights that makes."""

    def __init__(self, table: Floats, ridge: float) -> None:
        self.table = table - table.mean(axis=0)
        variance = self.table.T @ self.table / len(table)
        self.inverse = np.linalg.inv(variance + ridge * np.eye(table.shape[1]))

    def apart(self, masks: Mask) -> Floats:
        """Shape (masks, signals): differences of means; 0 where a group has nobody in this half."""
        inside = masks.sum(axis=1)[:, None].astype(float)
        outside = masks.shape[1] - inside
        sums = masks.astype(float) @ self.table
        # Of a centred table the other group has minus the same sum.
        with np.errstate(divide="ignore", invalid="ignore"):
            found = sums / inside + sums / outside
        return np.where((inside > 0) & (outside > 0), found, 0.0)


def _standard(units: Units) -> Floats:
    """Ranks of each signal within strata as normal-like scores: no tail rules the weights."""
    out = np.empty_like(units.values)
    for s in np.unique(units.strata):
        inside = units.strata == s
        for column in range(out.shape[1]):
            ranks = midranks(units.values[inside, column])
            out[inside, column] = ranks / (2 * ranks.size) - (ranks.size + 1) / (2 * ranks.size)
    spread = out.std(axis=0)
    return np.asarray(out / np.where(spread > 0, spread, 1.0))


def _masks(units: Units, draws: int, rng: np.random.Generator) -> Mask:
    """Random splits within strata, shape (draws, units)."""
    out = np.zeros((draws, len(units)), bool)
    for s in np.unique(units.strata):
        places = np.flatnonzero(units.strata == s)
        size = int(units.published[places].sum())
        order = np.argsort(rng.random((draws, places.size)), axis=1)[:, :size]
        out[np.arange(draws)[:, None], places[order]] = True
    return out


def _scores(units: Units, statistic: str) -> tuple[Floats, Callable[[float], float]]:
    """What each unit adds to the sum over published units, and that sum as it is told."""
    values = units.values[:, 0]
    if statistic not in ("rank", "mean"):
        raise InputError(f"statistic: wanted rank or mean, got {statistic!r}")
    layers = [np.flatnonzero(units.strata == s) for s in np.unique(units.strata)]
    if statistic == "rank" and len(layers) == 1:
        ranks = midranks(values).astype(float)
        inside = int(units.published.sum())
        outside = len(units) - inside
        return ranks, lambda total: (total / 2 - inside * (inside + 1) / 2) / (inside * outside)
    scores = np.zeros(len(units))
    weight = least = 0.0
    for places in layers:
        inside = int(units.published[places].sum())
        outside = places.size - inside
        if statistic == "rank":
            # Van Elteren, Bull. Int. Stat. Inst. 37 (1960) 351: weights 1 / (N + 1).
            scores[places] = midranks(values[places]) / (2 * (places.size + 1))
            weight += inside * outside / (places.size + 1)
            least += inside * (inside + 1) / (2 * (places.size + 1))
        else:
            # Σ w (mean - mean of the others), with w = m n / N: m n / N (1/m + 1/n) = 1.
            scores[places] = values[places] - values[places].mean()
            weight += inside * outside / places.size
    if weight == 0:
        raise InputError("strata: none has texts of both groups, so nothing was drawn in any")
    return scores, lambda total: (total - least) / weight


def _split_of(given: ArrayLike, size: int) -> Mask:
    mask = np.asarray(given)
    if mask.shape != (size,) or not np.isin(mask, (0, 1)).all():
        raise InputError(f"resplit: wanted true or false of {size} texts, got shape {mask.shape}")
    return mask.astype(bool)


def _aurocs(ranks: Floats, masks: Mask) -> Floats:
    """Shape (masks,): the AUROC of each split, by rank sums."""
    inside = masks.sum(axis=1)
    cuts = np.cumsum(_blocks(len(masks), ranks.size))[:-1]
    total = np.concatenate([part.astype(float) @ ranks for part in np.split(masks, cuts)])
    return np.asarray((total - inside * (inside + 1) / 2) / (inside * (ranks.size - inside)))


def _blind(
    texts: Sequence[str] | None,
    published: ArrayLike,
    clusters: Labels | None,
    strata: Labels | None,
    seed: int,
) -> tuple[dict[str, Any], ...] | None:
    if texts is None:
        return None
    return blind_baseline(texts, published, clusters=clusters, strata=strata, seed=seed)


def _check(method: str, reason: str, alpha: float, draws: int) -> None:
    check_reason(method, reason)
    check_alpha(alpha)
    check_draws(draws)


def _found(
    method: str,
    units: Units,
    null: Null,
    told: Callable[[float], float],
    blind: tuple[dict[str, Any], ...] | None,
    left: float | None,
    subject: str,
    reason: str,
    alpha: float,
) -> ExposureTest:
    inside = int(units.published.sum())
    sizes = {"published": inside, "held out": len(units) - inside}
    return concluded(
        method, subject=subject, reason=reason, items=int(units.of.size),
        statistic=told(null.observed),
        p=null.p, smallest=null.smallest, alpha=alpha, blind=blind, beyond=left,
        detects=detects_split(inside, len(units) - inside, alpha),
        units="units", detail={"units": sizes, "exact": null.exact, "null": null.told(scale=told),
                               "observed": told(null.observed)},
    )  # fmt: skip
