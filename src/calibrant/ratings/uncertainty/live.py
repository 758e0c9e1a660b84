"""Who leads a live arena, looked at whenever one likes? Head-to-head evidence, valid at any time.

For each pair, wins against losses (ties left out): a mixture over win rates gives an e-process and
a confidence sequence that depend on the totals only, so that one count table at any moment is
enough. No model links the pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincc, betaln

from calibrant.errors import InputError
from calibrant.ratings.counts import LEFT, RIGHT, TIE, Counts
from calibrant.stats.stopping.evalues import e_bh

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, repr=False)
class Live:
    """Each pair that met, as subject a (who won more) against b.

    Attributes:
        a, b: shape (pairs,), indices of subjects.
        wins, losses, ties: shape (pairs,), of a against b.
        log_e: shape (pairs,), natural logarithm of the evidence that a wins more often than it
            loses; at least 1/α in e is significant at α whenever one stops.
        low, high: shape (pairs,), confidence sequence of a's share of decided games.
        decided: shape (pairs,), whether a is declared better, at a false discovery rate of
            1 - level over all pairs (e-BH), whatever depends on what.
    """

    names: tuple[str, ...]
    a: Ints
    b: Ints
    wins: Floats
    losses: Floats
    ties: Floats
    log_e: Floats
    low: Floats
    high: Floats
    decided: NDArray[np.bool_]
    level: float

    def __repr__(self) -> str:
        return (
            f"{int(self.decided.sum())} of {self.a.size} pairs decided, at any time, with "
            f"{1 - self.level:.0%} false discoveries"
        )

    def to_dict(self) -> list[dict[str, Any]]:
        """Plain data, one entry a pair."""
        return [
            {
                "better": self.names[self.a[i]],
                "worse": self.names[self.b[i]],
                "wins": float(self.wins[i]),
                "losses": float(self.losses[i]),
                "ties": float(self.ties[i]),
                "log_e": float(self.log_e[i]),
                "interval": [float(self.low[i]), float(self.high[i])],
                "decided": bool(self.decided[i]),
            }
            for i in range(self.a.size)
        ]


def live(counts: Counts, *, level: float = 0.95) -> Live:
    """Anytime-valid evidence for each pair.

    The likelihood ratio over 1/2 of a win rate with Jeffreys' prior on 1/2–1 tests each direction;
    the better one's is halved for having been picked. Intervals invert the mixture over all rates
    (Robbins 1970; Ramdas and Wang 2025), each pair for itself. Valid if the next game's outcome
    between two subjects, given that it is decided, has the pair's probability whatever came before.

    Args:
        counts: all games so far, whole numbers.
        level: confidence.

    Raises:
        InputError: for weights, or a level outside 0.5–1.
    """
    if not 0.5 <= level < 1:
        raise InputError(f"level: wanted 0.5 to below 1, got {level}")
    if not np.array_equal(counts.outcomes, np.rint(counts.outcomes)):
        raise InputError("live: wanted counts of games, got weights")
    table = counts.unordered()
    o = table.outcomes
    turn = o[:, RIGHT] > o[:, LEFT]
    a, b = np.where(turn, table.right, table.left), np.where(turn, table.left, table.right)
    wins, losses = np.maximum(o[:, LEFT], o[:, RIGHT]), np.minimum(o[:, LEFT], o[:, RIGHT])
    log_e = evidence(wins, losses) - np.log(2)
    low, high = share_limits(wins, losses, level)
    decided = np.zeros(a.size, dtype=bool)
    if a.size:
        found = e_bh(np.exp(np.minimum(log_e, 700.0)), level=1 - level)
        decided = found.rejected
    return Live(counts.names, a, b, wins, losses, o[:, TIE], log_e, low, high, decided, level)


def evidence(wins: Floats, losses: Floats) -> Floats:
    """Log e-value that wins are more likely than losses, at any time."""
    x, y = wins + 0.5, losses + 0.5
    above = betaincc(x, y, 0.5)
    return np.asarray(
        betaln(x, y) - betaln(0.5, 0.5) + np.log(2 * np.maximum(above, 1e-300))
        + (wins + losses) * np.log(2)
    )  # fmt: skip


def share_limits(wins: Floats, losses: Floats, level: float) -> tuple[Floats, Floats]:
    """Confidence sequence of the win rate: rates against which the mixture's likelihood ratio is
    below 1 / (1 - level)."""
    mixture = betaln(wins + 0.5, losses + 0.5) - betaln(0.5, 0.5)
    limit = -np.log(1 - level)
    peak = wins / np.maximum(wins + losses, 1.0)

    def beyond(p: Floats) -> NDArray[np.bool_]:
        inside = np.clip(p, 1e-300, 1 - 1e-16)
        ratio = mixture - wins * np.log(inside) - losses * np.log1p(-inside)
        return np.asarray(ratio >= limit)

    ends = []
    for edge in (0.0, 1.0):
        out, inner = np.full(wins.size, edge), peak.copy()
        out[wins + losses == 0] = edge
        for _ in range(60):
            middle = (out + inner) / 2
            far = beyond(middle)
            out, inner = np.where(far, middle, out), np.where(far, inner, middle)
        ends.append(np.where(wins + losses == 0, edge, out))
    return ends[0], ends[1]
