"""What is known of the ability of subjects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from calibrant._text import one_line
from calibrant.quality.bank import Floats, Ints

Method = Literal["eap", "map", "wle"]
METHODS: tuple[Method, ...] = ("eap", "map", "wle")


@dataclass(frozen=True, eq=False, repr=False)
class Scores:
    """Abilities of subjects on the scale of a bank.

    Attributes:
        subjects: names.
        method, level: how they were found, and the level of the intervals.
        ability, standard_error, low, high: shape (subjects,); limits may be infinite.
        answered: shape (subjects,), how many items of the bank each has a score on.
    """

    subjects: tuple[str, ...]
    method: Method
    level: float
    ability: Floats
    standard_error: Floats
    low: Floats
    high: Floats
    answered: Ints

    def __repr__(self) -> str:
        known = np.where(np.isnan(self.ability), -np.inf, self.ability)
        best = int(known.argmax()) if known.size else None
        lead = (
            "" if best is None else
            f"; the highest is {one_line(self.subjects[best], 60)} with {self.ability[best]:.2f} "
            f"({self.level:.0%} interval {self.low[best]:.2f} to {self.high[best]:.2f})"
        )  # fmt: skip
        return f"{len(self.subjects)} subjects on one scale ({self.method}){lead}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data; infinite limits and unknown abilities are null."""
        return {
            "method": self.method,
            "level": self.level,
            "subjects": [
                {
                    "subject": name, "answered": int(self.answered[i]),
                    **{
                        key: _finite(getattr(self, key)[i])
                        for key in ("ability", "standard_error", "low", "high")
                    },
                }
                for i, name in enumerate(self.subjects)
            ],
        }  # fmt: skip


def _finite(x: float) -> float | None:
    return float(x) if np.isfinite(x) else None
