"""The survey model's log density and No-U-Turn chains for it, in JAX; the only file that needs it.

Importing this module imports JAX and NumPyro; `nuts` does so inside a function.
"""

from __future__ import annotations

import math
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from numpyro.infer.hmc import hmc
from numpyro.infer.util import ParamInfo

from calibrant.priorities.model.priors import BEND, EXTRA, FACTOR, MEDIAN, OWN, WIDTH


class Shape(NamedTuple):
    """What a compiled program depends on besides array sizes."""

    questions: int
    pooled: bool
    own: bool
    steps: tuple[int, ...]  # thresholds per question
    raters: int
    areas: int
    categories: int


class Data(NamedTuple):
    """The arguments of the compiled program."""

    centre: Any  # the position's origin and axes: parameters are centre + axes @ position
    axes: Any
    category: Any
    respondent: tuple[Any, ...]  # per question
    area: tuple[Any, ...]
    value: tuple[Any, ...]
    owned: tuple[Any, ...]


class Parameters(NamedTuple):
    """What the model speaks of."""

    x: Any
    thresholds: tuple[Any, ...]
    own: Any
    scores: Any  # areas × questions
    severity: Any  # raters × questions
    log_prior: Any


def root(x: Any, questions: int) -> Any:
    """Cholesky factor of a covariance, as in `priors`."""
    scale = MEDIAN * jnp.exp(FACTOR * x[:questions])
    rows = []
    at = questions
    for i in range(questions):
        left, row = jnp.ones(()), []
        for _ in range(i):
            partial_correlation = jnp.tanh(BEND * x[at])
            row.append(partial_correlation * jnp.sqrt(left))
            left = left * (1 - partial_correlation**2)
            at += 1
        row.append(jnp.sqrt(left))
        row += [jnp.zeros(())] * (questions - i - 1)
        rows.append(jnp.stack(row))
    return scale[:, None] * jnp.stack(rows)


def log_chance(upper: Any, lower: Any) -> Any:
    """As `stats.ordinal.likelihood.log_chance`, flat beyond 37 standard deviations."""
    # In the upper tail both are turned round, so that small numbers are subtracted.
    swap = upper + lower > 0
    high = jnp.where(swap, lower, -upper) / math.sqrt(2)
    low = jnp.where(swap, upper, -lower) / math.sqrt(2)
    return jnp.log(jnp.maximum((lax.erfc(high) - lax.erfc(low)) / 2, 1e-300))


def constrain(shape: Shape, data: Data, u: Any) -> Parameters:
    """The parameters at a position, and the log of their prior density up to a constant.

    What the prior says of thresholds as chances of labels is left to `potential`.
    """
    w = data.centre + data.axes @ u
    q = shape.questions
    kinds = 2 + shape.pooled
    each = q + q * (q - 1) // 2
    x, at = w[: kinds * each], kinds * each
    roots = [root(x[i * each : (i + 1) * each], q) for i in range(kinds)]
    lp = -0.5 * jnp.sum(x**2)
    thresholds = []
    for k in shape.steps:
        free = w[at : at + k]
        steps = jnp.cumsum(jnp.concatenate([free[:1], jnp.exp(free[1:])]))
        lp += jnp.sum(free[1:]) - 0.5 * jnp.sum((steps / WIDTH) ** 2)
        thresholds.append(steps)
        at += k
    own = jnp.zeros(q)
    if shape.own:
        own = w[at : at + q]
        lp += -0.5 * jnp.sum((own / OWN) ** 2)
        at += q
    rest = w[at:]
    lp += -0.5 * jnp.sum(rest**2)
    rows = rest.reshape(-1, q)
    severity = rows[: shape.raters] @ roots[0].T
    scores = rows[shape.raters : shape.raters + shape.areas] @ roots[1].T
    if shape.pooled:
        scores += (rows[shape.raters + shape.areas :] @ roots[2].T)[data.category]
    return Parameters(x, tuple(thresholds), own, scores, severity, lp)


def potential(shape: Shape, data: Data, u: Any) -> Any:
    """Minus the log posterior density, up to a constant."""
    p = constrain(shape, data, u)
    upper, lower, weights = [], [], []
    ends = -jnp.inf * jnp.ones(1), jnp.inf * jnp.ones(1)
    for q in range(shape.questions):
        edges = jnp.concatenate([ends[0], p.thresholds[q], ends[1]])
        centre = p.scores[data.area[q], q] + p.severity[data.respondent[q], q]
        centre += p.own[q] * data.owned[q]
        upper += [edges[data.value[q] + 1] - centre, edges[1:] / WIDTH]
        lower += [edges[data.value[q]] - centre, edges[:-1] / WIDTH]
        weights += [jnp.ones(centre.size), EXTRA * jnp.ones(edges.size - 1)]
    log = log_chance(jnp.concatenate(upper), jnp.concatenate(lower))
    return -p.log_prior - jnp.sum(jnp.concatenate(weights) * log)


class Chain(NamedTuple):
    """Draws of one chain: positions and what the sampler says of itself."""

    position: Any
    diverging: Any
    energy: Any


def _chain(shape: Shape, warmup: int, draws: int, key: Any, accept: Any, data: Data) -> Chain:
    init, sample = hmc(potential_fn_gen=lambda d: partial(potential, shape, d), algo="NUTS")
    key, start = jax.random.split(key)
    first = jax.random.normal(start, data.centre.shape)
    # A start that is worse than anything, so that the first trajectory leaves it: its density
    # would have to be compiled once more.
    nowhere = ParamInfo(first, jnp.array(1e8), jnp.zeros_like(first))
    state = init(
        nowhere, warmup, step_size=0.5, target_accept_prob=accept, model_args=(data,), rng_key=key
    )

    def step(state: Any, _: Any) -> tuple[Any, Any]:
        state = sample(state, (data,))
        return state, (state.z, state.diverging, state.energy)

    # One loop for warm-up and draws, as each would be compiled.
    every = lax.scan(step, state, None, length=warmup + draws)[1]
    return Chain(*(x[warmup:] for x in every))


@lru_cache(maxsize=16)
def compiled(shape: Shape, warmup: int, draws: int) -> Any:
    """One chain (key, target acceptance, data) → Chain, compiled."""
    return jax.jit(partial(_chain, shape, warmup, draws))


@lru_cache(maxsize=16)
def parameters(shape: Shape) -> Any:
    """Data and positions (draws × size) → parameters, draws first; compiled."""
    return jax.jit(jax.vmap(partial(constrain, shape), in_axes=(None, 0)))
