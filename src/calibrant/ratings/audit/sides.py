"""Does a judge favour the answer on one side? The effect of standing left, with its sign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from calibrant.ratings.audit.data import Votes, clusters
from calibrant.ratings.audit.lens import Lens
from calibrant.ratings.counts import LEFT, RIGHT, TIE
from calibrant.ratings.fit import RatingError, fit
from calibrant.ratings.likelihood import ModelName

Floats = NDArray[np.float64]

Z = 1.959963984540054


@dataclass(frozen=True)
class SideEffect:
    """A judge's preference for one side.

    Attributes:
        judge: who. votes: how many. left_share: share of decided votes won by the left.
        effect: log-odds added in favour of the left answer; below 0 the right is favoured;
            None where every decided vote went to one side, so that it is not finite.
        standard_error, interval: from the sandwich, clustered by item where items are known.
        own_strengths: whether the judge's own board was fitted with it; if that has no rating,
            the strengths of the common board were held.
    """

    judge: str
    votes: int
    left_share: float | None
    effect: float | None
    standard_error: float | None
    interval: tuple[float, float] | None
    own_strengths: bool

    @property
    def favours(self) -> str:
        """ "left", "right", or "neither" where the interval includes 0 or there is none."""
        if self.interval is None:
            if self.effect is None and self.left_share in (0.0, 1.0):
                return "left" if self.left_share else "right"
            return "neither"
        return "left" if self.interval[0] > 0 else "right" if self.interval[1] < 0 else "neither"

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        span = None if self.interval is None else list(self.interval)
        return self.__dict__ | {"interval": span, "favours": self.favours}

    def __repr__(self) -> str:
        if self.effect is None or self.interval is None:
            return f"Judge {self.judge!r}: no finite side effect ({self.votes} votes)"
        return (
            f"Judge {self.judge!r} favours {self.favours}: standing left adds {self.effect:+.2f} "
            f"to the log-odds ({self.interval[0]:+.2f} to {self.interval[1]:+.2f})"
        )


def side_effects(lens: Lens, data: Votes, *, prior_sd: float | None = None) -> list[SideEffect]:
    """The side effect of each judge; of all votes together where no judges are known.

    Args:
        lens: the common fit. data: what was fitted. prior_sd: of a judge's own board.
    """
    groups = data.groups("judge")
    if not groups or data.judge is None:
        return [_one(lens, data, "all votes", prior_sd)]
    return [
        _one(lens, data.rows(data.judge == j), data.label("judge", j), prior_sd) for j in groups
    ]


def _one(lens: Lens, part: Votes, label: str, prior_sd: float | None) -> SideEffect:
    left = int((part.outcome == LEFT).sum())
    decided = left + int((part.outcome == RIGHT).sum())
    share = left / decided if decided else None
    if not 0 < left < decided:
        return SideEffect(label, part.size, share, None, None, None, False)
    found = _own(part, lens.fit.model, prior_sd)
    own = found is not None
    effect, error = found if found is not None else _held(lens, part)
    span = effect - Z * error, effect + Z * error
    return SideEffect(label, part.size, share, effect, error, span, own)


def _own(part: Votes, model: ModelName, prior_sd: float | None) -> tuple[float, float] | None:
    """Effect and standard error with the judge's own strengths, if these exist."""
    counts = part.counts()
    counts = counts.restrict(np.flatnonzero(counts.wins.sum(axis=1) > 0))
    try:
        own = Lens(fit(counts, model, order_effect=True, prior_sd=prior_sd))
    except RatingError:
        return None
    keep = {name: i for i, name in enumerate(counts.names)}
    place = np.array([keep.get(name, -1) for name in part.names])
    item, size = clusters(part.item, part.size)
    cell = own.cells_of(place[part.left], place[part.right], part.outcome)
    covariance = own.covariance(own.gradients(item, size, cell))
    k = len(counts.names)
    assert own.fit.order_effect is not None
    # A subject that always stands on one side leaves the effect and its strength inseparable.
    error = float(np.sqrt(max(covariance[k, k], 0.0)))
    return (own.fit.order_effect, error) if 0 < error < 100 else None


def _held(lens: Lens, part: Votes) -> tuple[float, float]:
    """Effect and standard error with the common strengths held, by Newton's method; ties half."""
    d = lens.strengths[part.left] - lens.strengths[part.right]
    y = np.where(part.outcome == TIE, 0.5, part.outcome == LEFT)
    effect = 0.0
    for _ in range(100):
        p = expit(d + effect)
        step = float((y - p).sum() / (p * (1 - p)).sum())
        effect += float(np.clip(step, -2, 2))
        if abs(step) < 1e-12:
            break
    else:
        raise RatingError("side effect: not converged")
    p = expit(d + effect)
    item, size = clusters(part.item, part.size)
    sums = np.bincount(item, y - p, size)
    meat = float((sums**2).sum()) * (size / max(size - 1, 1))
    return effect, float(np.sqrt(meat)) / float((p * (1 - p)).sum())
