"""What does the page say, and in which order? The assessment, arranged and limited for readers."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from calibrant.assurance.assessment import Assessment, ClaimResult, Operating, Transcript
from calibrant.assurance.grading import Shown
from calibrant.assurance.words import set_by
from calibrant.report import words
from calibrant.report.path_figure import path_figure
from calibrant.report.rate_figures import (
    chance_figure,
    families_figure,
    interval_figure,
    trials_figure,
)

MOST_TRANSCRIPTS = 8
MOST_MESSAGES = 20
MOST_FAMILIES = 30
MOST_EVENTS = 200
MOST_ROWS = 12
MOST_LINES = 100
TEXT_LIMIT = 4000
SUITE_LIMIT = 40_000


def view(assessment: Assessment) -> dict[str, Any]:
    """Everything the template shows; text from suites and models is made safe here."""
    claims = [_claim(c, f"claim-{i}") for i, c in enumerate(assessment.claims, 1)]
    return {
        "subject": words.line(assessment.subject),
        "suite": words.line(assessment.suite),
        "verdict": _verdict(assessment.verdict),
        "overall": words.overall(assessment),
        "stopped_by": words.line(assessment.stopped_by) if assessment.stopped_by else None,
        "facts": _facts(assessment),
        "claims": claims,
        "provenance": _provenance(assessment),
    }


def _verdict(verdict: str) -> dict[str, str]:
    return {"word": verdict, "symbol": words.SYMBOL[verdict]}  # type: ignore[index]


def _facts(assessment: Assessment) -> list[tuple[str, str]]:
    """The line under the title: when, how much."""
    use = assessment.usage
    trials = sum(c.trials for c in assessment.claims)
    facts = [
        ("Finished", words.moment(assessment.provenance.finished)),
        ("Trials", words.count(trials)),
        (
            "Tokens",
            f"{words.count(use.input_tokens)} read, {words.count(use.output_tokens)} written",
        ),
        ("Time", words.duration(use.seconds)),
    ]
    if use.cost is not None:
        facts.append(("Cost", f"{use.cost:,.2f}" if use.cost >= 0.1 else f"{use.cost:.2g}"))
    return facts


def _claim(result: ClaimResult, ident: str) -> dict[str, Any]:
    families = result.families[:MOST_FAMILIES]
    figures = {
        "path": path_figure(result, f"{ident}-path", "wide"),
        "path_narrow": path_figure(result, f"{ident}-path-narrow", "narrow"),
        "interval": interval_figure(result, f"{ident}-interval"),
    }
    if len(families) > 1:
        figures["families"] = families_figure(result, families, f"{ident}-families")
    if len(result.design.operating) > 1:
        figures["chance"] = chance_figure(result, f"{ident}-chance")
        figures["trials"] = trials_figure(result, f"{ident}-trials")
    claim = result.claim
    return {
        "id": ident,
        "name": words.line(claim.name, 120),
        "statement": words.line(claim.statement, 600),
        "headline": words.line(result.headline, 600),
        "reason": words.line(result.reason, 600),
        "verdict": _verdict(result.verdict),
        "instrument": words.line(claim.instrument, 120),
        "score": words.line(claim.score, 120),
        "counts": words.line(claim.counts, 120) if claim.counts is not None else "1",
        "population": words.line(result.population.statement, 600),
        "size": result.population.size,
        "figures": {name: Markup(text) for name, text in figures.items()},
        "event": words.event(result),
        "events": _events(result),
        "given_up": result.boundaries.futile_at_least != result.boundaries.refute_at_least,
        "rate": _rate(result),
        "grader": _grader(result),
        "exposure": _exposure(result),
        "rate_short": _rate_short(result),
        "trials": words.count(result.trials),
        "saving": words.saving(result),
        "missing": words.missing(result),
        "numbers": _numbers(result),
        "errors": _errors(result),
        "operating": _operating(result),
        "families": families,
        "families_left": len(result.families) - len(families),
        "transcripts": [_transcript(t) for t in result.transcripts[:MOST_TRANSCRIPTS]],
        "transcripts_left": max(0, len(result.transcripts) - MOST_TRANSCRIPTS),
        "assumptions": [words.line(a, 600) for a in result.assumptions[:MOST_LINES]],
    }


def _rate_short(result: ClaimResult) -> tuple[str, str]:
    """The estimate and its limits, for a table."""
    e = result.estimate
    limits = f"[{words.percent(e.low)}, {words.percent(e.high)}]"
    return ("—" if e.value is None else words.percent(e.value)), limits


def _rate(result: ClaimResult) -> str:
    """The estimate, as sentences."""
    e = result.estimate
    method = words.line(e.method, 200)
    if e.value is None:
        return f"Nothing was observed, so every rate is possible (method: {method})."
    of = words.plural(result.trials - result.missing, "observed trial")
    counted = f"{words.count(result.counted)} of {of}"
    what = f"Observed rate {words.percent(e.value)} ({counted})"
    if result.grading is not None and result.grading.measurand == "true":
        what = f"Rate by gold {words.percent(e.value)}, from {counted} as graded"
    said = f"{what}; {words.level(e)} interval {words.interval(e)}. Method: {method}."
    if e.standard_uncertainty is not None:
        said += f" Standard uncertainty {words.percent(e.standard_uncertainty, 2)}."
    return said


def _grader(result: ClaimResult) -> dict[str, Any] | None:
    """What is known of the grader, as rows and lines."""
    g = result.grading
    if g is None:
        return None
    rows = []
    if g.study is not None:
        for name, tally in (("Sensitivity", g.study.positives), ("Specificity", g.study.negatives)):
            low, high = (tally.limit(0.05, upper=upper) for upper in (False, True))
            unread = f"; {words.count(tally.unparsed)} not read" if tally.unparsed else ""
            rows.append(
                (name, f"{words.percent(tally.rate)} ({words.count(tally.right)} of "
                       f"{words.plural(tally.labels, 'gold label')}{unread}; 90 % interval "
                       f"{words.percent(low)} to {words.percent(high)})")
            )  # fmt: skip
        rows.append(("Gold labels", words.line(g.study.source, 200)))
        rows.append(("Their SHA-256", words.line(g.study.sha256, 80)))
    for name, e in (("Rate as graded", g.graded), ("Rate by gold", g.true)):
        if e is None or e.value is None:
            rows.append((name, "cannot be said"))
        else:
            rows.append((name, f"{words.percent(e.value)}, {words.level(e)} interval "
                               f"{words.interval(e)}"))  # fmt: skip
    card = None
    if g.card is not None:
        rows.append(("Card", f"{words.line(g.card.name, 120)}, made {words.line(g.card.made, 40)}"))
        rows.append(("Its SHA-256", words.line(g.card.sha256, 80)))
        card = [words.line(f, 400) for f in g.card.findings[:MOST_LINES]]
    return {"rows": rows, "findings": card}


def _exposure(result: ClaimResult) -> dict[str, Any] | None:
    """Whether the subject has seen the items, and the rate without that, as rows and lines."""
    x = result.exposure
    if x is None:
        return None
    rows = []
    for test in x.evidence.tests[:MOST_LINES]:
        p = "" if test.p is None else f", p = {test.p:.2g}"
        found = f"{test.verdict}{p} ({words.count(test.items)} items; {test.reason})"
        rows.append((f"Was it there: {words.line(test.method, 60)}", words.line(found, 300)))
    if x.evidence.inflation is not None:
        i = x.evidence.inflation
        ends = f"[{words.percent(i.low)}, {words.percent(i.high)}]"
        rows.append(("Inflation of the score", f"{words.percent(i.value)} {ends}, from {i.design}"))
    if x.without is not None and x.without.value is not None:
        rows.append(("Rate without exposure", f"{words.percent(x.without.value)}, "
                     f"{words.level(x.without)} interval {words.interval(x.without)}"))  # fmt: skip
    for file, sha256 in dict.fromkeys(
        (e.file, e.sha256) for e in [*x.evidence.tests, x.evidence.inflation] if e is not None
    ):
        rows.append((words.line(file, 100), f"SHA-256 {words.line(sha256, 80)}"))
    return {"rows": rows, "said": [words.line(line, 600) for line in x.said[:MOST_LINES]]}


def _events(result: ClaimResult) -> str:
    """At which observed trials the events came: the whole path, in words."""
    path = result.path
    at = [n for n, k in enumerate(path, 1) if k > (path[n - 2] if n > 1 else 0)]
    if not path:
        return "No trial was observed."
    if not at:
        return "There was no event."
    shown = ", ".join(words.count(n) for n in at[:MOST_EVENTS])
    left = len(at) - MOST_EVENTS
    more = f" and {words.count(left)} later ones" if left > 0 else ""
    return f"Events came at observed {'trial' if len(at) == 1 else 'trials'} {shown}{more}."


def _numbers(result: ClaimResult) -> list[tuple[str, str]]:
    claim, design = result.claim, result.design
    method = {
        "sprt": "sequential probability ratio test, exact",
        "anytime": "anytime-valid test, no alternative needed",
        "fixed": "fixed number of trials, ended as soon as the outcome is certain",
    }[design.method]
    if_really = "none stated" if claim.if_really is None else words.percent(claim.if_really, 4)
    rows = [
        ("Claimed", f"rate {claim.relation} {words.percent(claim.threshold, 4)}"),
        *([] if claim.cut is None else [("Threshold from", words.line(set_by(claim.cut), 300))]),
        ("If really", if_really),
        ("Stopping rule", method),
        ("Trials that count", words.count(result.trials)),
        ("At most", words.count(claim.at_most)),
        ("Counted", words.count(result.counted)),
        ("Missing", words.count(result.missing)),
        ("Surplus", f"{words.count(result.surplus)} (do not count)"),
    ]
    if design.fixed_trials is not None:
        rows.append(("Fixed design", words.plural(design.fixed_trials, "trial")))
    saved = words.saved(result)
    if saved is not None:
        rows.append(("Saved", saved))
    return rows


def _errors(result: ClaimResult) -> list[str]:
    """The exact error rates, as sentences."""
    claim, design = result.claim, result.design
    at = words.percent(claim.threshold, 4)
    if result.grading is not None and result.grading.shown is not None:
        return _errors_by_gold(result, result.grading.shown)
    said = [
        f"If the true rate were {at}, the threshold itself, the claim would be false, and this "
        f"design would support it with a chance of {words.chance(design.false_support)} "
        f"(allowed: at most {words.percent(claim.alpha)}).",
        f"For a claim only just true, at a rate next to {at}, the chance of refuting it is "
        f"{words.chance(design.false_refutation)} (allowed: at most {words.percent(claim.alpha)}).",
    ]
    if claim.if_really is not None and design.power is not None:
        allowed = "" if claim.beta is None else f" (allowed: at most {words.percent(claim.beta)})"
        more = (
            ""
            if design.expected_trials is None
            else f" It would take {words.about(design.expected_trials)} trials on average."
        )
        said.append(
            f"If the rate were really {words.percent(claim.if_really, 4)}, the claim would be "
            f"supported with a chance of {words.chance(design.power)} and not supported with "
            f"{words.percent(1 - design.power, 2)}{allowed}.{more}"
        )
    else:
        said.append(
            "The claim names no alternative, so no chance of supporting a true claim was promised. "
            "The error rates hold however often one looks."
        )
    return said


def _errors_by_gold(result: ClaimResult, shown: Shown) -> list[str]:
    """The error rates of a claim about the rate by gold, as sentences."""
    claim, design = result.claim, result.design
    half = words.percent(claim.alpha / 2, 2)

    def graded(events: float) -> str:
        return words.percent(events if claim.relation == "below" else 1 - events, 4)

    wrong = "above" if claim.relation == "below" else "below"
    said = [
        f"If the true rate were {words.percent(claim.threshold, 4)}, the grader would show at "
        f"{'least' if claim.relation == 'below' else 'most'} {graded(shown.support)}, unless its "
        f"gold labels were a misleading sample (allowed: {half}). At that rate this design would "
        f"support the claim with a chance of {words.chance(design.false_support)} (allowed: "
        f"{half}). Together at most {words.percent(claim.alpha)}.",
        f"A refutation must show a rate {wrong} {graded(shown.doubt)}, which a true claim does "
        f"with a chance of {words.chance(design.false_refutation)} (allowed: {half}), unless the "
        f"gold labels mislead the other way ({half}).",
    ]
    if claim.if_really is not None and design.power is not None:
        said.append(
            f"If the rate were really {words.percent(claim.if_really, 4)}, and the grader erred as "
            f"often as on gold, the claim would be supported with a chance of "
            f"{words.chance(design.power)}."
        )
    return said


def _operating(result: ClaimResult) -> list[tuple[Operating, str]]:
    """Some points of the operating curve, with the marked rates among them."""
    claim = result.claim
    points = sorted(result.design.operating, key=lambda p: p.rate)
    marks = {"threshold": claim.threshold, "if really": claim.if_really}
    notes: dict[int, str] = {}
    for note, rate in marks.items():
        for i, p in enumerate(points):
            if rate is not None and abs(p.rate - rate) < 1e-9:
                notes[i] = note
    every = max(1, -(-len(points) // MOST_ROWS))
    kept = sorted({*range(0, len(points), every), *notes, len(points) - 1} if points else [])
    return [(points[i], notes.get(i, "")) for i in kept]


def _transcript(trial: Transcript) -> dict[str, Any]:
    outcome = {True: "counted", False: "not counted", None: "no score"}[trial.counted]
    return {
        "item": words.line(trial.item, 120),
        "family": words.line(trial.family, 80) if trial.family is not None else None,
        "position": trial.position,
        "outcome": outcome,
        "messages": [
            (words.line(m.role, 40), words.block(m.text, TEXT_LIMIT))
            for m in trial.messages[:MOST_MESSAGES]
        ],
        "messages_left": max(0, len(trial.messages) - MOST_MESSAGES),
        "answer": words.block(trial.answer, TEXT_LIMIT),
        "glimpse": words.line(trial.answer, 90),
        "error": words.block(trial.error, TEXT_LIMIT) if trial.error is not None else None,
    }


def _provenance(assessment: Assessment) -> dict[str, Any]:
    p = assessment.provenance
    times = f"{words.moment(p.started)} to {words.moment(p.finished)}"
    resumed = words.plural(p.sessions - 1, "time")
    sittings = "in one go" if p.sessions <= 1 else f"interrupted and resumed {resumed}"
    return {
        "command": words.block(p.command, TEXT_LIMIT),
        "rows": [
            ("Run", f"{times}, {sittings}"),
            ("Seed", str(p.seed)),
            ("Folder", words.line(assessment.folder)),
            ("Platform", words.line(p.platform)),
            ("Suite SHA-256", words.line(p.suite_sha256)),
        ],
        "subject": _pairs(p.subject),
        "items": _pairs(p.items_sha256),
        "versions": _pairs(p.versions),
        "logs": [words.line(name) for name in p.logs[:MOST_LINES]],
        "logs_left": max(0, len(p.logs) - MOST_LINES),
        "suite_text": words.block(p.suite_text, SUITE_LIMIT),
        "schema": words.line(assessment.schema_version),
    }


def _pairs(mapping: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (words.line(str(k), 120), words.line(str(v))) for k, v in list(mapping.items())[:MOST_LINES]
    ]
