"""The datasheet of a benchmark as one HTML page that opens offline."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from markupsafe import Markup

from calibrant._figure import Figure
from calibrant._files import write_whole
from calibrant.errors import RunFolderError
from calibrant.quality.datasheet import Datasheet, Grid, Part
from calibrant.report import svg, words
from calibrant.report.page import environment, policy_for, style_sheet

_LINK = re.compile(r"https?://[^\s<>\"']+")


def datasheet_html(sheet: Datasheet) -> str:
    """The datasheet as an HTML document without scripts, under a policy that allows none."""
    style = style_sheet()
    return environment().get_template("datasheet.html.j2").render(
        policy=policy_for(style), style=style, **_view(sheet)
    )  # fmt: skip


def write_datasheet(sheet: Datasheet, path: str | Path) -> Path:
    """Write the page, whole or not at all.

    Raises:
        RunFolderError: if it cannot be written; an OSError.
    """
    path = Path(path)
    try:
        write_whole(path, datasheet_html(sheet).encode("utf-8"))
    except OSError as e:
        raise RunFolderError(f"{path}: cannot be written ({e.strerror or e})") from e
    return path


def _view(sheet: Datasheet) -> dict[str, Any]:
    return {
        "name": words.line(sheet.name, 200),
        "made": words.moment(sheet.made),
        "calibrant": words.line(sheet.calibrant, 40),
        "about": [
            (words.line(label, 60), [_pieces(row) for row in text.splitlines() if row.strip()])
            for label, text in sheet.about
        ],
        "findings": [words.line(f, 600) for f in sheet.findings],
        "parts": [part_view(p) for p in sheet.parts],
        "sources": [(words.line(f, 200), h) for f, h in sheet.sources],
        "commands": [words.line(c, 400) for c in sheet.commands],
        "notes": [words.line(n, 400) for n in sheet.notes],
    }


def _pieces(text: str) -> list[tuple[str, bool]]:
    """A line in pieces, each with whether it is a link."""
    text = words.line(text, 2000)
    found, at = [], 0
    for match in _LINK.finditer(text):
        found += [(text[at : match.start()], False), (match[0], True)]
        at = match.end()
    return [p for p in [*found, (text[at:], False)] if p[0]]


def part_view(part: Part) -> dict[str, Any]:
    """What the template `parts.html.j2` shows of a part, made safe."""
    return {
        "key": part.key,
        "title": part.title,
        "missing": None if part.missing is None else words.line(part.missing, 500),
        "said": [words.line(s, 700) for s in part.said],
        "grids": [_grid(g) for g in part.grids],
        "figures": [_figure(f, f"{part.key}-{i}") for i, f in enumerate(part.figures)],
    }


def _grid(grid: Grid) -> dict[str, Any]:
    return {
        "title": words.line(grid.title, 200),
        "columns": [(words.line(c, 80), i in grid.numbers) for i, c in enumerate(grid.columns)],
        "rows": [
            [(words.line(cell, 400), i in grid.numbers) for i, cell in enumerate(row)]
            for row in grid.rows
        ],
        "left_out": grid.left_out,
    }


def _figure(figure: Figure, ident: str) -> dict[str, Any]:
    drawn = svg.figure(
        figure.spec, ident=ident, title=words.line(figure.title, 300),
        description=words.line(figure.description, 1000), shape="chart", data={},
    )  # fmt: skip
    return {"svg": Markup(drawn), "title": words.line(figure.title, 300)}
