"""The hierarchy's log density and No-U-Turn chains for it, in JAX; the only file that needs it.

Positions are steps from the normal approximation (`laplace`), in units of it, and later in those
of a pilot run: the sampler hardly has to learn how far effects may go together. The posterior is
the same.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.nn import sigmoid
from numpyro.infer.hmc import hmc
from numpyro.infer.util import ParamInfo

LOOSE = 10.0
"""SD of slopes and of the mean growth where the axis is not anchored."""


class Shape(NamedTuple):
    """What a compiled program depends on besides array sizes, which are rounded up (`chains.room`).

    `anchored` False frees the mean growth of families, which fixes the unit and the sign of the
    axis: only for showing what the gates do with chains of such a model.
    """

    scales: int
    anchored: bool


class Data(NamedTuple):
    """A layout's arrays, the arguments of the compiled program.

    Rows and effects are filled up: empty rows weigh nothing, and empty effects are standard normal
    and belong to no row, so that the posterior of the others is the same.
    """

    effects: Any  # kinds of effect x rows: the effect's number; that after the last stands for 0
    weight_of: Any  # per row: 1, or 0 where it is empty
    x: Any
    y: Any
    error: Any
    base: Any
    span: Any
    low: Any
    reach: Any
    bounded: Any
    noise: Any  # per row: position of its noise among the scales
    centre: Any  # where positions begin: log scales, effects, and the pace if it is free
    root: Any  # square: from positions to these
    group: Any  # per effect: its scale, or -1 for a fixed prior
    centring: Any  # per effect: 0 non-centred to 1 centred
    mean: Any  # per effect: of its prior, where that is fixed
    sd: Any
    typical: Any  # per scale: of its prior
    about: Any  # per scale: log of where the normal approximation has it
    weight: Any  # degrees of freedom of the priors of variances, and of the noise
    tails: Any
    quiet: Any


class Parameters(NamedTuple):
    """What the model speaks of."""

    effects: Any
    scales: Any  # logarithms
    pace: Any  # mean growth; 1 if anchored


def parameters(shape: Shape, data: Data, q: Any) -> tuple[Parameters, Any]:
    """Parameters at a position, and the logarithm of the volume it stands for."""
    place = data.centre + data.root @ q
    logs, z = place[: shape.scales], place[shape.scales : shape.scales + data.group.size]
    pace = 1.0 if shape.anchored else place[-1]
    shift = jnp.where(data.group >= 0, (1 - data.centring) * (logs - data.about)[data.group], 0.0)
    return Parameters(z * jnp.exp(shift), logs, pace), shift.sum()


def log_density(data: Data, at: Parameters) -> Any:
    """Log of the posterior density of effects and log scales, up to a constant."""
    logs, effects = at.scales, at.effects
    precision = jnp.exp(-2 * logs)
    scales = -0.5 * data.weight * (2 * logs + data.typical**2 * precision)
    drawn = -0.5 * effects**2 * precision[data.group] - logs[data.group]
    fixed = -0.5 * ((effects - data.mean) / data.sd) ** 2
    prior = jnp.where(data.group >= 0, drawn, fixed).sum() + scales.sum()
    return prior + likelihood(data, at)


def likelihood(data: Data, at: Parameters) -> Any:
    """Log likelihood: the twin of `laplace.predictors` and `layout.curve`."""
    every = jnp.append(at.effects, 0.0)
    slope, level, bend, family, growth, subject, cell = (every[i] for i in data.effects)
    ability = (at.pace + growth) * data.x + family + subject
    eta = level + slope * ability + bend * (jnp.sqrt(1 + ability**2) - 1) + cell
    mean = data.base + data.span * jnp.where(data.bounded, sigmoid(eta), eta)
    m = jnp.where(data.bounded, (mean - data.low) / data.reach, 0.5)
    unit = jnp.where(data.bounded, data.reach**2 * (m * (1 - m) + data.quiet), data.span**2)
    variance = jnp.exp(2 * at.scales)[data.noise] * unit + data.error**2
    gap = (data.y - mean) ** 2 / variance
    each = (data.tails + 1) * jnp.log1p(gap / data.tails) + jnp.log(variance)
    return -0.5 * (data.weight_of * each).sum()


def potential(shape: Shape, data: Data, q: Any) -> Any:
    """Minus the log density of a position."""
    at, volume = parameters(shape, data, q)
    found = log_density(data, at) + volume
    if not shape.anchored:
        found = found - 0.5 * (at.pace / LOOSE) ** 2
    return -found


class Chain(NamedTuple):
    """Draws of one chain: parameters and what the sampler says of itself."""

    z: Any
    effects: Any
    scales: Any
    pace: Any
    diverging: Any
    energy: Any
    steps: Any


def _chain(
    shape: Shape, warmup: int, most: int, key: Any, accept: Any, first: Any, data: Data, draws: Any
) -> Chain:
    init, sample = hmc(potential_fn_gen=lambda d: partial(potential, shape, d), algo="NUTS")
    # A start that is worse than anything, so that the first trajectory leaves it: its density
    # would have to be compiled once more.
    nowhere = ParamInfo(first, jnp.array(1e8), jnp.zeros_like(first))
    state = init(
        nowhere,
        warmup,
        step_size=0.2,
        target_accept_prob=accept,
        model_args=(data,),
        rng_key=key,
    )

    # One loop for warm-up and draws, and for pilots and long runs, as each would be compiled.
    def step(i: Any, carried: Any) -> Any:
        state, kept = carried
        state = sample(state, (data,))
        here = state.z, state.diverging, state.energy, state.num_steps
        place = jnp.maximum(i - warmup, 0)
        return state, tuple(a.at[place].set(v) for a, v in zip(kept, here, strict=True))

    kept = (
        jnp.zeros((most, first.size)),
        jnp.zeros(most, dtype=bool),
        jnp.zeros(most),
        jnp.zeros(most, dtype=state.num_steps.dtype),
    )
    _, (z, bad, energy, steps) = lax.fori_loop(0, warmup + draws, step, (state, kept))
    at = jax.vmap(lambda q: parameters(shape, data, q)[0])(z)
    return Chain(z, at.effects, at.scales, at.pace, bad, energy, steps)


@lru_cache(maxsize=32)
def compiled(shape: Shape, warmup: int, most: int) -> Any:
    """One chain, compiled: (key, target acceptance, first position, data, draws) → Chain.

    Its arrays have `most` rows, of which those from `draws` on are empty.
    """
    return jax.jit(partial(_chain, shape, warmup, most))
