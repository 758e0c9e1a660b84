"""How often do forecasts from given scores hold? In worlds of one to three axes, and worse ones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from calibrant.errors import UnfitError
from calibrant.scaling.observed.forecasters import FORECASTERS
from calibrant.scaling.observed.peers import by_components, by_compute
from calibrant.scaling.observed.worlds import world
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes


def coverage_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage and width of 90 % intervals for larger subjects, of known families and new ones."""
    several = FORECASTERS[-1]
    found: dict[str, list[float]] = {}
    refused = 0
    more = {k: v for k, v in regime.items() if k != "world"}
    for _ in range(draws):
        known, later = world(regime["world"], rng, **more)
        new = ~np.isin(later.family, known.family)
        try:
            said = several.predict(known, later, rng)
        except UnfitError:
            refused += 1
            continue
        ends = {"": said.interval(0.9)}
        for name, peer in (("least squares ", by_components), ("compute ", by_compute)):
            ends[name] = peer(known, later).interval(0.9)
        for name, (low, high) in ends.items():
            held = (low <= later.score) & (later.score <= high)
            found.setdefault(f"{name}covered", []).append(float(held.mean()))
            wide = np.minimum(high, 1.0) - np.maximum(low, 0.0)
            found.setdefault(f"{name}width", []).append(float(wide.mean()))
            if not name:
                found.setdefault("new families covered", []).append(float(held[new].mean()))
    return {name: float(np.mean(v)) for name, v in found.items()} | {"refused": refused / draws}


_KEYS = "world axes families members given"

CERTIFICATES = (
    Certificate(
        name="observed-forecast",
        method="calibrant.scaling.observed.forecasters.FORECASTERS",
        statement=(
            "90 % intervals from given scores, for the largest 30 % of subjects of known families "
            "and for families of which no target is known, hold 83 to 96 %."
        ),
        regimes=regimes(
            _KEYS, ("smooth", 1, 4, 4, 4), ("smooth", 3, 8, 4, 6), ("emergent", 2, 8, 4, 6),
            ("noisy", 2, 8, 4, 4), ("gaps", 2, 8, 4, 6),
        ),
        batch=coverage_batch,
        bounds={"covered": Bound(low=0.83, high=0.96)},
        peers={
            "least squares": "Ruan et al.'s sigmoid of three components, t with its residual SD",
            "compute": "the same sigmoid of log compute alone",
        },
        beyond=regimes(_KEYS, ("tuned", 1, 8, 4, 6), ("hidden", 1, 8, 4, 6)),
        batch_draws=25,
    ),
)  # fmt: skip
"""Certificates of forecasts from given scores."""
