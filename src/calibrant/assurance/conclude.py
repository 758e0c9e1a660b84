"""What follows from the evidence? From followed claims to an assessment with its provenance."""

from __future__ import annotations

import platform
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import polars as pl

from calibrant._version import __version__
from calibrant.assurance.assessment import (
    Assessment,
    ClaimResult,
    ClaimText,
    DesignRecord,
    FamilyResult,
    Message,
    Operating,
    Population,
    Provenance,
    Transcript,
    Usage,
    Verdict,
)
from calibrant.assurance.estimate import estimate, grading
from calibrant.assurance.evidence import Evidence
from calibrant.assurance.exposed import ExposureEvidence
from calibrant.assurance.exposure import judged
from calibrant.assurance.figures import boundaries
from calibrant.assurance.grading import shown_rate
from calibrant.assurance.plan import Plan, PlannedClaim
from calibrant.assurance.suite import Suite
from calibrant.assurance.words import assumptions, headline, reason, statement
from calibrant.bench.folder import RunFolder
from calibrant.bench.streams import Stream
from calibrant.bench.trial import Trial
from calibrant.judges.card import Held
from calibrant.records import content_hash, trials_frame
from calibrant.records.trials import score_number
from calibrant.stats import clopper_pearson

TRANSCRIPTS = 3
"""Transcripts shown of trials with the counted score, of trials without, and of failed ones."""


@dataclass(frozen=True)
class Session:
    """What a session knows beside the evidence."""

    suite: Suite
    text: str
    sha256: str
    plan: Plan
    streams: dict[str, Stream]
    keys: dict[str, str]
    stopped_by: str | None
    command: str
    finished: str
    cards: Mapping[str, Held] = field(default_factory=dict)
    exposure: Mapping[str, ExposureEvidence] = field(default_factory=dict)


def conclude(session: Session, claims: list[Evidence], folder: RunFolder) -> Assessment:
    """The assessment that the evidence amounts to."""
    results = []
    for evidence, planned in zip(claims, session.plan.claims, strict=True):
        key = session.keys[evidence.claim.name]
        needed = len(_longest(session.keys, claims, key))
        surplus = sum(1 for k, _ in folder.trials if k == key) - needed
        results.append(_claim_result(session, evidence, planned, surplus))
    verdicts = [r.verdict for r in results]
    overall: Verdict = "undetermined"
    if "refuted" in verdicts:
        overall = "refuted"
    elif set(verdicts) == {"supported"}:
        overall = "supported"
    return Assessment(
        suite=session.suite.name,
        subject=session.suite.subject,
        verdict=overall,
        stopped_by=session.stopped_by,
        claims=results,
        usage=_usage(folder),
        provenance=_provenance(session, claims, folder),
        folder=str(folder.path),
    )


def _claim_result(
    session: Session, evidence: Evidence, planned: PlannedClaim, surplus: int
) -> ClaimResult:
    claim, design = evidence.claim, evidence.design
    stream = session.streams[session.keys[claim.name]]
    population = _population(stream, evidence)
    found = estimate(evidence)
    verdict, graded = grading(evidence, session.cards)
    verdict, exposure = judged(evidence, session.exposure.get(claim.name), verdict)
    return ClaimResult(
        claim=ClaimText(
            name=claim.name,
            instrument=stream.key,
            score=claim.score,
            counts=claim.counts,
            relation="below" if claim.relation == "below" else "above",
            threshold=claim.threshold,
            if_really=claim.if_really,
            alpha=claim.alpha,
            beta=None if claim.if_really is None else claim.beta,
            at_most=design.at_most,
            statement=statement(claim, stream.key, evidence.design.rates.items),
            cut=claim.cut,
        ),
        population=population,
        design=_design_record(evidence, planned),
        verdict=verdict,
        reason=reason(evidence, session.stopped_by, graded, exposure),
        headline=headline(
            evidence, stream.key, found, verdict, None if exposure is None else exposure.without
        ),
        trials=len(evidence.trials),
        counted=evidence.counted,
        missing=evidence.missing,
        surplus=surplus,
        estimate=found,
        grading=graded,
        exposure=exposure,
        path=evidence.path,
        boundaries=boundaries(design, max(evidence.observed, 1)),
        families=_families(evidence),
        transcripts=_transcripts(evidence),
        assumptions=assumptions(evidence, stream, len(session.suite.claims), graded, exposure),
    )


def _longest(
    keys: dict[str, str], claims: list[Evidence], key: str
) -> list[tuple[Trial, bool | None]]:
    """The trials that the claims on one instrument needed together."""
    mine = [c.trials for c in claims if keys[c.claim.name] == key]
    return max(mine, key=len, default=[])


def _population(stream: Stream, evidence: Evidence) -> Population:
    if stream.size is not None and evidence.study is not None:
        return Population(
            kind="finite",
            size=stream.size,
            statement=f"what the {stream.size:,} items of {stream.key} are a random sample of, as "
            "the gold labels are.",
        )
    if stream.size is None:
        return Population(
            kind="generator",
            size=None,
            statement=f"all items that {stream.key} can generate, drawn independently at random.",
        )
    return Population(
        kind="finite",
        size=stream.size,
        statement=f"the {stream.size:,} items of {stream.key}, one answer each, "
        "drawn at random without replacement.",
    )


def _design_record(evidence: Evidence, planned: PlannedClaim) -> DesignRecord:
    design, claim = evidence.design, evidence.claim
    flip = claim.relation == "above"
    threshold = 1 - claim.threshold if flip else claim.threshold
    rates = {round(x * threshold, 12) for x in (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0)}
    if claim.if_really is not None:
        rates.add(round(1 - claim.if_really if flip else claim.if_really, 12))
    points = []
    for event_rate in sorted(r for r in rates if r <= 1):
        seen = event_rate
        if evidence.study is not None:
            seen = shown_rate(evidence.study, claim.relation, event_rate)
        ends = design.stops(seen)
        points.append(
            Operating(
                rate=round(event_rate if claim.relation == "below" else 1 - event_rate, 12),
                supported=ends.probability("supported"),
                refuted=ends.probability("refuted"),
                expected_trials=ends.expected_n,
            )
        )
    return DesignRecord(
        method=design.method,
        false_support=design.false_support,
        false_refutation=design.false_refutation,
        power=design.power,
        expected_trials=None if claim.if_really is None else planned.expected_trials,
        fixed_trials=planned.fixed_trials,
        operating=sorted(points, key=lambda p: p.rate),
        tuning=design.tuning,
    )


def _families(evidence: Evidence) -> list[FamilyResult]:
    level = 1 - 2 * evidence.claim.alpha
    groups: dict[str, list[bool]] = {}
    for trial, counted in evidence.trials:
        if trial.family is not None and counted is not None:
            groups.setdefault(trial.family, []).append(counted)
    results = []
    for family, outcomes in sorted(groups.items()):
        n, k = len(outcomes), sum(outcomes)
        interval = clopper_pearson(k, n, level=level)
        results.append(
            FamilyResult(
                family=family,
                trials=n,
                counted=k,
                value=k / n,
                low=interval.low,
                high=interval.high,
            )
        )
    return results


def _transcripts(evidence: Evidence) -> list[Transcript]:
    chosen: list[tuple[Trial, bool | None]] = []
    for kind in (True, False, None):
        chosen += [(t, c) for t, c in evidence.trials if c is kind][:TRANSCRIPTS]
    return [
        Transcript(
            item=trial.item,
            family=trial.family,
            position=trial.position,
            counted=counted,
            messages=[Message(role=r, text=t) for r, t in trial.messages],
            answer=trial.answer,
            error=trial.error,
        )
        for trial, counted in chosen
    ]


def _usage(folder: RunFolder) -> Usage:
    trials = list(folder.trials.values())
    costs = [t.cost for t in trials if t.cost is not None]
    return Usage(
        input_tokens=sum(t.input_tokens for t in trials),
        output_tokens=sum(t.output_tokens for t in trials),
        seconds=round(sum(t.seconds for t in trials), 3),
        cost=sum(costs) if costs else None,
    )


def _provenance(session: Session, claims: list[Evidence], folder: RunFolder) -> Provenance:
    items = {
        key: content_hash([t.item for t, _ in _longest(session.keys, claims, key)])
        for key in session.streams
    }
    logs = folder.path / "logs"
    return Provenance(
        command=session.command,
        suite_sha256=session.sha256,
        suite_text=session.text,
        seed=session.suite.seed,
        items_sha256=items,
        subject=folder.manifest.get("subject", {"name": session.suite.subject}),
        versions=_versions(),
        platform=platform.platform(),
        started=folder.manifest.get("started", session.finished),
        finished=session.finished,
        sessions=int(folder.manifest.get("sessions", 1)),
        logs=sorted(f"logs/{p.name}" for p in logs.glob("*.eval")) if logs.is_dir() else [],
    )


def _versions() -> dict[str, str]:
    versions = {"calibrant": __version__, "python": sys.version.split()[0]}
    for package in ("inspect-ai", "numpy", "scipy", "polars", "xllamacpp"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def trials_table(
    suite: Suite,
    streams: dict[str, Stream],
    keys: dict[str, str],
    claims: list[Evidence],
    folder: RunFolder,
) -> pl.DataFrame:
    """The trials table of a run: every trial that counts for a claim, one row per score."""
    rows: list[dict[str, object]] = []
    asked: Counter[tuple[str, str]] = Counter()
    for key in streams:
        wanted = sorted({c.claim.score for c in claims if keys[c.claim.name] == key})
        for trial, _ in _longest(keys, claims, key):
            # An item that a generator makes again is asked again: another epoch of it.
            asked[trial.instrument, trial.item] += 1
            epoch = asked[trial.instrument, trial.item]
            # A failed trial gave no scores; it has one row for each score that was wanted.
            names = sorted(trial.scores) or wanted
            rows.extend(_row(suite, trial, score, epoch, folder) for score in names)
    return trials_frame(rows)


def _row(
    suite: Suite, trial: Trial, score: str, epoch: int, folder: RunFolder
) -> dict[str, object]:
    raw = trial.scores.get(score)
    number = score_number(raw)
    error = trial.error
    if number is None and error is None:
        error = f"score is no number: {raw!r}"[:200]
    return {
        "run": folder.path.name,
        "subject": suite.subject,
        "instrument": trial.instrument,
        "item": trial.item,
        "cluster": trial.family,
        "variant": trial.variant,
        "epoch": epoch,
        "grader": score,
        "score": number,
        "answer": trial.answer,
        "error": error,
        "input_tokens": trial.input_tokens,
        "output_tokens": trial.output_tokens,
        "seconds": trial.seconds,
        "cost": trial.cost,
        "time": _time(trial.time),
        "metadata": {"position": trial.position, "raw": raw},
    }


def _time(text: str) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
