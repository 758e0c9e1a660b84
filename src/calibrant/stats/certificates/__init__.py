"""How often is a method of ours wrong? Certificates: error rates measured by simulation.

A certificate names a method, the regimes it is promised for, and what is measured in each. Draws
come in batches of a fixed size, each with its own spawned seed, so that any number of workers
gives the same numbers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import numpy as np

Regime = Mapping[str, Any]
Batch = Callable[[Regime, np.random.Generator, int], Mapping[str, float]]

BATCH = 250
"""Draws per batch unless a certificate says otherwise; part of what the numbers depend on, so it
never follows the worker count."""


@dataclass(frozen=True)
class Bound:
    """What is promised of one measured statistic: `low` ≤ it ≤ `high`, up to simulation error.

    Statistics are means over draws of numbers in 0–1 (such as "covered"), so their simulation
    error is at most that of a proportion; `slack` allows a declared distance beyond it.
    """

    low: float = 0.0
    high: float = 1.0
    slack: float = 0.0


@dataclass(frozen=True)
class Certificate:
    """A promise about a method and how it is measured.

    Attributes:
        name: unique, such as "cluster-upper".
        method: the public function that is measured.
        statement: the promise in one sentence.
        regimes: where it is promised; plain data.
        batch: draws a batch of data sets for a regime and returns the mean of each statistic.
            It must be a module-level function, so that worker processes can run it.
        bounds: promised statistics. Others, such as widths and peers, are only reported.
        batch_draws: data sets per batch; fewer for slow methods.
        needs: a module that must be installed, of an optional extra; else it is not measured.
    """

    name: str
    method: str
    statement: str
    regimes: tuple[Regime, ...]
    batch: Batch
    bounds: Mapping[str, Bound]
    batch_draws: int = BATCH
    needs: str | None = None


@dataclass(frozen=True)
class Measured:
    """A certificate's statistics in one regime, and which promises were broken, if any."""

    certificate: str
    regime: Regime
    draws: int
    statistics: Mapping[str, float]
    broken: tuple[str, ...]


def measure_certificate(
    certificate: Certificate, *, draws: int, seed: int = 0, workers: int = 1
) -> list[Measured]:
    """Measure a certificate in all its regimes.

    Args:
        draws: data sets per regime, rounded up to whole batches of the certificate's `batch_draws`.
        seed: the same seed gives the same numbers for any number of workers.
        workers: processes.
    """
    batches = -(-draws // certificate.batch_draws)
    jobs = [
        (certificate, index, child)
        for index, parent in enumerate(np.random.SeedSequence(seed).spawn(len(certificate.regimes)))
        for child in parent.spawn(batches)
    ]
    if workers > 1:
        # A process in which JAX runs has threads that a fork would leave holding locks.
        method = get_context("spawn") if "jax" in sys.modules else None
        with ProcessPoolExecutor(workers, mp_context=method) as pool:
            results = list(pool.map(_job, jobs))
    else:
        results = [_job(j) for j in jobs]
    return [
        _summary(certificate, regime, results[i * batches : (i + 1) * batches])
        for i, regime in enumerate(certificate.regimes)
    ]


def _job(job: tuple[Certificate, int, np.random.SeedSequence]) -> Mapping[str, float]:
    certificate, index, seed = job
    return certificate.batch(
        certificate.regimes[index], np.random.default_rng(seed), certificate.batch_draws
    )


def _summary(
    certificate: Certificate, regime: Regime, results: list[Mapping[str, float]]
) -> Measured:
    draws = certificate.batch_draws * len(results)
    statistics = {name: float(np.mean([r[name] for r in results])) for name in results[0]}
    broken = []
    for name, bound in certificate.bounds.items():
        value = statistics[name]
        # Three standard errors at the promised rate: a false alarm in about one of 700.
        for limit, sign in ((bound.low, -1), (bound.high, 1)):
            error = 3 * (limit * (1 - limit) / draws) ** 0.5 + bound.slack
            if sign * (value - limit) > error + 1e-12:
                broken.append(f"{name} is {value:.4f}, promised {bound.low:g}–{bound.high:g}")
    return Measured(certificate.name, regime, draws, statistics, tuple(broken))
