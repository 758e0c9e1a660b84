"""How is Newton's equation solved? Dense for hundreds of subjects, sparse for thousands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Matrix = Any
"""A dense array, or a sparse one of SciPy for more than `DENSE` subjects."""

DENSE = 1500
"""Most subjects for which matrices are kept dense."""

RESIDUAL = 1e-10
"""Largest residual of the conjugate gradients, relative to the right-hand side."""


def laplacian(
    left: Ints, right: Ints, dd: Floats, size: int, border: Floats, corner: Floats, ridge: float
) -> Matrix:
    """Shape (size + e, size + e): Σ dd (e_left - e_right)(e_left - e_right)ᵀ + ridge on the
    diagonal, bordered by `border` (size, e) and `corner` (e, e)."""
    diagonal = np.bincount(left, dd, size) + np.bincount(right, dd, size) + ridge
    extra = corner.shape[0]
    if size <= DENSE:
        h = np.zeros((size + extra, size + extra))
        cells = np.bincount(left * size + right, dd, size * size).reshape(size, size)
        h[:size, :size] = -cells - cells.T
        h[np.arange(size), np.arange(size)] += diagonal
        h[:size, size:], h[size:, :size], h[size:, size:] = border, border.T, corner
        return h
    from scipy.sparse import block_array, coo_array, csr_array

    i = np.arange(size)
    rows, columns = np.concatenate([left, right, i]), np.concatenate([right, left, i])
    values = np.concatenate([-dd, -dd, diagonal])
    core = coo_array((values, (rows, columns)), shape=(size, size)).tocsr()
    if not extra:
        return core
    edge = csr_array(border)
    return block_array([[core, edge], [edge.T, csr_array(corner)]], format="csr")


def solver(h: Matrix, subjects: int, *, grounded: bool) -> Callable[[Floats], Floats]:
    """A function that solves -h x = b, for b of shape (P,) or (P, m).

    Args:
        h: shape (P, P), negative semi-definite.
        subjects: how many of the P are strengths.
        grounded: whether h is singular because all strengths may rise together; then b must not
            point in that direction, nor does x.

    Raises:
        numpy.linalg.LinAlgError: if -h is not positive definite otherwise.
    """
    if isinstance(h, np.ndarray):
        from scipy.linalg import cho_factor, cho_solve

        a = -h
        if grounded:
            a[:subjects, :subjects] += max(float(np.abs(np.diag(a)).max()), 1e-300) / subjects
        factor = cho_factor(a)
        return lambda b: np.asarray(cho_solve(factor, b))
    return _sparse(-h, subjects, grounded)


def _sparse(a: Matrix, subjects: int, grounded: bool) -> Callable[[Floats], Floats]:
    factor: list[Callable[[Floats], Floats]] = []

    def centred(x: Floats) -> Floats:
        if grounded:
            x[:subjects] -= x[:subjects].mean(axis=0)
        return x

    def solve(b: Floats) -> Floats:
        wide = b.reshape(b.shape[0], -1)
        if not factor:
            x = conjugate_gradients(a, wide)
            if x is not None:
                return centred(x).reshape(b.shape)
            factor.append(_factorised(a, grounded))
        return centred(factor[0](wide)).reshape(b.shape)

    return solve


def conjugate_gradients(a: Matrix, b: Floats, rounds: int = 2000) -> Floats | None:
    """Solve a x = b for each column of b at once, scaled by the diagonal; None if not reached."""
    diagonal = a.diagonal()
    if not (diagonal > 0).all():
        raise np.linalg.LinAlgError("not positive definite")
    scale = 1 / diagonal[:, None]
    x, r = np.zeros_like(b), b.copy()
    z = scale * r
    p, rho = z.copy(), (r * z).sum(axis=0)
    goal = RESIDUAL * np.maximum(np.sqrt((b**2).sum(axis=0)), 1e-300)
    for _ in range(rounds):
        if (np.sqrt((r**2).sum(axis=0)) <= goal).all():
            # The residual that is carried along drifts: trust only the true one.
            return x if (np.sqrt(((b - a @ x) ** 2).sum(axis=0)) <= 10 * goal).all() else None
        ap = a @ p
        curvature = (p * ap).sum(axis=0)
        if (curvature < 0).any():
            raise np.linalg.LinAlgError("not positive definite")
        alpha = np.where(curvature > 0, rho / np.where(curvature > 0, curvature, 1), 0.0)
        x += alpha * p
        r -= alpha * ap
        z = scale * r
        new = (r * z).sum(axis=0)
        p = z + np.where(rho > 0, new / np.where(rho > 0, rho, 1), 0.0) * p
        rho = new
    return None


def _factorised(a: Matrix, grounded: bool) -> Callable[[Floats], Floats]:
    """LU of the matrix; grounded, without its first row and column, where x is 0."""
    from scipy.sparse.linalg import splu

    first = 1 if grounded else 0
    try:
        lu = splu(a[first:, first:].tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0,
                  options={"SymmetricMode": True})  # fmt: skip
    except RuntimeError as e:
        raise np.linalg.LinAlgError(str(e)) from e

    def solve(b: Floats) -> Floats:
        x = np.zeros_like(b)
        x[first:] = lu.solve(b[first:])
        return x

    return solve
