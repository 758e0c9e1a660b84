"""How consistent is a total score within itself? Coefficients of one matrix without holes.

All are functions of X, shape (subjects, items), and speak of the mean (or sum) over its items.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def spread(x: Floats) -> tuple[Floats, float]:
    """Variance of each item, and of the sum over items.

    Raises:
        InputError: for fewer than 2 subjects or items, holes, or sums that do not differ.
    """
    x = np.asarray(x, np.float64)
    if x.ndim != 2 or min(x.shape) < 2:
        raise InputError(f"reliability: wanted at least 2 subjects and 2 items, got {x.shape}")
    if not np.isfinite(x).all():
        raise InputError("reliability: wanted a score in every cell")
    items, total = x.var(axis=0, ddof=1), float(x.sum(axis=1).var(ddof=1))
    # Sums of equal scores differ by rounding.
    if total <= 1e-20 * max(float(np.abs(x).sum(axis=1).max()) ** 2, 1e-300):
        raise InputError("reliability: all subjects have the same mean, so there is no reliability")
    return items, total


def alpha(x: Floats) -> float:
    """Cronbach's α (Psychometrika 16 (1951) 297), KR-20 for scores of 0 and 1; at most 1.

    The reliability of the sum if items measure one thing equally; a lower bound otherwise, unless
    errors of items go together.
    """
    items, total = spread(x)
    k = x.shape[1]
    return float(k / (k - 1) * (1.0 - float(items.sum()) / total))


def standardised_alpha(x: Floats) -> float:
    """α of items brought to variance 1; items that do not vary are left out."""
    items, _ = spread(x)
    z = (x - x.mean(axis=0))[:, items > 0] / np.sqrt(items[items > 0])
    return alpha(z)


def lambda2(x: Floats) -> float:
    """Guttman's λ2 (Psychometrika 10 (1945) 255): at least α, and still a lower bound."""
    items, total = spread(x)
    d = x - x.mean(axis=0)
    n, k = x.shape
    gram = d @ d.T if n <= k else d.T @ d
    squares = float((gram**2).sum()) / (n - 1) ** 2 - float((items**2).sum())
    off = total - float(items.sum())
    return (off + float(np.sqrt(k / (k - 1) * max(squares, 0.0)))) / total


def lambda6(x: Floats) -> float:
    """Guttman's λ6: what each item shares with all the others is taken as reliable.

    Raises:
        InputError: unless subjects outnumber items that vary, as then every item is explained.
    """
    items, total = spread(x)
    d = (x - x.mean(axis=0))[:, items > 0]
    n, k = d.shape
    if n <= k + 1:
        raise InputError(f"λ6: wanted more than {k + 1} subjects for {k} items, got {n}")
    covariance = d.T @ d / (n - 1)
    scale = np.sqrt(np.diag(covariance))
    r = covariance / np.outer(scale, scale)
    if np.linalg.cond(r) > 1e12:
        raise InputError("λ6: some items are sums of others, so each is explained by the others")
    own = scale**2 / np.diag(np.linalg.inv(r))
    return 1.0 - float(own.sum()) / total


def kr21(x: Floats) -> float:
    """KR-21 (Kuder and Richardson, Psychometrika 2 (1937) 151): KR-20 if items were equally hard.

    Raises:
        InputError: for scores other than 0 and 1.
    """
    _, total = spread(x)
    if not ((x == 0) | (x == 1)).all():
        raise InputError("KR-21: wanted scores of 0 and 1")
    n, k = x.shape
    mean = float(x.sum(axis=1).mean())
    return float(k / (k - 1) * (1.0 - mean * (k - mean) / (k * total * (n - 1) / n)))


def cluster_alpha(x: Floats, clusters: Ints) -> float:
    """α of the sums over clusters, whatever their sizes (Raju, Psychometrika 42 (1977) 549).

    What the items of one cluster share beyond the rest counts as error, as it should where
    clusters are drawn. With clusters of one item, α.

    Args:
        clusters: shape (items,), 0, 1, …
    """
    _, total = spread(x)
    size = np.bincount(clusters)
    if size.size < 2:
        raise InputError("clusters: wanted at least 2")
    sums = totals(x, clusters)
    share = float(((size / x.shape[1]) ** 2).sum())
    return (1.0 - float(sums.var(axis=0, ddof=1).sum()) / total) / (1.0 - share)


def stratified_alpha(x: Floats, groups: Ints) -> float:
    """Stratified α: groups of items are fixed, and each has an error of its own.

    Rajaratnam, Cronbach and Gleser, Psychometrika 30 (1965) 39. Groups of one item are taken as
    without error of their own, so there must be none.

    Args:
        groups: shape (items,), 0, 1, …
    """
    _, total = spread(x)
    size = np.bincount(groups)
    if size.min() < 2:
        raise InputError("groups: wanted at least 2 items in each for stratified α")
    items = x.var(axis=0, ddof=1)
    whole = totals(x, groups).var(axis=0, ddof=1)
    own = np.bincount(groups, weights=items)
    inside = size / (size - 1) * (whole - own)  # variance of the group's sum × its α
    return 1.0 - float((whole - inside).sum()) / total


def totals(x: Floats, groups: Ints) -> Floats:
    """Shape (subjects, groups): sums over the items of each group."""
    found = np.zeros((x.shape[0], int(groups.max()) + 1))
    np.add.at(found.T, groups, x.T)
    return found
