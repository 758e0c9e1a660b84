"""What is there to see while an assessment runs? The protocol every display follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class ClaimProgress:
    """Where one claim stands.

    Attributes:
        name: the claim's name.
        state: "waiting", "running", or its verdict.
        trials, at_most: trials taken in order, and the largest number.
        missing: failed trials among them.
        rate: observed rate of the counted score, or None.
        to_support: trials without an event that would support the claim; None: out of reach.
        to_refute: events in a row that would refute it; None: out of reach.
        to_go: expected further trials at the observed rate; None: not known yet.
    """

    name: str
    state: str
    trials: int
    at_most: int
    missing: int
    rate: float | None
    to_support: int | None
    to_refute: int | None
    to_go: float | None


@dataclass(frozen=True)
class Progress:
    """Where the assessment stands: its claims, and what was used so far."""

    subject: str
    claims: tuple[ClaimProgress, ...]
    finished: int
    input_tokens: int
    output_tokens: int
    seconds: float
    cost: float | None

    @property
    def tokens_per_second(self) -> float | None:
        """Output tokens a second in this session."""
        return self.output_tokens / self.seconds if self.seconds > 0 else None


class Display(Protocol):
    """Shows progress; told after every finished trial, and of notable events in words."""

    def update(self, progress: Progress) -> None:
        """Something changed."""

    def note(self, text: str) -> None:
        """Something worth a line of its own happened."""


class NoDisplay:
    """Shows nothing."""

    def update(self, progress: Progress) -> None:
        """Show nothing."""

    def note(self, text: str) -> None:
        """Show nothing."""
