"""A ladder of tiny language models with planted skills: forecasts whose truth can be had.

`climb_ladder` trains all but the largest, forecasts that one rung by rung, registers the forecast,
trains it and settles.
"""

from __future__ import annotations

from calibrant._lazy import surface

_HOMES = {
    "LADDERS": "calibrant.subjects.ladder.design",
    "Climb": "calibrant.subjects.ladder.chain",
    "World": "calibrant.subjects.ladder.skills",
    "climb_ladder": "calibrant.subjects.ladder.chain",
}

__all__: list[str] = [*_HOMES]

__getattr__, __dir__ = surface(__name__, _HOMES)
