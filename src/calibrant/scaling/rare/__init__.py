"""What happens at deployment that n trials did not show? Tails, best of n, pass@k, hidden modes."""

from __future__ import annotations

from calibrant._lazy import surface

_HOMES: dict[str, str] = {
    "BestOfN": "calibrant.scaling.rare.attempts",
    "best_of_n": "calibrant.scaling.rare.attempts",
    "Deployment": "calibrant.scaling.rare.deploy",
    "deployment": "calibrant.scaling.rare.deploy",
    "hidden_mode": "calibrant.scaling.rare.deploy",
    "Pass": "calibrant.scaling.rare.passes",
    "pass_at_k": "calibrant.scaling.rare.passes",
    "pass_hat_k": "calibrant.scaling.rare.passes",
    "Tail": "calibrant.scaling.rare.largest",
    "tail": "calibrant.scaling.rare.largest",
    "Rare": "calibrant.scaling.rare.forecast",
    "rare_events": "calibrant.scaling.rare.forecast",
    "read_rare": "calibrant.scaling.rare.read",
}

__all__: list[str] = [*_HOMES]

__getattr__, __dir__ = surface(__name__, _HOMES)
