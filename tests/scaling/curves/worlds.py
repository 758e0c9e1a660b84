"""Made scores of growing subjects."""

from __future__ import annotations

import numpy as np

from calibrant.scaling.scores import Scores, scores


def sigmoid_world(
    seed: int = 0, families: int = 6, size: int = 4, *, spread: float = 0.5, noise: float = 0.03
) -> Scores:
    """Scores along a logistic curve that families shift."""
    rng = np.random.default_rng(seed)
    family = np.repeat([f"f{k}" for k in range(families)], size)
    x = rng.uniform(20, 24, families * size)
    u = np.repeat(rng.normal(0, spread, families), size)
    share = 1 / (1 + np.exp(-1.2 * (x - 22.5) - u))
    y = np.clip(share + rng.normal(0, noise, x.size) * np.sqrt(4 * share * (1 - share)), 0, 1)
    return scores(y, x, family=family)
