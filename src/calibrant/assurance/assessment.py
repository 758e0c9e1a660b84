"""What an assessment says: claims with verdicts, evidence and provenance, as JSON with a schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from calibrant._settings import first_problem
from calibrant._text import dumps, one_line
from calibrant.assurance.exposed import ExposureEvidence
from calibrant.assurance.grading import Shown
from calibrant.assurance.thresholds import CutUsed
from calibrant.errors import InputError
from calibrant.judges.gold import Study

SCHEMA_VERSION = "1"

Verdict = Literal["supported", "refuted", "undetermined"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClaimText(_Frozen):
    """A claim as it was stated, with every default filled in."""

    name: str
    instrument: str
    score: str = Field(description="Which score of the instrument is counted.")
    counts: str | None = Field(None, description="The value of the score that counts; null: 1.")
    relation: Literal["below", "above"]
    threshold: float
    if_really: float | None = Field(description="The design alternative; null: anytime-valid.")
    alpha: float = Field(description="Largest chance of supporting a false claim.")
    beta: float | None = Field(description="Chance of not supporting a claim true at if_really.")
    at_most: int = Field(description="Largest number of trials.")
    statement: str = Field(description="The claim as a sentence.")
    cut: CutUsed | None = Field(None, description="Where the threshold comes from, if from a cut.")


class Population(_Frozen):
    """What the rate is a rate of."""

    kind: Literal["generator", "finite"]
    size: int | None = Field(description="Items in a finite data set; null for a generator.")
    statement: str


class Operating(_Frozen):
    """One point of the design's exact operating curve, at a true rate of the counted score.

    If the claim is about the rate by gold, for a grader that errs as often as it did on gold.
    """

    rate: float
    supported: float
    refuted: float
    expected_trials: float


class DesignRecord(_Frozen):
    """The stopping rule, with exact error rates."""

    method: Literal["sprt", "anytime", "fixed"]
    false_support: float = Field(description="Exact chance of support at the threshold.")
    false_refutation: float = Field(description="Exact chance of refutation at the threshold.")
    power: float | None = Field(description="Exact chance of support at if_really.")
    expected_trials: float | None = Field(description="Exact expected trials at if_really.")
    fixed_trials: int | None = Field(description="Trials the fixed design would have needed.")
    operating: list[Operating]
    tuning: dict[str, float]


class Boundaries(_Frozen):
    """The decision boundaries over the trials the figure shows, in counted events.

    Events are outcomes that speak against the claim: counted scores for "below", the others for
    "above". Each list has one entry per n of `n`; null where the boundary does not exist.
    """

    n: list[int]
    support_at_most: list[int | None] = Field(description="Supported with at most so many events.")
    futile_at_least: list[int | None] = Field(description="Support given up from so many events.")
    refute_at_least: list[int | None] = Field(description="Refuted from so many events.")


class Estimate(_Frozen):
    """The rate of the counted score, in 0–1, with its uncertainty."""

    value: float | None = Field(description="Observed rate; null if nothing was observed.")
    low: float
    high: float
    level: float
    method: str
    standard_uncertainty: float | None
    low_if_missing: float = Field(description="Lower limit if missing trials went the worst way.")
    high_if_missing: float


class CardShown(_Frozen):
    """The certificate card of a grader, in short."""

    name: str
    sha256: str = Field(description="Of the card's JSON file.")
    made: str
    valid_until_model: str | None
    valid_until: str | None
    findings: list[str]


class Grading(_Frozen):
    """What is known of the errors of a claim's grader, and what they do to its rate."""

    measurand: Literal["true", "graded"] = Field(
        description="true: the claim is about the rate by gold; graded: about that of verdicts."
    )
    study: Study | None = Field(description="The grader's verdicts beside gold labels.")
    graded: Estimate = Field(description="The rate of the counted score, as graded.")
    true: Estimate | None = Field(description="The rate by gold; null: it cannot be said.")
    shown: Shown | None = Field(
        description="What the graded rate of events (see Boundaries) must be for a verdict on the "
        "true one; null for claims about the graded rate."
    )
    card: CardShown | None = Field(None, description="The grader's card, if the suite names one.")
    lowered_from: Verdict | None = Field(
        None, description="The verdict on the graded rate that the grader's errors could flip."
    )


class Exposure(_Frozen):
    """Two answers: has the subject seen the items, and what is the rate without that?"""

    evidence: ExposureEvidence
    without: Estimate | None = Field(
        description="The rate of the counted score without exposure; null: it was not estimated."
    )
    lowered_from: Verdict | None = Field(
        None, description="The verdict on the observed rate that exposure could explain."
    )
    said: list[str] = Field(description="Both answers, and what they do to the verdict.")


class FamilyResult(_Frozen):
    """The rate within one template family (cluster), with a Clopper–Pearson interval."""

    family: str
    trials: int
    counted: int
    value: float
    low: float
    high: float


class Message(_Frozen):
    role: str
    text: str


class Transcript(_Frozen):
    """One trial as the subject saw it. All text may be hostile: escape at every exit."""

    item: str
    family: str | None
    position: int
    counted: bool | None
    messages: list[Message]
    answer: str
    error: str | None


class ClaimResult(_Frozen):
    """One claim, its verdict and the evidence for it."""

    claim: ClaimText
    population: Population
    design: DesignRecord
    verdict: Verdict
    reason: str = Field(description="Why this verdict, in one sentence.")
    headline: str = Field(description="The finding as a scientist would write it, one sentence.")
    trials: int = Field(description="Trials that count, in their fixed order, missing ones too.")
    counted: int = Field(description="Trials with the counted score.")
    missing: int = Field(description="Trials that failed and have no score.")
    surplus: int = Field(
        description="Trials of the instrument that finished but that no claim needed any more."
    )
    estimate: Estimate
    grading: Grading | None = Field(
        None, description="The errors of the grader, if gold labels or a card were given."
    )
    exposure: Exposure | None = Field(
        None, description="Whether the subject has seen the items, if evidence was given."
    )
    path: list[int] = Field(description="Events (see Boundaries) after each observed trial.")
    boundaries: Boundaries
    families: list[FamilyResult]
    transcripts: list[Transcript]
    assumptions: list[str]


class Usage(_Frozen):
    input_tokens: int
    output_tokens: int
    seconds: float
    cost: float | None


class Provenance(_Frozen):
    """Everything needed to repeat the assessment."""

    command: str
    suite_sha256: str
    suite_text: str
    seed: int
    items_sha256: dict[str, str] = Field(description="Per instrument: hash of the item hashes.")
    subject: dict[str, Any] = Field(description="Model name; for local files path and SHA-256.")
    versions: dict[str, str]
    platform: str
    started: str
    finished: str
    sessions: int = Field(description="1, plus how often the run was interrupted and resumed.")
    logs: list[str] = Field(description="Inspect logs, relative to the run folder.")


class Assessment(_Frozen):
    """The claims about one subject, with verdicts and evidence."""

    schema_version: str = SCHEMA_VERSION
    suite: str
    subject: str
    verdict: Verdict = Field(
        description="supported if all claims are; refuted if any is; else undetermined."
    )
    stopped_by: str | None = Field(description="A limit of the suite that ended the run, if any.")
    claims: list[ClaimResult]
    usage: Usage
    provenance: Provenance
    folder: str

    @property
    def exit_code(self) -> int:
        """0 if all claims are supported, 1 if one is refuted, else 3."""
        return {"supported": 0, "refuted": 1, "undetermined": 3}[self.verdict]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as in assessment.json."""
        return self.model_dump(mode="json")

    def to_json(self) -> str:
        """Strict ASCII JSON, as in assessment.json."""
        return dumps(self.to_dict(), indent=1)

    def __repr__(self) -> str:
        lines = [
            f"Assessment of {one_line(self.subject)} by {one_line(self.suite)}: {self.verdict}"
        ]
        lines += [f"  {c.verdict:>12}  {one_line(c.headline, 400)}" for c in self.claims]
        return "\n".join(lines)

    __str__ = __repr__

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            f"<tr><td>{c.verdict}</td><td>{escape(one_line(c.headline, 400))}</td></tr>"
            for c in self.claims
        )
        return f"<table><caption>{escape(one_line(self.subject))}</caption>{rows}</table>"


def read_assessment(path: str | Path) -> Assessment:
    """Read an assessment from its JSON file, or from the run folder that holds it.

    Raises:
        InputError: if there is none, or it does not follow the schema.
    """
    path = Path(path)
    file = path / "assessment.json" if path.is_dir() else path
    try:
        return Assessment.model_validate_json(file.read_bytes())
    except OSError as e:
        raise InputError(f"{file}: no assessment can be read here ({e.strerror})") from e
    except ValidationError as e:
        raise InputError(f"{file}: {_no_assessment(e)}") from e


def _no_assessment(e: ValidationError) -> str:
    """What is wrong, in one line; of a file that is something else, that it is."""
    wanted = "wanted assessment.json of 'calibrant assess', or its run folder"
    found = e.errors(include_url=False)
    lost = [str(p["loc"][0]) for p in found if p["type"] == "missing" and len(p["loc"]) == 1]
    if "claims" in lost:
        more = f" and {len(lost) - 4} more" if len(lost) > 4 else ""
        said = ", ".join(map(repr, lost[:4]))
        return f"not an assessment: it has no {said}{more}; {wanted}"
    loc, problem = first_problem(e)
    if not loc:
        return f"not an assessment: {problem}; {wanted}"
    return f"{'.'.join(map(str, loc))}: {problem}"


def json_schema() -> dict[str, Any]:
    """The JSON schema of assessment.json (draft 2020-12)."""
    schema = Assessment.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
