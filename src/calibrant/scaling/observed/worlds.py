"""Worlds in which the truth is known: families of differing efficiency, abilities, noisy scores."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from scipy.special import expit

from calibrant.scaling.given import given_of
from calibrant.scaling.scores import Floats, Scores, scores

World = Literal["smooth", "emergent", "noisy", "gaps", "tuned", "hidden"]


def world(
    kind: World,
    rng: np.random.Generator,
    *,
    axes: int = 1,
    families: int = 10,
    members: int = 5,
    given: int = 6,
    new: int = 2,
    relatives: float = 0.3,
) -> tuple[Scores, Scores]:
    """Known targets, and those of the largest 30 %, some from families not known; all with the
    given scores.

    Args:
        kind: "smooth": all as the model has it, given scores saturating. "emergent": targets of
            most known subjects are at chance. "noisy": given scores have much noise. "gaps": a
            third of given scores is missing. "tuned": a quarter of later subjects were trained on
            half of the given. "hidden": a third of later subjects lack or have a skill of its own.
        axes: of ability, 1 to 3. The first grows with compute, families differ in its efficiency.
        families, members: known families and their members.
        given: measures that are given.
        new: families of which no target is known.
        relatives: SD, in log-odds, of what a family has of its own on the target.
    """
    both = families + new
    size = rng.uniform(20, 22, (both, 1)) + np.sort(rng.uniform(0, 2.2, (both, members)), axis=1)
    start = 0.6 * rng.standard_normal((both, 1))
    first = (start + 0.7 * (size - 22) + 0.15 * rng.standard_normal(size.shape)).ravel()
    family = np.repeat(np.arange(both), members)
    rest = 0.6 * rng.standard_normal((both, axes - 1))[family]
    rest = rest + 0.4 * rng.standard_normal((family.size, axes - 1))
    ability = np.column_stack([first, rest])
    known_scores = _given(kind, rng, ability, given)
    # The largest, and whole families of which no target is known, are to be forecast.
    edge = np.quantile(size[:families], 0.7)
    later = (size.ravel() > edge) | (family >= families)
    slope = np.concatenate([[rng.uniform(0.8, 2.0)], 0.5 * rng.standard_normal(axes - 1)])
    level = rng.uniform(-0.8, 0.5) if kind != "emergent" else -1.5 * slope[0] - 0.5
    own = rng.uniform(0.15, 0.5) * rng.standard_t(8, family.size)
    eta = level + ability @ slope + own + (relatives * rng.standard_normal(both))[family]
    if kind == "hidden":
        eta = eta + later * (rng.random(family.size) < 1 / 3) * rng.choice([-2.5, 2.5], family.size)
    rate = expit(eta)
    y = rng.binomial(400, rate) / 400
    names = np.array([f"s{i:03d}" for i in range(family.size)])
    if kind == "tuned":
        cheat = later & (rng.random(family.size) < 0.25)
        half = given // 2
        known_scores[np.ix_(cheat, np.arange(half))] = np.minimum(
            known_scores[np.ix_(cheat, np.arange(half))] + 0.25, 1.0
        )
    found = scores(
        y, size.ravel(), family=np.array([f"f{f:02d}" for f in family]), subject=names,
        measure="target",
    )  # fmt: skip
    all_ = given_of(names, [f"g{j}" for j in range(given)], known_scores)
    found = replace(found, given=all_)
    return found.take(~later), found.take(later)


def _given(kind: World, rng: np.random.Generator, ability: Floats, given: int) -> Floats:
    """Given scores: sigmoids of abilities, each measure with its own slopes, level and noise."""
    n, axes = ability.shape
    slope = rng.uniform(0.5, 1.2, given)
    minor = 0.6 * rng.standard_normal((axes - 1, given))
    eta = rng.uniform(-0.8, 0.8, given) + np.outer(ability[:, 0], slope) + ability[:, 1:] @ minor
    eta = eta + (0.6 if kind == "noisy" else 0.2) * rng.standard_normal(eta.shape)
    found = expit(eta) + 0.01 * rng.standard_normal(eta.shape)
    found = np.clip(found, 0.0, 1.0)
    if kind == "gaps":
        lost = rng.random(found.shape) < 1 / 3
        # Every subject keeps one score.
        lost[np.arange(n), rng.integers(given, size=n)] = False
        found = np.where(lost, np.nan, found)
    return np.asarray(found)
