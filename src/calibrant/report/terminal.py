"""How are the verdicts shown in a terminal? A table for people, safe whatever a model said."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from calibrant._text import one_line
from calibrant.assurance.assessment import Assessment, ClaimResult, Verdict
from calibrant.report import words

_STYLE: dict[Verdict, str] = {"supported": "green", "refuted": "red", "undetermined": "yellow"}


def verdict_table(assessment: Assessment) -> Table:
    """Return one row per claim: verdict, estimate with interval, trials, trials saved.

    Every cell is a `rich.text.Text`: nothing a suite or a model says is read as markup.
    """
    table = Table(title=Text(one_line(f"{assessment.subject} · {assessment.suite}")))
    table.add_column("claim", overflow="fold")
    table.add_column("verdict", no_wrap=True)
    table.add_column(Text("rate [interval]"))
    table.add_column("trials", justify="right")
    table.add_column("saved vs fixed", justify="right")
    for result in assessment.claims:
        table.add_row(*_row(result))
    return table


def _row(result: ClaimResult) -> list[Text]:
    e = result.estimate
    value = "—" if e.value is None else words.percent(e.value)
    # White space that keeps a number with its sign matters less than columns that fit.
    return [
        Text(one_line(result.claim.name, 60)),
        _verdict(result.verdict),
        Text(f"{value} [{words.percent(e.low)}, {words.percent(e.high)}]".replace(words.NBSP, "")),
        Text(f"{words.count(result.trials)} of {words.count(result.claim.at_most)}"),
        Text((words.saved(result) or "—").replace(words.NBSP, "")),
    ]


def _verdict(verdict: Verdict) -> Text:
    return Text(f"{words.SYMBOL[verdict]} {verdict}", style=_STYLE[verdict])


def summary(assessment: Assessment, console: Console, report: Path | None = None) -> None:
    """Print the verdict table, a sentence per claim, and where the report is.

    Args:
        report: the report, if it has been written; by default the run's folder is named.
    """
    console.print(verdict_table(assessment))
    for result in assessment.claims:
        symbol = Text(f"{words.SYMBOL[result.verdict]} ", style=_STYLE[result.verdict])
        console.print(symbol.append(one_line(result.headline, 400), style="default"))
        if result.missing:
            sentence = words.missing(result).replace(words.NBSP, " ")
            console.print(Text(f"  {one_line(sentence, 400)}", style="dim"))
        for sentence in [] if result.exposure is None else result.exposure.said:
            console.print(Text(f"  {one_line(sentence, 600)}", style="dim"))
    if assessment.stopped_by is not None:
        console.print(Text(f"Ended by a limit: {one_line(assessment.stopped_by)}"))
    console.print(Text(words.overall(assessment)))
    label, where = ("Report", report) if report is not None else ("Run folder", assessment.folder)
    console.print(Text(f"{label}: {one_line(str(where), 1000)}"), soft_wrap=True)
