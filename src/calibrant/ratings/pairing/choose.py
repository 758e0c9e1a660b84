"""Which pairs next? Those whose games are expected to bring the decision on most.

Strengths and their covariance are an approximation of what the decided games say (normal, with a
prior); they choose pairs and forecast, and nothing is concluded from them.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit, xlog1py, xlogy

from calibrant.errors import InputError
from calibrant.ratings.pairing.settle import Goal, Standing, threshold

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

Strategy = Literal["decision", "d-optimal", "uniform"]
STRATEGIES: tuple[str, ...] = get_args(Strategy)

PRIOR_SD = 1.5
"""Standard deviation of the prior on log-strengths that pairs are chosen with."""

DRAWS = 128


def posterior(wins: Floats, prior_sd: float = PRIOR_SD) -> tuple[Floats, Floats]:
    """Log-strengths and their covariance: Bradley–Terry on decided games with a normal prior.

    Mode by Newton's method and inverse curvature there (Laplace); exists whatever the games.

    Args:
        wins: shape (subjects, subjects), games the row won over the column.
        prior_sd: of log-strengths around 0, above 0.
    """
    size = wins.shape[0]
    games = wins + wins.T
    s = np.zeros(size)
    won = wins.sum(axis=1)
    for _ in range(50):
        p = expit(s[:, None] - s[None, :])
        g = won - (games * p).sum(axis=1) - s / prior_sd**2
        w = games * p * (1 - p)
        precision = np.diag(w.sum(axis=1) + prior_sd**-2) - w
        factor = cho_factor(precision)
        step = cho_solve(factor, g)
        # The curvature can only be too small far out: a bounded step cannot overshoot for ever.
        s = s + step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-300))
        if float(np.abs(step).max()) < 1e-9:
            break
    return s, np.asarray(cho_solve(factor, np.eye(size)))


def choose(
    standing: Standing,
    asked: Ints,
    *,
    size: int,
    strategy: Strategy = "decision",
    seed: int = 0,
    available: Ints | None = None,
    believed: tuple[Floats, Floats] | None = None,
) -> Ints:
    """The next `size` pairs to compare, best first.

    "decision" scores a pair by the evidence one game is expected to bring (the divergence of its
    win rate from 1/2), over draws of the strengths in which the decision needs the pair: against
    the best one for "top-1"; else those between whom nobody stands who could settle them by
    transitivity. "d-optimal" takes what lowers the joint uncertainty of the open pairs' strengths
    most (Chaloner and Verdinelli, Statistical Science 10 (1995) 273); "uniform" the pairs asked
    least, open or not.

    Args:
        standing: what is settled.
        asked: shape (subjects, subjects), symmetric; comparisons so far, with ties and failures.
        size: how many pairs; a pair may come several times.
        seed: of draws and of equal scores; the same arguments give the same pairs.
        available: shape (subjects, subjects), comparisons of a pair still possible.
        believed: strengths and covariance; by default `posterior(standing.wins)`.

    Returns:
        Shape (at most size, 2), indices of subjects, the lower first; shorter where no more are
        available.
    """
    if strategy not in STRATEGIES:
        raise InputError(f"strategy: wanted one of {', '.join(STRATEGIES)}, got {strategy!r}")
    if size < 1:
        raise InputError(f"size: wanted at least 1 pair, got {size}")
    number = standing.tiers.size
    i, j = np.triu_indices(number, 1)
    left = np.full(i.size, size) if available is None else available[i, j].copy()
    rng = np.random.default_rng(seed)
    order = rng.permutation(i.size)
    if strategy == "uniform":
        chosen = _least(asked[i, j][order], left[order], size)
        at = order[chosen]
        return np.stack([i[at], j[at]], axis=1)
    left = np.where(standing.open[i, j], left, 0)
    s, covariance = posterior(standing.wins) if believed is None else believed
    if strategy == "d-optimal":
        at = _d_optimal(s, covariance, i, j, left, size)
    else:
        score = decision_scores(standing, s, covariance, rng)[i, j]
        at = order[_shares(score[order], left[order], size)]
    return np.stack([i[at], j[at]], axis=1)


def decision_scores(
    standing: Standing, strengths: Floats, covariance: Floats, rng: np.random.Generator
) -> Floats:
    """Shape (subjects, subjects), symmetric: expected evidence of one game for what is needed."""
    size = strengths.size
    root = np.linalg.cholesky(covariance + 1e-12 * np.eye(size))
    draws = strengths + rng.standard_normal((DRAWS, size)) @ root.T
    if standing.goal.decision == "top-1":
        needed, i, j = _needed_for_first(standing, draws)
    else:
        needed, i, j = _needed_for_order(standing, draws)
    rows = np.arange(DRAWS)[:, None, None]
    p = expit(draws[rows, i] - draws[rows, j])
    gain = np.where(needed, growth(p), 0.0)
    flat = np.bincount((i * size + j).ravel(), gain.ravel(), size * size).reshape(size, size)
    # Whatever is open is worth something, or a pair no draw needs would stay open for ever.
    return np.asarray((flat + flat.T) / DRAWS + 1e-9 * standing.open)


def growth(p: Floats) -> Floats:
    """Divergence of a win rate from 1/2, in nats: evidence per decided game in the long run."""
    return np.asarray(np.log(2) + xlogy(p, p) + xlog1py(1 - p, -p))


def _needed_for_first(standing: Standing, draws: Floats) -> tuple[Bools, Ints, Ints]:
    """Pairs of each draw's best contender with the others: shape (draws, 1, subjects)."""
    size = draws.shape[1]
    among = np.where(standing.contenders, draws, -np.inf)
    best = np.argmax(among, axis=1)
    i = np.broadcast_to(best[:, None, None], (draws.shape[0], 1, size))
    j = np.broadcast_to(np.arange(size), i.shape)
    return standing.open[i, j], i, j


def _needed_for_order(standing: Standing, draws: Floats) -> tuple[Bools, Ints, Ints]:
    """Open pairs between whom, in a draw's order, nobody stands who may settle them."""
    order = np.argsort(-draws, axis=1)
    size = draws.shape[1]
    i = np.broadcast_to(order[:, :, None], (draws.shape[0], size, size))
    j = np.broadcast_to(order[:, None, :], i.shape)
    upper = np.triu(np.ones((size, size), dtype=bool), 1)
    needed = standing.open[i, j] & upper
    if standing.goal.transitive:
        may = ((~standing.tied | standing.better | standing.better.T)[i, j] & upper).astype(
            np.float32
        )
        needed &= np.matmul(may, may) < 0.5
    return needed, i, j


def _shares(score: Floats, left: Ints, size: int) -> Ints:
    """Give out `size` places in proportion to the scores (D'Hondt), as far as there are any."""
    given = np.zeros(score.size, dtype=np.int64)
    out = []
    for _ in range(size):
        value = np.where(given < left, score / (1 + given), -1.0)
        at = int(np.argmax(value))
        if value[at] <= 0:
            break
        given[at] += 1
        out.append(at)
    return np.array(out, dtype=np.int64)


def _least(asked: Ints, left: Ints, size: int) -> Ints:
    asked, left = asked.copy(), left.copy()
    out = []
    for _ in range(size):
        there = np.where(left > 0, asked, np.iinfo(np.int64).max)
        at = int(np.argmin(there))
        if left[at] <= 0:
            break
        asked[at] += 1
        left[at] -= 1
        out.append(at)
    return np.array(out, dtype=np.int64)


def _d_optimal(s: Floats, covariance: Floats, i: Ints, j: Ints, left: Ints, size: int) -> Ints:
    """Greedy: the largest rise of the log-determinant, the covariance updated after each."""
    c, left = covariance.copy(), left.copy()
    p = expit(s[i] - s[j])
    w = p * (1 - p)
    out = []
    for _ in range(size):
        variance = c[i, i] + c[j, j] - 2 * c[i, j]
        value = np.where(left > 0, np.log1p(w * variance), -1.0)
        at = int(np.argmax(value))
        if value[at] < 0:
            break
        left[at] -= 1
        out.append(at)
        x = c[:, i[at]] - c[:, j[at]]
        c = c - np.outer(x, x) * (w[at] / (1 + w[at] * variance[at]))
    return np.array(out, dtype=np.int64)


def to_go(standing: Standing, decided_share: float) -> float:
    """Comparisons that are about still needed, if the strengths are as estimated.

    For each pair needed at the estimate: the missing evidence over what a comparison brings; or,
    where a tie can be shown, what showing it takes, whichever is less. May be infinite.

    Args:
        decided_share: share of comparisons that are no ties, in (0, 1].
    """
    if standing.settled:
        return 0.0
    s, _ = posterior(standing.wins)
    goal: Goal = standing.goal
    finder = _needed_for_first if goal.decision == "top-1" else _needed_for_order
    needed, i, j = finder(standing, s[None, :])
    a, b = i[needed], j[needed]
    if not a.size:
        a, b = np.nonzero(np.triu(standing.open))
    limit = threshold(s.size, goal.alpha)
    missing = np.maximum(limit - standing.log_e[a, b], 0.5)
    share = expit(s[a] - s[b])
    with np.errstate(divide="ignore"):
        games = missing / growth(share)
    if goal.tied_within is not None:
        have = standing.wins[a, b] + standing.wins[b, a]
        # A confidence sequence is about √((limit + 3) / 2n) wide on either side; it must fit
        # between the share and the end of the margin.
        room = np.maximum(goal.tied_within - np.abs(share - 0.5), 0.01)
        games = np.minimum(games, np.maximum((limit + 3.0) / (2 * room**2) - have, 1.0))
    return float(games.sum() / decided_share)
