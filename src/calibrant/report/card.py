"""The certificate card of a grader as one HTML page that opens offline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from markupsafe import Markup

from calibrant._files import write_whole
from calibrant.errors import InputError, RunFolderError
from calibrant.judges.card import Card
from calibrant.judges.card.figure import card_figure
from calibrant.judges.card.model import Figure
from calibrant.report import words
from calibrant.report.page import environment, policy_for, style_sheet

MOST = 120
"""Rows of a table."""


def card_html(card: Card) -> str:
    """The card as an HTML document without scripts, under a policy that allows none."""
    style = style_sheet()
    try:
        figure = Markup(card_figure(card).svg())
    except InputError:
        # A card without errors and probes has nothing to draw, and says so in its limits.
        figure = None
    return environment().get_template("card.html.j2").render(
        policy=policy_for(style), style=style, figure=figure, **_view(card)
    )  # fmt: skip


def write_card(card: Card, path: str | Path) -> tuple[Path, Path]:
    """Write the card as JSON and as HTML beside it, each whole or not at all.

    Args:
        path: ends in .json or .html, or in neither; both files are written.

    Returns:
        The JSON file and the page.

    Raises:
        RunFolderError: if one cannot be written; an OSError.
    """
    stem = Path(path)
    if stem.suffix in (".json", ".html"):
        stem = stem.with_suffix("")
    files = stem.with_name(f"{stem.name}.json"), stem.with_name(f"{stem.name}.html")
    for file, text in zip(files, (card.to_json() + "\n", card_html(card)), strict=True):
        try:
            write_whole(file, text.encode("utf-8"))
        except OSError as e:
            raise RunFolderError(f"{file}: cannot be written ({e.strerror or e})") from e
    return files


def _view(card: Card) -> dict[str, Any]:
    until = card.valid_until_model
    facts = [
        ("Made", words.moment(card.made)),
        ("Holds for", words.line(until, 200) if until else "whatever was tested; no version named"),
    ]
    if card.valid_until is not None:
        facts.append(("Until", words.line(card.valid_until, 20)))
    facts.append(("Counts", words.line(card.counts, 80) if card.counts is not None else "1"))
    tables = [
        ("Error", card.errors), ("Agreement", card.agreement), ("Correction", card.correction),
        ("Under pressure", card.pressure), ("Between versions", card.drift),
    ]  # fmt: skip
    return {
        "name": words.line(card.name, 200),
        "facts": facts,
        "findings": [words.line(f, 600) for f in card.findings[:MOST]],
        "tables": [(title, [_row(f) for f in rows[:MOST]]) for title, rows in tables if rows],
        "biases": [
            {
                "probe": words.line(b.probe, 80),
                "asks": words.line(b.asks, 300),
                "verdict": b.verdict,
                "effect": _number(b.effect),
                "limits": _limits(b.low, b.high),
                "unit": words.line(b.unit, 120),
                "cases": words.count(b.cases) + (f", {words.count(b.unparsed)} unread"
                                                 if b.unparsed else ""),
            }
            for b in card.biases[:MOST]
        ],
        "tested_on": [words.line(t, 400) for t in card.tested_on[:MOST]],
        "limits": [words.line(t, 600) for t in card.limits[:MOST]],
        "grader": [(words.line(k, 60), words.line(v, 300)) for k, v in card.grader.items()],
        "calibrant": words.line(card.calibrant, 40),
    }  # fmt: skip


def _row(f: Figure) -> tuple[str, str, str, str]:
    level = "" if f.level is None else f"{f.level:.0%}"
    return words.line(f.name, 120), _number(f.value), _limits(f.low, f.high, level), words.line(
        f.note, 200
    )  # fmt: skip


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.3g}"


def _limits(low: float | None, high: float | None, level: str = "") -> str:
    if low is None and high is None:
        return ""
    ends = f"{_number(low)} to {_number(high)}"
    return f"{ends} ({level})" if level else ends
