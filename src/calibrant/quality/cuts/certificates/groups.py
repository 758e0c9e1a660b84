"""How often do cuts from judged subjects, and from costs, hold? Intervals and what they lose."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, expit, ndtri

from calibrant.errors import InputError
from calibrant.quality.cuts.cost import cost_cut
from calibrant.quality.cuts.groups import borderline, contrasting
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes

Floats = NDArray[np.float64]

_Z = float(ndtri(0.975))


def _borderline_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Scores of the border: Beta(a, b). Keys: subjects, a, b."""
    n, a, b = int(regime["subjects"]), float(regime["a"]), float(regime["b"])
    truth = float(betaincinv(a, b, 0.5))
    sums = dict.fromkeys(("covered", "width", "normal covered"), 0.0)
    for _ in range(draws):
        scores = rng.beta(a, b, n)
        cut = borderline(scores).cut
        sums["covered"] += cut.low <= truth <= cut.high
        sums["width"] += cut.high - cut.low
        error = float(np.std(scores, ddof=1)) / math.sqrt(n)
        sums["normal covered"] += abs(float(scores.mean()) - truth) <= _Z * error
    return {name: total / draws for name, total in sums.items()}


def contrasting_draw(regime: Regime, rng: np.random.Generator) -> tuple[Floats, NDArray[np.bool_]]:
    """Scores and judgements; the true cut is 0.6.

    Keys: subjects; slope of the judgement over the score, in logits over the whole scale; both
    groups have at least 5.
    """
    while True:
        x = rng.beta(6, 4, int(regime["subjects"]))
        good = rng.random(x.size) < expit(regime["slope"] * (x - 0.6))
        if min(good.sum(), (~good).sum()) >= 5 and x[good].mean() > x[~good].mean():
            return x, good


def _contrasting_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    names = ("covered", "width", "off", "delta covered", "one sd off")
    sums = dict.fromkeys(names, 0.0)
    for _ in range(draws):
        x, good = contrasting_draw(regime, rng)
        try:
            cut = contrasting(x, good).cut
        except InputError:
            # The curve does not rise: refused, which is told as the whole scale.
            sums["covered"] += 1
            sums["width"] += 1
            continue
        sums["covered"] += cut.low <= 0.6 <= cut.high
        sums["width"] += cut.high - cut.low
        sums["off"] += abs(cut.value - 0.6) > 0.1
        sums["delta covered"] += _delta(x, good)
        sums["one sd off"] += abs(float(x.mean() - np.std(x, ddof=1)) - 0.6) > 0.1
    return {name: total / draws for name, total in sums.items()}


def _delta(x: Floats, good: NDArray[np.bool_]) -> bool:
    """Whether ± 1.96 delta-method errors around the maximum-likelihood cut hold 0.6."""
    design = np.column_stack([np.ones_like(x), x])
    beta = np.zeros(2)
    for _ in range(30):
        p = expit(design @ beta)
        w = np.maximum(p * (1 - p), 1e-12)
        information = (design * w[:, None]).T @ design
        if np.linalg.cond(information) > 1e14 or np.abs(beta).max() > 1e6:
            return False  # separated: there is no estimate
        step = np.linalg.solve(information, design.T @ (good - p))
        beta = beta + step
        if np.abs(step).max() < 1e-9:
            break
    if abs(beta[1]) < 1e-9 or np.abs(step).max() >= 1e-3:
        return False
    cut = -beta[0] / beta[1]
    gradient = np.array([-1 / beta[1], -cut / beta[1]])
    error = math.sqrt(float(gradient @ np.linalg.inv(information) @ gradient))
    return bool(abs(cut - 0.6) <= _Z * error)


def _cost_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """True rates Beta(a, b). Keys: subjects, items, a, b, standard, cost of a false pass."""
    n, a, b = int(regime["items"]), float(regime["a"]), float(regime["b"])
    standard, cost = float(regime["standard"]), float(regime["cost"])
    best = cost_cut(prior=(a, b), items=n, standard=standard, cost_false_pass=cost)
    lost = np.sum(best.losses[1:], axis=0)
    sums = dict.fromkeys(("covered", "width", "regret", "standard regret", "margin regret"), 0.0)
    for _ in range(draws):
        scores = rng.binomial(n, rng.beta(a, b, int(regime["subjects"]))) / n
        found = cost_cut(scores, items=n, standard=standard, cost_false_pass=cost, lengths=())
        cut = found.cut
        sums["covered"] += cut.low <= best.cut.value <= cut.high
        sums["width"] += cut.high - cut.low
        error = math.sqrt(standard * (1 - standard) / n)
        for name, at in (
            ("regret", found.choice.passes_at),
            ("standard regret", math.ceil(standard * n - 1e-9)),
            ("margin regret", math.ceil((standard + _Z * error) * n)),
        ):
            loss = float(lost[min(at, n)])
            sums[name] += (loss - best.choice.loss) / best.loss_untested
    return {name: total / draws for name, total in sums.items()}


BORDERLINE = regimes("subjects a b", (4, 8, 4), (8, 8, 4), (15, 0.8, 0.4), (40, 2, 12), (100, 8, 4))

CONTRASTING = regimes(
    "subjects slope", (20, 12), (20, 60), (40, 25), (40, 400), (100, 12), (100, 60)
)

COSTS = regimes(
    "subjects items a b standard cost",
    (10, 50, 8, 4, 0.6, 3), (30, 100, 8, 4, 0.6, 10), (30, 50, 2, 2, 0.7, 1),
    (84, 100, 3, 1.5, 0.5, 5),
)  # fmt: skip

COSTS_BEYOND = regimes("subjects items a b standard cost", (20, 50, 30, 10, 0.7, 2))

CERTIFICATES = (
    Certificate(
        "cut-borderline",
        "calibrant.items.borderline",
        "The 95 % interval of a borderline group's median holds at least 95 % of the time, "
        "whatever the distribution and however small the group.",
        BORDERLINE,
        _borderline_batch,
        {"covered": Bound(low=0.95)},
        {"normal": "the mean plus or minus 1.96 standard errors, taken for the median"},
    ),
    Certificate(
        "cut-contrasting",
        "calibrant.items.contrasting",
        "The 95 % interval of the score at which subjects are as likely acceptable as not holds "
        "at least 93 % of the time, also where no scores of the groups overlap.",
        CONTRASTING,
        _contrasting_batch,
        {"covered": Bound(low=0.93, slack=0.01)},
        {
            "delta": "maximum likelihood with the delta method; none where groups are separated",
            "one sd": "the mean of all scores less one standard deviation, as the cut",
        },
        batch_draws=50,
    ),
    Certificate(
        "cut-cost",
        "calibrant.items.cost_cut",
        "The 95 % interval holds the cut of least expected cost at least 90 % of the time with 10 "
        "to 84 subjects to learn from whose rates differ well beyond chance, and the cut loses on "
        "average at most 2 % of the cost of not testing beyond the best.",
        COSTS,
        _cost_batch,
        {"covered": Bound(low=0.90, slack=0.01), "regret": Bound(high=0.02)},
        {
            "standard": "pass whoever scores at least the standard",
            "margin": "pass whoever scores 1.96 standard errors above the standard",
        },
        beyond=COSTS_BEYOND,
        batch_draws=25,
    ),
)
