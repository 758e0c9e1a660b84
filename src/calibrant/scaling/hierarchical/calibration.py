"""Are the posteriors of the hierarchy right? Simulation-based calibration of its sampler.

Parameters are drawn from the prior, scores from the parameters, and each true value is ranked
among posterior draws (Talts et al. 2018, arXiv:1804.06788).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from calibrant.scaling.hierarchical.chains import chain_draws, sample
from calibrant.scaling.hierarchical.forecast import laplace_draws
from calibrant.scaling.hierarchical.laplace import (
    SHARED,
    fit_laplace,
    predictors,
    prior_of,
)
from calibrant.scaling.hierarchical.layout import Floats, Layout, curve, layout
from calibrant.scaling.hierarchical.priors import Priors
from calibrant.scaling.scores import scores


def small(*, families: int = 5, members: int = 4, measures: int = 2) -> Layout:
    """A layout with placeholder scores."""
    f, s, m = (a.ravel() for a in np.indices((families, members, measures)))
    found = scores(
        np.full(f.size, 0.5), 20.5 + 0.8 * s + 0.1 * f,
        family=np.array([f"f{i}" for i in f]),
        subject=np.array([f"f{i}s{j}" for i, j in zip(f, s, strict=True)]),
        measure=np.array([f"m{j}" for j in m]),
    )  # fmt: skip
    return layout(found)


def simulate(
    at: Layout, priors: Priors, rng: np.random.Generator
) -> tuple[Layout, Floats, dict[str, Floats]]:
    """Effects and scales drawn from the prior, and the layout with scores drawn from them."""
    many = at.measures.size
    scales = {}
    for name in (*SHARED, "cell", "noise"):
        size = 1 if name in SHARED else many
        square = 2 * rng.standard_gamma(priors.weight / 2, size)
        scales[name] = getattr(priors, name) * np.sqrt(priors.weight / square)
    mean, variance = prior_of(at, priors, scales)
    effects = mean + np.sqrt(variance) * rng.standard_normal(mean.size)
    here = curve(at, at.measure, predictors(at, effects)[1])
    spread = np.sqrt(scales["noise"][at.measure] ** 2 * here.noise + at.error**2)
    y = here.mean + spread * rng.standard_t(priors.tails, at.y.size)
    return replace(at, y=y), effects, scales


def rank(
    at: Layout, priors: Priors, rng: np.random.Generator, *, draws: int = 50, thin: int = 3
) -> dict[str, float]:
    """The share of posterior draws below the truth, for a slope, a family and two scales.

    And under names that begin with "laplace " the same of the normal approximation that chains
    begin from. The sampler is compiled once for all data sets of a layout.
    """
    data, effects, scales = simulate(at, priors, rng)
    fitted = fit_laplace(data, priors)
    run = sample(
        fitted, seed=int(rng.integers(2**31)), chains=2, draws=draws, warmup=100, thin=thin,
        pilot=100,
    )  # fmt: skip
    starts = at.starts()
    places = {"slope": starts["slope"].start, "family": starts["family"].start}
    found = {}
    for before, drawn in (("", chain_draws(run)), ("laplace ", laplace_draws(fitted, rng, 500))):
        for n, i in places.items():
            found[f"{before}{n}"] = float((drawn.effects[:, i] < effects[i]).mean())
        for n in ("cell", "noise"):
            below = drawn.scales[n][:, 0] < scales[n][0]
            found[f"{before}scale_{n}"] = float(below.mean())
    return found
