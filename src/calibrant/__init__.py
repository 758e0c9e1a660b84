"""calibrant: a measurement laboratory for AI systems.

State a claim about a model or an agent; calibrant plans the evaluation, runs it through Inspect,
stops when the evidence decides, and returns a verdict with everything needed to repeat it.
Importing this package is cheap: each name below loads what it needs when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from calibrant._version import __version__
from calibrant.errors import CalibrantError

if TYPE_CHECKING:
    from calibrant.assurance.assess import assess, plan_suite
    from calibrant.assurance.assessment import Assessment, read_assessment
    from calibrant.bench.arena.run import arena
    from calibrant.measurement import (
        compare,
        hierarchical,
        measure,
        plan,
        plan_paired,
        plot_comparisons,
        plot_measurements,
        study,
    )
    from calibrant.ratings.rate import rate
    from calibrant.records import Reading, read, read_comparisons
    from calibrant.report import write_html
    from calibrant.scaling.forecast import forecast
    from calibrant.stats import anytime, fixed, sprt

_HOMES = {
    "anytime": "calibrant.stats",
    "arena": "calibrant.bench.arena.run",
    "assess": "calibrant.assurance.assess",
    "Assessment": "calibrant.assurance.assessment",
    "compare": "calibrant.measurement",
    "fixed": "calibrant.stats",
    "forecast": "calibrant.scaling.forecast",
    "hierarchical": "calibrant.measurement",
    "measure": "calibrant.measurement",
    "plan": "calibrant.measurement",
    "plan_paired": "calibrant.measurement",
    "plan_suite": "calibrant.assurance.assess",
    "plot_comparisons": "calibrant.measurement",
    "plot_measurements": "calibrant.measurement",
    "rate": "calibrant.ratings.rate",
    "read": "calibrant.records",
    "read_assessment": "calibrant.assurance.assessment",
    "read_comparisons": "calibrant.records",
    "Reading": "calibrant.records",
    "sprt": "calibrant.stats",
    "study": "calibrant.measurement",
    "write_html": "calibrant.report",
}

__all__ = [
    "Assessment",
    "CalibrantError",
    "Reading",
    "__version__",
    "anytime",
    "arena",
    "assess",
    "compare",
    "fixed",
    "forecast",
    "hierarchical",
    "measure",
    "plan",
    "plan_paired",
    "plan_suite",
    "plot_comparisons",
    "plot_measurements",
    "rate",
    "read",
    "read_assessment",
    "read_comparisons",
    "sprt",
    "study",
    "write_html",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'calibrant' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
