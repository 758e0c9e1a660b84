"""May these numbers be reported? Gates on the prior, the chains, and the fit to the data.

A gate is a number with a limit. If one fails, the model's numbers are not reported: a sampler
that diverged, or a model that cannot make data like these, has nothing to say about a rate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit

from calibrant.stats.hierarchical.diagnostics import (
    e_bfmi,
    ess_bulk,
    ess_tail,
    rank_rhat,
    split_rhat,
)
from calibrant.stats.hierarchical.fit import Posterior
from calibrant.stats.hierarchical.model import POPULATION, Floats, Ints, Model, Term
from calibrant.stats.hierarchical.rates import mean_rate, predictor

REPLICATES = 1000
"""Data sets drawn for predictive checks, at most one per posterior draw."""

DIVERGENT = 0.001
"""Trajectories that may diverge; the first fit that has none is taken, of two."""

TAIL = 0.001
"""The share of replicates that must lie beyond the data, on either side."""


@dataclass(frozen=True)
class Gate:
    """One condition for reporting.

    Attributes:
        name: what is checked.
        value: what was found; the worst of several.
        limit: what is allowed.
        wanted: "at least" or "at most".
        where: the quantity that was worst, or how the value arose.
    """

    name: str
    value: float
    limit: float
    wanted: str
    where: str = ""

    @property
    def passed(self) -> bool:
        """Whether the value keeps the limit; a value that is no number does not."""
        if self.wanted == "at most":
            return self.value <= self.limit
        return self.value >= self.limit

    def __repr__(self) -> str:
        state = "passed" if self.passed else "FAILED"
        where = f" ({self.where})" if self.where else ""
        return f"{self.name}: {self.value:.4g}, wanted {self.wanted} {self.limit:g}: {state}{where}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data; an infinite value is None."""
        data = asdict(self) | {"passed": self.passed}
        data["value"] = self.value if math.isfinite(self.value) else None
        return data


def chain_gates(posterior: Posterior, quantities: Mapping[str, Floats]) -> list[Gate]:
    """Gates on the sampler: divergences, R-hat, effective sizes, energy.

    Args:
        quantities: draws (chains × draws) of everything that will be reported, by name.
    """
    names = list(quantities)
    rhat = [rank_rhat(q) for q in quantities.values()]
    bulk = [ess_bulk(q) for q in quantities.values()]
    tail = [ess_tail(q) for q in quantities.values()]
    chains = posterior.mean.shape[0]
    need = 100.0 * chains
    latent = [split_rhat(e).max() for e in posterior.effects.values()]
    return [
        Gate("share of divergent transitions", float(posterior.diverging.mean()), DIVERGENT,
             "at most", f"{int(posterior.diverging.sum())} of {posterior.diverging.size}"),
        Gate("R-hat", max(rhat), 1.01, "at most", names[int(np.argmax(rhat))]),
        Gate("R-hat of effects", float(max(latent, default=1.0)), 1.05, "at most"),
        Gate("bulk ESS", min(bulk), need, "at least", names[int(np.argmin(bulk))]),
        Gate("tail ESS", min(tail), need, "at least", names[int(np.argmin(tail))]),
        Gate("E-BFMI", float(e_bfmi(posterior.energy).min()), 0.3, "at least"),
    ]  # fmt: skip


def prior_gates(model: Model, *, seed: int = 0, draws: int = 4000) -> list[Gate]:
    """Gates on the prior: before the data, ordinary rates must be possible, absurd ones rare."""
    rng = np.random.default_rng(seed)
    eta = _prior_mean(model, rng, draws)
    variance = np.zeros(draws)
    for term in model.terms:
        scale = np.abs(rng.normal(0, model.priors.scale(term.name), draws))
        if term.name in POPULATION:
            eta = eta + scale * rng.standard_normal(draws)
        else:
            variance += scale**2
    if model.family == "normal":
        far = float((np.abs(eta) > 10).mean())
        return [Gate("prior beyond 10 SD of the scores", far, 0.05, "at most")]
    rate = mean_rate(eta, np.sqrt(variance))
    extreme = float(((rate < 0.001) | (rate > 0.999)).mean())
    middle = float(((rate > 0.05) & (rate < 0.95)).mean())
    return [
        Gate("prior mass of rates beyond 0.001 and 0.999", extreme, 0.25, "at most"),
        Gate("prior mass of rates within 0.05 and 0.95", middle, 0.25, "at least"),
    ]


def _prior_mean(model: Model, rng: np.random.Generator, draws: int) -> Floats:
    a = model.priors.mean
    if model.family == "normal":
        return rng.normal(0, a, draws)
    # Clipped, as a Beta with a small shape gives 0 and 1 in floating point.
    return np.asarray(logit(np.clip(rng.beta(a, a, draws), 1e-300, 1 - 1e-16)))


def predictive_gates(model: Model, posterior: Posterior, *, seed: int = 0) -> list[Gate]:
    """Gates on the fit: data replicated with new items and, for their spread, new subjects.

    Effects are drawn anew from their distributions (mixed predictive checks, Gelman, Meng and
    Stern, Statistica Sinica 6 (1996) 733), which finds what the fitted effects would hide.
    """
    rng = np.random.default_rng(seed)
    chains, draws = posterior.mean.shape
    step = max(1, -(-chains * draws // REPLICATES))
    at = [(c, d) for c in range(chains) for d in range(0, draws, step)]
    keys = {"items": _levels(model, "item"), "clusters": _levels(model, "cluster")}
    observed = _statistics(model, model.total, keys)
    subjects = _levels(model, "subject")
    replicated: dict[str, list[float]] = {name: [] for name in observed}
    known, pair = _known(model, posterior)
    lone = []
    for position in at:
        eta = known[position][pair] + _new(model, posterior, position, rng, population=False)
        total = _simulate(model, eta, posterior.residual[position], rng)
        for name, value in _statistics(model, total, keys).items():
            replicated[name].append(value)
        if subjects is not None:
            eta = posterior.mean[position] + _new(model, posterior, position, rng, population=True)
            total = _simulate(model, eta, posterior.residual[position], rng)
            lone.append(_spread(model, total, subjects))
    if subjects is not None:
        observed["spread of subject means"] = _spread(model, model.total, subjects)
        replicated["spread of subject means"] = lone
    return [_gate(name, value, replicated[name]) for name, value in observed.items()]


def _gate(name: str, value: float, replicates: list[float]) -> Gate:
    array = np.array(replicates)
    tie = np.isclose(array, value, rtol=1e-9, atol=1e-12)
    above = float(((array > value) & ~tie).mean() + tie.mean() / 2)
    low, high = np.quantile(array, [0.005, 0.995])
    where = f"data {value:.4g}, replicates {low:.4g} to {high:.4g}"
    return Gate(f"{name}, tail share", min(above, 1 - above), TAIL, "at least", where)


def _levels(model: Model, name: str) -> Any:
    term = model.term(name)
    return None if term is None else term.codes


def _known(model: Model, posterior: Posterior) -> tuple[Floats, Ints]:
    """Draws of the predictor of each subject and instrument, and which of them each cell has."""
    pairs = {p: predictor(model, posterior, *p) for p in model.pairs}
    kind = {p: i for i, p in enumerate(pairs)}
    cell = [kind[int(s), int(t)] for s, t in zip(model.subject, model.instrument, strict=True)]
    return np.stack(list(pairs.values()), axis=-1), np.array(cell)


def _new(
    model: Model,
    posterior: Posterior,
    at: tuple[int, int],
    rng: np.random.Generator,
    *,
    population: bool,
) -> Floats:
    """New effects of each cell; those of subjects and instruments only on demand."""
    scales = iter(posterior.scales[at])
    total = np.zeros(model.n.size)
    for term in model.terms:
        mine = np.array([next(scales) for _ in term.groups])
        if population or term.name not in POPULATION:
            total += _draw(term, mine, rng)
    return total


def _draw(term: Term, scales: Floats, rng: np.random.Generator) -> Floats:
    return np.asarray((scales[term.group] * rng.standard_normal(term.levels))[term.codes])


def _simulate(model: Model, eta: Floats, residual: float, rng: np.random.Generator) -> Floats:
    if model.family == "binomial":
        return rng.binomial(model.n.astype(np.int64), expit(eta)).astype(float)
    return np.asarray(model.n * eta + residual * np.sqrt(model.n) * rng.standard_normal(eta.size))


def _spread(model: Model, total: Floats, codes: Any) -> float:
    return float((np.bincount(codes, total) / np.bincount(codes, model.n)).std())


def _statistics(model: Model, total: Floats, keys: Mapping[str, Any]) -> dict[str, float]:
    found = {}
    for name, codes in keys.items():
        if codes is None:
            continue
        found[f"spread of {name[:-1]} means"] = _spread(model, total, codes)
        if model.family == "binomial":
            k, n = np.bincount(codes, total), np.bincount(codes, model.n)
            found[f"{name} with every trial 0"] = float((k == 0).sum())
            found[f"{name} with every trial 1"] = float((k == n).sum())
    return found
