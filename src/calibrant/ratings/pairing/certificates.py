"""How often does an arena separate subjects that it should not, looked at after every round?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.ratings.pairing.choose import STRATEGIES, Strategy
from calibrant.ratings.pairing.settle import Goal
from calibrant.ratings.pairing.simulate import simulate
from calibrant.stats.certificates import Bound, Certificate, Regime

ALPHA = 0.05


def _strengths(regime: Regime) -> NDArray[np.float64]:
    return np.array(regime["strengths"], dtype=np.float64)


def _goal(regime: Regime) -> Goal:
    return Goal(regime["decision"], ALPHA, regime.get("tied_within"))


def false_separations(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Arenas in which any pair was separated wrongly; peer: Wald intervals, Bonferroni over
    pairs, watched after each round of the same arena."""
    false = watched = used = 0
    for _ in range(draws):
        found = simulate(
            _strengths(regime), _goal(regime), rng, strategy=regime["strategy"],
            tie_share=regime.get("ties", 0.0), budget=regime["budget"],
            step=regime["step"],
        )  # fmt: skip
        false += found.false
        watched += found.watched
        used += found.comparisons
    return {
        "falsely separated": false / draws,
        "watched Wald falsely separated": watched / draws,
        "comparisons": used / draws,
    }


def savings(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Comparisons until settled, by strategy, on the same subjects; and whether it was right."""
    out: dict[str, Any] = {}
    names: tuple[Strategy, ...] = STRATEGIES  # type: ignore[assignment]
    for strategy in names:
        runs = [
            simulate(
                _strengths(regime), _goal(regime), rng, strategy=strategy,
                budget=regime["budget"], step=regime["step"],
            )
            for _ in range(draws)
        ]  # fmt: skip
        out[f"{strategy} comparisons"] = float(np.mean([r.comparisons for r in runs]))
        out[f"{strategy} settled"] = float(np.mean([r.settled for r in runs]))
        out[f"{strategy} falsely separated"] = float(np.mean([r.false for r in runs]))
    # Kept within 0–1, so that it can be promised: the share of uniform pairing's comparisons.
    share = out["decision comparisons"] / out["uniform comparisons"]
    return {**out, "share of uniform": min(1.0, share)}


_EQUAL: dict[str, Any] = {"budget": 600, "step": 12}

CERTIFICATES = (
    Certificate(
        name="arena-false-separation",
        method="calibrant.ratings.pairing.settle.settle",
        statement=(
            "Any pair is separated wrongly in at most 5 % of arenas, pairs chosen by what they "
            "showed and stopped as soon as they are settled."
        ),
        regimes=(
            {"strengths": (0.0,) * 4, "decision": "order", "strategy": "decision", **_EQUAL},
            {"strengths": (0.0,) * 4, "decision": "top-1", "strategy": "decision", **_EQUAL},
            {"strengths": (0.0,) * 4, "decision": "order", "strategy": "uniform", **_EQUAL},
            {"strengths": (0.0,) * 4, "decision": "order", "strategy": "decision", "ties": 0.4,
             **_EQUAL},
            {"strengths": (1.5, 0.0, 0.0, -1.5), "decision": "tiers", "tied_within": 0.2,
             "strategy": "decision", **_EQUAL},
        ),
        batch=false_separations,
        bounds={"falsely separated": Bound(high=ALPHA)},
        peers={"watched Wald": "Wald intervals, Bonferroni for pairs, watched after each round"},
    ),
    Certificate(
        name="arena-savings",
        method="calibrant.ratings.pairing.choose.choose",
        statement=(
            "Pairs chosen for the decision settle an arena in at most three quarters of the "
            "comparisons that uniform pairing takes, and separate nobody wrongly more often."
        ),
        regimes=(
            {"strengths": (1.6, 0.8, 0.0, -0.8, -1.6), "decision": "order", "budget": 6000,
             "step": 10},
            {"strengths": (1.2, 0.2, 0.0, -0.3, -0.6, -1.0), "decision": "top-1",
             "budget": 6000, "step": 10},
            {"strengths": (1.2, 1.2, 0.0, -1.2, -1.2), "decision": "tiers", "tied_within": 0.2,
             "budget": 6000, "step": 10},
        ),
        batch=savings,
        bounds={
            "share of uniform": Bound(high=0.75),
            "decision falsely separated": Bound(high=ALPHA),
        },
        peers={
            "uniform": "pairs drawn evenly, as most arenas do",
            "d-optimal": "pairs of most information about all strengths",
        },
    ),
)  # fmt: skip
