"""The trials as CSV that a spreadsheet shows and never executes."""

from __future__ import annotations

from calibrant.records.cells import cell
from calibrant.report.exports.source import Run

__all__ = ["cell", "render"]


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
