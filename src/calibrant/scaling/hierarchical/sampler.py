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
    """What a compiled program depends on besides array sizes: the number of effects of each kind.

    `anchored` False frees the mean growth of families, which fixes the unit and the sign of the
    axis: only for showing what the gates do with chains of such a model.
    """

    slope: int
    level: int
    bend: int
    family: int
    growth: int
    subject: int
    cell: int
    scales: int
    anchored: bool


class Data(NamedTuple):
    """A layout's arrays, the arguments of the compiled program."""

    family: Any  # per row
    measure: Any
    subject: Any
    cell: Any
    x: Any
    y: Any
    error: Any
    base: Any  # per measure
    span: Any
    low: Any
    reach: Any
    bounded: Any
    noise: Any  # per measure: position of its noise among the scales
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


def log_density(shape: Shape, data: Data, at: Parameters) -> Any:
    """Log of the posterior density of effects and log scales, up to a constant."""
    logs, effects = at.scales, at.effects
    precision = jnp.exp(-2 * logs)
    scales = -0.5 * data.weight * (2 * logs + data.typical**2 * precision)
    drawn = -0.5 * effects**2 * precision[data.group] - logs[data.group]
    fixed = -0.5 * ((effects - data.mean) / data.sd) ** 2
    prior = jnp.where(data.group >= 0, drawn, fixed).sum() + scales.sum()
    return prior + likelihood(shape, data, at)


def likelihood(shape: Shape, data: Data, at: Parameters) -> Any:
    """Log likelihood: the twin of `laplace.predictors` and `layout.curve`."""
    ends, parts = 0, {}
    for name in Shape._fields[:7]:
        size = getattr(shape, name)
        parts[name] = at.effects[ends : ends + size]
        ends += size
    ability = at.pace * data.x
    if shape.family:
        ability = ability + parts["growth"][data.family] * data.x + parts["family"][data.family]
    if shape.subject:
        ability = ability + parts["subject"][data.subject]
    eta = parts["level"][data.measure] + parts["slope"][data.measure] * ability
    eta = eta + parts["bend"][data.measure] * (jnp.sqrt(1 + ability**2) - 1)
    if shape.cell:
        eta = eta + parts["cell"][data.cell]
    base, span, curved = (a[data.measure] for a in (data.base, data.span, data.bounded))
    mean = base + span * jnp.where(curved, sigmoid(eta), eta)
    reach = data.reach[data.measure]
    m = jnp.where(curved, (mean - data.low[data.measure]) / reach, 0.5)
    unit = jnp.where(curved, reach**2 * (m * (1 - m) + data.quiet), span**2)
    variance = jnp.exp(2 * at.scales[data.noise[data.measure]]) * unit + data.error**2
    gap = (data.y - mean) ** 2 / variance
    return (-0.5 * (data.tails + 1) * jnp.log1p(gap / data.tails) - 0.5 * jnp.log(variance)).sum()


def potential(shape: Shape, data: Data, q: Any) -> Any:
    """Minus the log density of a position."""
    at, volume = parameters(shape, data, q)
    found = log_density(shape, data, at) + volume
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
    shape: Shape, warmup: int, draws: int, thin: int, key: Any, accept: Any, first: Any, data: Data
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

    def step(state: Any, _: Any) -> tuple[Any, Any]:
        state = sample(state, (data,))
        return state, (state.z, state.diverging, state.energy, state.num_steps)

    z, bad, energy, steps = lax.scan(step, state, None, length=warmup + draws * thin)[1]
    z, energy, steps = (a[warmup + thin - 1 :: thin] for a in (z, energy, steps))
    at = jax.vmap(lambda q: parameters(shape, data, q)[0])(z)
    bad = bad[warmup:].reshape(draws, thin).any(1)
    return Chain(z, at.effects, at.scales, at.pace, bad, energy, steps)


@lru_cache(maxsize=32)
def compiled(shape: Shape, warmup: int, draws: int, thin: int) -> Any:
    """One chain (key, target acceptance, first position, data) → Chain, compiled."""
    return jax.jit(partial(_chain, shape, warmup, draws, thin))
