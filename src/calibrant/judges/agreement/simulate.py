"""What would graders of known quality say? Data sets for the certificates, and the truth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibrant.judges.agreement.pairs import Table, against_rest
from calibrant.stats.agreement.ratios import Ratio, alpha, cohen, distances, kappa, percent
from calibrant.stats.certificates import Regime

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def channel(right: tuple[float, ...]) -> Floats:
    """P(label | truth), shape (truths, labels): right so often, else any other label alike."""
    size = len(right)
    chance = np.asarray(right)[:, None]
    found = np.broadcast_to((1 - chance) / (size - 1), (size, size)).copy()
    np.fill_diagonal(found, right)
    return found


def truths(regime: Regime, rng: np.random.Generator) -> tuple[Ints, Ints | None]:
    """True categories of items, shape (items,), and clusters, which share them in part."""
    n, size = int(regime["items"]), len(regime["truth"])
    share = np.asarray(regime["truth"])
    own = rng.choice(size, n, p=share)
    if regime["cluster"] <= 1:
        return own, None
    cluster = np.arange(n) // int(regime["cluster"])
    common = rng.choice(size, int(cluster[-1]) + 1, p=share)[cluster]
    return np.where(rng.random(n) < regime["shared"], common, own), cluster


def said(rng: np.random.Generator, truth: Ints, how: Floats) -> Ints:
    """Labels of one grader of these items."""
    beyond = rng.random(truth.size)[:, None] > how.cumsum(axis=1)[truth]
    return np.asarray(beyond.sum(axis=1), np.int64)


def target(regime: Regime) -> float:
    """The coefficient in an endless number of items."""
    share = np.asarray(regime["truth"])
    one = channel(regime["right"])
    two = channel(regime["other"] or regime["right"])
    both = np.einsum("t,tk,tl->kl", share, one, two)
    a, b = both.sum(axis=1), both.sum(axis=0)
    apart = distances(share.size, "identity")
    if regime["coefficient"] == "alpha ordinal":
        rank = np.cumsum(a) - a / 2
        apart = (rank[:, None] - rank[None, :]) ** 2
    if regime["coefficient"] in ("alpha interval", "quadratic kappa"):
        apart = distances(share.size, "quadratic")
    seen = float((both * apart).sum())
    if regime["coefficient"] == "agreement":
        return 1 - seen
    if regime["coefficient"] == "AC1":
        return 1 - seen / (1 - float((a * (1 - a)).sum()) / (share.size - 1))
    return 1 - seen / float(a @ apart @ b)


def drawn(regime: Regime, rng: np.random.Generator) -> tuple[Ratio, Ints | None, Floats | None]:
    """The coefficient of a data set, its clusters, and the counts of rows (two graders)."""
    truth, cluster = truths(regime, rng)
    size = len(regime["truth"])
    name = regime["coefficient"]
    values = np.arange(size, dtype=np.float64)
    if name in ("kappa", "quadratic kappa"):
        one = said(rng, truth, channel(regime["right"]))
        two = said(rng, truth, channel(regime["other"] or regime["right"]))
        table = np.bincount(one * size + two, minlength=size * size).reshape(size, size)
        ratio, times = cohen(table, weights="identity" if name == "kappa" else "quadratic")
        return ratio, None, times
    counts = np.zeros((truth.size, size), np.int64)
    for _ in range(int(regime["graders"])):
        label = said(rng, truth, channel(regime["right"]))
        there = rng.random(truth.size) >= regime["missing"]
        counts[np.flatnonzero(there), label[there]] += 1
    makes = {
        "agreement": lambda: percent(counts),
        "fleiss": lambda: kappa(counts, "fleiss"),
        "AC1": lambda: kappa(counts, "gwet"),
        "alpha": lambda: alpha(counts),
        "alpha ordinal": lambda: alpha(counts, "ordinal"),
        "alpha interval": lambda: alpha(counts, "interval", values),
    }
    return makes[name](), cluster, None


def panel(regime: Regime, rng: np.random.Generator) -> tuple[list[Table], list[float]]:
    """Tables of all pairs of graders, some of whom have their labels the wrong way round, and the
    p-value of each against the rest."""
    truth, cluster = truths(regime, rng)
    size, how = len(regime["truth"]), channel(regime["right"])
    labels = []
    for g in range(int(regime["graders"])):
        label = said(rng, truth, how)
        if cluster is not None:  # a grader tends to say the same throughout a cluster
            stuck = rng.random(truth.size) < regime["sticky"]
            label = np.where(stuck, label[np.searchsorted(cluster, cluster)], label)
        labels.append(size - 1 - label if g in regime["inverted"] else label)
    found = []
    for one in range(len(labels)):
        for two in range(one + 1, len(labels)):
            cell = labels[one] * size + labels[two]
            part = None
            if cluster is not None:
                many = int(cluster[-1]) + 1
                part = np.bincount(cluster * size * size + cell, minlength=many * size * size)
                part = part.reshape(many, size, size)
            whole = np.bincount(cell, minlength=size * size).reshape(size, size)
            found.append(Table(one, two, whole, part))
    matrix = np.stack(labels, axis=1)
    return found, [] if cluster is not None else against_rest(matrix, np.eye(size))
