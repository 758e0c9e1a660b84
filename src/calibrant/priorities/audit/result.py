"""What did an audit of a table find? Rows with what they can stand for, and findings by weight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Verdict = Literal["fits", "unequal", "fewer", "too few", "none"]
VERDICTS: dict[Verdict, str] = {
    "fits": "all n may have answered both questions",
    "unequal": "only if the questions had different numbers of answers",
    "fewer": "only if no question was answered by all n",
    "too few": "only if a question had fewer answers than the table's smallest number",
    "none": "no whole-number ratings give these numbers",
}
"""What the ratings behind a row must be like, from usual to impossible."""

Weight = Literal["contradiction", "condition", "note"]
WEIGHTS: dict[Weight, str] = {
    "contradiction": "cannot be true of whole-number ratings, however they were rounded, or "
    "against what is said of the table",
    "condition": "can be true only under a condition that should be said",
    "note": "worth knowing",
}


@dataclass(frozen=True)
class Finding:
    """One finding: its weight, its kind (a stable word), a sentence, and the areas it is about."""

    weight: Weight
    kind: str
    text: str
    areas: tuple[str, ...] = ()


@dataclass(frozen=True)
class AuditRow:
    """One row of the table.

    Attributes:
        row: from 1; area and name as in the table.
        n: the printed number of respondents.
        verdict: what its ratings must be like.
        sums: for each question the sums and numbers of answers that its mean allows, alone, as
            "17/4", with at least `fewest` answers.
        solutions: joint ones, with at least `fewest` answers.
        product_unrounded, product_rounded: whether the printed product is possible from unrounded
            means, and from the printed means; None where none is printed. The difference likewise.
        reason: why it is "none" or "too few"; else empty.
    """

    row: int
    area: str
    name: str
    n: int
    verdict: Verdict
    sums: Mapping[str, tuple[str, ...]]
    solutions: int
    product_unrounded: bool | None = None
    product_rounded: bool | None = None
    difference_unrounded: bool | None = None
    difference_rounded: bool | None = None
    reason: str = ""


@dataclass(frozen=True, repr=False, eq=False)
class Audit:
    """What a table's numbers can and cannot mean.

    Attributes:
        rows: one a row of the table.
        findings: by weight.
        fewest: least answers to a question that were taken for granted, and whether they were
            stated (else the smallest n of the table, at most 3).
        rules: for each rule of rounding halves, the areas that fit only without it.
        basis: what products (and differences) were made from, "unrounded", "rounded", "either",
            or None where there are none.
        checked: what was looked at, one sentence each.
    """

    rows: tuple[AuditRow, ...]
    findings: tuple[Finding, ...]
    fewest: int
    stated: bool
    rules: Mapping[str, tuple[str, ...]]
    basis: Mapping[str, str | None]
    checked: tuple[str, ...] = field(default=())

    def __repr__(self) -> str:
        by = {w: sum(f.weight == w for f in self.findings) for w in WEIGHTS}
        fit = sum(r.verdict == "fits" for r in self.rows)
        said = ", ".join(f"{k} {name}{'' if k == 1 else 's'}" for name, k in by.items())
        return (
            f"Audit of {len(self.rows):,} rows: {said}; "
            f"{fit:,} row{'' if fit == 1 else 's'} fit{'s' if fit == 1 else ''} as they stand"
        )

    def of(self, kind: str) -> tuple[str, ...]:
        """Areas of the findings of one kind."""
        return tuple(a for f in self.findings if f.kind == kind for a in f.areas)

    @property
    def contradictions(self) -> tuple[Finding, ...]:
        """What cannot be true."""
        return tuple(f for f in self.findings if f.weight == "contradiction")

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "rows": [asdict(r) for r in self.rows],
            "findings": [asdict(f) for f in self.findings],
            "verdicts": {v: sum(r.verdict == v for r in self.rows) for v in VERDICTS},
            "fewest": self.fewest,
            "fewest_stated": self.stated,
            "rules": {k: list(v) for k, v in self.rules.items()},
            "basis": dict(self.basis),
            "checked": list(self.checked),
        }
