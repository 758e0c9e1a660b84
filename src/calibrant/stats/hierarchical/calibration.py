"""Are the posteriors right? Simulation-based calibration of the hierarchical model.

Parameters are drawn from the prior, data from the parameters, and the rank of each true value
among posterior draws is noted. If model, likelihood and sampler agree, ranks are uniform whatever
the prior (Talts et al. 2018, arXiv:1804.06788; Modrák et al., Bayesian Analysis 2023).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, gammaincc, logit

from calibrant.errors import InputError
from calibrant.stats.hierarchical.fit import Posterior, prepare, sampler, unpack
from calibrant.stats.hierarchical.model import POPULATION, Floats, Ints, Model, design
from calibrant.stats.hierarchical.rates import mean_rate, predictor, rates, spread

Also = Callable[[Model, float], dict[str, float]]


@dataclass(frozen=True)
class Ranks:
    """Ranks of true values among posterior draws.

    Attributes:
        ranks: by quantity, one rank 0 to `draws` per data set.
        draws: posterior draws the true value was ranked among.
        divergent: share of data sets with a divergent transition.
        also: means over data sets: "rate_width90" of central 90 % intervals for the rate, and
            what the caller asked for.
    """

    ranks: dict[str, Ints]
    draws: int
    divergent: float
    also: dict[str, float]


def uniformity(ranks: ArrayLike, draws: int, *, bins: int = 20) -> float:
    """The p-value of the chi-square test that ranks 0 to `draws` are uniform.

    Raises:
        InputError: unless `bins` divides the `draws` + 1 possible ranks.
    """
    r = np.asarray(ranks)
    if (draws + 1) % bins or not r.size:
        raise InputError(f"bins: wanted a divisor of {draws + 1} and some ranks, got {bins}")
    counts = np.bincount(r * bins // (draws + 1), minlength=bins)
    expected = r.size / bins
    statistic = float(((counts - expected) ** 2).sum()) / expected
    return float(gammaincc((bins - 1) / 2, statistic / 2))


def layout(
    *,
    subjects: int,
    instruments: int,
    items: int,
    epochs: int,
    graders: int = 1,
    clusters: int = 0,
    normal: bool = False,
) -> Model:
    """The model of a balanced table, with placeholder scores."""  # fmt: skip
    shape = (subjects, instruments, items, epochs, graders)
    s, t, i, e, g = (x.ravel() for x in np.indices(shape))
    # Any scores of the right kind will do: every data set brings its own.
    score = np.linspace(-1, 1, s.size) if normal else (np.arange(s.size) % 2).astype(float)
    more: dict[str, Any] = {"cluster": i % clusters} if clusters else {}
    if graders > 1:
        more |= {"grader": g, "answer": e}
    return replace(design(s, t, i, score, **more), centre=0.0, unit=1.0)


def simulate(model: Model, rng: np.random.Generator) -> tuple[Model, dict[str, float]]:
    """Draw parameters from the prior and data from them: the model with the data, and the truth."""
    a = model.priors.mean
    normal = model.family == "normal"
    mean = rng.normal(0, a) if normal else float(logit(np.clip(rng.beta(a, a), 1e-300, 1 - 1e-16)))
    scales = np.array([abs(rng.normal(0, model.priors.scale(n))) for n, _ in model.scale_names()])
    residual = abs(rng.normal(0, model.priors.residual)) if normal else 1.0
    eta, at, effects = np.full(model.n.size, mean), 0, {}
    for term in model.terms:
        mine = scales[at : at + len(term.groups)]
        at += len(term.groups)
        effects[term.name] = mine[term.group] * rng.standard_normal(term.levels)
        eta = eta + effects[term.name][term.codes]
    if normal:
        total = model.n * eta + residual * np.sqrt(model.n) * rng.standard_normal(eta.size)
        square = residual**2 * 2 * rng.standard_gamma(np.maximum(model.n - 1, 1e-300) / 2)
        square = np.where(model.n > 1, square, 0.0)
    else:
        total = rng.binomial(model.n.astype(np.int64), expit(eta)).astype(float)
        square = np.zeros_like(eta)
    truth = _quantities(
        model,
        Posterior(
            np.array(mean), scales, np.array(residual),
            {k: v for k, v in effects.items() if k in POPULATION},
            np.array(False), np.array(0.0), 0.0,
        ),
    )  # fmt: skip
    data = replace(model, total=total, square=square)
    return data, {k: float(v) for k, v in truth.items()}


def _quantities(model: Model, posterior: Posterior) -> dict[str, Floats]:
    """What is ranked: a rate, a difference of rates, every scale."""
    pairs = model.pairs
    found = {}
    if model.family == "binomial":
        values = [
            mean_rate(np.atleast_1d(predictor(model, posterior, *p)),
                      np.atleast_1d(spread(model, posterior, p[1])))
            for p in (pairs[0], pairs[-1])
        ]  # fmt: skip
        values = [v.reshape(posterior.mean.shape) for v in values]
    else:
        every = rates(model, posterior)
        values = [every[pairs[0]], every[pairs[-1]]]
    found["rate"] = values[0]
    if len(pairs) > 1:
        found["difference"] = values[0] - values[1]
    for at, (name, group) in enumerate(model.scale_names()):
        if group <= 0:
            found[f"scale_{name.replace(':', '_')}"] = posterior.scales[..., at]
    if model.family == "normal":
        found["scale_residual"] = posterior.residual
    return found


def simulated_ranks(
    model: Model,
    rng: np.random.Generator,
    data_sets: int,
    *,
    draws: int = 99,
    thin: int = 3,
    warmup: int = 250,
    target: float = 0.9,
    also: Also | None = None,
) -> Ranks:
    """Ranks over data sets drawn from the prior: one thinned chain each.

    Every data set runs through one compiled program, as its integration grid is chosen for the
    layout and not for the data.

    Args:
        draws, thin: posterior draws kept per data set, every `thin`-th of the chain.
        also: further numbers of each data set, from its model and the true rate.
    """
    module = sampler()
    import jax

    ranks: dict[str, list[int]] = {}
    more: dict[str, list[float]] = {"rate_width90": []}
    divergent = 0
    for _ in range(data_sets):
        data_set, truth = simulate(model, rng)
        shape, data = prepare(module, data_set, fixed=True)
        with jax.enable_x64(True):
            run = module.compiled(shape, warmup, draws, thin, many=False)
            key = jax.random.key(int(rng.integers(2**31)))
            chain = jax.tree.map(np.asarray, run(key, target, data))
        posterior = unpack(data_set, shape, data, chain, target)
        divergent += bool(posterior.diverging.any())
        found = _quantities(data_set, posterior)
        more["rate_width90"].append(float(np.ptp(np.quantile(found["rate"], [0.05, 0.95]))))
        for name, value in (also(data_set, truth["rate"]) if also else {}).items():
            more.setdefault(name, []).append(value)
        for name, values in found.items():
            below = int((values < truth[name]).sum())
            ties = int((values == truth[name]).sum())
            ranks.setdefault(name, []).append(below + int(rng.integers(ties + 1)))
    arrays = {name: np.array(r) for name, r in ranks.items()}
    means = {name: float(np.mean(v)) for name, v in more.items()}
    return Ranks(arrays, draws, divergent / data_sets, means)
