"""Where can a sequence of yes/no trials stop, and with what probability? Exactly.

A stopping rule for a count of events is a region in the plane of (trials n, events k). Every rule
calibrant uses is described by four whole numbers for each k (see `Boundary`), and the
distribution of the stopping point follows by dynamic programming over k: within a row the mass
that has not stopped obeys ``stay[n] = (1 - p) stay[n - 1] + arrivals[n]``, a first-order recursive
filter, and the next row's arrivals are ``p stay[n - 1]``. All terms are positive, so nothing
cancels. Nothing is approximated: no Wald bounds, no normal limits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dtbsv

from calibrant.stats.tails import log_choose

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

NEVER = np.iinfo(np.int64).max // 4
"""A number of trials no run reaches: marks a boundary that is absent in a row."""

SUPPORTED, REFUTED, FUTILE, EXHAUSTED = 0, 1, 2, 3
Kind = Literal["supported", "refuted", "futile", "exhausted"]
KINDS: tuple[Kind, ...] = ("supported", "refuted", "futile", "exhausted")


@dataclass(frozen=True)
class Boundary:
    """A stopping rule for the claim "events are rare", row by row (index k = events so far).

    Attributes:
        support: smallest n at which k events support the claim (`NEVER`: they never do).
        futile: largest n at which the arrival of the k-th event ends all hope of support
            (-1: never). Support is then closed for good.
        refute: largest n at which the arrival of the k-th event refutes the claim (-1: never);
            never above `futile`.
        give_up: once support is closed, the n at which k events no longer speak against the
            claim, so that waiting for a refutation is pointless.
        horizon: the largest number of trials.

    All arrays have the same length, int64; `support` rises strictly with k. Row 0 has no arrival.
    """

    support: Ints
    futile: Ints
    refute: Ints
    give_up: Ints
    horizon: int

    def __post_init__(self) -> None:
        sizes = {a.shape for a in (self.support, self.futile, self.refute, self.give_up)}
        if len(sizes) != 1:
            raise ValueError(f"boundary arrays: wanted one length, got {sorted(sizes)}")
        if np.any(self.refute > self.futile):
            raise ValueError("boundary: a refuting point lies outside the futile region")

    @property
    def rows(self) -> int:
        """How many values of k have a row; more events than that cannot occur before stopping."""
        return int(self.support.size)


@dataclass(frozen=True)
class Stops:
    """The distribution of where a rule stops: parallel arrays, one entry per stopping point."""

    n: Ints
    k: Ints
    kind: Ints
    mass: Floats

    def probability(self, kind: Kind) -> float:
        """The probability of stopping with this verdict."""
        return float(self.mass[self.kind == KINDS.index(kind)].sum())

    @property
    def expected_n(self) -> float:
        """The expected number of trials."""
        return float((self.mass * self.n).sum())

    def quantile_n(self, q: float) -> int:
        """The smallest n by which the rule has stopped with probability at least `q`."""
        order = np.argsort(self.n, kind="stable")
        at = np.searchsorted(np.cumsum(self.mass[order]), q - 1e-12)
        return int(self.n[order][min(int(at), order.size - 1)])


class _Collector:
    """Gathers stopping points row by row."""

    def __init__(self) -> None:
        self.parts: list[tuple[int, int, Floats, int, int]] = []

    def add(self, start: int, mass: Floats, k: int, kind: int) -> None:
        """Stop `mass` in row k at times `start`, `start + 1`, …"""
        if mass.size:
            self.parts.append((start, start + mass.size, mass, k, kind))

    def result(self) -> Stops:
        if not self.parts:
            empty = np.zeros(0, dtype=np.int64)
            return Stops(empty, empty, empty, np.zeros(0))
        sizes = [m.size for _, _, m, _, _ in self.parts]
        n = np.concatenate([np.arange(a, b, dtype=np.int64) for a, b, *_ in self.parts])
        k = np.repeat(np.array([p[3] for p in self.parts], dtype=np.int64), sizes)
        kind = np.repeat(np.array([p[4] for p in self.parts], dtype=np.int64), sizes)
        mass = np.concatenate([p[2] for p in self.parts])
        keep = mass > 0
        return Stops(n[keep], k[keep], kind[keep], mass[keep])


class _Row(NamedTuple):
    """Mass that arrived in a row, at times `start`, `start + 1`, …"""

    start: int
    mass: Floats

    def split(self, last: int) -> tuple[_Row, _Row]:
        """The mass at times up to `last`, and the rest."""
        cut = last - self.start + 1
        if cut <= 0 or self.mass.size == 0:
            return _EMPTY, self
        if cut >= self.mass.size:
            return self, _EMPTY
        return _Row(self.start, self.mass[:cut]), _Row(self.start + cut, self.mass[cut:])

    def total(self) -> float:
        return float(np.add.reduce(self.mass)) if self.mass.size else 0.0


_EMPTY = _Row(0, np.zeros(0))


def _wait(row: _Row, until: int, p: float) -> tuple[Floats, _Row]:
    """Let a row's mass wait for its next event: (mass that waits to `until`, arrivals before it).

    Arrivals at time n + 1 happen to mass alive at n < `until`; the mass still alive at `until`
    is returned apart (one number, in an array), because something happens to it there.
    """
    if row.mass.size == 0:
        return _EMPTY.mass, _EMPTY
    held = np.zeros(until - row.start + 1)
    held[: row.mass.size] = row.mass
    # The recursion is a lower bidiagonal system: 1 on the diagonal, p - 1 below it.
    band = np.empty((2, held.size), order="F")
    band[0], band[1] = 1.0, p - 1.0
    stay = dtbsv(1, band, held, lower=1)
    return stay[-1:], _Row(row.start + 1, stay[:-1] * p)


def stops(boundary: Boundary, p: float, *, n: int = 0, k: int = 0, closed: bool = False) -> Stops:
    """Return the exact distribution of the stopping point for independent trials.

    Args:
        boundary: the rule.
        p: probability of an event, 0–1.
        n, k, closed: where the path stands already (default: at the start); `closed` says that
            support has been given up.

    Raises:
        ValueError: if p is outside 0–1.
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"probability: wanted 0–1, got {p!r}")
    out = _Collector()
    here = _Row(n, np.ones(1))
    live, lost = (_EMPTY, here) if closed else (here, _EMPTY)
    first = k
    while live.mass.size or lost.mass.size:
        if k > first:
            live, lost = _arrive(boundary, live, lost, k, out)
        live, lost = _leave(boundary, live, lost, k, p, out)
        k += 1
        # What is dropped here is far below what double precision can add to one.
        if live.total() + lost.total() < 1e-18:
            break
    return out.result()


def supports(boundary: Boundary, p: float) -> Stops:
    """The part of `stops` from the start where the claim is supported, in a fraction of the time.

    Support that was given up never comes back, so only the mass that may still come to it is
    followed.

    Raises:
        ValueError: if p is outside 0–1, or if the boundary has too few rows.
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"probability: wanted 0–1, got {p!r}")
    out = _Collector()
    ends, futile = np.minimum(boundary.support, boundary.horizon).tolist(), boundary.futile.tolist()
    live = _Row(0, np.ones(1))
    for k in range(boundary.rows):
        if k:
            live = live.split(futile[k])[1]
        held, live = _wait(live, ends[k], p)
        if boundary.support[k] <= boundary.horizon:
            out.add(ends[k], held, k, SUPPORTED)
        # As in `stops`.
        if live.total() < 1e-18:
            break
    else:
        raise ValueError(
            f"boundary: {boundary.rows} rows, but {boundary.rows} events can be reached"
        )
    return out.result()


def _arrive(b: Boundary, live: _Row, lost: _Row, k: int, out: _Collector) -> tuple[_Row, _Row]:
    """The k-th event has just happened: refuted, support closed, or go on."""
    if k >= b.rows:
        if live.total() + lost.total() > 0:
            raise ValueError(f"boundary: {b.rows} rows, but {k} events can be reached")
        return _EMPTY, _EMPTY
    refute = int(b.refute[k])
    refuted, live = live.split(refute)
    out.add(refuted.start, refuted.mass, k, REFUTED)
    if lost.mass.size:
        refuted, lost = lost.split(refute)
        out.add(refuted.start, refuted.mass, k, REFUTED)
    closing, live = live.split(int(b.futile[k]))
    return live, _join(closing, lost)


def _join(a: _Row, b: _Row) -> _Row:
    if a.mass.size == 0 or b.mass.size == 0:
        return b if a.mass.size == 0 else a
    start, end = min(a.start, b.start), max(a.start + a.mass.size, b.start + b.mass.size)
    mass = np.zeros(end - start)
    mass[a.start - start : a.start - start + a.mass.size] += a.mass
    mass[b.start - start : b.start - start + b.mass.size] += b.mass
    return _Row(start, mass)


def _leave(
    b: Boundary, live: _Row, lost: _Row, k: int, p: float, out: _Collector
) -> tuple[_Row, _Row]:
    """Mass in row k waits until the row's end, where it is supported, futile or out of trials."""
    end = min(int(b.support[k]), b.horizon)
    held, live = _wait(live, end, p)
    out.add(end, held, k, SUPPORTED if b.support[k] <= b.horizon else EXHAUSTED)
    if lost.mass.size == 0:
        return live, lost

    stop = min(int(b.give_up[k]), b.horizon)
    kind = FUTILE if b.give_up[k] <= b.horizon else EXHAUSTED
    early, late = lost.split(stop - 1)
    # Mass that closes at or after the row's give-up time stops where it stands.
    out.add(late.start, late.mass, k, kind)
    held, lost = _wait(early, stop, p)
    out.add(stop, held, k, kind)
    return live, lost


def without_replacement(at: Stops, events: int, items: int, p: float) -> Stops:
    """Return `at` (found for probability `p`) for draws without replacement from a finite set.

    A set of `items` holds `events` events. Every path to (n, k) has the same probability
    C(items - n, events - k) / C(items, events), where it had p^k (1 - p)^(n - k) with
    replacement, so the number of paths that stop there carries over exactly.

    Args:
        p: the probability `at` was computed for, strictly inside 0–1.
    """
    n, k = at.n.astype(float), at.k.astype(float)
    possible = (k <= events) & (n - k <= items - events) & (n <= items)
    log_path = (
        log_choose(np.where(possible, items - n, 1.0), np.where(possible, events - k, 0.0))
        - log_choose(np.array(float(items)), np.array(float(events)))
        - k * np.log(p)
        - (n - k) * np.log1p(-p)
    )
    mass = np.where(possible, at.mass * np.exp(np.where(possible, log_path, -np.inf)), 0.0)
    return Stops(at.n, at.k, at.kind, mass)
