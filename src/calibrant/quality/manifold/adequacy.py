"""May the numbers of a fit be used? What was checked, as plain numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from calibrant.errors import GateError

STEEPEST = 1e-2
"""Gradient left at the maximum, in units of one over a standard error."""
SHIFT = 1e-2
"""Change of the log-likelihood under a finer quadrature."""


@dataclass(frozen=True)
class Adequacy:
    """Whether the numbers of a fit are what they are said to be.

    Attributes:
        gradient: largest component at the maximum, in units of one over a standard error: what a
            parameter is still away from the maximum, in standard errors, or less.
        quadrature: change of the log-likelihood when its integrals are refined.
        maximum: whether the observed information is positive definite: a maximum, and one point.
        subjects, parameters: counts.
        passes: over the data.
        concerns: what a reader should know, one sentence each.
    """

    gradient: float
    quadrature: float
    maximum: bool
    subjects: int
    parameters: int
    passes: int
    concerns: tuple[str, ...] = ()

    @property
    def adequate(self) -> bool:
        """Whether gradient, quadrature and maximum are all in order."""
        return self.gradient <= STEEPEST and abs(self.quadrature) <= SHIFT and self.maximum

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        plain = asdict(self)
        del plain["concerns"]
        verdict = "adequate" if self.adequate else "inadequate"
        return {"verdict": verdict, "reasons": list(self.concerns)} | plain

    def require(self, what: str) -> Adequacy:
        """Itself.

        Raises:
            GateError: if the numbers may not be used.
        """
        if self.adequate:
            return self
        gates = [
            {"name": "gradient", "value": self.gradient, "limit": STEEPEST},
            {"name": "quadrature", "value": abs(self.quadrature), "limit": SHIFT},
            {"name": "maximum", "value": float(self.maximum), "limit": 1.0},
        ]
        if not self.maximum:
            why = "the scores do not determine its parameters (no single maximum)"
        elif self.gradient > STEEPEST:
            why = f"no maximum was found (gradient {self.gradient:.2g}, wanted {STEEPEST:g})"
        else:
            why = f"finer quadrature changes the log-likelihood by {self.quadrature:.2g}"
        raise GateError(f"{what}: {why}", gates)
