"""The whole observed information of tests of moderate size."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibrant.quality.models.climb import Summit
from calibrant.quality.models.families import Family
from calibrant.quality.models.kernel import Block, Kernel

Floats = NDArray[np.float64]


class Whole(NamedTuple):
    """Information about the free parameters.

    Attributes:
        information: shape (free, free), minus the second derivatives of the penalised marginal log
            likelihood.
        meat: shape (free, free), the sum over subjects of products of their scores.
        pulls: shape (subjects, free), how each mean of ability moves with the parameters.
        spread: shape (items × p, free), which entries of the parameters each free one fills.
    """

    information: Floats
    meat: Floats
    pulls: Floats
    spread: Floats


def whole(kernel: Kernel, summit: Summit, *, drift: bool) -> Whole:
    """The information at the summit; `drift` asks for the pulls too."""
    spread = spread_of(kernel.family)
    size = summit.xi.size
    complete = np.zeros((size, size))
    at = np.arange(size).reshape(summit.xi.shape)
    curved = curvature(kernel, summit)
    complete[at[:, :, None], at[:, None, :]] = curved
    if kernel.linear and kernel.data.trials is None:
        lost, scores, pulls = _complete(kernel, summit)
    else:
        lost, scores, pulls = _each(kernel, summit)
    information = spread.T @ (complete - lost) @ spread
    # A prior on a common slope does not occur: each penalised entry is a parameter of its own.
    information += spread.T @ (summit.prior.precision.reshape(-1)[:, None] * spread)
    own = scores @ spread
    return Whole(
        0.5 * (information + information.T), own.T @ own,
        pulls @ spread if drift else np.zeros((0, spread.shape[1])), spread,
    )  # fmt: skip


def spread_of(family: Family) -> Floats:
    """Shape (items × p, free)."""
    free = family.free
    if not family.common:
        return np.asarray(np.eye(free.size)[:, free.reshape(-1)], np.float64)
    slope = np.zeros(free.shape)
    slope[:, 0] = 1.0
    rest = free.copy()
    rest[:, 0] = False
    return np.column_stack([slope.reshape(-1), np.eye(free.size)[:, rest.reshape(-1)]])


def curvature(kernel: Kernel, summit: Summit) -> Floats:
    """Shape (items, p, p): minus the expected second derivatives if abilities were known."""
    if kernel.family.model not in ("grm", "3pl"):
        return summit.found.information  # of exponential families: no need of the responses
    expected = kernel.expected(summit.xi, summit.grid)[0]
    theta, width = summit.grid.nodes, kernel.family.width
    out = np.empty(summit.found.information.shape)
    for own, family in kernel.chunks():
        for r in range(width):
            step = np.zeros(width)
            step[r] = 1e-5
            change = (
                family.curves(summit.xi[own] + step, theta)[1]
                - family.curves(summit.xi[own] - step, theta)[1]
            ) / 2e-5
            out[own, :, r] = -np.einsum("jcq,jcqp->jp", expected[own], change, optimize=True)
    free = kernel.family.free
    out *= free[:, :, None] & free[:, None, :]
    return 0.5 * (out + out.transpose(0, 2, 1))


def _complete(kernel: Kernel, summit: Summit) -> tuple[Floats, Floats, Floats]:
    """Where everyone answered everything once: the scores are x θ − P θ and x − P.

    Their covariances given the responses are products of whole matrices.
    """
    data, theta = kernel.data, summit.grid.nodes
    z = summit.xi[:, :1] * theta + summit.xi[:, 1:]
    p = np.exp(np.minimum(z, 0)) / (1 + np.exp(-np.abs(z)))
    u = np.stack([p * theta, p], axis=1).reshape(-1, theta.size)  # item by item: slope, intercept
    mass = np.zeros(theta.size)
    lost = np.zeros((u.shape[0], u.shape[0]))
    scores, pulls = (np.zeros((data.subjects, u.shape[0])) for _ in range(2))
    for block in kernel.posteriors(summit.xi, summit.grid):
        w, at, un = block.weights, theta[block.window], u[:, block.window]
        mass[block.window] += w.sum(axis=0)
        m1 = w @ at
        v = np.maximum(w @ at**2 - m1**2, 0.0)
        mean = w @ un.T
        along = (w * at) @ un.T - m1[:, None] * mean
        x = np.zeros_like(mean)
        x[:, 0::2] = block.hits  # what multiplies ability in the scores of slopes
        lost -= mean.T @ mean + x.T @ along + along.T @ x - x.T @ (v[:, None] * x)
        fixed = np.repeat(block.hits, 2, axis=1)
        fixed[:, 0::2] *= m1[:, None]
        scores[block.rows] = fixed - mean
        pulls[block.rows] = x * v[:, None] - along
    lost += (u * mass) @ u.T
    return lost, scores, pulls


def _each(kernel: Kernel, summit: Summit) -> tuple[Floats, Floats, Floats]:
    """Subject by subject, for any model and any missing answers."""
    data, theta = kernel.data, summit.grid.nodes
    size = summit.xi.size
    tables = np.empty((data.most, theta.size, *summit.xi.shape))
    for own, family in kernel.chunks():
        slopes = family.curves(summit.xi[own], theta)[1]
        tables[:, :, own] = slopes.transpose(1, 2, 0, 3)
    lost = np.zeros((size, size))
    scores, pulls = np.zeros((data.subjects, size)), np.zeros((data.subjects, size))
    for block in kernel.posteriors(summit.xi, summit.grid):
        at = theta[block.window]
        for i, row in enumerate(range(block.rows.start, block.rows.stop)):
            w = block.weights[i]
            near = np.flatnonzero(w > 1e-14)
            near = np.arange(near[0], near[-1] + 1)
            s = _scores(tables[:, block.window][:, near], block, i).reshape(near.size, size)
            w = w[near]
            mean = w @ s
            scores[row] = mean
            s -= mean
            pulls[row] = (w * at[near]) @ s
            s *= np.sqrt(w)[:, None]
            lost += s.T @ s
    return lost, scores, pulls


def _scores(tables: Floats, block: Block, i: int) -> Floats:
    """Shape (nodes, items, p): one subject's complete-data scores at each ability."""
    y = block.hits[i]
    if tables.shape[0] == 2:
        m = np.ones_like(y) if block.trials is None else block.trials[i]
        return np.asarray((m - y)[:, None] * tables[0] + y[:, None] * tables[1], np.float64)
    chosen = tables[y.astype(np.int64), :, np.arange(y.size)].transpose(1, 0, 2)
    return chosen if block.trials is None else chosen * block.trials[i][:, None]
