"""What is said of a bank: a verdict, and each finding with its number and limit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

Verdict = Literal["adaptive: fine", "random only", "unusable"]
Weight = Literal["ok", "caution", "random only", "unusable"]

ORDER: tuple[Weight, ...] = ("ok", "caution", "random only", "unusable")


TRIAL = "adaptive against random"
"""The name of the finding of adaptive tests tried on subjects held out."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: what, such as "reversed items".
        weight: what follows from it: nothing, a caution, or a verdict.
        value: the number found; None where it could not be computed.
        limit: the number from which the weight is as it is; None where there is none.
        reason: a sentence with the numbers.
    """

    name: str
    weight: Weight
    value: float | None
    limit: float | None
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "name": self.name, "weight": self.weight, "value": self.value, "limit": self.limit,
            "reason": self.reason,
        }  # fmt: skip


@dataclass(frozen=True)
class BankCheck:
    """Whether tests may choose items by their calibrated information.

    Attributes:
        verdict: "adaptive: fine", "random only" (tests of items drawn at random, scored by the
            bank, are as far as one may go) or "unusable".
        findings: everything looked at, the weightiest first.
        reversed_items: names of items that able subjects fail, to be corrected or dropped.
        items, subjects: how many; subjects is None where the bank came without responses.
        length: items of the tests that were tried; None if none were.
    """

    verdict: Verdict
    findings: tuple[Finding, ...]
    reversed_items: tuple[str, ...]
    items: int
    subjects: int | None
    length: int | None

    @property
    def fine(self) -> bool:
        """Whether adaptive tests may be run."""
        return self.verdict == "adaptive: fine"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the verdict is what it is: the findings that weigh, or all if nothing does."""
        heavy = tuple(f.reason for f in self.findings if ORDER.index(f.weight) >= 2)
        return heavy or tuple(f.reason for f in self.findings)

    def without(self, name: str) -> BankCheck:
        """The verdict that the other findings give."""
        kept = tuple(f for f in self.findings if f.name != name)
        worst = max((ORDER.index(f.weight) for f in kept), default=0)
        verdict: Verdict = (
            "unusable" if worst == 3 else "random only" if worst == 2 else "adaptive: fine"
        )
        return replace(self, findings=kept, verdict=verdict)

    def __repr__(self) -> str:
        first = "; ".join(self.reasons[:3])
        return f"{self.verdict}: {first}."

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "verdict": self.verdict, "fine": self.fine, "reasons": list(self.reasons),
            "findings": [f.to_dict() for f in self.findings],
            "reversed_items": list(self.reversed_items), "items": self.items,
            "subjects": self.subjects, "length": self.length,
        }  # fmt: skip
