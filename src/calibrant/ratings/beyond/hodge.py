"""How much of the comparisons is one ranking, and how much goes round in circles?

HodgeRank (Jiang, Lim, Yao and Ye, Mathematical Programming 127 (2011) 203): the flow of margins
between subjects is split, orthogonally, into the gradient of strengths, a curl around triangles
and a harmonic rest. Energies include the noise of the votes: see `cycles` before speaking of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from calibrant.errors import InputError
from calibrant.ratings.counts import LEFT, TIE, Counts
from calibrant.ratings.fit import fit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Scale = Literal["log-odds", "margin"]

MOST_SUBJECTS = 200
"""Subjects beyond which triangles are not listed, and curl and harmonic are not told apart."""


@dataclass(frozen=True)
class Hodge:
    """The split of the flow between subjects.

    Attributes:
        names: subjects. left, right: shape (pairs,), left < right. scale: of the flow.
        flow, weight: shape (pairs,), towards left, and its precision.
        strengths: shape (subjects,), whose differences are the gradient part; they add up to 0.
        curl, harmonic: shape (pairs,), the cyclic parts; None with too many subjects to tell
            them apart. cyclic: their sum.
        total_energy, gradient_energy, cyclic_energy: weighted sums of squares; the last two add
            up to the first. curl_energy, harmonic_energy: likewise for the cyclic part.
    """

    names: tuple[str, ...]
    left: Ints
    right: Ints
    scale: Scale
    flow: Floats
    weight: Floats
    strengths: Floats
    cyclic: Floats
    curl: Floats | None
    harmonic: Floats | None

    def energy(self, part: Floats) -> float:
        """Weighted sum of squares of a part of the flow."""
        return float((self.weight * part**2).sum())

    @property
    def total_energy(self) -> float:
        """Of the whole flow."""
        return self.energy(self.flow)

    @property
    def gradient_energy(self) -> float:
        """Of the part that is one ranking."""
        return self.energy(self.flow - self.cyclic)

    @property
    def cyclic_energy(self) -> float:
        """Of the part that goes round, noise included."""
        return self.energy(self.cyclic)

    @property
    def curl_energy(self) -> float | None:
        """Of the part that goes round triangles."""
        return None if self.curl is None else self.energy(self.curl)

    @property
    def harmonic_energy(self) -> float | None:
        """Of the part that goes round longer loops only."""
        return None if self.harmonic is None else self.energy(self.harmonic)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        keys = ("total", "gradient", "cyclic", "curl", "harmonic")
        return {
            "scale": self.scale,
            "pairs": int(self.left.size),
            "strengths": dict(zip(self.names, self.strengths.tolist(), strict=True)),
            "energy": {k: getattr(self, f"{k}_energy") for k in keys},
        }

    def __repr__(self) -> str:
        share = self.gradient_energy / self.total_energy if self.total_energy > 0 else 1.0
        return (
            f"One ranking carries {share:.0%} of the energy of the flow between "
            f"{len(self.names)} subjects ({self.scale}); the rest, noise included, goes round"
        )


def hodge(counts: Counts, scale: Scale = "log-odds") -> Hodge:
    """Split the flow into a gradient and a cyclic part.

    Args:
        counts: comparisons; ties are half wins.
        scale: "margin" is the mean of +1, -1 and 0 for ties, weighted by votes. "log-odds" is
            linear about the Bradley–Terry fit, d + (ȳ - p)/(p(1 - p)) with weight n p (1 - p),
            so that the gradient is exactly that fit, the cyclic energy is its Pearson χ², and
            pairs won by one side only need no correction.

    Raises:
        InputError: for no comparisons. RatingError: for "log-odds" if no rating exists.
    """
    if counts.total <= 0:
        raise InputError("hodge: wanted at least one comparison, got none")
    table = counts.unordered()
    votes = table.outcomes.sum(axis=1)
    rate = (table.outcomes[:, LEFT] + table.outcomes[:, TIE] / 2) / votes
    if scale == "log-odds":
        s = fit(counts, "bt").strengths
        d = s[table.left] - s[table.right]
        p = expit(d)
        spread = p * expit(-d)
        flow, weight = d + (rate - p) / spread, votes * spread
    elif scale == "margin":
        flow, weight = 2 * rate - 1, votes
        s = gradient(table, flow, weight)
        d = s[table.left] - s[table.right]
    else:
        raise InputError(f"scale: wanted 'log-odds' or 'margin', got {scale!r}")
    cyclic = flow - d
    curl = _curl(table, cyclic, weight)
    harmonic = None if curl is None else cyclic - curl
    return Hodge(
        counts.names, table.left, table.right, scale, flow, weight, s, cyclic, curl, harmonic
    )


def gradient(table: Counts, flow: Floats, weight: Floats) -> Floats:
    """Shape (subjects,): strengths whose differences are nearest to the flow; sum 0 by pool."""
    k = len(table.names)
    push = np.bincount(table.left, weight * flow, k) - np.bincount(table.right, weight * flow, k)
    return np.asarray(np.linalg.pinv(laplacian(table, weight), hermitian=True) @ push)


def laplacian(table: Counts, weight: Floats) -> Floats:
    """Shape (subjects, subjects), of the weighted graph of pairs."""
    k = len(table.names)
    cells = np.bincount(table.left * k + table.right, weight, k * k).reshape(k, k)
    return np.asarray(np.diag(cells.sum(0) + cells.sum(1)) - cells - cells.T)


def triangles(table: Counts) -> Ints:
    """Shape (triangles, 3): the pairs (i, j), (j, k) and (i, k) of each, i < j < k, as rows."""
    k = len(table.names)
    place = np.full((k, k), -1)
    place[table.left, table.right] = np.arange(table.left.size)
    found = []
    for row, (i, j) in enumerate(zip(table.left, table.right, strict=True)):
        third = np.flatnonzero((place[i] >= 0) & (place[j] >= 0))
        found.append(np.stack([np.full(third.size, row), place[j, third], place[i, third]], 1))
    return np.concatenate(found) if found else np.zeros((0, 3), np.int64)


def _curl(table: Counts, cyclic: Floats, weight: Floats) -> Floats | None:
    """The part of a cyclic flow that goes round triangles."""
    from scipy.sparse import coo_array
    from scipy.sparse.linalg import lsmr

    if len(table.names) > MOST_SUBJECTS:
        return None
    corners = triangles(table)
    if not corners.size:
        return np.zeros_like(cyclic)
    root = np.sqrt(weight)
    turn = np.tile([1.0, 1.0, -1.0], corners.shape[0])
    column = np.repeat(np.arange(corners.shape[0]), 3)
    rows = corners.ravel()
    basis = coo_array((turn / root[rows], (rows, column)), (cyclic.size, corners.shape[0]))
    found = lsmr(basis.tocsr(), root * cyclic, atol=1e-12, btol=1e-12, maxiter=10_000)[0]
    return np.asarray((basis @ found) / root)
