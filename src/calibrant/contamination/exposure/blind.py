"""Do the groups differ before any subject is asked? A baseline that sees nothing but texts.

Whoever compares items of different groups (old and new, published and not) compares all in which
the groups differ. If length, or what zlib makes of them, tells the groups apart, so may a subject
that saw none of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrant.contamination.exposure.auroc import auroc
from calibrant.contamination.exposure.nulls import midranks
from calibrant.contamination.exposure.units import Labels, Units, numbered, units_of
from calibrant.contamination.signals.features import features, ngrams
from calibrant.errors import InputError
from calibrant.stats.estimates.intervals import clopper_pearson

Floats = NDArray[np.float64]

_RIDGE = 0.05
"""Share of the mean variance that is added to all: n-grams are more than texts."""


def blind_baseline(
    texts: Sequence[str],
    published: ArrayLike,
    *,
    clusters: Labels | None = None,
    strata: Labels | None = None,
    level: float = 0.95,
    grams: bool = True,
    seed: int = 0,
) -> tuple[dict[str, Any], ...]:
    """How well features that need no subject tell the groups apart.

    Args:
        texts: at least 2 of each group.
        published: shape (texts,), which group each is of.
        clusters, strata: as in `split_test`; a cluster counts once; within strata, values are
            centred on the stratum's mean.
        level: with which all intervals hold together (Bonferroni).
        grams: whether to learn from character 3-grams, too: weights from one half, an AUROC on
            the other, both ways.
        seed: of the halves.

    Returns:
        for each feature that varies, `name`, `auroc` (above .5 if published texts have more of
        it), `low`, `high`. An interval that leaves out .5 says that the groups differ blindly.

    Raises:
        InputError: as `split_test`.
    """
    every = features(texts)
    units = units_of(np.column_stack(list(every.values())), published, clusters, strata)
    _check(units)
    columns = {name: _centred(units.values[:, i], units) for i, name in enumerate(every)}
    columns = {name: column for name, column in columns.items() if np.ptp(column) > 0}
    few = min(int(units.published.sum()), int((~units.published).sum()))
    shares = ngrams(texts) if grams and few >= 8 else np.zeros((len(texts), 0))
    learn = int(shares.shape[1] > 0)
    each = 1 - (1 - level) / max(len(columns) + learn, 1)
    found = [_told(name, column, units.published, each) for name, column in columns.items()]
    if learn:
        found.append(_learnt(shares, published, clusters, strata, each, seed))
    return tuple(found)


def paired_baseline(
    texts: Sequence[Sequence[str]], *, clusters: Labels | None = None, level: float = 0.95
) -> tuple[dict[str, Any], ...]:
    """How well features that need no subject tell published texts from their own twins.

    Args:
        texts: of each pair the published text, then its twin (or twins: their mean counts).
        clusters: of each pair; a cluster counts once, as its mean difference.
        level: with which all intervals hold together (Bonferroni).

    Returns:
        as `blind_baseline`; `auroc` is the share of pairs in which the published text has more of
        the feature, of those in which the two differ, with its exact interval.

    Raises:
        InputError: for a pair without a twin.
    """
    if short := [i for i, pair in enumerate(texts, 1) if len(pair) < 2]:
        raise InputError(f"texts: wanted two or more of each pair, got fewer of pair {short[0]}")
    every = features([text for pair in texts for text in pair])
    starts = np.cumsum([0, *map(len, texts)])[:-1]
    others = np.diff([*starts, sum(map(len, texts))]) - 1
    of = np.arange(len(texts))
    if clusters is not None:
        of, _ = numbered(clusters, len(texts), "clusters")
    counts: dict[str, tuple[int, int]] = {}
    for name, values in every.items():
        own = values[starts]
        apart = own - (np.add.reduceat(values, starts) - own) / others
        signs = np.sign(np.round(np.bincount(of, apart) / np.bincount(of), 9))
        if differ := int((signs != 0).sum()):
            counts[name] = int((signs > 0).sum()), differ
    each = 1 - (1 - level) / max(len(counts), 1)
    found = {name: clopper_pearson(k, n, level=each) for name, (k, n) in counts.items()}
    return tuple(
        {"name": name, "auroc": k / n, "low": found[name].low, "high": found[name].high}
        for name, (k, n) in counts.items()
    )


def beyond(
    values: Floats,
    texts: Sequence[str],
    published: ArrayLike,
    clusters: Labels | None,
    strata: Labels | None,
) -> Units:
    """What features of texts leave unexplained of signals: units with residuals as their values.

    Ranks of each signal less what a linear fit on ranks of the features says, within strata. The
    fit does not look at the groups, so that a split is as random for residuals as for signals;
    and where groups differ in a feature, what that does to signals is (nearly) gone. Units must be
    six times as many as features: fewer units, fewer features, length and zlib first.
    """
    units = units_of(values, published, clusters, strata)
    every = np.column_stack(list(features(texts).values()))
    table = units_of(every, published, clusters, strata).values
    known = [c for c in table.T if np.ptp(c) > 0][: len(units) // 6]
    if not known:
        return units
    design = np.column_stack([_ranked(c, units) for c in known])
    signals = np.column_stack([_ranked(c, units) for c in units.values.T])
    # Least squares of least length: features may say the same.
    fit = np.linalg.lstsq(design, signals, rcond=1e-8)[0]
    return replace(units, values=np.round(signals - design @ fit, 9))


def _ranked(values: Floats, units: Units) -> Floats:
    """Mid-ranks within strata, from -1/2 to 1/2."""
    out = np.empty(len(units))
    for s in np.unique(units.strata):
        inside = units.strata == s
        ranks = midranks(values[inside]) / 2
        out[inside] = (ranks - (ranks.size + 1) / 2) / ranks.size
    return out


def _check(units: Units) -> None:
    inside = int(units.published.sum())
    if min(inside, len(units) - inside) < 2:
        raise InputError(
            f"blind baseline: wanted at least 2 units in each group, got {inside} published and "
            f"{len(units) - inside} not"
        )


def _centred(values: Floats, units: Units) -> Floats:
    """Values less the mean of their stratum; rounded, so that equal texts stay tied."""
    number = np.bincount(units.strata)
    if number.size == 1:
        return values
    means = np.bincount(units.strata, values) / number
    return np.asarray(np.round(values - means[units.strata], 9))


def _told(name: str, values: Floats, published: NDArray[np.bool_], level: float) -> dict[str, Any]:
    found = auroc(values[published], values[~published], level=level)
    return {"name": name, "auroc": found.value, "low": found.low, "high": found.high}


def _learnt(
    shares: Floats,
    published: ArrayLike,
    clusters: Labels | None,
    strata: Labels | None,
    level: float,
    seed: int,
) -> dict[str, Any]:
    """What 3-grams tell of the group of texts from which nothing was learnt."""
    units = units_of(shares, published, clusters, strata)
    table = np.column_stack([_centred(column, units) for column in units.values.T])
    rng = np.random.default_rng(seed)
    half = np.zeros(len(units), bool)
    for group in (units.published, ~units.published):
        places = rng.permutation(np.flatnonzero(group))
        half[places[: places.size // 2]] = True
    found = []
    for part in (half, ~half):
        score = table[~part] @ _weights(table[part], units.published[part])
        inside = units.published[~part]
        found.append(auroc(score[inside], score[~inside], level=level))
    # The halves' errors are (nearly) independent, so their distances add up as squares.
    value = (found[0].value + found[1].value) / 2
    down = math.hypot(*(f.value - f.low for f in found)) / 2
    up = math.hypot(*(f.high - f.value for f in found)) / 2
    return {"name": "3-grams", "auroc": value, "low": max(0.0, value - down),
            "high": min(1.0, value + up)}  # fmt: skip


def _weights(table: Floats, published: NDArray[np.bool_]) -> Floats:
    """Ridge discriminant, solved on the side of texts or of n-grams, whichever are fewer."""
    centred = table - table.mean(axis=0)
    sign = np.where(published, 1 / published.sum(), -1 / (~published).sum())
    ridge = _RIDGE * max(float(np.sum(centred**2)), 1e-12)
    if len(centred) > centred.shape[1]:
        inner = centred.T @ centred
        return np.asarray(np.linalg.solve(inner + ridge * np.eye(len(inner)), centred.T @ sign))
    outer = centred @ centred.T
    return np.asarray(centred.T @ np.linalg.solve(outer + ridge * np.eye(len(outer)), sign))
