"""What is known of the ability of subjects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from calibrant._figure import shorten
from calibrant.quality.bank import Floats, Ints

if TYPE_CHECKING:
    from calibrant._figure import Figure

Method = Literal["eap", "map", "wle"]
METHODS: tuple[Method, ...] = ("eap", "map", "wle")

_NUMBERS = (
    "ability", "standard_error", "low", "high", "mean", "whole", "whole_low", "whole_high", "fit",
    "fit_p",
)  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class Scores:
    """Abilities of subjects on the scale of a bank.

    Attributes:
        subjects: names.
        method, level: how abilities were found, and the level of all intervals.
        ability, standard_error, low, high: shape (subjects,); limits may be infinite, and the
            ability NaN where nothing was answered.
        answered: shape (subjects,), how many items of the bank each has a score on.
        mean: shape (subjects,), mean score on the items answered, in the units of the bank.
        whole, whole_low, whole_high: shape (subjects,), the expected mean score on all items of the
            bank, and the interval of that score. NaN if they were not asked for.
        fit, fit_p: shape (subjects,), l*z (low where answers do not go together) and its p-value;
            NaN if not asked for, or where answers cannot misfit.
        aberrant: shape (subjects,), whether a subject's answers misfit, with at most 5 % of such
            findings false on average (Benjamini and Hochberg).
        notes: what a reader should know, one sentence each.
    """

    subjects: tuple[str, ...]
    method: Method
    level: float
    ability: Floats
    standard_error: Floats
    low: Floats
    high: Floats
    answered: Ints
    mean: Floats
    whole: Floats
    whole_low: Floats
    whole_high: Floats
    fit: Floats
    fit_p: Floats
    aberrant: NDArray[np.bool_]
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        known = np.flatnonzero(np.isfinite(self.ability))
        lead = ""
        if known.size:
            best = int(known[self.ability[known].argmax()])
            lead = (
                f"; the highest is {shorten(self.subjects[best], 60)} with "
                f"{self.ability[best]:.2f} ({self.level:.0%} interval {self.low[best]:.2f} to "
                f"{self.high[best]:.2f})"
            )
        odd = int(self.aberrant.sum())
        said = f"; the answers of {odd} do not go together" if odd else ""
        return f"{_counted(len(self.subjects), 'subject')} on one scale ({self.method}){lead}{said}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data; infinite limits and what is not known are null."""
        rows = [
            {
                "subject": name, "answered": int(self.answered[i]),
                **{key: _finite(getattr(self, key)[i]) for key in _NUMBERS},
                "aberrant": bool(self.aberrant[i]),
            }
            for i, name in enumerate(self.subjects)
        ]  # fmt: skip
        return {
            "method": self.method, "level": self.level, "subjects": rows, "notes": list(self.notes),
        }  # fmt: skip

    def plot(self) -> Figure:
        """Abilities with their intervals, the ablest first.

        Raises:
            InputError: if no ability is known.
        """
        from calibrant.quality.scoring.figures import abilities

        return abilities(self)

    def noting(self, *notes: str) -> Scores:
        """The same with more notes."""
        return replace(self, notes=(*self.notes, *notes))


def _finite(x: float) -> float | None:
    return float(x) if np.isfinite(x) else None


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' if n != 1 else ''}"
