"""Is a subject better, or only longer? Ratings with style held equal.

Bradley–Terry with covariates of the answers beside the strengths (as in style control of arenas):
what the ratings lose when the covariates explain what they can.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from calibrant.ratings.audit.data import Votes, clusters
from calibrant.ratings.audit.lens import ELO, Lens
from calibrant.ratings.counts import LEFT, TIE
from calibrant.ratings.fit import RatingError

Floats = NDArray[np.float64]

ROUNDS = 60
SEPARATED = 30.0
"""A coefficient per standard deviation beyond which a covariate separates the outcomes."""


@dataclass(frozen=True)
class Confounding:
    """Ratings with covariates held equal, next to the plain ones.

    Attributes:
        covariates: names. effect: log-odds per standard deviation of the difference.
        standard_error: shape (covariates,), sandwich, clustered by item where items are known.
        explained: share of the variance of the plain strengths that is gone (below 0 if the
            covariates had hidden differences).
        names, plain, held: subjects, their strengths, and with covariates held equal.
        gap, gap_held: first less second of the plain board, in Elo points, and with covariates.
        places_changed: subjects whose place changes. first: who is then first.
    """

    covariates: tuple[str, ...]
    effect: Floats
    standard_error: Floats
    explained: float
    names: tuple[str, ...]
    plain: Floats
    held: Floats
    gap: float
    gap_held: float
    places_changed: int
    first: str

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            k: v.tolist() if isinstance(v, np.ndarray) else list(v) if isinstance(v, tuple) else v
            for k, v in self.__dict__.items()
        }

    def __repr__(self) -> str:
        return (
            f"{', '.join(self.covariates)} account for {self.explained:.0%} of the variance of "
            f"strengths; the gap of the first two goes from {self.gap:.1f} to "
            f"{self.gap_held:.1f} Elo and {self.places_changed} subjects change places"
        )


def confounding(lens: Lens, data: Votes) -> Confounding | None:
    """Hold the covariates of `data` equal; None if there are none.

    Ties are half wins, whatever the model of `lens`.

    Raises:
        RatingError: if a covariate is constant, separates the outcomes or can be told from the
            subjects alone.
    """
    names = tuple(data.covariates)
    if not names:
        return None
    z = np.stack([np.asarray(data.covariates[n], dtype=np.float64) for n in names], axis=1)
    scale = z.std(axis=0)
    if not (scale > 0).all():
        flat = names[int((scale <= 0).argmax())]
        raise RatingError(f"{flat}: the same difference in every comparison, which tells nothing")
    z = z / scale
    model = _Rows(data, z, lens.fit.prior_sd)
    plain = _Rows(data, z[:, :0], lens.fit.prior_sd).solve(names)[0]
    found, information = model.solve(names)
    k = len(data.names)
    held, plain = found[:k] - found[:k].mean(), plain - plain.mean()
    errors = model.errors(found, information)
    order, after = (np.argsort(-x, kind="stable") for x in (plain, held))
    top = order[:2]
    return Confounding(
        names, found[k:], errors[k:], 1 - float(held.var() / max(plain.var(), 1e-300)),
        data.names, plain, held, float(plain[top[0]] - plain[top[1]]) * ELO,
        float(held[top[0]] - held[top[1]]) * ELO,
        int((np.argsort(order) != np.argsort(after)).sum()), data.names[after[0]],
    )  # fmt: skip


class _Rows:
    """Bradley–Terry on rows: strengths and coefficients together."""

    def __init__(self, data: Votes, z: Floats, prior_sd: float | None) -> None:
        self.data, self.z, self.k = data, z, len(data.names)
        self.y = np.where(data.outcome == TIE, 0.5, data.outcome == LEFT)
        self.ridge = 0.0 if prior_sd is None else prior_sd**-2

    def solve(self, names: tuple[str, ...]) -> tuple[Floats, Floats]:
        k, q = self.k, self.z.shape[1]
        x = np.zeros(k + q)
        for rounds in range(ROUNDS):
            g, h = self.derivatives(x)
            eigen = np.linalg.eigvalsh(h)
            if eigen[0] < 1e-10 * eigen[-1]:
                # Where all weights are alike only the design can be at fault; later, the outcomes.
                fault = "separates the outcomes perfectly, so that no finite effect exists"
                if rounds == 0:
                    fault = "cannot be told apart from the subjects or from each other"
                raise RatingError(f"{', '.join(names)}: {fault}")
            step = np.linalg.solve(h, g)
            x = x + step / max(1.0, float(np.abs(step).max()) / 3)
            wild = np.abs(x[k:]) > SEPARATED
            if wild.any():
                raise RatingError(
                    f"{names[int(wild.argmax())]}: separates the outcomes perfectly, so that no "
                    "finite effect exists"
                )
            if float(np.abs(step).max()) < 1e-10:
                return x, h
        raise RatingError(f"{', '.join(names)}: not converged, or separates the outcomes")

    def derivatives(self, x: Floats) -> tuple[Floats, Floats]:
        """Gradient, and minus the Hessian with strengths held to add up to 0."""
        k, a, b = self.k, self.data.left, self.data.right
        p = expit(x[a] - x[b] + self.z @ x[k:])
        e, w = self.y - p, p * (1 - p)
        g = np.concatenate([np.bincount(a, e, k) - np.bincount(b, e, k), self.z.T @ e])
        g[:k] -= self.ridge * x[:k]
        h = np.zeros((g.size, g.size))
        cells = np.bincount(a * k + b, w, k * k).reshape(k, k)
        h[:k, :k] = np.diag(cells.sum(0) + cells.sum(1)) - cells - cells.T
        h[:k, :k] += np.eye(k) * self.ridge + w.sum() / k**2
        for j, column in enumerate(self.z.T):
            side = np.bincount(a, w * column, k) - np.bincount(b, w * column, k)
            h[:k, k + j] = h[k + j, :k] = side
        h[k:, k:] = self.z.T @ (self.z * w[:, None])
        return g, h

    def errors(self, x: Floats, information: Floats) -> Floats:
        """Standard errors by the sandwich."""
        k, a, b = self.k, self.data.left, self.data.right
        e = self.y - expit(x[a] - x[b] + self.z @ x[k:])
        item, size = clusters(self.data.item, self.data.size)
        inverse = np.linalg.inv(information)
        # Scores of rows times the inverse, summed by cluster: only the columns asked for.
        lifted = e[:, None] * (inverse[a, k:] - inverse[b, k:] + self.z @ inverse[k:, k:])
        out = np.zeros(x.size)
        for j in range(self.z.shape[1]):
            sums = np.bincount(item, lifted[:, j], size)
            out[k + j] = np.sqrt((sums**2).sum() * size / max(size - 1, 1))
        return out
