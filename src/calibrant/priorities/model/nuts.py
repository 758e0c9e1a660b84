"""The same posterior by the No-U-Turn sampler (extra `bayes`), behind gates.

Model and priors are those of `fit`, to the letter. The sampler moves in coordinates that the
Laplace approximation at the mode makes nearly standard normal, so that trajectories are short;
any coordinates give the same posterior.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import GateError, InputError
from calibrant.priorities.model.field import Expansion, Field
from calibrant.priorities.model.hyper import Frozen, explore
from calibrant.priorities.model.priors import spreads
from calibrant.priorities.model.sample import Sample
from calibrant.stats.hierarchical.diagnostics import (
    e_bfmi,
    ess_bulk,
    ess_tail,
    rank_rhat,
    split_rhat,
)
from calibrant.stats.hierarchical.extra import needs_bayes
from calibrant.stats.hierarchical.gates import DIVERGENT, Gate

Floats = NDArray[np.float64]

LARGEST = 4000
"""Scores, severities and the rest together, beyond which the sampler would take hours."""


def sampler() -> ModuleType:
    """The module of the sampler.

    Raises:
        CalibrantError: if JAX or NumPyro are not installed.
    """
    return needs_bayes("calibrant.priorities.model.sampler", 'method "nuts" needs')


def sample(
    field: Field, *, seed: int = 0, chains: int = 4, draws: int = 1000, warmup: int = 400
) -> tuple[Sample, float]:
    """Draws of the model's posterior, and the least bulk effective size of any area's score.

    Args:
        seed: 0 or more; the same seed gives the same draws on the same machine.
        chains, draws, warmup: at least 2, 100 and 100; draws and warm-up per chain.

    Raises:
        InputError: for numbers that are too small, or a survey too large to sample.
        GateError: if the chains have not found the posterior.
        CalibrantError: if JAX or NumPyro are not installed.
    """
    if chains < 2 or draws < 100 or warmup < 100 or seed < 0:
        raise InputError(
            "nuts: wanted 2 chains, 100 draws, 100 of warm-up, a seed of 0 or more, "
            f"got {chains}, {draws}, {warmup}, {seed}"
        )
    most = field.size + field.raters * field.questions
    if most > LARGEST:
        raise InputError(f"nuts: {most:,} unknowns, wanted at most {LARGEST:,}; use laplace")
    module = sampler()
    import jax

    shape, data = _prepare(module, field)
    with jax.enable_x64(True):
        keys = list(jax.random.split(jax.random.key(seed), chains))
        # Compiled once, before the threads would each do it.
        run = module.compiled(shape, warmup, draws).lower(keys[0], 0.9, data).compile()

    def one(key: Any) -> Any:
        # Double precision is a setting of a thread, and must not leak into the caller's JAX.
        with jax.enable_x64(True):
            return jax.tree.map(np.asarray, run(key, 0.9, data))

    # Threads, as JAX lets go of the interpreter and must not be forked.
    with ThreadPoolExecutor(min(chains, os.cpu_count() or 1)) as pool:
        found = list(pool.map(one, keys))
    flat = np.concatenate([c.position for c in found])
    with jax.enable_x64(True):
        p = jax.tree.map(np.asarray, module.parameters(shape)(data, flat))
    scores = p.scores.reshape(chains, draws, field.areas, field.questions)
    least = _check(scores, p.x.reshape(chains, draws, -1), found)
    pooled = bool(field.layout.categories)
    made = [spreads(x, field.questions, pooled=pooled) for x in p.x]
    matrices = [np.stack([s.rater for s in made]), np.stack([s.area for s in made])]
    if pooled:
        matrices.append(np.stack([s.category for s in made if s.category is not None]))
    questions = range(field.questions)
    return Sample(
        tuple(p.scores[..., q] for q in questions),
        tuple(p.thresholds),
        tuple(p.own[:, q] for q in questions) if field.own else (),
        tuple(matrices),
        p.severity.mean(axis=0),
    ), least


def _check(scores: Floats, x: Floats, found: list[Any]) -> float:
    """Refuse chains that have not found the posterior; the least bulk effective size."""
    named = {
        f"score {a}, question {q}": scores[..., a, q]
        for a in range(scores.shape[2])
        for q in range(scores.shape[3])
    }
    names = list(named)
    rhat = [rank_rhat(v) for v in named.values()]
    bulk = [ess_bulk(v) for v in named.values()]
    tail = [ess_tail(v) for v in named.values()]
    diverging = np.stack([c.diverging for c in found])
    energy = np.stack([c.energy for c in found])
    need = 100.0 * len(found)
    gates = [
        Gate("share of divergent transitions", float(diverging.mean()), DIVERGENT, "at most"),
        Gate("R-hat", max(rhat), 1.02, "at most", names[int(np.argmax(rhat))]),
        Gate("R-hat of spreads", float(split_rhat(x).max()), 1.02, "at most"),
        Gate("bulk ESS", min(bulk), need, "at least", names[int(np.argmin(bulk))]),
        Gate("tail ESS", min(tail), need, "at least", names[int(np.argmin(tail))]),
        Gate("E-BFMI", float(e_bfmi(energy).min()), 0.3, "at least"),
    ]
    failed = [g for g in gates if not g.passed]
    if failed:
        raise GateError(
            f"nuts: the chains have not found the posterior: {failed[0]!r}",
            [g.to_dict() for g in gates],
        )
    return min(bulk)


def _prepare(module: ModuleType, field: Field) -> tuple[Any, Any]:
    """The sampler's shape and data, with coordinates from the Laplace approximation."""
    layout = field.layout
    pooled = bool(layout.categories)
    shape = module.Shape(
        field.questions, pooled, bool(field.own), tuple(field.steps), field.raters, field.areas,
        len(layout.categories),
    )  # fmt: skip
    hyper = explore(field, pooled=pooled, points=1, seed=0)
    e = hyper.points[0].expansion
    curve = Frozen(field, e, pooled=pooled).curvature(hyper.mode)
    centre, precision = _latent(field, e, hyper.mode, pooled)
    head = hyper.mode.size
    whole = np.zeros((head + centre.size,) * 2)
    whole[:head, :head] = curve
    whole[head:, head:] = precision
    axes = np.linalg.inv(np.linalg.cholesky(whole)).T
    data = module.Data(
        np.concatenate([hyper.mode, centre]),
        axes,
        layout.category,
        *(tuple(getattr(a, n) for a in layout.answers) for n in ("respondent", "area", "value")),
        tuple(a.own for a in layout.answers),
    )
    return shape, data


def _curvature(field: Field, e: Expansion) -> Floats:
    """Minus the second derivatives of the log likelihood, field and severities, whole."""
    q = field.questions
    wide = field.size + field.raters * q
    n = np.zeros((wide, wide))
    n[: field.size, : field.size] = e.matrix
    for k, block in enumerate(field.blocks):
        spot = field.size + np.arange(field.raters) * q + k
        n[block, spot] = e.cross[k].T
        n[spot, block] = e.cross[k]
        n[spot, spot] = e.weight[:, k]
    return n


def _latent(field: Field, e: Expansion, x: Floats, pooled: bool) -> tuple[Floats, Floats]:
    """Mode and precision of what the sampler calls latent, given the spreads.

    In its order: thresholds (the first, and logs of gaps), own-area effects, then standard normal
    numbers of raters, areas and categories, questions fastest.
    """
    q = field.questions
    s = spreads(x, q, pooled=pooled)
    roots = [np.linalg.cholesky(m) for m in (s.rater, s.area, s.category) if m is not None]
    n = _curvature(field, e)
    wide = len(n)
    groups = len(field.layout.categories) if pooled else 0
    ends = sum(field.steps) + field.own * q
    size = ends + (field.raters + field.areas + groups) * q
    turn = np.zeros((wide, size))
    centre = np.zeros(size)
    at = 0
    for k, count in enumerate(field.steps):
        steps = e.f[field.thresholds(k)]
        gaps = np.diff(steps)
        part = np.tril(np.ones((count, count)))
        part[:, 1:] *= gaps
        turn[field.thresholds(k), at : at + count] = part
        centre[at : at + count] = np.concatenate([steps[:1], np.log(gaps)])
        at += count
    if field.own:
        for k in range(q):
            place = field.thresholds(k).stop
            turn[place, at + k] = 1.0
            centre[at + k] = e.f[place]
        at += q
    scores = np.stack([e.f[field.scores(k)] for k in range(q)], axis=1)
    rest = [np.linalg.solve(roots[0], e.b.T).T]
    turn[field.size :, at : at + field.raters * q] = np.kron(np.eye(field.raters), roots[0])
    at += field.raters * q
    code = field.layout.category
    member = (code[:, None] == np.arange(groups)).astype(float)
    shared = np.zeros((groups, q))
    if pooled:
        assert s.category is not None
        # The mode splits a score into its category's part and its own by their covariances.
        sums = member.T @ scores
        for g, count in enumerate(field.sizes):
            total = s.area + count * s.category
            shared[g] = s.category @ np.linalg.solve(total, sums[g])
    own_part = scores - (shared[code] if pooled else 0.0)
    rest.append(np.linalg.solve(roots[1], own_part.T).T)
    for k in range(q):
        rows = field.scores(k)
        turn[rows, at : at + field.areas * q] = np.kron(np.eye(field.areas), roots[1][k])
        if pooled:
            start = at + field.areas * q
            turn[rows, start : start + groups * q] = np.kron(member, roots[2][k])
    if pooled:
        rest.append(np.linalg.solve(roots[2], shared.T).T)
    centre[ends:] = np.concatenate([r.ravel() for r in rest])
    precision = turn.T @ n @ turn
    diagonal = np.arange(ends, size)
    precision[diagonal, diagonal] += 1.0
    assert math.isfinite(float(precision.sum()))
    return centre, precision
