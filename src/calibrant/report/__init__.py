"""How are the verdicts shown? One HTML file that opens anywhere, and a table for the terminal."""

from __future__ import annotations

from calibrant.report.page import html, write_html

__all__ = ["html", "write_html"]
