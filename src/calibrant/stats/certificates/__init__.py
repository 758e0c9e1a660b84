"""How often is a method of ours wrong? Certificates: error rates measured by simulation.

A certificate names a method, the regimes it is promised for, and what is measured in each. Draws
come in batches of a fixed size, each with its own spawned seed, so that any number of workers
gives the same numbers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
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
        peers: what people use today, on the same draws: the first words of its statistics, such
            as "normal" for "normal covered", and who uses it.
        beyond: regimes outside the promise, measured and reported all the same, so that a reader
            sees where a method ends.
        batch_draws: data sets per batch; fewer for slow methods.
        needs: a module that must be installed, of an optional extra; else it is not measured.
    """

    name: str
    method: str
    statement: str
    regimes: tuple[Regime, ...]
    batch: Batch
    bounds: Mapping[str, Bound]
    peers: Mapping[str, str] = field(default_factory=dict)
    beyond: tuple[Regime, ...] = ()
    batch_draws: int = BATCH
    needs: str | None = None

    def peer_of(self, statistic: str) -> str | None:
        """The peer that a statistic belongs to, or None if it is one of ours."""
        found = [p for p in self.peers if statistic == p or statistic.startswith(f"{p} ")]
        return max(found, key=len) if found else None


@dataclass(frozen=True)
class Measured:
    """A certificate's statistics in one regime, and which promises were broken, if any.

    Attributes:
        declared: whether the promise covers this regime; if not, nothing can be broken.
        errors: the simulation standard error of each statistic, from the spread of the means of
            batches; None for fewer than four.
    """

    certificate: str
    regime: Regime
    declared: bool
    draws: int
    statistics: Mapping[str, float]
    errors: Mapping[str, float | None]
    broken: tuple[str, ...]


def regimes(names: str, *rows: tuple[Any, ...]) -> tuple[Regime, ...]:
    """Regimes from a table: names separated by spaces, one row each."""
    return tuple(dict(zip(names.split(), row, strict=True)) for row in rows)


def measure_certificate(
    certificate: Certificate,
    *,
    draws: int,
    seed: int = 0,
    workers: int = 1,
    tick: Callable[[float], None] | None = None,
) -> list[Measured]:
    """Measure a certificate in all its regimes, the promised ones first.

    Args:
        draws: data sets per regime, rounded up to whole batches of the certificate's `batch_draws`.
        seed: the same seed gives the same numbers for any number of workers.
        workers: processes.
        tick: called after every batch with the share that is done, 0–1.
    """
    batches = -(-draws // certificate.batch_draws)
    every = certificate.regimes + certificate.beyond
    jobs = [
        (certificate, index, child)
        for index, parent in enumerate(np.random.SeedSequence(seed).spawn(len(every)))
        for child in parent.spawn(batches)
    ]
    # A process in which JAX runs has threads that a fork would leave holding locks.
    method = get_context("spawn") if "jax" in sys.modules else None
    crew = ProcessPoolExecutor(workers, mp_context=method) if workers > 1 else nullcontext()
    results: list[Mapping[str, float]] = []
    with crew as pool:
        for found in pool.map(_job, jobs) if pool else map(_job, jobs):
            results.append(found)
            if tick is not None:
                tick(len(results) / len(jobs))
    return [
        _summary(certificate, i, results[i * batches : (i + 1) * batches])
        for i in range(len(every))
    ]


def _job(job: tuple[Certificate, int, np.random.SeedSequence]) -> Mapping[str, float]:
    certificate, index, seed = job
    regime = (certificate.regimes + certificate.beyond)[index]
    return certificate.batch(regime, np.random.default_rng(seed), certificate.batch_draws)


def _summary(certificate: Certificate, index: int, results: list[Mapping[str, float]]) -> Measured:
    draws = certificate.batch_draws * len(results)
    means = {name: np.array([r[name] for r in results]) for name in results[0]}
    statistics = {name: float(np.mean(m)) for name, m in means.items()}
    errors = {
        name: float(np.std(m, ddof=1) / m.size**0.5) if m.size > 3 else None
        for name, m in means.items()
    }
    declared = index < len(certificate.regimes)
    broken = []
    for name, bound in certificate.bounds.items() if declared else ():
        value = statistics[name]
        # Three standard errors at the promised rate: a false alarm in about one of 700.
        for limit, sign in ((bound.low, -1), (bound.high, 1)):
            error = 3 * (limit * (1 - limit) / draws) ** 0.5 + bound.slack
            if sign * (value - limit) > error + 1e-12:
                broken.append(f"{name} is {value:.4f}, promised {bound.low:g}–{bound.high:g}")
    regime = (certificate.regimes + certificate.beyond)[index]
    return Measured(certificate.name, regime, declared, draws, statistics, errors, tuple(broken))
