"""The posterior's log density and No-U-Turn chains for it, in JAX; the only file that needs it.

Importing this module imports JAX and NumPyro; `fit` does so inside functions and turns their
absence into one line.
"""

from __future__ import annotations

import math
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.nn import softplus
from jax.scipy.linalg import solve_triangular
from jax.scipy.special import logsumexp
from numpyro.infer.hmc import hmc
from numpyro.infer.util import ParamInfo

from calibrant.stats.hierarchical.reference import FLAT, Reference


class Shape(NamedTuple):
    """What a compiled program depends on besides array sizes."""

    binomial: bool
    scales: int
    head: int  # effects sampled in one block with mean and scales, straightened
    effects: int
    block: tuple[bool, bool] | None  # are item and item:subject integrated out; None: neither


class Block(NamedTuple):
    """Items whose effects are integrated out. Rows are kinds of cell, patterns kinds of item."""

    rows: Any  # patterns × rows: how often
    times: Any  # per pattern: items that have it
    base: Any  # per predictor that occurs: a row with it
    of: Any  # per row: its predictor
    outer: Any  # per predictor: scale of the item
    inner: Any  # per predictor: scale of item:subject
    outer_nodes: Any  # standard normal quadrature: nodes and log weights
    outer_weights: Any
    inner_nodes: Any
    inner_weights: Any


class Data(NamedTuple):
    """A model's arrays, the arguments of the compiled program."""

    codes: Any  # terms × rows: position of the level's effect
    group: Any  # per effect: its scale
    centring: Any  # per effect outside the head: 0 non-centred to 1 centred
    prior: Any  # per scale, then residual: standard deviation of the half-normal
    mean: Any  # shape or standard deviation of the prior of the mean
    n: Any
    total: Any
    square: Any
    reference: Reference
    block: Any


Position = dict[str, Any]


class Parameters(NamedTuple):
    """What the model speaks of."""

    mean: Any
    scales: Any
    residual: Any  # 1 for 0/1 scores
    effects: Any


def half_normal(x: Any) -> Any:
    """A monotone function that makes standard half-normal numbers of standard normal ones.

    So transformed, a scale has thin tails on both sides, as itself or its logarithm it has not.
    """
    share = 0.5 * lax.erfc(-x / math.sqrt(2))
    return math.sqrt(2) * lax.erf_inv(jnp.clip(share, 1e-300, 1 - 1e-15))


def constrain(shape: Shape, data: Data, z: Position) -> tuple[Parameters, Any]:
    """The parameters at a position, and the log of their prior density there, up to a constant.

    Given scales, effects in the head are standard normal if the scores were, in `Reference`,
    normal about the predictor: the position holds them less their mean, times the root of their
    precision. Other raw effects are Normal(0, scale^w), and effects scale^(1 − w) times those.
    """
    known = shape.scales + (not shape.binomial)
    x, u = z["head"][:known], z["head"][known:]
    every = half_normal(x) * data.prior[:known]
    scales = every[: shape.scales]
    residual = jnp.ones(()) if shape.binomial else every[-1]
    spread = jnp.concatenate([data.reference.mean, scales[data.group[: shape.head]]])
    root, shift = _straight(shape, data.reference, spread, scales, residual)
    w = solve_triangular(root, shift + u, trans=1, lower=True)
    mean, effects = spread[0] * w[0], spread[1:] * w[1:]
    lp = -0.5 * jnp.sum(x**2) - 0.5 * jnp.sum(w[1:] ** 2) - jnp.sum(jnp.log(jnp.diag(root)))
    if shape.binomial:
        # The logit of a Beta(a, a) rate.
        lp += -data.mean * (softplus(mean) + softplus(-mean))
    else:
        lp += -0.5 * (mean / data.mean) ** 2
    if shape.effects > shape.head:
        logs = jnp.log(scales[data.group[shape.head :]])
        power = data.centring[shape.head :] * logs
        lp += jnp.sum(-0.5 * (z["units"] * jnp.exp(-power)) ** 2 - power)
        effects = jnp.concatenate([effects, jnp.exp(logs - power) * z["units"]])
    return Parameters(mean, scales, residual, effects), lp


def _straight(
    shape: Shape, ref: Reference, spread: Any, scales: Any, residual: Any
) -> tuple[Any, Any]:
    """Root of the precision of mean and effects given scales, and the root times their mean."""
    padded = jnp.append(scales, 0.0)  # a model without terms has no scale
    outer, inner = (padded[i] ** 2 for i in (ref.outer, ref.inner))
    if shape.binomial:
        items = ref.outer_share, ref.inner_share
        flat = 1 + FLAT * (outer * (items[0] > 0) + inner * (items[1] > 0))
        noise, centre = flat * ref.noise, jnp.sqrt(flat) * ref.centre
    else:
        noise, centre = residual**2 * ref.noise, ref.centre
    weight = 1 / (noise + inner * ref.inner_share)
    a = ref.design * spread
    weighted = a * weight[:, None]
    # What an instrument's items have in common is a normal effect of its own.
    shared = ref.sharing.T @ weighted
    common = (ref.sharing.T @ (outer * ref.outer_share)) / ref.sharing.sum(0)
    common = common / (1 + common * (ref.sharing.T @ weight))
    precision = jnp.eye(spread.size) + a.T @ weighted - (shared.T * common) @ shared
    pull = weighted.T @ centre - shared.T @ (common * (ref.sharing.T @ (weight * centre)))
    root = jnp.linalg.cholesky(precision, symmetrize_input=False)
    return root, solve_triangular(root, pull, lower=True)


def potential(shape: Shape, data: Data, z: Position) -> Any:
    """Minus the log posterior density, up to a constant."""
    at, lp = constrain(shape, data, z)
    eta = jnp.full(data.n.shape, at.mean)
    if shape.effects:
        eta = eta + at.effects[data.codes].sum(0)
    if shape.binomial:
        return -lp - _binomial(shape, data, eta, at.scales)
    return -lp - _normal(shape, data, eta, at.scales, jnp.log(at.residual))


def _binomial(shape: Shape, data: Data, eta: Any, scales: Any) -> Any:
    if shape.block is None:
        return jnp.sum(data.total * eta - data.n * softplus(eta))
    block, has = data.block, shape.block
    eta = eta[block.base][:, None, None]
    if has[0]:
        eta = eta + scales[block.outer][:, None, None] * block.outer_nodes[None, :, None]
    if has[1]:
        eta = eta + scales[block.inner][:, None, None] * block.inner_nodes
    failures = softplus(eta)
    # The log likelihood of each kind of cell at each node of the item's effect, and then of
    # each kind of item.
    of, total, n = block.of, data.total[:, None, None], data.n[:, None, None]
    table = total * eta[of] - n * failures[of]
    table = logsumexp(table + block.inner_weights, axis=-1)
    per = logsumexp(block.rows @ table + block.outer_weights, axis=-1)
    return jnp.sum(block.times * per)


def _normal(shape: Shape, data: Data, eta: Any, scales: Any, log_residual: Any) -> Any:
    variance = jnp.exp(2 * log_residual)
    within = -(data.n - 1) * log_residual - 0.5 * data.square / variance
    v, gap = variance / data.n, data.total / data.n - eta
    if shape.block is None:
        return jnp.sum(within - 0.5 * jnp.log(v) - 0.5 * gap**2 / v)
    block, has = data.block, shape.block
    if has[1]:
        v = v + scales[block.inner] ** 2
    # With a common effect per item the covariance is diagonal plus rank one (Sherman, Morrison).
    own = within - 0.5 * jnp.log(v) - 0.5 * gap**2 / v
    if not has[0]:
        return jnp.sum(own)
    shared = scales[block.outer] ** 2
    s = block.rows @ jnp.stack([shared / v, gap * jnp.sqrt(shared) / v], axis=-1)
    common = -0.5 * jnp.log1p(s[:, 0]) + 0.5 * s[:, 1] ** 2 / (1 + s[:, 0])
    return jnp.sum(own) + jnp.sum(common)


class Chain(NamedTuple):
    """Draws of one chain: positions and what the sampler says of itself."""

    z: Position
    diverging: Any
    energy: Any
    steps: Any


def _chain(
    shape: Shape, warmup: int, draws: int, thin: int, key: Any, accept: Any, data: Data
) -> Chain:
    init, sample = hmc(potential_fn_gen=lambda d: partial(potential, shape, d), algo="NUTS")
    key, start = jax.random.split(key)
    size = shape.scales + (not shape.binomial) + 1 + shape.head
    first = 0.5 * jax.random.normal(start, (size + shape.effects - shape.head,))
    z = {"head": first[:size], "units": first[size:]}
    # A start that is worse than anything, so that the first trajectory leaves it: its density
    # would have to be compiled once more.
    nowhere = ParamInfo(z, jnp.array(1e8), jax.tree.map(jnp.zeros_like, z))
    state = init(
        nowhere, warmup, step_size=0.5, target_accept_prob=accept, dense_mass=[("head",)],
        model_args=(data,), rng_key=key,
    )  # fmt: skip

    def step(state: Any, _: Any) -> tuple[Any, Any]:
        state = sample(state, (data,))
        return state, (state.z, state.diverging, state.energy, state.num_steps)

    # One loop for warm-up and draws, as each would be compiled.
    every = lax.scan(step, state, None, length=warmup + draws * thin)[1]
    z, bad, energy, steps = jax.tree.map(lambda x: x[warmup:], every)
    return Chain(
        {name: x[thin - 1 :: thin] for name, x in z.items()},
        bad.reshape(draws, thin).any(1),
        energy[thin - 1 :: thin],
        steps.reshape(draws, thin).sum(1),
    )


@lru_cache(maxsize=32)
def compiled(shape: Shape, warmup: int, draws: int, thin: int, *, many: bool) -> Any:
    """One chain (key, target acceptance, data) → Chain, compiled; `many`: for a stack of keys."""
    run = partial(_chain, shape, warmup, draws, thin)
    return jax.jit(jax.vmap(run, in_axes=(0, None, None)) if many else run)
