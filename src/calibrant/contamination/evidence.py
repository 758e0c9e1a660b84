"""Was it there? What one valid test of exposure says, and why its p-value holds."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Verdict = Literal["seen", "differs", "not found", "undetermined"]
"""What a test may say. "seen": the items were in training, given the reason of exchangeability.
"differs": the groups differ, but a blind baseline differs, too, so nothing follows. "not found":
no evidence, which is not evidence of absence beyond the limit of detection. "undetermined": the
test refuses, and says why."""

REASONS: dict[str, str] = {
    "random-order": "the published order of the items was drawn at random",
    "random-split": "which items were published was drawn at random",
    "random-canary": "the published canary was drawn at random from the same space",
    "random-twin": "which of each pair of twins was published was drawn at random",
    "unexposed-reference": "the reference subjects have not seen these items",
}
"""Sources of exchangeability under the null hypothesis: what makes a p-value valid."""


@dataclass(frozen=True)
class ExposureTest:
    """One test of exposure.

    Attributes:
        method: its name, such as "order".
        subject: who was tested.
        reason: a key of `REASONS`: what the user says makes units exchangeable under the null.
        items: how many entered.
        statistic: its value, larger for more evidence of exposure.
        p: valid p-value (P(p ≤ α) ≤ α under the null, given the reason); None if undetermined.
        alpha: level of the verdict.
        verdict: see `Verdict`.
        detects: the limit of detection in words, from a certificate.
        blind: what a blind baseline finds, such as `{"name": "length", "auroc": .52, "low": .45,
            "high": .59}`, each; a test of groups of different items has them.
        notes: one sentence each.
    """

    method: str
    subject: str
    reason: str
    items: int
    statistic: float | None
    p: float | None
    alpha: float
    verdict: Verdict
    detects: str = ""
    blind: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    detail: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        p = "" if self.p is None else f" (p = {self.p:.3g}, as {REASONS[self.reason]})"
        return f"{self.subject}, {self.method} of {self.items} items: {self.verdict}{p}"

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)
