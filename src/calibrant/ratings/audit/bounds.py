"""How many votes are certainly needed? A lower bound that holds for every choice of votes.

Let û be the change of the Bradley–Terry strengths when votes S are removed from (or added to) the
comparisons, and Ā the information averaged along it. Stationarity at both ends gives, exactly,
Ā û = ± Σ_S (y - p*) x, with p* after the change. The logistic curve is self-concordant, so Ā lies
between A φ(r) and A e^r where r is the largest move of a compared pair and φ(r) = (1 - e^-r)/r;
|p* - p̂| ≤ r/4. Each vote of S therefore moves the contrast by no more than
min(1, g + r/4) (z + (e^r - 1) √(R R_x)), with g its residual, z its first-order drop of potential
and R effective resistances; the sum over the m best votes bounds what m votes can do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Reach:
    """What bounds the effect of votes on one contrast.

    Attributes:
        gap: what must be overcome, above 0.
        resistance: of the contrast.
        residual, drop, pair: shape (cells,): |y - p̂|, first-order move of the contrast per unit
            of residual towards the goal, and resistance of the cell's pair.
        votes: shape (cells,), how many may be used.
        tie: shape (cells,): ties, whose residual may change its sign on the way.
        widest: largest resistance of a pair that is compared or may be voted on.
    """

    gap: float
    resistance: float
    residual: Floats
    drop: Floats
    pair: Floats
    votes: Floats
    tie: NDArray[np.bool_]
    widest: float

    def each(self, range_: float) -> Floats:
        """Shape (cells,): most that one vote can do while no pair moves by more than `range_`."""
        slack = np.expm1(range_) * np.sqrt(self.resistance * self.pair)
        size = np.minimum(1.0, self.residual + range_ / 4)
        turns = self.tie & (self.residual <= range_ / 4)
        drop = np.where(turns, np.abs(self.drop), self.drop)
        return np.asarray(size * np.maximum(drop + slack, 0.0))

    def range_of(self, votes: int) -> float:
        """Largest move of a pair by so many votes; infinite if not bounded.

        (1 - e^-r) ≤ m min(1, g + r/4) R; every round of the iteration is a bound, each sharper.
        """
        r, worst, size = 0.0, float(self.residual.max(initial=0.0)), 1.0
        for _ in range(30):
            left = votes * size * self.widest
            if left >= 1:
                return float("inf")
            r = -float(np.log1p(-left))
            size = min(1.0, worst + r / 4)
        return r

    def least(self, limit: int = 10_000) -> int:
        """Votes below which no choice can close the gap, or `limit` if that is no more."""
        low = self._coarse()
        if low >= limit:
            return low
        # What m votes can do grows with m: double, then halve, to the first m that may suffice.
        step = 1
        while low + step < limit and self._fails(low + step - 1):
            low, step = low + step, 2 * step
        high = min(low + step, limit)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self._fails(middle) else (low, middle)
        return low

    def _fails(self, votes: int) -> bool:
        """Whether so many votes certainly do not close the gap."""
        r = self.range_of(votes)
        if not np.isfinite(r):
            return False
        each = self.each(r)
        kept = np.flatnonzero(each > 0)
        if kept.size > 2 * votes:  # only the best can be among the chosen
            kept = kept[np.argpartition(-each[kept], 2 * votes)[: 2 * votes]]
        top = kept[np.argsort(-each[kept])]
        before = np.minimum(np.cumsum(np.minimum(self.votes[top], votes)), votes)
        return float(np.diff(before, prepend=0.0) @ each[top]) < self.gap * (1 - 1e-9)

    def _coarse(self) -> int:
        """A bound that needs no small change: energy of the least move against what votes push."""
        worst = float(self.residual.max(initial=0.0))
        r = np.concatenate([[0.0], np.geomspace(1e-3, 20, 2000)])
        low, high = r[:-1], r[1:]
        energy = np.maximum(self.gap**2 / self.resistance, low**2 / self.widest)
        push = high * np.minimum(1.0, worst + high / 4)
        within = float((-np.expm1(-high) / high * energy / push).min())
        beyond = float(-np.expm1(-r[-1])) / self.widest
        return max(1, int(np.ceil(min(within, beyond) - 1e-9)))
