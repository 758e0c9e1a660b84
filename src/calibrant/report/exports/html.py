"""The report for people, as one HTML file."""

from __future__ import annotations

from calibrant.report.exports.source import Run
from calibrant.report.page import html


def render(run: Run, file: str) -> dict[str, bytes]:
    """The report as one HTML file."""
    return {file: html(run.assessment).encode("utf-8")}
