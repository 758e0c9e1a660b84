"""A forecast's document, small and made up."""

from __future__ import annotations

from typing import Any

import numpy as np

from calibrant.scaling.predictive import Predictive


def document(n: int = 3, measure: str = "MMLU", level: float = 0.9) -> dict[str, Any]:
    """As `calibrant forecast --json` prints it, of n subjects in families of their own."""
    at = np.linspace(23.2, 24, n)
    told = Predictive.of(
        np.vstack([0.5 + 0.1 * (at - 23), 0.45 + 0.1 * (at - 23)]), np.full((2, n), 0.05),
        weight=np.array([0.7, 0.3]), low=0.0, high=1.0,
    )  # fmt: skip
    middle, (low, high) = told.quantile(0.5), told.interval(level)
    rows = [
        {"subject": f"next-{i}", "family": f"F{i}", "measure": measure, "scale": float(at[i]),
         "date": None, "distance": float(at[i] - 23), "median": float(middle[i]),
         "mean": float(middle[i]), "sd": 0.05, "outcome": None, "density": density}
        for i, density in enumerate(told.to_dict())
    ]  # fmt: skip
    horizon = {
        "horizon": "0 to 1 orders of magnitude", "measure": None, "low": 0.0, "high": 1.0,
        "unit": "orders of magnitude", "n": 40, "families": 9, "effective": 20.0, "covered": 36.0,
        "level": level, "verdict": "held", "p": 0.5, "says": "90% intervals held 36 of 40",
    }  # fmt: skip
    models = [
        {"name": name, "says": f"{name} goes on", "baseline": plain, "weight": weight,
         "log_score": 1.5, "crps": 0.03, "coverage": 0.9, "n": 40, "beats": not plain,
         "against": [], "failed": None}
        for name, plain, weight in (("curve", False, 0.8), ("persistence", True, 0.2))
    ]  # fmt: skip
    history = [
        {"subject": f"old-{i}", "family": f"F{i % 3}", "measure": measure, "scale": 20 + i / 4,
         "date": None, "score": 0.2 + 0.02 * i}
        for i in range(12)
    ]  # fmt: skip
    return {
        "target": [measure], "scale": "FLOPs (1E21)", "family": "family", "cut": "scale<=1e23",
        "level": level, "seed": 0, "models": models, "forecast": rows,
        "intervals": [
            {"subject": r["subject"], "measure": measure, "level": level, "low": float(low[i]),
             "high": float(high[i])} for i, r in enumerate(rows)
        ],
        "history": history,
        "backtest": {
            "rule": "scale<=1e23", "level": level, "n": 40, "families": 9, "effective": 20.0,
            "coverage": 0.9, "coverage_interval": [0.8, 0.96], "crps": 0.03,
            "crps_interval": [0.02, 0.04], "log_score": 1.5, "log_score_interval": None,
            "pit": {"edges": [i / 10 for i in range(11)], "share": [0.1] * 10, "mean": 0.5,
                    "mean_interval": [0.4, 0.6]},
            "by_horizon": [horizon],
            "peers": [{"name": "trend", "says": "a line", "coverage": 0.7, "width": 0.3, "n": 40}],
        },
        "distance": {"orders_of_magnitude": 1.0, "months": None, "tried": {measure: 1.1},
                     "unit": "orders of magnitude"},
        "warnings": ["not shown to beat persistence: spline"], "withheld": None,
        "withheld_rows": [], "notes": ["a note"],
    }  # fmt: skip


def withheld() -> dict[str, Any]:
    """One that says nothing."""
    made = document(1) | {"forecast": None, "intervals": None, "withheld": "the past is too short"}
    made["withheld_rows"] = [
        {"subject": "next-0", "measure": "MMLU", "distance": 1.0, "why": "the past is too short"}
    ]
    return made
