"""Where do the boundaries run over the trials a reader sees? Data for the evidence figure."""

from __future__ import annotations

import numpy as np

from calibrant.assurance.assessment import Boundaries
from calibrant.stats import Design
from calibrant.stats.stopping.paths import NEVER, Ints

POINTS = 400


def boundaries(design: Design, observed: int) -> Boundaries:
    """The boundaries from n = 0 to a little past `observed`, at no more than `POINTS` values."""
    b = design.boundary
    last = min(b.horizon, max(int(observed * 1.25) + 3, 10))
    n = np.unique(np.linspace(0, last, min(POINTS, last + 1)).round().astype(int))
    reachable = b.support[b.support < NEVER]
    most = np.searchsorted(reachable, n, side="right") - 1
    futile = _at_least(b.futile, n)
    refute = _at_least(b.refute, n)
    return Boundaries(
        n=[int(v) for v in n],
        support_at_most=[int(k) if k >= 0 else None for k in most],
        futile_at_least=futile,
        refute_at_least=refute,
    )


def _at_least(last_n: Ints, n: Ints) -> list[int | None]:
    """For each n, the smallest k ≥ 1 whose region still reaches n, if k events fit into n."""
    # The region widens with k up to the horizon, so the running maximum is sorted.
    reach = np.maximum.accumulate(last_n[1:])
    k = np.searchsorted(reach, n, side="left") + 1
    return [int(v) if v < last_n.size and v <= m else None for v, m in zip(k, n, strict=True)]
