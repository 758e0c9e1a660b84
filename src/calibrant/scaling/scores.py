"""What is known of subjects of growing scale: one score a row, of one subject on one measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant._figure import Shown
from calibrant.errors import InputError
from calibrant.scaling.given import Given

Floats = NDArray[np.float64]
Names = NDArray[np.str_]
Dates = NDArray[np.datetime64]


@dataclass(frozen=True, repr=False, eq=False)
class Scores(Shown):
    """Scores of subjects, one row for each subject and measure.

    Attributes:
        subject, family, measure: shape (rows,); names. A measure is a benchmark or a metric of it.
        scale: shape (rows,); the base-10 logarithm of compute (or of another scale) in its plain
            unit, such as 22.9 for 8.4e22 FLOPs; NaN where it is not known.
        date: shape (rows,), days; NaT where it is not known.
        score: shape (rows,); NaN where it is to be forecast.
        se: shape (rows,); the standard error of each score, NaN where it is not known.
        limits: for each measure, the lowest and highest score there can be; -inf and inf where
            there is none.
        chance: for each measure, the score of a guesser, where curves begin; by default the lowest.
        notes: what a reader must know of how it was read, one sentence each.
        warnings: what may be wrong with it, one sentence each.
        given: scores on other measures, which stay known for every subject; None if there are none.
    """

    subject: Names
    family: Names
    measure: Names
    scale: Floats
    date: Dates
    score: Floats
    se: Floats
    limits: Mapping[str, tuple[float, float]]
    chance: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = field(default=())
    warnings: tuple[str, ...] = field(default=())
    given: Given | None = None

    def __post_init__(self) -> None:
        rows = len(self.subject)
        for name in ("family", "measure", "scale", "date", "score", "se"):
            if len(getattr(self, name)) != rows:
                raise InputError(
                    f"scores: {name} has {len(getattr(self, name))} rows, subject has {rows}"
                )
        for name, (low, high) in self.limits.items():
            if not low < high:
                raise InputError(
                    f"scores: limits of {name!r}: wanted low < high, got {low}, {high}"
                )
            if not low <= self.chance.get(name, low) < high:
                got = self.chance[name]
                raise InputError(f"scores: chance of {name!r}: wanted {low} to {high}, got {got}")
        lost = sorted(set(map(str, np.unique(self.measure))) - set(self.limits))
        if lost:
            raise InputError(f"scores: no limits for measure {lost[0]!r}")

    def __len__(self) -> int:
        return len(self.subject)

    def __repr__(self) -> str:
        return (
            f"Scores: {len(self)} of {len(set(self.subject))} subjects in "
            f"{len(self.families)} families on {len(self.measures)} measures"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data: rows, limits and chance by measure, notes and warnings; gaps are None."""

        def plain(x: float) -> float | None:
            return float(x) if np.isfinite(x) else None

        each = zip(self.subject, self.family, self.measure, self.scale, self.date, self.score,
                   self.se, strict=True)  # fmt: skip
        return {
            "rows": [
                {"subject": str(who), "family": str(of), "measure": str(what), "scale": plain(at),
                 "date": None if np.isnat(day) else str(day), "score": plain(y), "se": plain(se)}
                for who, of, what, at, day, y, se in each
            ],
            "limits": {m: [plain(low), plain(high)] for m, (low, high) in self.limits.items()},
            "chance": {m: plain(c) for m, c in self.chance.items()},
            "notes": list(self.notes), "warnings": list(self.warnings),
        }  # fmt: skip

    @property
    def families(self) -> tuple[str, ...]:
        """Every family, in alphabetical order."""
        return tuple(map(str, np.unique(self.family)))

    @property
    def measures(self) -> tuple[str, ...]:
        """Every measure, in alphabetical order."""
        return tuple(map(str, np.unique(self.measure)))

    @property
    def low(self) -> Floats:
        """The lowest score of each row's measure, shape (rows,)."""
        return np.array([self.limits[m][0] for m in self.measure], dtype=float)

    @property
    def floor(self) -> Floats:
        """The score of chance on each row's measure, shape (rows,)."""
        each = {m: self.chance.get(m, low) for m, (low, _) in self.limits.items()}
        return np.array([each[m] for m in self.measure], dtype=float)

    @property
    def high(self) -> Floats:
        """The highest limit of each row's measure, shape (rows,)."""
        return np.array([self.limits[m][1] for m in self.measure], dtype=float)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Scores:
        """Some of the rows, by a mask or by their numbers."""
        return replace(
            self,
            **{
                name: getattr(self, name)[rows]
                for name in ("subject", "family", "measure", "scale", "date", "score", "se")
            },
        )


def scores(
    score: Floats,
    scale: Floats,
    *,
    family: Names | None = None,
    subject: Names | None = None,
    measure: str | Names = "score",
    date: Dates | None = None,
    se: Floats | None = None,
    limits: tuple[float, float] | Mapping[str, tuple[float, float]] = (0.0, 1.0),
    chance: Mapping[str, float] | None = None,
) -> Scores:
    """Scores from arrays, of one measure unless `measure` has a name for each row.

    Args:
        score: shape (rows,); NaN where it is to be forecast.
        scale: shape (rows,); base-10 logarithm of compute.
        family, subject: shape (rows,); by default one family, and a subject for each row.
        measure: one name, or one for each row.
        date: shape (rows,), days.
        se: shape (rows,).
        limits: lowest and highest score, one pair or one for each measure.
        chance: the score of a guesser on each measure; by default the lowest.

    Raises:
        InputError: if lengths differ.
    """
    rows = len(score)
    name = np.full(rows, measure) if isinstance(measure, str) else np.asarray(measure, dtype=str)
    each = (
        dict(limits)
        if isinstance(limits, Mapping)
        else {str(m): (float(limits[0]), float(limits[1])) for m in np.unique(name)}
    )
    return Scores(
        subject=np.array([f"s{i}" for i in range(rows)])
        if subject is None
        else np.asarray(subject, dtype=str),
        family=np.full(rows, "family") if family is None else np.asarray(family, dtype=str),
        measure=name,
        scale=np.asarray(scale, dtype=float),
        date=np.full(rows, "NaT", dtype="datetime64[D]")
        if date is None
        else np.asarray(date, dtype="datetime64[D]"),
        score=np.asarray(score, dtype=float),
        se=np.full(rows, np.nan) if se is None else np.asarray(se, dtype=float),
        limits=each,
        chance=chance or {},
    )
