"""Do two judges' boards agree? Kendall's τ-b, a weighted τ, and how many of the top they share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.ratings.audit.data import Votes, clusters
from calibrant.ratings.counts import Counts, count
from calibrant.ratings.fit import RatingError, fit
from calibrant.ratings.likelihood import ModelName

Floats = NDArray[np.float64]

GROUPS = 2000
"""Items beyond so many are joined at random into so many groups before they are weighted."""

FEWEST = 0.8
"""Share of bootstrap rounds that must have both ratings before an interval is given."""


@dataclass(frozen=True)
class Agreement:
    """Agreement of two judges' boards on the subjects both have rated.

    Attributes:
        one, other: judges. subjects: how many both rated.
        tau, weighted_tau: Kendall's τ-b, and with weights 1/place so that the top counts most.
        tau_corrected: τ without the noise of few items, which lowers agreement; by the bootstrap.
        tau_interval, weighted_interval: reflected bootstrap percentiles over items, for the
            agreement that many more items would show; None if too many rounds had no rating.
        overlap: (k, share of the top k both have), for k = 1, 5 and 10.
        rounds, failed: bootstrap rounds, and those in which a judge's board had no rating.
        clusters: items, or groups of items, that were weighted.
    """

    one: str
    other: str
    subjects: int
    tau: float
    weighted_tau: float
    tau_corrected: float | None
    tau_interval: tuple[float, float] | None
    weighted_interval: tuple[float, float] | None
    overlap: tuple[tuple[int, float], ...]
    rounds: int
    failed: int
    clusters: int

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return self.__dict__ | {
            "tau_interval": None if self.tau_interval is None else list(self.tau_interval),
            "weighted_interval": (
                None if self.weighted_interval is None else list(self.weighted_interval)
            ),
            "overlap": [{"k": k, "share": share} for k, share in self.overlap],
        }

    def __repr__(self) -> str:
        known = "no interval: too few rounds had a rating"
        if self.tau_interval is not None and self.tau_corrected is not None:
            low, high = self.tau_interval
            known = f"without sampling noise {self.tau_corrected:.2f}, {low:.2f} to {high:.2f}"
        return (
            f"The boards of {self.one!r} and {self.other!r} agree with τ = {self.tau:.2f} ({known})"
        )


def kendall(x: Floats, y: Floats) -> float:
    """Kendall's τ-b; 0 if either ranks all subjects the same."""
    a, b = np.sign(x[:, None] - x), np.sign(y[:, None] - y)
    scale = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum() / scale) if scale > 0 else 0.0


def weighted_kendall(x: Floats, y: Floats) -> float:
    """Kendall's τ with pair weights 1/place + 1/place (Vigna, WWW 2015), averaged over the places
    on either board; 0 if either ranks all subjects the same."""
    return (_weighted(x, y, x, y) + _weighted(x, y, y, x)) / 2


def _weighted(x: Floats, y: Floats, by: Floats, then: Floats) -> float:
    place = np.empty(x.size)
    place[np.lexsort((-then, -by))] = np.arange(x.size)
    weight = 1 / (place + 1)
    w = weight[:, None] + weight
    a, b = np.sign(x[:, None] - x), np.sign(y[:, None] - y)
    scale = float(np.sqrt((w * a**2).sum() * (w * b**2).sum()))
    return float((w * a * b).sum() / scale) if scale > 0 else 0.0


def overlap(x: Floats, y: Floats, k: int) -> float:
    """Share of the top k that both boards have."""
    tops = [set(np.argsort(-s, kind="stable")[:k].tolist()) for s in (x, y)]
    return len(tops[0] & tops[1]) / k


def agreement(
    data: Votes, *, model: ModelName = "bt", prior_sd: float | None = None,
    rounds: int = 200, level: float = 0.95, seed: int = 0,
) -> tuple[list[Agreement], list[str]]:  # fmt: skip
    """Compare the boards of all pairs of judges.

    Items are weighted at random, the same for all judges (Bayesian bootstrap), and every judge's
    board is fitted again in each round.

    Args:
        data: with judges. model, prior_sd: of every board.
        rounds: bootstrap rounds. level: of the intervals. seed: of the draws.

    Returns:
        Agreements, and for each judge without a board the reason, in a line.
    """
    boards: dict[int, Floats] = {}
    parts: dict[int, Votes] = {}
    reasons = []
    codes = data.judge
    for judge in data.groups("judge"):
        part = data.rows(codes == judge) if codes is not None else data
        try:
            boards[judge] = _board(part.counts(), model, prior_sd)
        except RatingError as error:
            reasons.append(f"{data.label('judge', judge)}: {error}")
        else:
            parts[judge] = part
    if len(boards) < 2:
        return [], reasons
    draws = _Draws(data, parts, model, prior_sd, seed)
    sampled = draws.boards(rounds)
    found = []
    for one, other in combinations(boards, 2):
        pairs = [(s[one], s[other]) for s in sampled if one in s and other in s]
        found.append(_compare(data, one, other, boards, pairs, rounds, level, draws.size))
    return found, reasons


def _compare(
    data: Votes, one: int, other: int, boards: dict[int, Floats],
    pairs: list[tuple[Floats, Floats]], rounds: int, level: float, size: int,
) -> Agreement:  # fmt: skip
    x, y = boards[one], boards[other]
    both = np.isfinite(x) & np.isfinite(y)
    x, y = x[both], y[both]

    def resampled(measure: Callable[[Floats, Floats], float]) -> Floats | None:
        if rounds < 2 or len(pairs) < FEWEST * rounds:
            return None
        # Resampling adds the noise that sampling had added: twice the estimate less the draws.
        values = np.array([measure(a[both], b[both]) for a, b in pairs])
        return np.clip(2 * measure(x, y) - values, -1, 1)

    def interval(values: Floats | None) -> tuple[float, float] | None:
        if values is None:
            return None
        low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)

    taus, weighted = resampled(kendall), resampled(weighted_kendall)

    return Agreement(
        data.label("judge", one), data.label("judge", other), int(both.sum()),
        kendall(x, y), weighted_kendall(x, y), None if taus is None else float(taus.mean()),
        interval(taus), interval(weighted),
        tuple((k, overlap(x, y, k)) for k in (1, 5, 10) if k < both.sum()),
        rounds, rounds - len(pairs), size,
    )  # fmt: skip


def _board(
    counts: Counts, model: ModelName, prior_sd: float | None, start: Floats | None = None
) -> Floats:
    """Shape (subjects,): strengths, NaN for subjects that were not compared."""
    played = np.flatnonzero(counts.wins.sum(axis=1) > 0)
    out = np.full(len(counts.names), np.nan)
    if played.size < 2:
        raise RatingError("fewer than two subjects were compared")
    begin = None if start is None else np.nan_to_num(start[played])
    few = counts if played.size == len(counts.names) else counts.restrict(played)
    if model != "bt":
        begin = None  # the start of other models has a tie parameter too
    out[played] = fit(few, model, prior_sd=prior_sd, start=begin).strengths
    return out


class _Draws:
    """Bootstrap boards: rows are summed by item and cell once, then weighted in each round."""

    def __init__(
        self, data: Votes, parts: dict[int, Votes], model: ModelName,
        prior_sd: float | None, seed: int,
    ) -> None:  # fmt: skip
        from scipy.sparse import coo_array

        self.names, self.model, self.prior_sd = data.names, model, prior_sd
        self.rng = np.random.default_rng(seed)
        item, self.size = clusters(data.item, data.size)
        if self.size > GROUPS:
            item = self.rng.permutation(np.arange(self.size) % GROUPS)[item]
            self.size = GROUPS
        self.cells: dict[int, NDArray[np.int64]] = {}
        self.votes: dict[int, Any] = {}
        k = len(data.names)
        for judge, part in parts.items():
            codes = (part.left * k + part.right) * 3 + part.outcome
            unique, at = np.unique(codes, return_inverse=True)
            mine = item[data.judge == judge]
            shape = (self.size, unique.size)
            self.cells[judge] = unique
            self.votes[judge] = coo_array((np.ones(at.size), (mine, at)), shape=shape).tocsr()

    def boards(self, rounds: int) -> list[dict[int, Floats]]:
        """Boards of the judges in each round; without those that have no rating."""
        out = []
        for _ in range(rounds):
            # Weights above 0 (Rubin's Bayesian bootstrap): who could be rated can be rated again.
            drawn = self.rng.standard_exponential(self.size) + 1e-12
            found = {}
            for judge in self.cells:
                try:
                    found[judge] = self._one(judge, drawn)
                except RatingError:
                    continue
            out.append(found)
        return out

    def _one(self, judge: int, drawn: NDArray[Any]) -> Floats:
        votes = self.votes[judge].T @ drawn
        there = votes > 0
        pair, outcome = np.divmod(self.cells[judge][there], 3)
        k = len(self.names)
        counts = count(pair // k, pair % k, outcome, names=self.names, weights=votes[there])
        return _board(counts, self.model, self.prior_sd)
