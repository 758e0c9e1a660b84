"""Covariances for long tests: exact blocks of items, and the directions that items share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from calibrant.quality.models.climb import Summit
from calibrant.quality.models.kernel import Block, Kernel
from calibrant.quality.models.whole import curvature

Floats = NDArray[np.float64]

GROUPS = 300
"""Runs of subjects of like ability; within one, noise in their scores cancels between items."""


class Part(NamedTuple):
    """Of some subjects: means of scores and their covariances with ability, (rows, items, p)."""

    rows: slice
    mean: Floats
    along: Floats


def by_groups(kernel: Kernel, summit: Summit, robust: bool) -> tuple[Floats, float, float, Floats]:
    """Covariances of items, smallest eigenvalue, condition, and what is added to abilities."""
    items, p = summit.xi.shape
    people = kernel.data.subjects
    free = kernel.family.free
    group = np.arange(people) * min(GROUPS, people) // people
    size = np.bincount(group)
    root = np.sqrt(summit.found.variance)
    shared = np.zeros((size.size, items, p))
    squares, means = _second(kernel, summit), np.zeros((items, p, p))
    for part in _parts(kernel, summit):
        first, start = np.unique(group[part.rows], return_index=True)
        scaled = part.along / root[part.rows][:, None, None]
        shared[first] += np.add.reduceat(scaled, start, axis=0)
        means += np.einsum("ijp,ijr->jpr", part.mean, part.mean)
    shared /= np.sqrt(size)[:, None, None]
    at = np.arange(p)
    own = curvature(kernel, summit) - squares + means
    own[:, at, at] += summit.prior.precision
    full = own + np.einsum("gjp,gjr->jpr", shared, shared)
    full *= free[:, :, None] & free[:, None, :]
    full[:, at, at] += np.where(free, 0.0, 1.0)
    inverse = _safe_inverse(full)
    if kernel.family.common:
        return _common(kernel, summit, full, shared, root)
    solved = np.einsum("jpr,gjr->gjp", inverse, shared)
    flat = shared.reshape(size.size, -1)
    left = np.eye(size.size) - flat @ solved.reshape(size.size, -1).T
    values, vectors = linalg.eigh(0.5 * (left + left.T))
    middle = (vectors / np.maximum(values, 1e-9)) @ vectors.T
    sandwich = inverse @ means @ inverse if robust else inverse
    covariance = sandwich + np.einsum("gjp,gh,hjr->jpr", solved, middle, solved, optimize=True)
    covariance *= free[:, :, None] & free[:, None, :]
    drift = np.zeros(people)
    for part in _parts(kernel, summit):
        near = np.einsum("ijp,jpr,ijr->i", part.along, inverse, part.along, optimize=True)
        far = part.along.reshape(part.along.shape[0], -1) @ solved.reshape(size.size, -1).T
        drift[part.rows] = near + np.einsum("ig,gh,ih->i", far, middle, far, optimize=True)
    smallest, largest = float(values[0]), float(max(values[-1], 1.0))
    return covariance, smallest, largest / max(smallest, 1e-300), drift


def _common(
    kernel: Kernel, summit: Summit, full: Floats, shared: Floats, root: Floats
) -> tuple[Floats, float, float, Floats]:
    """The same with one slope for all items: an arrow of a matrix, bordered by that slope."""
    items, p = summit.xi.shape
    rest = full[:, 1:, 1:]
    inverse = np.linalg.inv(rest)
    border = full[:, 0, 1:]
    corner = float(full[:, 0, 0].sum())
    slope_shared = shared[:, :, 0].sum(axis=1)
    steps_shared = shared[:, :, 1:]

    def solve(slope: Floats, steps: Floats) -> tuple[Floats, Floats]:
        """Solve with the arrow, for rows of right-hand sides."""
        own = np.einsum("jpr,...jr->...jp", inverse, steps)
        tip = np.einsum("jp,jpr,jr->", border, inverse, border)
        a = (slope - np.einsum("jp,...jp->...", border, own)) / (corner - tip)
        return a, own - np.einsum("jpr,jr->jp", inverse, border) * a[..., None, None]

    solved_a, solved_d = solve(slope_shared, steps_shared)
    left = np.eye(shared.shape[0]) - np.outer(slope_shared, solved_a)
    left -= steps_shared.reshape(len(left), -1) @ solved_d.reshape(len(left), -1).T
    values, vectors = linalg.eigh(0.5 * (left + left.T))
    middle = (vectors / np.maximum(values, 1e-9)) @ vectors.T
    pull = np.einsum("jpr,jr->jp", inverse, border)
    tip = corner - float(np.einsum("jp,jp->", border, pull))
    covariance = np.zeros((items, p, p))
    covariance[:, 1:, 1:] = inverse + pull[:, :, None] * pull[:, None, :] / tip
    covariance[:, 0, 0] = 1 / tip
    covariance[:, 0, 1:] = covariance[:, 1:, 0] = -pull / tip
    moved = np.concatenate(
        [np.broadcast_to(solved_a[:, None, None], (*solved_d.shape[:2], 1)), solved_d], axis=2
    )
    covariance += np.einsum("gjp,gh,hjr->jpr", moved, middle, moved, optimize=True)
    free = kernel.family.free
    covariance *= free[:, :, None] & free[:, None, :]
    drift = np.zeros(root.size)
    for part in _parts(kernel, summit):
        a, d = part.along[:, :, 0].sum(axis=1), part.along[:, :, 1:]
        back_a, back_d = solve(a, d)
        far = np.outer(a, solved_a) + d.reshape(len(a), -1) @ solved_d.reshape(len(left), -1).T
        drift[part.rows] = a * back_a + np.einsum("ijp,ijp->i", d, back_d)
        drift[part.rows] += np.einsum("ig,gh,ih->i", far, middle, far, optimize=True)
    smallest, largest = float(values[0]), float(max(values[-1], 1.0))
    return covariance, smallest, largest / max(smallest, 1e-300), drift


def _safe_inverse(blocks: Floats) -> Floats:
    """Inverses of small matrices; directions without information get little."""
    at = np.arange(blocks.shape[1])
    scale = 1.0 / np.sqrt(np.maximum(blocks[:, at, at], 1e-12))
    values, vectors = np.linalg.eigh(blocks * scale[:, :, None] * scale[:, None, :])
    half = scale[:, :, None] * vectors
    return np.asarray(
        (half / np.maximum(values, 1e-10)[:, None, :]) @ half.transpose(0, 2, 1), np.float64
    )


def _second(kernel: Kernel, summit: Summit) -> Floats:
    """Shape (items, p, p): sums over subjects of the mean products of their scores."""
    theta = summit.grid.nodes
    out = np.zeros((*summit.xi.shape, summit.xi.shape[1]))
    if not kernel.linear:
        # A cell of several trials is taken as that many cells.
        expected = kernel.expected(summit.xi, summit.grid)[0]
        for own, family in kernel.chunks():
            slopes = family.curves(summit.xi[own], theta)[1]
            out[own] = np.einsum("jcq,jcqp,jcqr->jpr", expected[own], slopes, slopes, optimize=True)
        return out
    powers = np.stack([np.ones(theta.size), theta, theta**2])
    plain = kernel.data.trials is None
    sums = np.zeros((3, summit.xi.shape[0]))
    mass = np.zeros((1 if plain else summit.xi.shape[0], theta.size))
    for block in kernel.posteriors(summit.xi, summit.grid):
        at, window = powers[:, block.window], block.window
        moments = block.weights @ at.T
        sums += moments.T @ block.hits**2
        p = _curves(summit.xi, theta[window])
        ym = block.hits if block.trials is None else block.hits * block.trials
        for k in range(3):
            sums[k] -= 2 * np.einsum("ij,ij->j", ym, (block.weights * at[k]) @ p.T)
        if block.trials is None:
            mass[:, window] += block.weights.sum(axis=0)
        else:
            mass[:, window] += (block.trials**2).T @ block.weights
    sums += (mass * _curves(summit.xi, theta) ** 2 @ powers.T).T
    out[:, 0, 0], out[:, 1, 1] = sums[2], sums[0]
    out[:, 0, 1] = out[:, 1, 0] = sums[1]
    return out


def _curves(xi: Floats, theta: Floats) -> Floats:
    z = xi[:, :1] * theta + xi[:, 1:]
    found: Floats = np.exp(np.minimum(z, 0)) / (1 + np.exp(-np.abs(z)))
    return found


def _parts(kernel: Kernel, summit: Summit) -> Iterator[Part]:
    for block in kernel.posteriors(summit.xi, summit.grid):
        at = summit.grid.nodes[block.window]
        m1 = (block.weights @ at)[:, None]
        yield (
            _linear(block, summit.xi, at, m1)
            if kernel.linear
            else _any(kernel, block, summit.xi, at, m1)
        )


def _linear(block: Block, xi: Floats, at: Floats, m1: Floats) -> Part:
    curves = _curves(xi, at)
    y, m = block.hits, block.trials
    p0, p1, p2 = (((block.weights * at**k) @ curves.T) * (1 if m is None else m) for k in range(3))
    v = (block.weights @ at**2)[:, None] - m1**2
    mean = np.stack([y * m1 - p1, y - p0], axis=2)
    along = np.stack([y * v - (p2 - m1 * p1), m1 * p0 - p1], axis=2)
    return Part(block.rows, mean, along)


def _any(kernel: Kernel, block: Block, xi: Floats, at: Floats, m1: Floats) -> Part:
    mean, along = (np.zeros((block.weights.shape[0], *xi.shape)) for _ in range(2))
    y = block.hits
    m = np.ones_like(y) if block.trials is None else block.trials
    counts = kernel.counts(block)
    counts = [m - sum(counts), *counts]
    moved = block.weights * (at - m1)
    for own, family in kernel.chunks():
        slopes = family.curves(xi[own], at)[1]
        for c, count in enumerate(counts):
            if not count[:, own].any():
                continue
            mean[:, own] += count[:, own, None] * np.einsum(
                "iq,jqp->ijp", block.weights, slopes[:, c], optimize=True
            )
            along[:, own] += count[:, own, None] * np.einsum(
                "iq,jqp->ijp", moved, slopes[:, c], optimize=True
            )
    return Part(block.rows, mean, along)
