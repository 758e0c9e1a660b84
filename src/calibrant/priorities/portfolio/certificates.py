"""Is a portfolio worth what is said of it, and does it lose no more than is said?"""

from __future__ import annotations

import numpy as np

from calibrant.priorities.portfolio.portfolio import plan_portfolio
from calibrant.priorities.portfolio.terms import Terms
from calibrant.priorities.posterior import AreaPosterior
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes

_DRAWS = 400


def _case(
    regime: Regime, rng: np.random.Generator
) -> tuple[AreaPosterior, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """A posterior, the truth, and what was seen: normal areas, normal means of few ratings."""
    size, ratings = regime["areas"], regime["ratings"]
    truth, draws, seen = {}, {}, {}
    for question, middle in (("importance", 3.8), ("tractability", 3.5)):
        between, error = regime["between"], 1.0 / ratings**0.5
        truth[question] = middle + between * rng.standard_normal(size)
        seen[question] = truth[question] + error * rng.standard_normal(size)
        weight = between**2 / (between**2 + error**2)
        spread = (weight * error**2) ** 0.5
        mean = middle + weight * (seen[question] - middle)
        draws[question] = mean + spread * rng.standard_normal((_DRAWS, size))
    areas = tuple(f"{i // 5 + 1}{'abcde'[i % 5]}" for i in range(size))
    n = {q: np.full(size, ratings) for q in draws}
    return AreaPosterior(areas, draws, n, "conjugate"), truth, seen


def _batch(regime: Regime, rng: np.random.Generator, draws: int) -> dict[str, float]:
    covered = raw = exceeded = wins = 0.0
    for _ in range(draws):
        posterior, truth, seen = _case(regime, rng)
        terms = Terms(float(regime["funded"]), 1.0)
        found = plan_portfolio(posterior, terms, robust=False)
        value = truth["importance"] * truth["tractability"]
        at = {a: i for i, a in enumerate(posterior.areas)}
        ours = float(value[[at[f.id] for f in found.funded]].sum())
        best = float(np.sort(value)[-len(found.funded) :].sum())
        low, high = found.value_interval
        covered += low <= ours <= high
        # Regret is spread to the right of its mean: more than three times that is rare.
        exceeded += best - ours > 3 * found.regret
        score = seen["importance"] * seen["tractability"]
        first = np.argsort(-score)[: len(found.funded)]
        promised, got = float(score[first].sum()), float(value[first].sum())
        i, t = seen["importance"][first], seen["tractability"][first]
        error = float(((i**2 + t**2).sum() / regime["ratings"]) ** 0.5)
        raw += abs(got - promised) <= 1.645 * error
        wins += got > ours
    return {
        "covered": covered / draws,
        "regret beyond three times the stated": exceeded / draws,
        "raw means covered": raw / draws,
        "raw means better": wins / draws,
    }


CERTIFICATES = (
    Certificate(
        name="portfolio-worth",
        method="priorities.plan_portfolio",
        statement="Given a right posterior, the 90 % interval of a portfolio's worth holds its "
        "true worth, and its regret is seldom more than three times what was expected.",
        regimes=regimes(
            "areas ratings between funded",
            (77, 4, 0.5, 10),
            (77, 4, 0.2, 10),
            (40, 16, 0.5, 5),
            (105, 3, 0.5, 30),
        ),
        batch=_batch,
        bounds={
            "covered": Bound(low=0.9, slack=0.02),
            "regret beyond three times the stated": Bound(high=0.05),
        },
        peers={"raw means": "funding the highest products of printed means, as the paper ranks"},
        batch_draws=50,
    ),
)
