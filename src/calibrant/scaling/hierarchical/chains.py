"""Which effects explain the scores, without a normal approximation? Chains, and their gates."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag

from calibrant.scaling.hierarchical.forecast import DRAWS, Draws
from calibrant.scaling.hierarchical.laplace import SHARED, Fitted, prior_of
from calibrant.scaling.hierarchical.layout import QUIET, Floats, Layout
from calibrant.scaling.hierarchical.priors import Priors
from calibrant.stats.hierarchical.extra import needs_bayes
from calibrant.stats.hierarchical.fit import Posterior, check_numbers
from calibrant.stats.hierarchical.gates import Gate, chain_gates

PILOT = 300
"""Draws of each chain of the pilot run."""

WIDE = 1.0
"""How far apart chains begin, in units of the normal approximation."""


@dataclass(frozen=True, repr=False, eq=False)
class Chains:
    """Draws from the posterior, chains × draws first.

    Attributes:
        effects: chains × draws × effects, in the order of `Layout.blocks`.
        scales: by kind: chains × draws × 1, or × measures for "cell" and "noise".
        pace: mean growth of families; ones where the axis is anchored.
        diverging: whether the draw's trajectory diverged.
        energy: of each draw.
    """

    layout: Layout
    priors: Priors
    effects: Floats
    scales: dict[str, Floats]
    pace: Floats
    diverging: NDArray[np.bool_]
    energy: Floats
    steps: Any = None


def sampler() -> ModuleType:
    """The module of the sampler.

    Raises:
        CalibrantError: if JAX or NumPyro are not installed.
    """
    return needs_bayes("calibrant.scaling.hierarchical.sampler", "forecasts by NUTS need")


def room(effects: int, rows: int) -> tuple[int, int]:
    """Effects and rows that a program is compiled for: the first on a ladder that has the room.

    The ladder is 32, 48, 64, 96, 128, ... effects and half as many rows again, so that the cuts
    of a back-test share few programs; it depends on the data alone, as the draws do on it.
    """
    step = 32
    while step < effects or 3 * step < 2 * rows:
        step += step // 2 if step & (step - 1) == 0 else step // 3
    return step, 3 * step // 2


def sample(
    fitted: Fitted,
    *,
    seed: int = 0,
    chains: int = 4,
    draws: int = 1200,
    warmup: int = 200,
    thin: int = 1,
    pilot: int | None = None,
    accept: float = 0.8,
    anchored: bool = True,
) -> Chains:
    """Draw from the posterior; the same seed gives the same draws on the same machine.

    Args:
        fitted: the normal approximation, from which chains begin, spread out by twice its width.
        seed: 0 or more.
        chains, draws, warmup: at least 2, 4 and 10; draws and warm-up per chain.
        pilot: draws of each chain of the pilot run; by default `PILOT`, or all if they are fewer.
        thin: every `thin`-th draw is kept.
        accept: the acceptance rate the step size is adapted to.
        anchored: False frees the unit and sign of ability: what the gates are for.

    Raises:
        InputError: for numbers of draws that are too small or a negative seed.
        CalibrantError: if JAX or NumPyro are not installed.
    """
    check_numbers(seed, chains, draws, warmup)
    module = sampler()
    shape, data = prepare(module, fitted, anchored=anchored)
    short, long = pilot or min(draws * thin, PILOT), draws * thin
    run = module.compiled(shape, warmup, max(short, long))
    early, last = np.random.SeedSequence(seed).spawn(2)
    found = _run(run, early, chains, accept, data, short, WIDE)
    data = _straightened(found.z, fitted.layout, data)
    found = _thinned(_run(run, last, chains, accept, data, long, 1.0), thin)
    scales = {name: np.exp(found.scales[..., s]) for name, s in _places(fitted.layout).items()}
    for name, scale in fitted.scales.items():
        scales.setdefault(name, np.broadcast_to(scale, (chains, draws, scale.size)))
    return Chains(
        fitted.layout, fitted.priors, found.effects[..., : fitted.effects.size], scales, found.pace,
        found.diverging, found.energy, found.steps,
    )  # fmt: skip


def _run(
    run: Any, seed: np.random.SeedSequence, chains: int, accept: float, data: Any, draws: int,
    wide: float,
) -> Any:  # fmt: skip
    """Chains of one compiled program, from starts that lie `wide` apart; stacked."""
    import jax

    def one(child: np.random.SeedSequence) -> Any:
        rng = np.random.default_rng(child)
        first = wide * rng.standard_normal(data.centre.size)
        # Double precision is a setting of a thread, and must not leak into the caller's JAX.
        with jax.enable_x64(True):
            key = jax.random.key(int(rng.integers(2**31)))
            found = run(key, accept, first, data, draws)
            return jax.tree.map(lambda x: np.asarray(x)[:draws], found)

    # Threads, as JAX lets go of the interpreter and must not be forked.
    with ThreadPoolExecutor(min(chains, os.cpu_count() or 1)) as pool:
        found = list(pool.map(one, seed.spawn(chains)))
    return jax.tree.map(lambda *x: np.stack(x), *found)


def _thinned(found: Any, thin: int) -> Any:
    """Every `thin`-th draw; one diverged if any that it stands for did."""
    chains, length = found.diverging.shape
    bad = found.diverging.reshape(chains, length // thin, thin).any(axis=2)
    steps = found.steps.reshape(chains, length // thin, thin).sum(axis=2)
    kept = type(found)(*(x[:, thin - 1 :: thin] for x in found))
    return kept._replace(diverging=bad, steps=steps)


def _straightened(z: Floats, at: Layout, data: Any) -> Any:
    """The data with positions in units of a pilot run.

    Covariances only of what is common (scales, measures, families), as many draws as effects tell
    little of all; variances of the rest.
    """
    every = z.reshape(-1, z.shape[-1])
    common = ("slope", "level", "bend", "family", "growth")
    head = data.typical.size + sum(at.blocks[name] for name in common)
    # A pilot that hardly moved must not hold the chains where it stood.
    spread = np.maximum(every.std(axis=0), 0.05)
    unit = np.diag(spread)
    found = np.cov(every[:, :head], rowvar=False) + 1e-6 * np.eye(head)
    unit[:head, :head] = np.linalg.cholesky(0.9 * found + 0.1 * np.diag(spread[:head] ** 2))
    centre = data.centre + data.root @ every.mean(axis=0)
    return data._replace(centre=centre, root=data.root @ unit)


def _places(at: Layout) -> dict[str, slice]:
    """Where each kind of scale is held in the vector of those that are sampled."""
    found, start = {}, 0
    for name in (*SHARED, "cell", "noise"):
        size = 1 if name in SHARED else at.measures.size
        if name == "noise" or at.blocks[name]:
            found[name] = slice(start, start + size)
            start += size
    return found


def prepare(module: ModuleType, fitted: Fitted, *, anchored: bool = True) -> tuple[Any, Any]:
    """The sampler's shape and data, as NumPy arrays."""
    at, priors = fitted.layout, fitted.priors
    places, starts = _places(at), at.starts()
    size = fitted.effects.size
    most, rows = room(size, at.y.size)
    empty = most - size
    group = np.full(size, -1)
    for name, place in places.items():
        if name != "noise":
            of = at.cells[:, 1] if name == "cell" else 0
            group[starts[name]] = place.start + of
    mean, variance = prior_of(at, priors, fitted.scales)
    sd = np.sqrt(variance)
    if not anchored:
        mean[starts["slope"]], sd[starts["slope"]] = 0.0, module.LOOSE
    known = np.clip(1 - np.diag(fitted.covariance) / variance, 0.0, 1.0)
    typical = [np.full(p.stop - p.start, getattr(priors, n)) for n, p in places.items()]
    about = np.log(np.concatenate([fitted.scales[n] for n in places]))
    give = np.sqrt(0.5 / np.concatenate([fitted.freedom[n] for n in places]))
    normal = np.linalg.cholesky(fitted.covariance + 1e-12 * np.eye(size))
    root = block_diag(np.diag(give), normal, np.eye(empty))
    centre = np.concatenate([about, fitted.effects, np.zeros(empty)])
    if not anchored:
        root, centre = block_diag(root, module.LOOSE), np.append(centre, 0.0)
    group, known, mean, sd = (
        np.append(a, np.full(empty, fill, dtype=a.dtype))
        for a, fill in ((group, -1), (known, 0.0), (mean, 0.0), (sd, 1.0))
    )
    data = module.Data(
        *_rows(at, most, rows, places["noise"].start),
        centre, root, group, known, mean, sd, np.concatenate(typical), about,
        priors.weight, priors.tails, QUIET,
    )  # fmt: skip
    return module.Shape(scales=about.size, anchored=anchored), data


def _rows(at: Layout, effects: int, rows: int, noise: int) -> tuple[Any, ...]:
    """What the sampler is told of every row, with rows without weight to fill up.

    Args:
        effects: how many there are; the number of one that is always 0.
        rows: how many there are to be.
        noise: the first scale of noise.
    """
    of = {"family": at.family, "growth": at.family, "subject": at.subject, "cell": at.cell}
    numbers = np.array([
        at.starts()[name].start + of.get(name, at.measure)
        if many else np.full(at.y.size, effects)
        for name, many in at.blocks.items()
    ])  # fmt: skip
    per_row = (
        np.ones(at.y.size), at.x, at.y, at.error, *(
            a[at.measure] for a in (at.base, at.span, at.low, at.reach, at.bounded)
        ), noise + at.measure,
    )  # fmt: skip
    more = rows - at.y.size
    filled = [np.append(a, np.repeat(a[:1], more)) for a in per_row]
    filled[0][at.y.size :] = 0.0
    return np.pad(numbers, ((0, 0), (0, more)), constant_values=effects), *filled


def gates_of(chains: Chains) -> list[Gate]:
    """Gates on the sampler: divergences, R-hat, effective sizes, energy.

    Of slopes, levels, bends and scales, which are reported, and more loosely of all effects.
    """
    at, starts = chains.layout, chains.layout.starts()
    quantities = {
        f"{name} of {measure}": chains.effects[..., starts[name].start + j]
        for name in ("slope", "level", "bend")
        for j, measure in enumerate(at.measures)
    }
    for name in _places(at):
        scale = chains.scales[name]
        for j in range(scale.shape[-1]):
            where = f" on {at.measures[j]}" if scale.shape[-1] > 1 else ""
            quantities[f"scale of {name}{where}"] = np.log(scale[..., j])
    effects = {n: chains.effects[..., s] for n, s in starts.items() if s.stop > s.start}
    posterior = Posterior(
        chains.energy, np.zeros(0), np.zeros(0), effects, chains.diverging, chains.energy, 0.0
    )
    return chain_gates(posterior, quantities)


def chain_draws(chains: Chains, number: int = DRAWS) -> Draws:
    """Draws of all chains together, at most about `number`, evenly taken."""
    step = max(1, chains.energy.size // number)

    def flat(a: Floats) -> Floats:
        return a.reshape(-1, a.shape[-1])[::step]

    scales = {name: flat(scale) for name, scale in chains.scales.items()}
    return Draws(chains.layout, chains.priors, flat(chains.effects), scales)
