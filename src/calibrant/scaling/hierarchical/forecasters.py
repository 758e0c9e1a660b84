"""The hierarchy among the models of the zoo."""

from __future__ import annotations

import numpy as np

from calibrant.scaling.forecaster import Forecaster
from calibrant.scaling.hierarchical.forecast import forecast, laplace_draws
from calibrant.scaling.hierarchical.laplace import fit_laplace
from calibrant.scaling.hierarchical.layout import layout
from calibrant.scaling.predictive import Predictive
from calibrant.scaling.scores import Scores


def _families(known: Scores, at: Scores, rng: np.random.Generator) -> Predictive:
    return forecast(laplace_draws(fit_laplace(layout(known)), rng), at, rng)


FORECASTERS: tuple[Forecaster, ...] = (
    Forecaster(
        "hierarchy",
        "Measures are sigmoids of one ability; families differ in their head start and growth "
        "and share strength.",
        _families,
    ),
)
"""Those that need no extra."""
