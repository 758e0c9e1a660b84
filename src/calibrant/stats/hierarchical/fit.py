"""What do the data say of a hierarchical model? Posterior draws by the No-U-Turn sampler.

Effects are partially centred, up to a number all together (`reference`), beyond it one by one: a
level with little data keeps the non-centred form, one with much data moves towards the centred
one. The posterior is the same; the sampler's steps can be longer.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from scipy.special import erfinv, ndtr

from calibrant.errors import InputError
from calibrant.stats.hierarchical.extra import needs_bayes
from calibrant.stats.hierarchical.items import ITEMS, integrate
from calibrant.stats.hierarchical.model import POPULATION, Floats, Model, Term
from calibrant.stats.hierarchical.reference import LIMIT, bend, reference


@dataclass(frozen=True)
class Posterior:
    """Draws from the posterior of a model, chains × draws first.

    Attributes:
        mean: of the predictor.
        scales: chains × draws × scales, in the order of `Model.scale_names`.
        residual: residual scale; ones for "binomial".
        effects: one array per sampled term: chains × draws × levels; items may be integrated out.
        diverging: whether the draw's trajectory diverged.
        energy: of each draw.
        target: the acceptance rate the step size was adapted to.
    """

    mean: Floats
    scales: Floats
    residual: Floats
    effects: dict[str, Floats]
    diverging: np.ndarray[Any, Any]
    energy: Floats
    target: float


def sampler() -> ModuleType:
    """The module of the sampler.

    Raises:
        CalibrantError: if JAX or NumPyro are not installed.
    """
    return needs_bayes("calibrant.stats.hierarchical.sampler", "hierarchical models need")


def fit(
    model: Model,
    *,
    seed: int = 0,
    chains: int = 4,
    draws: int = 1000,
    warmup: int = 300,
    targets: Sequence[float] = (0.9, 0.99),
) -> Posterior:
    """Draw from the posterior; the same seed gives the same draws on the same machine.

    Args:
        seed: 0 or more.
        chains, draws, warmup: at least 2, 4 and 10; draws and warm-up per chain.
        targets: acceptance rates to adapt the step size to: the first, and while a trajectory
            diverges, the next.

    Raises:
        InputError: for numbers of draws that are too small or a negative seed.
        CalibrantError: if JAX or NumPyro are not installed.
    """
    check_numbers(seed, chains, draws, warmup)
    module = sampler()
    import jax

    shape, data = prepare(module, model)
    run = module.compiled(shape, warmup, draws, 1, many=False)

    def one(key: Any, target: float) -> Any:
        # Double precision is a setting of a thread, and must not leak into the caller's JAX.
        with jax.enable_x64(True):
            return jax.tree.map(np.asarray, run(key, target, data))

    with jax.enable_x64(True):
        roots = list(jax.random.split(jax.random.key(seed), len(targets)))
    posterior = None
    for target, root in zip(targets, roots, strict=True):
        with jax.enable_x64(True):
            keys = list(jax.random.split(root, chains))
        # Threads, as JAX lets go of the interpreter and must not be forked.
        with ThreadPoolExecutor(min(chains, os.cpu_count() or 1)) as pool:
            found = list(pool.map(one, keys, [target] * chains))
        stacked = jax.tree.map(lambda *x: np.stack(x), *found)
        posterior = unpack(model, shape, data, stacked, target)
        if not posterior.diverging.any():
            break
    assert posterior is not None
    return posterior


def check_numbers(seed: int, chains: int, draws: int, warmup: int = 300) -> None:
    """Refuse numbers with which nothing can be drawn, or no gate could tell.

    Raises:
        InputError: as it says.
    """
    if chains < 2 or draws < 4 or warmup < 10 or seed < 0:
        raise InputError(
            "fit: wanted 2 chains, 4 draws, 10 of warm-up, a seed of 0 or more, "
            f"got {chains}, {draws}, {warmup}, {seed}"
        )


def prepare(module: ModuleType, model: Model, *, fixed: bool = False) -> tuple[Any, Any]:
    """The sampler's shape and data of a model, as NumPy arrays; `fixed` as for `integrate`."""
    block = integrate(model, fixed=fixed)
    sampled = _sampled(model, block is not None)
    levels = [t.levels for t in sampled]
    starts = np.concatenate([[0], np.cumsum(levels)]).astype(int)
    names = model.scale_names()
    first = {t.name: names.index((t.name, t.groups[0])) for t in model.terms}
    head = sampled
    if starts[-1] > LIMIT:
        head = [t for t in sampled if t.name in POPULATION]
        head = head if sum(t.levels for t in head) <= LIMIT else []
    codes = np.array([t.codes + s for t, s in zip(sampled, starts[:-1], strict=True)], int)
    arrays = codes.reshape(len(sampled), model.n.size), model.n, model.total, model.square
    items = [model.term(name) for name in ITEMS]
    scale = [None if t is None else t.group[t.codes] + first[t.name] for t in items]
    known = reference(model, head, scale, every=block is None and len(head) == len(sampled))
    has = None
    nodes = None
    if block is not None:
        has = block.has
        arrays = tuple(a[..., block.cells] for a in arrays)  # type: ignore[assignment]
        at = block.cells[block.base]
        outer, inner = (np.zeros(at.size, int) if s is None else s[at] for s in scale)
        nodes = module.Block(
            block.rows, block.times, block.base, block.of, outer, inner, *block.outer, *block.inner
        )
    straight = sum(t.levels for t in head)
    shape = module.Shape(model.family == "binomial", len(names), straight, int(starts[-1]), has)
    data = module.Data(
        arrays[0],
        np.concatenate([np.zeros(0, int), *(t.group + first[t.name] for t in sampled)]),
        np.concatenate([np.zeros(0), *(_centring(model, t) for t in sampled)]),
        np.array([*(model.priors.scale(name) for name, _ in names), model.priors.residual]),
        np.float64(model.priors.mean),
        *arrays[1:],
        known,
        nodes,
    )
    return shape, data


def _sampled(model: Model, integrated: bool) -> list[Term]:
    """The terms whose effects are sampled, those of subjects and instruments first."""
    return [t for t in model.terms if not (integrated and t.name in ITEMS)]


def _centring(model: Model, term: Term) -> Floats:
    """How far each level's effect is centred, 0–1: spread² / (spread² + error²).

    Spread and error are moment estimates from the level's scores alone. Any value gives the same
    posterior; a good one gives shorter trajectories.
    """
    n = np.bincount(term.codes, model.n, term.levels)
    total = np.bincount(term.codes, model.total, term.levels)
    if model.family == "binomial":
        p = (total + 0.5) / (n + 1)
        centre, error = np.log(p / (1 - p)), 1 / (n * p * (1 - p))
    else:
        centre, error = total / n, 1 / n
    weight = 1 / error
    centre = centre - (weight * centre).sum() / weight.sum()
    spread = max(float((weight * (centre**2 - error)).sum() / weight.sum()), 0.0)
    return np.asarray(spread / (spread + error))


def unpack(model: Model, shape: Any, data: Any, chain: Any, target: float) -> Posterior:
    """Draws by name from the sampler's positions, whatever the leading axes."""
    head = chain.z["head"]
    known = shape.scales + (not shape.binomial)
    every = math.sqrt(2) * erfinv(np.clip(ndtr(head[..., :known]), 1e-300, 1 - 1e-15))
    every = every * data.prior[:known]
    scales = every[..., : shape.scales]
    residual = np.ones(head.shape[:-1]) if shape.binomial else every[..., -1]
    effects = bend(data.reference, scales[..., data.group[: shape.head]], scales,
                   residual, head[..., known:], binomial=shape.binomial)  # fmt: skip
    power = 1 - data.centring[shape.head :]
    units = chain.z["units"] * scales[..., data.group[shape.head :]] ** power
    sampled = _sampled(model, shape.block is not None)
    ends = np.cumsum([t.levels for t in sampled]).astype(int)
    joined = np.concatenate([effects[..., 1:], units], axis=-1)
    parts = np.split(joined, ends[:-1], axis=-1) if sampled else []
    named = {t.name: e for t, e in zip(sampled, parts, strict=True)}
    return Posterior(
        effects[..., 0], scales, residual, named, chain.diverging, chain.energy, target
    )
