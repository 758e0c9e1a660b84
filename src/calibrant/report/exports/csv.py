"""The trials as CSV that a spreadsheet shows and never executes."""

from __future__ import annotations

import re

from calibrant._text import shown
from calibrant.report.exports.source import Run

FORMULA = re.compile(r"\s*[=+\-@'＝＋－＠]")
"""A text cell that begins so is given a leading apostrophe.

Spreadsheets take = + - @ (also full-width, also after white space) for the start of a formula. An
apostrophe is escaped too, so that taking off one leading apostrophe gives the cell back.
"""


def render(run: Run, file: str) -> dict[str, bytes]:
    """The table of trials as UTF-8 CSV; text cells are escaped, numbers are left as they are.

    Control characters and direction marks are shown as codes; line breaks stay, in quotes.

    Raises:
        InputError: for an assessment without its run folder.
    """
    import polars as pl

    table = run.trials()
    text = [name for name, dtype in table.schema.items() if dtype == pl.String]
    columns = [
        pl.Series(name, [None if v is None else cell(v) for v in table[name]], dtype=pl.String)
        for name in text
    ]
    return {file: table.with_columns(columns).write_csv().encode("utf-8")}


def cell(text: str) -> str:
    """A text as a cell that is shown as text."""
    safe = shown(text, len(text))
    return f"'{safe}" if FORMULA.match(safe) else safe
