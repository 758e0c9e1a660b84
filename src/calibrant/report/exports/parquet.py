"""The trials as a Parquet table, text as it was said."""

from __future__ import annotations

import io

from calibrant.report.exports.source import Run


def render(run: Run, file: str) -> dict[str, bytes]:
    """The table of trials, checked against its schema and written again.

    Raises:
        InputError: for an assessment without its run folder.
    """
    buffer = io.BytesIO()
    run.trials().write_parquet(buffer, compression="zstd")
    return {file: buffer.getvalue()}
