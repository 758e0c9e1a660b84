"""Do rank intervals still hold when answers decided what was asked next?

Simulated surveys are asked in batches, each by what the ones before it answered; then the model is
fitted to all answers, and its ranks are held against the true ones, as for surveys that nobody
steered. A survey stands for sixteen draws, as it ranks scores of areas.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from calibrant.priorities.asking.choose import Rules
from calibrant.priorities.asking.simulate import run
from calibrant.priorities.ranks.certificates import PER_SURVEY, survey
from calibrant.priorities.ranks.simulate import Experts
from calibrant.stats.certificates import Bound, Certificate, Regime

PER = 6
BATCH = 14


def ask_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage of rank intervals after asking by a strategy, and the decision's regret."""
    sums: dict[str, list[float]] = {}
    settings = {k: v for k, v in regime.items() if k != "strategy"}
    rules = Rules(per=PER, strategy=regime["strategy"])
    for _ in range(max(1, draws // PER_SURVEY)):
        panel = Experts(**settings).draw(rng)
        done = run(panel, rules, batch=BATCH, seed=int(rng.integers(1 << 31)))
        found = survey(panel, rng, asked=done.asked)
        found["answers"] = float(done.answers[-1])
        for name, value in found.items():
            sums.setdefault(name, []).append(value)
    return {name: float(np.mean(values)) for name, values in sums.items()}


CERTIFICATES: tuple[Certificate, ...] = (
    Certificate(
        "priorities-ask",
        "calibrant.priorities.ask",
        "Where answers decided what was asked next, still at least 88 in 100 of the 90 % rank "
        "intervals hold their area's rank, those of the ten areas that look best no fewer, and "
        "no tier rests on a false difference in at least 90 of 100 surveys.",
        (
            {"strategy": "regret", "chosen": 4.0},
            {"strategy": "boundary", "chosen": 2.2},
        ),
        ask_batch,
        {
            "covered": Bound(low=0.88),
            "first ten covered": Bound(low=0.88),
            "tiers honest": Bound(low=0.9),
        },
        peers={
            "bootstrap": "percentiles of the ranks of raw means, each area's ratings drawn again",
            "normal": "ranks of raw means with independent normal errors",
        },
        batch_draws=64,
    ),
)
