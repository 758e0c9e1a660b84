"""Do the scores look like what the fitted hierarchy would make? Posterior predictive checks.

Each draw of the effects says how many known scores lie far off its curve, and how many of those at
the largest scales lie above it; both are compared with what the same draw would make anew (Gelman,
Meng and Stern, 1996, Statistica Sinica 6). Such checks are cautious: curves that were fitted to the
scores lie closer to them than to new ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import bdtr, bdtrc, stdtr

from calibrant._text import one_line
from calibrant.scaling.hierarchical.forecast import Draws
from calibrant.scaling.hierarchical.laplace import predictors
from calibrant.scaling.hierarchical.layout import Floats, curve

FAR = 5.0
"""Scales of the noise beyond which a score is far off."""

ALARM = 0.05
"""The share of fits in which something may be said in vain, divided by the number of checks."""

_DRAWS = 400


@dataclass(frozen=True)
class Fit:
    """How the known scores of a measure lie about its curves.

    Attributes:
        measure: its name; `rows`: its scores.
        far: the share of scores far off their curve, and how many there ought to be.
        far_p: of as many or more, were the hierarchy right.
        above: the share of the scores at the largest third of scales that lie above their curve.
        above_p: of one as far from a half, were the hierarchy right.
        pit: the share of scores in each tenth of their predictive distribution; even, or fuller
            in the middle, as the curves were fitted to these scores.
    """

    measure: str
    rows: int
    far: float
    far_expected: float
    far_p: float
    above: float
    above_p: float
    pit: tuple[float, ...]

    def __repr__(self) -> str:
        return (
            f"{one_line(self.measure, 60)}: {self.far:.1%} of {self.rows} scores are far off their "
            f"curve (expected {self.far_expected:.1%}, p {self.far_p:.2g}), {self.above:.0%} of "
            f"those at the largest scales above it (p {self.above_p:.2g})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__} | {
            "pit": list(self.pit)
        }


def fits_of(draws: Draws) -> tuple[Fit, ...]:
    """The checks of every measure, with the same numbers for the same draws."""
    at, tails = draws.layout, draws.priors.tails
    step = max(1, len(draws.effects) // _DRAWS)
    effects, noise = draws.effects[::step], draws.scales["noise"][::step]
    here = curve(at, at.measure, predictors(at, effects)[1])
    spread = np.sqrt(noise[:, at.measure] ** 2 * here.noise + at.error**2)
    z = (at.y - here.mean) / spread  # (draws, rows)
    far_share = float(2 * stdtr(tails, -FAR))
    found = []
    for j, name in enumerate(at.measures):
        mine = np.flatnonzero(at.measure == j)
        top = mine[at.x[mine] >= np.quantile(at.x[mine], 2 / 3)]
        far, above = (np.abs(z[:, mine]) > FAR).sum(axis=1), (z[:, top] > 0).sum(axis=1)
        tail = np.minimum(bdtr(above, top.size, 0.5), _at_least(above, top.size, 0.5))
        pit = stdtr(tails, z[:, mine]).mean(axis=0)
        tenths = np.histogram(pit, bins=10, range=(0.0, 1.0))[0] / mine.size
        found.append(Fit(
            str(name), mine.size, float(far.mean() / mine.size), far_share,
            float(_at_least(far, mine.size, far_share).mean()),
            float(above.mean() / top.size), float(np.minimum(2 * tail, 1.0).mean()),
            tuple(map(float, tenths)),
        ))  # fmt: skip
    return tuple(found)


def _at_least(k: Any, n: int, p: float) -> Floats:
    """The probability of k or more of n."""
    return np.asarray(np.where(k > 0, bdtrc(np.maximum(k - 1.0, 0.0), n, p), 1.0))


def warnings_of(fits: tuple[Fit, ...]) -> tuple[str, ...]:
    """What the checks say against the hierarchy, one sentence each."""
    limit = ALARM / max(1, 2 * len(fits))
    found = []
    for f in fits:
        name = one_line(f.measure, 60)
        if f.far_p < limit:
            found.append(
                f"{name}: {f.far:.1%} of the known scores lie far off their curve, expected "
                f"{f.far_expected:.1%}: intervals may be wrong where such scores come again"
            )
        if f.above_p < limit:
            side = "above" if f.above > 0.5 else "below"
            share = max(f.above, 1 - f.above)
            found.append(
                f"{name}: {share:.0%} of the known scores at the largest scales lie {side} their "
                "curve: later ones may too"
            )
    return tuple(found)
