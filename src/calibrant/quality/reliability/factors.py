"""How much of a total score is one general factor? McDonald's ω, total and hierarchical.

Loadings by minres (unweighted least squares of the covariances between items; Harman and Jones,
Psychometrika 31 (1966) 351), which is defined with more items than subjects too, where maximum
likelihood is not. Nothing of size items × items is formed for one factor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from calibrant.errors import InputError
from calibrant.quality.reliability.coefficients import Floats, Ints, spread

STEPS = 300


@dataclass(frozen=True, eq=False)
class Factor:
    """One factor.

    Attributes:
        loadings: shape (items,), in units of the score, of a factor with variance 1; their sum is
            not negative.
        improper: items whose loading explains more than their variance (Heywood cases).
    """

    loadings: Floats
    improper: int


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """A general factor and one factor for each group, orthogonal (Schmid and Leiman).

    Attributes:
        general, group: shape (items,), loadings on the general and on the item's own group factor.
        share: shape (groups,), correlation of each group's factor with the general one, within
            −1 to 1.
        total: ω total, all but what items have for themselves.
        hierarchical: ω hierarchical, the general factor's share of the observed sum's variance.
        improper: groups whose factor had to be held at a correlation of 1 with the general one.
    """

    general: Floats
    group: Floats
    share: Floats
    total: float
    hierarchical: float
    improper: int


def one_factor(x: Floats) -> Factor:
    """Loadings of one factor.

    Args:
        x: shape (subjects, items), without holes.

    Raises:
        InputError: for fewer than 3 items that vary, or if the search does not converge.
    """
    items, _ = spread(x)
    vary = items > 0
    if int(vary.sum()) < 3:
        raise InputError(f"ω: wanted at least 3 items that vary, got {int(vary.sum())}")
    scale = float(np.sqrt(items[vary].mean()))
    d = (x[:, vary] - x[:, vary].mean(axis=0)) / (scale * np.sqrt(x.shape[0] - 1.0))
    own = (d**2).sum(axis=0)
    off = d.T @ (d.sum(axis=1)) - own
    start = off / np.sqrt(max(float(off.sum()), 1e-6 * float(own.sum())))

    def across(v: Floats) -> Floats:
        # Many small products: threads of a matrix library would only wait for each other.
        to: Floats = np.einsum("ij,i->j", d, np.einsum("ij,j->i", d, v)) - own * v
        return to

    v = _minres(across, start)
    v = v if v.sum() >= 0 else -v
    loadings = np.zeros(x.shape[1])
    loadings[vary] = v * scale
    return Factor(loadings, int((v**2 > own * (1 + 1e-6)).sum()))


def _minres(across: Callable[[Floats], Floats], start: Floats) -> Floats:
    """Loadings v for which the covariances off the diagonal are nearest to v v'.

    There v is the first eigenvector of the covariances with v² on the diagonal, and its squared
    length their eigenvalue: powers find both, unless no eigenvalue stands out.

    Args:
        across: from v to the product of the covariances off the diagonal with it.
    """
    v = start
    for _ in range(STEPS):
        to = across(v) + v**3
        length, before = float(np.sqrt(to @ to)), float(np.sqrt(v @ v))
        if length <= 1e-300 or before <= 1e-300:
            break
        new = to / np.sqrt(length * before)
        moved = float(np.abs(new - v).max())
        v = new
        if moved <= 1e-9 * float(np.abs(v).max()):
            return np.asarray(v)
    return _searched(across, start)


def _searched(across: Callable[[Floats], Floats], start: Floats) -> Floats:
    """The same by a search, where no eigenvalue stands out."""

    def loss(v: Floats) -> tuple[float, Floats]:
        to, norm = across(v), float(v @ v)
        value = -2.0 * float(v @ to) + norm**2 - float((v**4).sum())
        return value, 4.0 * (norm * v - v**3 - to)

    found = minimize(
        loss, start, jac=True, method="L-BFGS-B",
        options={"maxiter": 3000, "maxfun": 5000, "ftol": 1e-15, "gtol": 1e-9},
    )  # fmt: skip
    v: Floats = found.x
    slope = float(np.abs(loss(v)[1]).max())
    if not slope < 1e-4 * max(1.0, float(np.abs(v).max()) * float(v @ v)):
        raise InputError("ω: the search for one factor does not converge")
    return v


def omega(x: Floats) -> tuple[float, float]:
    """ω total, and ω of the one factor alone.

    McDonald, *Test Theory*, 1999, chapter 6; items need not be equally good, as for α. Total: all
    but the items' own variance beyond the factor, so that what items share beside it counts as
    reliable. Of the factor alone: its share of the variance of the observed sum.
    """
    items, total = spread(x)
    loadings = one_factor(x).loadings
    own = float((items - loadings**2).sum())
    return 1.0 - own / total, float(loadings.sum()) ** 2 / total


def hierarchy(x: Floats, groups: Ints) -> Hierarchy:
    """The general factor beside one for each group of items, by a second-order model.

    One factor within each group, then one factor of the covariances between groups, turned into
    orthogonal factors (Schmid and Leiman, Psychometrika 22 (1957) 53; ω of McDonald 1999 and
    Zinbarg, Revelle, Yovel and Li, Psychometrika 70 (2005) 123).

    Args:
        groups: shape (items,), 0, 1, …

    Raises:
        InputError: for fewer than 3 groups, or a group with fewer than 3 items that vary.
    """
    items, total = spread(x)
    count = int(groups.max()) + 1
    if count < 3:
        raise InputError(f"hierarchical ω: wanted at least 3 groups of items, got {count}")
    d = (x - x.mean(axis=0)) / np.sqrt(x.shape[0] - 1.0)
    loadings = np.zeros(x.shape[1])
    scores = np.zeros((x.shape[0], count))
    for g in range(count):
        at = np.flatnonzero(groups == g)
        if int((d[:, at].var(axis=0) > 0).sum()) < 3:
            raise InputError("hierarchical ω: a group has fewer than 3 items that vary")
        loadings[at] = one_factor(x[:, at]).loadings
        norm = float(loadings[at] @ loadings[at])
        scores[:, g] = d[:, at] @ loadings[at] / norm
    phi = scores.T @ scores  # off the diagonal: covariances of the group factors
    share = _one_of_covariances(phi)
    improper = int((np.abs(share) > 1).sum())
    share = np.clip(share, -1.0, 1.0)
    sums = np.bincount(groups, weights=loadings, minlength=count)
    general = float(share @ sums) ** 2
    own = float((items - loadings**2).sum())
    return Hierarchy(
        loadings * share[groups], loadings * np.sqrt(1.0 - share[groups] ** 2), share,
        1.0 - own / total, general / total, improper,
    )  # fmt: skip


def _one_of_covariances(phi: Floats) -> Floats:
    """Minres loadings of one factor of a small matrix, of which the diagonal is not used."""
    off = phi - np.diag(np.diag(phi))
    start = off.sum(axis=1) / np.sqrt(max(float(off.sum()), 1e-6))

    v = _minres(lambda u: off @ u, start)
    return v if v.sum() >= 0 else -v
