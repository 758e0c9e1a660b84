"""The posterior's log density and No-U-Turn chains for it, in JAX; the only file that needs it.

Importing this module imports JAX and NumPyro; `fit` does so inside functions and turns their
absence into one line.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.nn import softplus
from jax.scipy.special import logsumexp
from numpyro.infer.hmc import hmc


class Shape(NamedTuple):
    """What a compiled program depends on besides array sizes."""

    binomial: bool
    scales: int
    head: int  # effects sampled in one block with mean and scales: few levels, much data
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
    centring: Any  # per effect: 0 non-centred to 1 centred
    prior: Any  # per scale, then residual: standard deviation of the half-normal
    mean: Any  # shape or standard deviation of the prior of the mean
    n: Any
    total: Any
    square: Any
    block: Any


Position = dict[str, Any]


def split(shape: Shape, z: Position) -> tuple[Any, Any, Any, Any]:
    """Mean, log scales, log residual scale (0 if none) and raw effects of a position."""
    head = z["head"]
    at = 1 + shape.scales
    residual = jnp.zeros(()) if shape.binomial else head[at]
    at += not shape.binomial
    return head[0], head[1 : 1 + shape.scales], residual, jnp.concatenate([head[at:], z["units"]])


def potential(shape: Shape, data: Data, z: Position) -> Any:
    """Minus the log posterior density, up to a constant.

    Raw effects are Normal(0, scale^w), and effects scale^(1 − w) times the raw ones.
    """
    mean, log_scales, log_residual, raw = split(shape, z)
    eta = jnp.full(data.n.shape, mean)
    lp = jnp.sum(log_scales - 0.5 * (jnp.exp(log_scales) / data.prior[:-1]) ** 2)
    if shape.effects:
        logs = log_scales[data.group]
        power = data.centring * logs
        lp += jnp.sum(-0.5 * (raw * jnp.exp(-power)) ** 2 - power)
        eta = eta + (jnp.exp(logs - power) * raw)[data.codes].sum(0)
    scales = jnp.exp(log_scales)
    if shape.binomial:
        # The logit of a Beta(a, a) rate.
        lp += -data.mean * (softplus(mean) + softplus(-mean))
        return -lp - _binomial(shape, data, eta, scales)
    lp += -0.5 * (mean / data.mean) ** 2
    lp += log_residual - 0.5 * (jnp.exp(log_residual) / data.prior[-1]) ** 2
    return -lp - _normal(shape, data, eta, scales, log_residual)


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
    size = 1 + shape.scales + (not shape.binomial) + shape.head
    first = 0.5 * jax.random.normal(start, (size + shape.effects - shape.head,))
    z = {"head": first[:size], "units": first[size:]}
    state = init(
        z, warmup, step_size=0.1, target_accept_prob=accept, dense_mass=[("head",)],
        model_args=(data,), rng_key=key,
    )  # fmt: skip

    def step(state: Any, _: Any) -> tuple[Any, None]:
        return sample(state, (data,)), None

    def keep(state: Any, _: Any) -> tuple[Any, Chain]:
        def more(carry: Any, _: Any) -> tuple[Any, None]:
            state, bad = carry
            state = sample(state, (data,))
            return (state, bad | state.diverging), None

        (state, bad), _nothing = lax.scan(more, (state, jnp.array(False)), None, length=thin)
        return state, Chain(state.z, bad, state.energy, state.num_steps)

    state, _nothing = lax.scan(step, state, None, length=warmup)
    return lax.scan(keep, state, None, length=draws)[1]


@lru_cache(maxsize=32)
def compiled(shape: Shape, warmup: int, draws: int, thin: int, *, many: bool) -> Any:
    """One chain (key, target acceptance, data) → Chain, compiled; `many`: over stacks of keys
    and data sets at once."""
    run = partial(_chain, shape, warmup, draws, thin)
    return jax.jit(jax.vmap(run, in_axes=(0, None, 0)) if many else run)
