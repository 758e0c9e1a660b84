"""Where will the effects lie, given their scales? A normal stand-in for the likelihood.

With few levels and many trials, effects are known better than their scales, and neither the
centred nor the non-centred form suits every scale that the sampler visits. So effects are sampled
as what is left of them after the best normal guess from the data, given the scales: partial
centring (Papaspiliopoulos, Roberts and Sköld, Statistical Science 22 (2007) 59) of all effects
together, by as much as each scale asks for. The posterior is the same whatever the guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import digamma, expit, polygamma

from calibrant.stats.hierarchical.model import Floats, Model, Term

LIMIT = 100
"""Effects up to which all are straightened together; the work grows with the cube."""

FLAT = 0.346
"""Variance of the logit's items by which the square of a rate's logit is flatter than theirs
(Zeger, Liang and Albert, Biometrics 44 (1988) 1049)."""

UNKNOWN = 1e12
"""The variance of a guess that says nothing."""


class Reference(NamedTuple):
    """Guesses of the predictor in some groups of cells, as if normal scores had been seen.

    Attributes:
        mean: one number: the standard deviation of the prior of the mean.
        design: groups × (1 + effects in the head): which effects a group has.
        centre, noise: guess and its variance, without items; noise in units of the residual
            variance for scores that are not 0 or 1.
        outer, inner: scale of item and item:subject in each group.
        outer_share, inner_share: the share of their variances that the group's mean keeps: one
            over its items and its cells; 0 where they are no part of the noise.
        sharing: groups × instruments, 1 where the group is of the instrument.
    """

    mean: Any
    design: Any
    centre: Any
    noise: Any
    outer: Any
    inner: Any
    outer_share: Any
    inner_share: Any
    sharing: Any


def reference(
    model: Model, head: Sequence[Term], scale: Sequence[Any], *, every: bool
) -> Reference:
    """The stand-in for the effects of some terms.

    Args:
        head: terms whose effects are straightened.
        scale: for item and item:subject the scale of each cell, or None where the model has no
            such term.
        every: whether `head` is all there is, so that a cell's predictor is the sum of its
            effects; else items are noise about it.
    """
    a = model.priors.mean
    binomial = model.family == "binomial"
    mean = float(np.sqrt(2 * polygamma(1, a))) if binomial else a
    if every:
        design, centre, noise = _whole(model, head, mean)
        none = np.zeros(centre.size)
        index = none.astype(np.int64)
        return Reference(np.array([mean]), design, centre, noise, index, index, none, none,
                         np.ones((centre.size, 1)))  # fmt: skip
    codes = np.column_stack([model.instrument, *(t.codes for t in head)])
    kinds, first, of = np.unique(codes, axis=0, return_index=True, return_inverse=True)
    of = of.ravel()
    n, total = (np.bincount(of, x) for x in (model.n, model.total))
    design = _columns(head, first)
    if binomial:
        # The mean of the logit of a Beta(k + ½, n - k + ½) rate, and its variance.
        k, m = total + 0.5, n - total + 0.5
        centre, noise = digamma(k) - digamma(m), polygamma(1, k) + polygamma(1, m)
    else:
        centre, noise = total / n, 1 / n
    if not head:
        noise = np.full_like(noise, UNKNOWN)
    outer, inner = (np.zeros(first.size, np.int64) if s is None else s[first] for s in scale)
    cells = np.bincount(of).astype(float)
    items = np.bincount(np.unique(np.column_stack([of, model.item]), axis=0)[:, 0])
    sharing = (kinds[:, :1] == np.unique(kinds[:, 0])).astype(float)
    return Reference(
        np.array([mean]), design, centre, noise, outer, inner,
        np.zeros(cells.size) if scale[0] is None else 1 / items,
        np.zeros(cells.size) if scale[1] is None else 1 / cells,
        sharing,
    )  # fmt: skip


def bend(
    ref: Reference, own: Floats, scales: Floats, residual: Floats, u: Floats, *, binomial: bool
) -> Floats:
    """Mean and effects of straightened positions: the plain twin of `sampler.constrain`.

    Args:
        own: the scale of each effect in the head.
        u: positions of the mean and of these effects; like the others with leading axes of draws.
    """
    padded = np.concatenate([scales, np.zeros((*scales.shape[:-1], 1))], axis=-1)
    outer, inner = padded[..., ref.outer] ** 2, padded[..., ref.inner] ** 2
    noise, centre = residual[..., None] ** 2 * ref.noise, ref.centre
    if binomial:
        flat = 1 + FLAT * (outer * (ref.outer_share > 0) + inner * (ref.inner_share > 0))
        noise, centre = flat * ref.noise, np.sqrt(flat) * ref.centre
    together = ref.sharing / ref.sharing.sum(0)
    common = np.einsum("...r,rt->...t", outer * ref.outer_share, together)
    covariance = np.einsum("rt,...t,qt->...rq", ref.sharing, common, ref.sharing)
    diagonal = noise + inner * ref.inner_share
    covariance = covariance + diagonal[..., None] * np.eye(ref.noise.size)
    spread = np.concatenate([np.broadcast_to(ref.mean, (*own.shape[:-1], 1)), own], axis=-1)
    a = ref.design * spread[..., None, :]
    centre = np.broadcast_to(centre, diagonal.shape)
    both = np.linalg.solve(covariance, np.concatenate([a, centre[..., None]], axis=-1))
    told = np.swapaxes(a, -1, -2) @ both
    precision = np.eye(spread.shape[-1]) + told[..., :-1]
    root = np.swapaxes(np.linalg.cholesky(precision), -1, -2)
    shift = np.linalg.solve(precision, told[..., -1:]) + np.linalg.solve(root, u[..., None])
    return np.asarray(spread * shift[..., 0])


def _columns(head: Sequence[Term], cells: Any) -> Floats:
    """The mean's column of ones, and one of 0 and 1 for each effect, in some cells."""
    parts = [np.ones((len(cells), 1))]
    parts += [np.eye(t.levels)[t.codes[cells]] for t in head]
    return np.concatenate(parts, axis=1)


def _whole(model: Model, head: Sequence[Term], mean: float) -> tuple[Floats, Floats, Floats]:
    """Design, centre and noise of as many groups as effects, that say what all cells say.

    Weights are those at the posterior mode for scales of two thirds of their prior's.
    """
    x = _columns(head, np.arange(model.n.size))
    spread = np.concatenate(
        [[mean], *(np.full(t.levels, 0.67 * model.priors.scale(t.name)) for t in head)]
    )
    n, seen = model.n, model.total / model.n
    weight, working = n, seen
    if model.family == "binomial":
        rate = (model.total.sum() + 0.5) / (n.sum() + 1)
        eta = np.full(n.size, np.log(rate / (1 - rate)))
        for _ in range(6):
            p = np.clip(expit(eta), 0.02, 0.98)
            weight = n * p * (1 - p)
            working = eta + np.clip((seen - p) / (p * (1 - p)), -4, 4)
            gram = x.T @ (weight[:, None] * x) + np.diag(1 / spread**2)
            eta = x @ np.linalg.solve(gram, x.T @ (weight * working))
    values, vectors = np.linalg.eigh(x.T @ (weight[:, None] * x))
    root = np.sqrt(np.maximum(values, 0.0))
    told = values > 1e-9 * values.max()
    centre = np.where(told, (vectors.T @ (x.T @ (weight * working))) / np.where(told, root, 1.0), 0)
    return root[:, None] * vectors.T, centre, np.ones(root.size)
