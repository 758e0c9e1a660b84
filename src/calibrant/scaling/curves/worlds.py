"""Made worlds in which the next score is known: smooth, broken, and with hidden modes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from calibrant.scaling.scores import Scores, scores

Floats = NDArray[np.float64]

START, STOP = 20.0, 23.0
"""log10 scales between which subjects are known."""
DISTANCES = (0.5, 1.0, 2.0)
"""Orders of magnitude beyond the largest known subject at which forecasts are judged."""


def world(regime: Mapping[str, Any], rng: np.random.Generator) -> tuple[Scores, Scores]:
    """Known scores, and those of later subjects: two families' next ones, and of two new ones.

    Args:
        regime: `shape` of the curve ("sigmoid", "low ceiling", "slowing", "broken", "chance",
            "late jump", "hidden mode", "clipped", a sigmoid whose scores pile up at the limits,
            and those of `_other`), number of `families` and their `size`, `spread` of their
            levels (log-odds), and `noise` of scores half-way.
        rng: draws everything, also where the curve stands.
    """
    families, size = regime["families"], regime["size"]
    spread = regime["spread"] if families > 1 else 0.0
    middle, steep = rng.uniform(21.5, 24.0), np.exp(rng.normal(0.2, 0.35))
    of = np.repeat([0, 1, families, families + 1] if families > 1 else [0], len(DISTANCES))
    later = np.tile(STOP + np.array(DISTANCES), of.size // len(DISTANCES))
    x = np.concatenate([rng.uniform(START, STOP, families * size), later])
    group = np.concatenate([np.repeat(np.arange(families), size), of])
    level = rng.normal(0, spread, families + 2)
    tilt = rng.normal(0, spread * 0.3, families + 2)
    shift = level[group] + tilt[group] * (x - 21.5)
    other = _other(regime["shape"], x, shift, group, families * size, regime["noise"], rng)
    if other is not None:
        ends = (-np.inf, np.inf) if regime["shape"] == "power" else (0.0, 1.0)
        every = scores(other, x, family=np.array([f"f{g}" for g in group]), limits=ends)
        known = np.arange(x.size) < families * size
        return every.take(known), every.take(~known)
    share = _mean(regime["shape"], x, shift, middle, steep, rng)
    sd = regime["noise"] * np.sqrt(0.1 + 3.6 * share * (1 - share))
    # Normal noise, drawn again where it would leave the limits.
    ends = special.ndtr(-share / sd), special.ndtr((1 - share) / sd)
    y = share + sd * special.ndtri(ends[0] + rng.random(x.size) * (ends[1] - ends[0]))
    if regime["shape"] == "clipped":
        y = share + sd * rng.normal(0, 1, x.size)
    y = np.clip(y, 0, 1)
    every = scores(y, x, family=np.array([f"f{g}" for g in group]))
    known = np.arange(x.size) < families * size
    return every.take(known), every.take(~known)


def _mean(
    shape: str, x: Floats, shift: Floats, middle: float, steep: float, rng: np.random.Generator
) -> Floats:
    line = steep * (x - middle)
    beyond = np.maximum(x - STOP, 0)
    if shape == "low ceiling":
        return np.asarray(rng.uniform(0.6, 0.95) * special.expit(line + shift))
    if shape == "slowing":
        return np.asarray(special.expit(line - 0.5 * steep * beyond + shift))
    if shape == "broken":
        at, change = STOP + rng.uniform(0.0, 0.5), rng.choice([0.0, 3.0])
        return np.asarray(
            special.expit(line + (change - 1) * steep * np.maximum(x - at, 0) + shift)
        )
    if shape == "chance":
        return np.asarray(special.expit(2.5 * (x - rng.uniform(24.0, 28.0)) + shift))
    if shape == "late jump":
        jump = 3.0 * special.expit(20 * (x - STOP - rng.uniform(0.1, 0.4)))
        return np.asarray(special.expit(line + jump + shift))
    if shape == "hidden mode":
        # An ability that nothing shows before it is there: nine in ten of what is missing.
        found = special.expit(20 * (x - STOP - rng.uniform(0.1, 0.4)))
        return np.asarray(0.05 * special.expit(line + shift) + 0.85 * found)
    return np.asarray(special.expit(line + shift))


def _other(
    shape: str, x: Floats, shift: Floats, group: NDArray[np.int64], known: int, noise: float,
    rng: np.random.Generator,
) -> Floats | None:  # fmt: skip
    """Scores where the assumption of a plain model is true; None for other shapes.

    "power" and "two powers" are the power laws, "log-odds" a line with its noise in log-odds
    ("steep log-odds": so steep that scores come near an end), and in "walk" the next score of a family is its last one and a step, whatever the scale.
    """
    z = x - 21.5
    if shape == "power":
        end, level, rate = rng.uniform(0.6, 1.0), rng.uniform(0.1, 0.5), rng.uniform(0.15, 0.6)
        value = end + (level - end) * np.exp(-rate * z) + 0.15 * shift
        return np.asarray(value + rng.normal(0, noise, x.size))
    if shape == "two powers":
        before, after = rng.uniform(0.05, 0.3), rng.uniform(0.1, 0.8)
        late = np.maximum(x - rng.uniform(20.5, 22.5), 0)
        missing = np.log(rng.uniform(0.6, 0.9)) - before * z - (after - before) * late
        share = 1 - np.exp(np.minimum(missing + 0.2 * shift, -0.02))
        sd = noise * np.sqrt(0.1 + 3.6 * share * (1 - share))
        return np.asarray(np.clip(share + sd * rng.normal(0, 1, x.size), 0.001, 0.999))
    if shape in ("log-odds", "steep log-odds"):
        steep = rng.uniform(0.5, 1.0) if shape == "log-odds" else np.exp(rng.normal(0.2, 0.35))
        line = steep * (x - rng.uniform(21.5, 22.8 if shape == "log-odds" else 24.0))
        # Families of one slope: only their levels differ.
        own = rng.normal(0, np.std(shift) + 1e-12, group.max() + 1)[group] if np.ptp(shift) else 0
        return np.asarray(special.expit(line + own + rng.normal(0, 4 * noise, x.size)))
    if shape == "walk":
        value = np.zeros(x.size)
        size = known // max(int(np.unique(group[:known]).size), 1)
        for g in np.unique(group):
            mine = np.flatnonzero((group == g) & (np.arange(x.size) < known))
            mine = mine[np.argsort(x[mine])]
            path = rng.uniform(0.3, 0.7) + np.cumsum(rng.normal(0, noise, max(mine.size, size)))
            value[mine] = path[: mine.size]
            # Each later subject is a next one of its own.
            later = np.flatnonzero((group == g) & (np.arange(x.size) >= known))
            value[later] = path[-1] + rng.normal(0, noise, later.size)
        return np.asarray(np.clip(value, 0, 1))
    return None


def error_world(models: int, noise: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Losses and errors: known models, then three of a lower loss than any of them.

    Noise is the standard deviation of an error.
    """
    loss = np.concatenate([rng.uniform(2.4, 3.8, models), [2.2, 2.0, 1.8]])
    rate = rng.uniform(0.5, 1.2)
    k = rng.uniform(0.2, 0.4) * np.exp(rate * 2.4)
    return loss, 0.86 - k * np.exp(-rate * loss) + rng.normal(0, noise, loss.size)


def loss_world(
    models: int, noise: float, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats, Floats]:
    """Losses, parameters, tokens and true losses: small models, then three that are ten, thirty
    and a hundred times larger. Noise is relative to a loss."""
    n = 10 ** np.concatenate([rng.uniform(7, 8.7, models), [9.7, 10.2, 10.7]])
    d = n * 20 * 2.0 ** rng.integers(-1, 5, n.size)
    e = rng.uniform(0.2, 0.4)
    truth = 1.8 + rng.uniform(0.7, 1.3) * 3.0 * ((1e8 / n) ** e + (5e9 / d) ** e) / 2
    return truth * (1 + rng.normal(0, noise, n.size)), n, d, truth
