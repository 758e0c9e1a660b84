"""Fit the hierarchy of families and measures; nothing is said unless its gates are passed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from calibrant.errors import GateError, InputError
from calibrant.scaling.hierarchical.chains import chain_draws, gates_of, sample
from calibrant.scaling.hierarchical.forecast import laplace_draws
from calibrant.scaling.hierarchical.laplace import STEPS, Fitted, fit_laplace
from calibrant.scaling.hierarchical.layout import layout
from calibrant.scaling.hierarchical.priors import Priors
from calibrant.scaling.hierarchical.result import Families, families_of
from calibrant.scaling.scores import Scores
from calibrant.stats.hierarchical.gates import Gate


def fit_families(
    known: Scores,
    *,
    bayes: bool = False,
    seed: int = 0,
    level: float = 0.9,
    priors: Priors | None = None,
    chains: int = 4,
    draws: int = 1200,
    warmup: int = 200,
) -> Families:
    """Fit the hierarchy: one ability a subject, measures that are sigmoids of it.

    Args:
        known: scores; rows without a score or a scale are left out.
        bayes: by the No-U-Turn sampler (extra `bayes`), not by a normal approximation.
        seed: 0 or more; the same seed gives the same numbers.
        level: of the intervals, above 0 and below 1.
        priors: what is held possible before.
        chains, draws, warmup: of the sampler.

    Raises:
        UnfitError: if there are too few scores, or no fit stands.
        GateError: if the chains fail a gate; the message names those that failed.
        InputError: for a wrong level, seed or number of draws.
        CalibrantError: with `bayes`, if the extra is not installed.
    """
    if not 0 < level < 1:
        raise InputError(f"level: wanted above 0 and below 1, got {level:g}")
    fitted = fit_laplace(layout(known), priors)
    if not bayes:
        found = laplace_draws(fitted, np.random.default_rng(seed))
        return families_of(found, method="Laplace", level=level, gates=laplace_gates(fitted))
    run = sample(fitted, seed=seed, chains=chains, draws=draws, warmup=warmup)
    gates = gates_of(run)
    check(gates)
    return families_of(chain_draws(run), method="NUTS", level=level, gates=gates)


def laplace_gates(fitted: Fitted) -> list[Gate]:
    """What is known of the normal approximation: that its scales stand still."""
    return [Gate("rounds until scales stood", float(fitted.rounds), float(STEPS), "at most")]


def check(gates: Sequence[Gate]) -> None:
    """Refuse chains that failed a gate.

    Raises:
        GateError: naming the gates that failed in one line.
    """
    failed = [g for g in gates if not g.passed]
    if failed:
        words = "; ".join(map(repr, failed))
        raise GateError(f"hierarchy by NUTS: {words}", [g.to_dict() for g in gates])
