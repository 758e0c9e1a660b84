"""The hierarchy among the models of the zoo."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from calibrant.scaling.forecaster import Forecaster
from calibrant.scaling.hierarchical.forecast import forecast, laplace_draws
from calibrant.scaling.hierarchical.laplace import fit_laplace
from calibrant.scaling.hierarchical.layout import layout
from calibrant.scaling.hierarchical.verb import fit_families
from calibrant.scaling.predictive import Predictive
from calibrant.scaling.scores import Scores

SAYS = (
    "Measures are sigmoids of one ability; families differ in their head start and growth and "
    "share strength."
)


def _families(known: Scores, at: Scores, rng: np.random.Generator) -> Predictive:
    return forecast(laplace_draws(fit_laplace(layout(known)), rng), at, rng)


def bayes_forecaster(*, chains: int = 4, draws: int = 1200, warmup: int = 200) -> Forecaster:
    """The hierarchy by the No-U-Turn sampler (extra `bayes`).

    Its forecasts raise `GateError`, naming the gates that failed in one line, and predict nothing
    from chains that have not found the posterior.
    """

    def predict(known: Scores, at: Scores, rng: np.random.Generator) -> Predictive:
        seed = int(rng.integers(2**31))
        found = fit_families(
            known, bayes=True, seed=seed, chains=chains, draws=draws, warmup=warmup
        )
        gates = tuple(g.to_dict() for g in found.gates)
        return replace(found.predict(at, seed=seed), gates=gates)

    return Forecaster("hierarchy by NUTS", SAYS, predict)


FORECASTERS: tuple[Forecaster, ...] = (Forecaster("hierarchy", SAYS, _families),)
"""Those that need no extra."""
