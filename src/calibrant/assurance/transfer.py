"""Will a claim hold for the next subject of a family? From assessments of those before it.

Reads what `calibrant assess` wrote, checks the assumptions that can be checked, and asks
`calibrant.scaling.transfer` for the probability.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from calibrant._figure import Figure, Shown
from calibrant._text import one_line
from calibrant.assurance.assessment import Assessment, ClaimResult, read_assessment
from calibrant.errors import InputError
from calibrant.records.frames import table_of
from calibrant.scaling.transfer.holds import Transfer, will_hold, worth

State = Literal["checked", "fails", "not checkable"]


@dataclass(frozen=True)
class Assumption:
    """What the probability rests on: checked and found so, found not so, or only assumed."""

    name: str
    state: State
    says: str


@dataclass(frozen=True)
class Assessed:
    """One subject's evidence.

    Attributes:
        counted, trials: what enters: as observed, or as many as the error of the corrected rate is
            worth where the claim is about the rate by gold.
        value, low, high: the rate and its interval, as assessed.
    """

    subject: str
    source: str
    verdict: str
    counted: float
    trials: float
    value: float | None
    low: float
    high: float
    scale: float | None


@dataclass(frozen=True, repr=False)
class ClaimTransfer(Shown):
    """The probability that a claim holds for the next subject, with evidence and assumptions."""

    claim: str
    statement: str
    found: Transfer
    subjects: tuple[Assessed, ...]
    assumptions: tuple[Assumption, ...]
    warnings: tuple[str, ...]

    def __repr__(self) -> str:
        return one_line(repr(self.found), 600)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        said = self.found.to_dict()
        del said["warnings"]
        return {
            "claim": self.claim,
            "statement": self.statement,
            **said,
            "assessed": [asdict(s) for s in self.subjects],
            "assumptions": [asdict(a) for a in self.assumptions],
            "warnings": list(self.warnings),
        }

    def plot(self) -> Figure:
        """Rates of the subjects and of the next one, beside the threshold."""
        from calibrant.assurance.transfer_figure import forest

        return forest(self)


def transfer(
    assessments: Sequence[str | Path | Assessment],
    *,
    claim: str,
    threshold: float | None = None,
    scale: Any = None,
    scale_column: str | None = None,
    subject_column: str | None = None,
    at: float | None = None,
    log: bool = True,
    level: float = 0.9,
) -> ClaimTransfer:
    """The probability that a claim holds for the next subject of the family.

    Args:
        assessments: run folders, their assessment.json, or assessments.
        claim: its name in every one of them.
        threshold: of the claim; by default the strictest of those assessed.
        scale: a table with a row for each subject, and `scale_column`, the column of its scale.
        subject_column: its column of names; "subject" or "model" if not named.
        at: the next subject's scale, in the unit of that column.
        log: whether the scale is to be taken the logarithm of (base 10).
        level: of the intervals.

    Raises:
        InputError: if assessments or the claim are not there, or contradict each other.
        UnfitError: for a line in scale from too few subjects.
    """
    read = [
        (a, "given") if isinstance(a, Assessment) else (read_assessment(a), str(a))
        for a in assessments
    ]
    if not read:
        raise InputError("transfer: wanted the assessments of the family's subjects, got none")
    claims = [_claim(a, claim, source) for a, source in read]
    names = [a.subject for a, _ in read]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise InputError(
            f"transfer: {one_line(twice[0], 80)} is assessed {names.count(twice[0])} times; give "
            "one assessment a subject, as repeats say nothing of another subject"
        )
    relation = _relation(claims, read)
    cuts = [c.claim.threshold for c in claims]
    strict = min(cuts) if relation == "below" else max(cuts)
    cut = strict if threshold is None else threshold
    sizes, new = _scales(names, scale, scale_column, subject_column, at, log)
    warnings: list[str] = []
    subjects = tuple(
        _assessed(c, a.subject, source, None if sizes is None else sizes[i], warnings)
        for i, (c, (a, source)) in enumerate(zip(claims, read, strict=True))
    )
    found = will_hold(
        [s.counted for s in subjects], [s.trials for s in subjects], threshold=cut,
        relation=relation, subject=names, scale=sizes, at=new, level=level,
    )  # fmt: skip
    held = _assumptions(claims, [a for a, _ in read], found, cut, sizes is not None)
    warnings += [f"{a.name}: {a.says}" for a in held if a.state == "fails"]
    statement = f"the rate of {one_line(claims[0].claim.score, 60)} is {relation} {cut:.4g}"
    return ClaimTransfer(
        claim, statement, found, subjects, tuple(held), (*found.warnings, *warnings)
    )


def _claim(a: Assessment, name: str, source: str) -> ClaimResult:
    for c in a.claims:
        if c.claim.name == name:
            return c
    there = one_line(", ".join(c.claim.name for c in a.claims), 160) or "none"
    raise InputError(f"{source}: no claim {one_line(name, 60)!r}; there are {there}")


def _relation(
    claims: list[ClaimResult], read: list[tuple[Assessment, str]]
) -> Literal["below", "above"]:
    first = claims[0].claim
    for c, (_, source) in zip(claims, read, strict=True):
        for key in ("instrument", "relation", "score", "counts"):
            mine, theirs = getattr(c.claim, key), getattr(first, key)
            if mine != theirs:
                raise InputError(
                    f"{source}: {key} of the claim is {one_line(str(mine), 60)!r}, of the first "
                    f"assessment {one_line(str(theirs), 60)!r}: not the same claim"
                )
    return first.relation


def _scales(
    names: list[str], source: Any, column: str | None, who: str | None, at: float | None, log: bool
) -> tuple[list[float] | None, float | None]:
    """The scale of each subject, and of the next."""
    if source is None:
        if column is not None or at is not None:
            raise InputError("transfer: a column or value of scale, but no table of scales")
        return None, None
    if column is None or at is None:
        raise InputError("transfer: scale: wanted its column, and the scale of the next subject")
    table = table_of(source, "scale")
    key = who or next((c for c in ("subject", "model") if c in table.columns), None)
    for name in (key, column):
        if name is None or name not in table.columns:
            there = one_line(", ".join(table.columns[:12]), 160)
            wanted = "'subject' or 'model'" if name is None else repr(one_line(name))
            raise InputError(f"scale: no column {wanted}; there are {there}")
    assert key is not None
    known: dict[str, float] = {}
    for name, value in zip(table[key].to_list(), table[column].to_list(), strict=True):
        try:
            known[str(name)] = float(value)
        except (TypeError, ValueError) as error:
            got = one_line(str(value), 40)
            raise InputError(
                f"scale: {one_line(str(name), 60)}: wanted a number, got {got!r}"
            ) from error
    lost = [n for n in names if n not in known]
    if lost:
        raise InputError(f"scale: no row for {one_line(lost[0], 80)!r}")
    found = [*(known[n] for n in names), at]
    if log and min(found) <= 0:
        raise InputError(f"scale: wanted scales above 0 to take the logarithm, got {min(found):g}")
    sizes = [float(v) for v in (np.log10(found) if log else found)]
    return sizes[:-1], sizes[-1]


def _assessed(
    c: ClaimResult, subject: str, source: str, scale: float | None, warnings: list[str]
) -> Assessed:
    """What a claim's evidence is worth as counts."""
    observed = float(c.trials - c.missing)
    if observed <= 0:
        raise InputError(f"{source}: no trial of the claim has a score")
    if c.missing > 0.05 * c.trials:
        warnings.append(
            f"{one_line(subject, 60)}: {c.missing} of {c.trials} trials failed and are left out"
        )
    counted, e = float(c.counted), c.estimate
    true = c.grading.true if c.grading is not None and c.grading.measurand == "true" else None
    if true is not None and true.value is not None:
        e, error = true, true.standard_uncertainty or (true.high - true.low) / 4
        counted, observed = worth(true.value, error, observed)
    return Assessed(subject, source, c.verdict, counted, observed, e.value, e.low, e.high, scale)


def _assumptions(
    claims: list[ClaimResult], read: list[Assessment], found: Transfer, cut: float, scaled: bool
) -> list[Assumption]:
    def same(name: str, values: list[Any], fine: str, wrong: str) -> Assumption:
        differ = len({str(v) for v in values}) > 1
        if len(values) == 1 or None in values:
            why = "one assessment only" if len(values) == 1 else "some assessments do not say"
            return Assumption(name, "not checkable", why)
        return Assumption(name, "fails" if differ else "checked", wrong if differ else fine)

    hashes = [
        a.provenance.items_sha256.get(c.claim.instrument) for a, c in zip(read, claims, strict=True)
    ]
    cuts = [c.claim.threshold for c in claims]
    graders = [
        "none" if c.grading is None else (
            c.grading.measurand,
            c.grading.card.sha256 if c.grading.card is not None else None,
            c.grading.study.sha256 if c.grading.study is not None else None,
        )
        for c in claims
    ]  # fmt: skip
    exposed = [c.exposure is not None and c.exposure.lowered_from is not None for c in claims]
    where = "about a line in scale" if scaled else ""
    odd = ", ".join(one_line(n, 40) for n in found.outlying)
    return [
        Assumption(
            f"exchangeable {where}".strip(), "fails" if odd else
            ("checked" if found.subjects > 2 else "not checkable"),
            f"unlike the others: {odd}" if odd else "no subject is unlike the others; that the "
            "next one is of their kind is assumed",
        ),
        Assumption("same instrument", "checked", one_line(claims[0].claim.instrument, 80)),
        same("same items", hashes, "hashes of items agree",
             "hashes of items differ: other versions of the instrument may have other levels"),
        same("same threshold", cuts, f"{cut:.4g}",
             f"assessed against {min(cuts):.4g} to {max(cuts):.4g}; judged by {cut:.4g}"),
        same("same grader", graders, "graders and their cards agree",
             "graders, or what is known of their errors, differ"),
        Assumption("not seen before", "fails" if any(exposed) else "not checkable",
                   "exposure could explain a verdict" if any(exposed) else
                   "no evidence of exposure was acted on in these assessments"),
        Assumption("same elicitation", "not checkable",
                   "the next subject is prompted, scaffolded and sampled as these were"),
        Assumption("no shift", "not checkable",
                   "the next subject is used on the same kind of tasks as was assessed"),
        Assumption("independent trials", "not checkable",
                   "trials of a subject are independent given its rate"),
    ]  # fmt: skip
