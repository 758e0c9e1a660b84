"""How often does the cycle test cry wolf? Its type I error, next to tests that forget something."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, expit

from calibrant.errors import InputError
from calibrant.ratings.audit.data import Votes
from calibrant.ratings.beyond.cycles import cycle_test
from calibrant.ratings.beyond.hodge import hodge
from calibrant.ratings.counts import Counts
from calibrant.ratings.fit import RatingError, fit
from calibrant.stats.certificates import Bound, Certificate, Regime

Floats = NDArray[np.float64]

ROUNDS = 199


def draw(regime: Regime, rng: np.random.Generator) -> Votes:
    """Comparisons of subjects whose strengths explain every pair on average over items.

    The regime's keys: subjects; items; voters per item; pairs per item; ties, the Davidson ν;
    item_sd, of the deviations of subjects on an item, which votes on it share; cycle, log-odds
    added around subjects 0, 1, 2 (0 under the null).
    """
    k, items = int(regime["subjects"]), int(regime["items"])
    s = np.linspace(-0.8, 0.8, k)
    pairs, voters = int(regime["pairs"]), int(regime["voters"])
    a = rng.integers(0, k, (items, pairs))
    b = (a + rng.integers(1, k, (items, pairs))) % k
    item_d = rng.normal(0, regime["item_sd"], (items, k))
    row = np.arange(items)[:, None]
    d = s[a] - s[b] + item_d[row, a] - item_d[row, b]
    ring = (a < 3) & (b < 3)
    d = d + np.where(ring, regime["cycle"] * np.where((b - a) % 3 == 1, 1, -1), 0)
    d = np.repeat(d[:, :, None], voters, axis=2)
    win, lose = np.exp(d / 2), np.exp(-d / 2)
    total = win + lose + regime["ties"]
    u = rng.random(d.shape)
    outcome = np.where(u < win / total, 0, np.where(u < (win + lose) / total, 1, 2))
    shape = d.shape

    def flat(x: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.broadcast_to(x[:, :, None], shape).ravel()

    item = np.broadcast_to(np.arange(items)[:, None, None], shape).ravel()
    names = tuple(f"s{i}" for i in range(k))
    return Votes(names, flat(a), flat(b), outcome.ravel().astype(np.int64), item=item)


def _pearson(counts: Counts) -> float:
    """p of Pearson's χ² of the Bradley–Terry fit: ties as half wins, items forgotten."""
    split = hodge(counts)
    free = split.left.size - len(counts.names) + 1
    return float(chdtrc(free, split.cyclic_energy))


def _parametric(data: Votes, rng: np.random.Generator, rounds: int = 39) -> float:
    """p of the cyclic energy by a bootstrap of votes from the fit: items and ties forgotten."""
    counts = data.counts()
    s = fit(counts, "bt").strengths
    observed = hodge(counts).cyclic_energy
    p = expit(s[data.left] - s[data.right])
    above = 1
    for _ in range(rounds):
        outcome = (rng.random(data.size) >= p).astype(np.int64)
        drawn = Votes(data.names, data.left, data.right, outcome).counts()
        try:
            above += hodge(drawn).cyclic_energy >= observed
        except RatingError:
            above += 1
    return above / (rounds + 1)


def _batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    sums = dict.fromkeys(("alarm", "answered", "naive chi-square alarm", "bootstrap alarm"), 0.0)
    for _ in range(draws):
        data = draw(regime, rng)
        seed = int(rng.integers(2**31))
        try:
            found = cycle_test(data, rounds=ROUNDS, seed=seed)
        except (InputError, RatingError):
            continue  # refused: no alarm, and counted as not answered
        sums["answered"] += 1
        sums["alarm"] += found.intransitive
        sums["naive chi-square alarm"] += _pearson(data.counts()) <= 0.05
        sums["bootstrap alarm"] += _parametric(data, rng) <= 0.05
    return {name: total / draws for name, total in sums.items()}


def _regime(
    subjects: int, items: int, pairs: int, voters: int, ties: float, item_sd: float
) -> Regime:
    return {
        "subjects": subjects, "items": items, "pairs": pairs, "voters": voters, "ties": ties,
        "item_sd": item_sd, "cycle": 0.0,
    }  # fmt: skip


NULL = (
    _regime(4, 300, 1, 1, 0.0, 0.0),
    _regime(4, 300, 1, 1, 2.0, 0.0),
    _regime(4, 40, 6, 2, 1.0, 1.0),
    _regime(6, 60, 5, 5, 1.5, 1.5),
    _regime(6, 15, 15, 3, 1.0, 1.0),
    _regime(10, 90, 1, 4, 1.0, 1.0),
)

CERTIFICATES = (
    Certificate(
        "rating-cycles",
        "calibrant.ratings.beyond.cycle_test",
        "Where strengths explain every pair, beyond one ranking is claimed at most 5 % of the "
        "time, with ties, with votes that share an item, and with few items.",
        NULL,
        _batch,
        {"alarm": Bound(high=0.05)},
        {
            "naive chi-square": "Pearson's goodness of fit on the count table, items ignored",
            "bootstrap": "a parametric bootstrap of votes, items and ties ignored",
        },
    ),
)
