"""What was found? Items, subjects, how sure, and whether the computation can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from calibrant.quality.bank import Bank

if TYPE_CHECKING:
    from calibrant._figure import Figure

Floats = NDArray[np.float64]
Interval = tuple[float | None, float | None]


@dataclass(frozen=True)
class Adequacy:
    """Whether the computation found the optimum, and whether the data determine it.

    Attributes:
        verdict: "adequate" or "inadequate".
        reasons: why it is not, one sentence each.
        refined: how the log likelihood changes when the grid's spacing is halved and its range
            widened by half.
        gradient: the largest derivative of the log likelihood by any parameter.
        gradient_per_subject: the same over the number of subjects.
        spacing, nodes, low, high: of the grid of abilities, in its standard deviations.
        narrowest: the least posterior standard deviation of any ability on the grid.
        smallest_eigenvalue: of the observed information scaled to a diagonal of 1; at 0 the
            parameters are not determined.
        condition: largest over smallest of those eigenvalues.
        identified: whether the smallest eigenvalue is clearly above 0.
        subjects, parameters: how many.
        iterations: passes over the data.
        converged: whether the gradient is as small as wanted.
        standard_errors: how they were made.
    """

    verdict: str
    reasons: tuple[str, ...]
    refined: float
    gradient: float
    gradient_per_subject: float
    spacing: float
    nodes: int
    low: float
    high: float
    narrowest: float
    smallest_eigenvalue: float
    condition: float
    identified: bool
    subjects: int
    parameters: int
    iterations: int
    converged: bool
    standard_errors: str

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"reasons": list(self.reasons)}


@dataclass(frozen=True)
class ItemFit:
    """One item; numbers are None where it could not be fitted.

    Attributes:
        discrimination: the slope a, by one unit of ability.
        difficulty: where its curve is steepest; several for an item of several steps.
        intercepts: d_1, …
        guessing: in a 3pl, else None.
        standard_errors: of discrimination, difficulty (and guessing); None where there is none.
        intervals: of the same; an end is None where it is unbounded.
        item_rest: correlation of its scores with the mean of the other scores.
        answers: how many subjects answered it.
        flags: what is odd: constant, unanswered, wrong way, flat, separated, few answers.
    """

    item: str
    discrimination: float | None
    difficulty: float | tuple[float, ...] | None
    intercepts: tuple[float, ...]
    guessing: float | None
    standard_errors: Mapping[str, Any]
    intervals: Mapping[str, Any]
    item_rest: float | None
    answers: int
    flags: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data; no `guessing` but in a 3pl."""
        plain = asdict(self)
        if self.guessing is None:
            plain.pop("guessing")
        return plain


@dataclass(frozen=True, repr=False, eq=False)
class Fit:
    """Calibrated items and the abilities of their subjects.

    Attributes:
        model: one of `calibrant.quality.bank.MODELS`.
        log_likelihood: marginal, of whole patterns of responses, without any prior.
        parameters: how many were estimated.
        items: every item in the order of the responses, also those that could not be fitted.
        subjects: names.
        ability, standard_error: shape (subjects,), mean and standard deviation of ability given
            the responses and the estimated items.
        total_error: shape (subjects,), with what uncertain items add.
        bank: the items that were fitted.
        reliability: empirical and marginal reliability of abilities, α of sum scores.
        bank_check: whether the bank may be used adaptively; None if not checked.
        level: of intervals.
        notes: what a reader should know.
    """

    model: str
    log_likelihood: float
    parameters: int
    adequacy: Adequacy
    items: tuple[ItemFit, ...]
    subjects: tuple[str, ...]
    ability: Floats
    standard_error: Floats
    total_error: Floats
    bank: Bank
    reliability: Mapping[str, float | None]
    level: float
    notes: tuple[str, ...] = field(default=())
    bank_check: Mapping[str, Any] | None = None

    @property
    def aic(self) -> float:
        """Akaike's criterion."""
        return 2 * self.parameters - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Schwarz's criterion, by the number of subjects."""
        return self.parameters * float(np.log(len(self.subjects))) - 2 * self.log_likelihood

    @property
    def interval(self) -> Floats:
        """Shape (subjects, 2): of ability, with what uncertain items add."""
        from scipy.special import ndtri

        half = float(ndtri(0.5 + self.level / 2)) * self.total_error
        return np.stack([self.ability - half, self.ability + half], axis=1)

    def __repr__(self) -> str:
        fitted = len(self.bank.items)
        left = len(self.items) - fitted
        rel = self.reliability.get("empirical")
        return (
            f"{self.model} of {fitted:,} items"
            + (f" ({left:,} could not be fitted)" if left else "")
            + f" by {len(self.subjects):,} subjects: log likelihood {self.log_likelihood:,.3f}, "
            f"{self.parameters:,} parameters"
            + (f", reliability of abilities {rel:.3f}" if rel is not None else "")
            + f"; the fit is {self.adequacy.verdict}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        interval = self.interval
        plain: dict[str, Any] = {
            "model": self.model,
            "log_likelihood": self.log_likelihood,
            "parameters": self.parameters,
            "aic": self.aic,
            "bic": self.bic,
            "level": self.level,
            "population": {"mean": self.bank.mean, "sd": self.bank.sd},
            "adequacy": self.adequacy.to_dict(),
            "items": [i.to_dict() for i in self.items],
            "subjects": [
                {
                    "subject": s, "ability": float(self.ability[i]),
                    "standard_error": float(self.standard_error[i]),
                    "total_error": float(self.total_error[i]),
                    "interval": [float(x) for x in interval[i]],
                }
                for i, s in enumerate(self.subjects)
            ],
            "reliability": dict(self.reliability),
            "notes": list(self.notes),
        }  # fmt: skip
        if self.bank_check is not None:
            plain["bank_check"] = dict(self.bank_check)
        return plain

    def plot(self) -> Figure:
        """The test's information over ability, against where the subjects are."""
        from calibrant.quality.models.figures import information_figure

        return information_figure(self)
