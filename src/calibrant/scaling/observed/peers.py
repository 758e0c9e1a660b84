"""What do others do with the same table? Observational scaling by least squares, and compute alone.

Ruan, Maddison and Hashimoto (2024), Observational scaling laws, section 3: gaps are filled from one
principal component, three components of centred scores are regressors, and the target is a sigmoid
of a line in them, from a floor of at most 0.2 to 1, by least squares. It gives a number; about it
stands here Student's t with the residual SD, as people do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.optimize import minimize

from calibrant.errors import UnfitError
from calibrant.scaling.axes.components import components, iterated
from calibrant.scaling.scores import Scores

Floats = NDArray[np.float64]

FLOOR = 0.2
"""The most that their sigmoid may start above chance."""


@dataclass(frozen=True, eq=False)
class Plugged:
    """Points and the one residual SD about them.

    Attributes:
        at: shape (m,); fitted scores of those asked for.
        sd: residual standard deviation, with `freedom` degrees of freedom.
    """

    at: Floats
    sd: float
    freedom: int

    def interval(self, level: float) -> tuple[Floats, Floats]:
        """The usual interval about each point."""
        half = float(special.stdtrit(self.freedom, (1 + level) / 2)) * self.sd
        return self.at - half, self.at + half

    def log_density(self, y: Floats) -> Floats:
        """Of Student's t about each point."""
        z, f = (y - self.at) / self.sd, self.freedom
        return np.asarray(
            special.gammaln((f + 1) / 2) - special.gammaln(f / 2) - np.log(f * np.pi) / 2
            - np.log(self.sd) - (f + 1) / 2 * np.log1p(z * z / f)
        )  # fmt: skip


def by_components(known: Scores, at: Scores, *, axes: int = 3) -> Plugged:
    """Observational scaling's forecast of one measure, by its description.

    Raises:
        UnfitError: if nothing is given, or there are fewer subjects than parameters and three.
    """
    if known.given is None:
        raise UnfitError("components: nothing is given")
    mine = known.take(known.given.has(known.subject))
    x, new = known.given.of(mine.subject), known.given.of(at.subject)
    kept = np.isfinite(x).sum(axis=0) > 2
    x, new = x[:, kept], new[:, kept]
    q = min(axes, x.shape[1])
    if len(mine) < q + 5:
        raise UnfitError(f"components: wanted {q + 5} subjects, got {len(mine)}")
    found = components(iterated(x, tolerance=1e-4, rounds=1000))
    # Each subject that is asked for fills its own gaps, from components it had no part in.
    there = np.isfinite(new)
    filled = np.where(there, new, found.mean)
    for _ in range(200):
        said = found.mean + np.outer((filled - found.mean) @ found.loadings[:, 0],
                                     found.loadings[:, 0])  # fmt: skip
        filled = np.where(there, new, said)
    asked = (filled - found.mean) @ found.loadings[:, :q]
    return _sigmoid(found.scores[:, :q], asked, mine)


def by_compute(known: Scores, at: Scores) -> Plugged:
    """The same sigmoid of the logarithm of compute alone."""
    mine = known.take(np.isfinite(known.scale))
    if len(mine) < 6:
        raise UnfitError(f"compute: wanted 6 subjects with compute, got {len(mine)}")
    middle = mine.scale.mean()
    return _sigmoid(mine.scale[:, None] - middle, at.scale[:, None] - middle, mine)


def _sigmoid(x: Floats, new: Floats, known: Scores) -> Plugged:
    low, high = float(known.floor[0]), float(known.high[0])
    y = np.clip((known.score - low) / (high - low), 0.0, None)
    x, new = (np.column_stack([np.ones(len(v)), v]) for v in (x, new))

    def off(p: Floats) -> tuple[float, Floats]:
        rate = special.expit(x @ p[:-1])
        gap = p[-1] + (1 - p[-1]) * rate - y
        slope = (1 - p[-1]) * rate * (1 - rate)
        return float(gap @ gap), 2 * np.append(x.T @ (gap * slope), gap @ (1 - rate))

    # Their start, and a line through log-odds: from theirs alone it ends in flat places at times.
    theirs = np.append(np.full(x.shape[1], 0.03), 0.0)
    theirs[0] = 0.0
    line = np.linalg.lstsq(x, special.logit(np.clip(y, 0.02, 0.98)), rcond=None)[0]
    bounds = [(None, None)] * x.shape[1] + [(0.0, FLOOR)]
    fits = [
        minimize(off, start, jac=True, method="L-BFGS-B", bounds=bounds)
        for start in (theirs, np.append(line, 0.0))
    ]
    p = min(fits, key=lambda fit: float(fit.fun)).x
    freedom = max(len(y) - p.size, 1)
    spread = max(float(np.sqrt(off(p)[0] / freedom)), 1e-3)
    rate = p[-1] + (1 - p[-1]) * special.expit(new @ p[:-1])
    return Plugged(low + (high - low) * rate, (high - low) * spread, freedom)
