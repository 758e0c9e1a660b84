"""What did the assertions find? One line each, until the pytest plugin takes them."""

from __future__ import annotations

_lines: list[str] = []


def note(line: str) -> None:
    """Keep a line for the summary of the test run."""
    _lines.append(line)


def take() -> list[str]:
    """The lines kept since the last call."""
    taken = _lines[:]
    _lines.clear()
    return taken
