"""The verdicts as a Markdown summary, for a pull request or a step summary.

Nothing a suite or a model says becomes markup: every ASCII punctuation mark is escaped, and what
a forge turns into a link or a notification by itself (@name, #1, addresses) is broken up.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from calibrant._text import one_line
from calibrant.assurance.assessment import Assessment, ClaimResult
from calibrant.report import words
from calibrant.report.exports.facts import rate_words
from calibrant.report.exports.source import Run

MOST_CLAIMS = 200

_MARKS = re.compile(r"[!-/:-@\[-`{-~]")
_ENTITY = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_BREAK = "<!-- -->"
_TICK = {"supported": "✅", "refuted": "❌", "undetermined": "❔"}


def render(run: Run, file: str) -> dict[str, bytes]:
    """The summary of one assessment."""
    return {file: document([run.assessment]).encode("utf-8")}


def document(assessments: Sequence[Assessment]) -> str:
    """GitHub-flavoured Markdown: per assessment a verdict, a table of claims, and the reasons."""
    return "\n".join(_summary(a) for a in assessments)


def escape(text: str, limit: int = 400) -> str:
    """`text` as one line of Markdown that shows it as it is, also within a table and in HTML."""
    line = one_line(text, limit)
    line = _MARKS.sub(lambda m: _ENTITY.get(m[0], f"\\{m[0]}"), line)
    # Escapes do not keep a forge from making links of names, numbers, addresses.
    line = re.sub(r"\\([@#])", rf"\\\1{_BREAK}", line)
    line = line.replace("\\:\\/\\/", f"\\:{_BREAK}\\/\\/")
    return re.sub(r"(?i)\bwww(?=\\\.)", lambda m: f"{m[0]}{_BREAK}", line)


def _summary(assessment: Assessment) -> str:
    title = f"{_TICK[assessment.verdict]} calibrant: {assessment.verdict}"
    lines = [
        f"## {title}",
        "",
        f"**{escape(assessment.subject)}** by the suite **{escape(assessment.suite)}**. "
        f"{words.overall(assessment)}",
        "",
        "| claim | verdict | rate [interval] | threshold | trials | missing |",
        "|---|---|---|---|--:|--:|",
    ]
    shown = assessment.claims[:MOST_CLAIMS]
    lines += [_row(c) for c in shown]
    left = len(assessment.claims) - len(shown)
    if left:
        lines += ["", f"{left} more claims are in the assessment."]
    lines.append("")
    for c in shown:
        lines.append(f"- **{escape(c.claim.name, 120)}**: {escape(c.headline)} {escape(c.reason)}")
    if assessment.stopped_by is not None:
        lines += ["", f"The run was ended by a limit: {escape(assessment.stopped_by)}."]
    p = assessment.provenance
    lines += [
        "",
        f"<sub>Seed {p.seed}, suite {escape(p.suite_sha256[:12])}, finished "
        f"{escape(words.moment(p.finished))}, calibrant "
        f"{escape(p.versions.get('calibrant', 'unknown'), 40)}. "
        f"Repeat: {escape(p.command)}</sub>",
        "",
    ]
    return "\n".join(lines)


def _row(result: ClaimResult) -> str:
    claim = result.claim
    threshold = words.percent(claim.threshold, 4).replace(words.NBSP, " ")
    cells = [
        escape(claim.name, 120),
        f"{_TICK[result.verdict]} {result.verdict}",
        rate_words(result),
        f"{claim.relation} {threshold}",
        f"{result.trials:,} of {claim.at_most:,}",
        f"{result.missing:,}",
    ]
    return f"| {' | '.join(cells)} |"
