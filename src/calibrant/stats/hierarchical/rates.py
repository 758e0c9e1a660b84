"""What is each subject's rate? From posterior draws to rates, on new items or on these.

On the kind of task, item effects are integrated over their distribution on the scale of the
score: the mean rate of new items is not the rate of a mean item.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from scipy.special import expit

from calibrant.errors import InputError
from calibrant.stats.hierarchical.fit import Posterior
from calibrant.stats.hierarchical.items import ITEMS, Integrated, integrate
from calibrant.stats.hierarchical.model import POPULATION, Floats, Model

Population = Literal["tasks", "items"]
Rates = dict[tuple[int, int], Floats]

_Z = np.linspace(-8.0, 8.0, 97)
_W = np.exp(-0.5 * _Z**2)
_W /= _W.sum()

AT_MOST = 1000
"""Draws for which the effects of these very items are drawn."""


def mean_rate(centre: Floats, spread: Floats) -> Floats:
    """The mean of 1/(1 + exp(−η)) for η normal; by the trapezium rule, exact to 1e-6 and better.

    Args:
        centre, spread: mean and standard deviation of η, of one shape.
    """
    flat = np.empty(centre.size)
    pairs = centre.ravel(), np.broadcast_to(spread, centre.shape).ravel()
    for at in range(0, centre.size, 4096):
        c, s = (p[at : at + 4096, None] for p in pairs)
        flat[at : at + 4096] = expit(c + s * _Z) @ _W
    return flat.reshape(centre.shape)


def predictor(model: Model, posterior: Posterior, subject: int, instrument: int) -> Floats:
    """Draws of the predictor of a subject on an instrument, without sampled terms."""
    cell = np.flatnonzero((model.subject == subject) & (model.instrument == instrument))[0]
    eta = posterior.mean.copy()
    for term in model.terms:
        if term.name in POPULATION:
            eta += posterior.effects[term.name][..., term.codes[cell]]
    return eta


def spread(
    model: Model, posterior: Posterior, instrument: int, *, without: tuple[str, ...] = ()
) -> Floats:
    """Draws of the standard deviation of all sampled terms together, on an instrument."""
    variance = np.zeros_like(posterior.mean)
    for at, (name, group) in enumerate(model.scale_names()):
        if name not in POPULATION and name not in without and group in (-1, instrument):
            variance += posterior.scales[..., at] ** 2
    return np.sqrt(variance)


def rates(
    model: Model, posterior: Posterior, population: Population = "tasks", *, seed: int = 0
) -> Rates:
    """Draws (chains × draws) of the rate or mean score of each subject on each instrument.

    Args:
        population: "tasks": on new items, clusters, graders; "items": on the items that the
            subject has scores for, averaged with equal weight, by these graders.
        seed: of the draws of item effects that were integrated out.

    Raises:
        InputError: for "items" where no item of a subject was repeated, as then chance and the
            item's own rate cannot be told apart.
    """
    if population == "tasks":
        found = {}
        for s, t in model.pairs:
            eta = predictor(model, posterior, s, t)
            if model.family == "binomial":
                found[s, t] = mean_rate(eta, spread(model, posterior, t))
            else:
                found[s, t] = model.centre + model.unit * eta
        return found
    if not (model.n > 1).any():
        raise InputError(
            "population: 'items' needs repeated epochs, as with one answer per item chance and "
            "the item's own rate cannot be told apart; got one score of each item and subject"
        )
    return _of_these_items(model, posterior, seed)


def _of_these_items(model: Model, posterior: Posterior, seed: int) -> Rates:
    chains, draws = posterior.mean.shape
    step = max(1, -(-chains * draws // AT_MOST))
    keep = range(0, draws, step)
    found = {pair: np.empty((chains, len(keep))) for pair in model.pairs}
    weights = {}
    for s, t in found:
        mine = (model.subject == s) & (model.instrument == t)
        # Items count alike, however many graders or cells one has.
        per = np.bincount(model.item[mine], minlength=int(model.item.max()) + 1)
        weights[s, t] = np.where(mine, 1 / np.maximum(per[model.item], 1), 0.0)
        weights[s, t] /= weights[s, t].sum()
    block = integrate(model)
    rng = np.random.default_rng(seed)
    answer = np.zeros_like(posterior.mean)
    for at, (name, _) in enumerate(model.scale_names()):
        if name == "answer":
            answer = np.maximum(answer, posterior.scales[..., at])
    for c in range(chains):
        for column, d in enumerate(keep):
            eta = cell_predictor(model, posterior, block, (c, d), rng)
            if model.family == "binomial":
                value = mean_rate(eta, answer[c, d]) if answer[c, d] else expit(eta)
            else:
                value = model.centre + model.unit * eta
            for pair, w in weights.items():
                found[pair][c, column] = float(w @ value)
    return found


def cell_predictor(
    model: Model,
    posterior: Posterior,
    block: Integrated | None,
    at: tuple[int, int],
    rng: np.random.Generator,
) -> Floats:
    """The predictor of each cell in one draw, answers aside; integrated effects are drawn."""
    eta = np.full(model.n.size, posterior.mean[at])
    for term in model.terms:
        if term.name in posterior.effects and term.name != "answer":
            eta += posterior.effects[term.name][at][term.codes]
    if block is None:
        return eta
    scales = dict(zip(model.scale_names(), posterior.scales[at], strict=True))
    outer, inner = (_cell_scales(model, name, scales) for name in ITEMS)
    of = model.term("item")
    item = model.item if of is None else of.codes
    if model.family == "normal":
        return _draw_normal(model, eta, outer, inner, item, posterior.residual[at], rng)
    first = block.cells
    table = [a[first][:, None, None] for a in (eta, outer, inner, model.total, model.n)]
    grid = table[0] + table[1] * block.outer[0][None, :, None] + table[2] * block.inner[0]
    like = table[3] * grid - table[4] * np.logaddexp(0.0, grid) + block.inner[1]
    cumulated = np.exp(like - like.max(axis=-1, keepdims=True)).cumsum(axis=-1)
    per = block.rows @ (np.log(cumulated[..., -1]) + like.max(axis=-1)) + block.outer[1]
    weight = np.exp(per - per.max(axis=-1, keepdims=True)).cumsum(axis=-1)
    node = _pick(weight[block.pattern], rng)[item]
    inside = _pick(cumulated[block.row, node], rng)
    return np.asarray(eta + outer * block.outer[0][node] + inner * block.inner[0][inside])


def _cell_scales(model: Model, name: str, scales: dict[tuple[str, int], float]) -> Floats:
    """The scale of a term in each cell; 0 where the model lacks it."""
    term = model.term(name)
    if term is None:
        return np.zeros(model.n.size)
    return np.array([scales[name, g] for g in term.groups])[term.group[term.codes]]


def _pick(cumulated: Floats, rng: np.random.Generator) -> Any:
    """One index per row, with the probabilities of the row's increments."""
    u = rng.random(len(cumulated))[:, None] * cumulated[:, -1:]
    return (cumulated < u).sum(axis=-1)


def _draw_normal(
    model: Model, eta: Floats, outer: Floats, inner: Floats, item: Any, residual: float,
    rng: np.random.Generator,
) -> Floats:  # fmt: skip
    """Item effects given the rest, for normal scores: conjugate."""
    noise = residual**2 / model.n
    gap = model.total / model.n - eta
    a, b = (np.bincount(item, x / (inner**2 + noise)) for x in (np.ones_like(gap), gap))
    scale = np.zeros(a.size)
    scale[item] = outer
    shrunk = scale**2 / (1 + scale**2 * a)
    effect = (shrunk * b + np.sqrt(shrunk) * rng.standard_normal(a.size))[item]
    share = inner**2 / (inner**2 + noise)
    own = share * (gap - effect) + np.sqrt(share * noise) * rng.standard_normal(gap.size)
    return np.asarray(eta + effect + own)


def each_scale(model: Model, posterior: Posterior) -> Iterator[tuple[str, int, Floats]]:
    """Term, instrument (-1: all) and draws of each scale, in logits or units of the score."""
    for at, (name, group) in enumerate(model.scale_names()):
        yield name, group, posterior.scales[..., at] * model.unit
    if model.family == "normal":
        yield "residual", -1, posterior.residual * model.unit
