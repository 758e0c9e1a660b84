"""What does a cell of an export say? A label of the scale, its number, or why there is none."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.priorities.exchange.columns import folded
from calibrant.priorities.survey.model import Question, Survey

_BOTH = (
    re.compile(r"(?P<n>\d+)\s*[-–—.:=)]\s*(?P<t>.+)"),
    re.compile(r"(?P<t>.+?)\s*\((?P<n>\d+)\)"),
)
"""5 - Strongly Agree; Strongly Agree (5)."""

_DONT_KNOW = ("i don't know", "don't know", "i do not know", "do not know")


class Cells:
    """Reads cells, each text once.

    Args:
        values: what the user says of texts: a number of the scale, or a state.
    """

    def __init__(self, survey: Survey, values: Mapping[str, int | str], where: str) -> None:
        self.values = {folded(k): v for k, v in values.items()}
        self.where = where
        self.labels = {q.id: {folded(t): i for i, t in enumerate(q.labels, 1)}
                       for q in survey.questions}  # fmt: skip
        self.known: dict[tuple[str, str], tuple[str, float | None]] = {}
        self.coded: Counter[tuple[str, str]] = Counter()

    def read(self, text: str, q: Question, record: int, column: str) -> tuple[str, float | None]:
        """State and value; the state is empty where the cell is.

        Raises:
            InputError: if it is no answer to the question.
        """
        key = (q.id, text)
        if key not in self.known:
            self.known[key] = self._read(text, q, record, column)
        if self.known[key][0] == "don't know" and text.strip().isdigit():
            self.coded[q.id, text.strip()] += 1
        return self.known[key]

    def _read(self, text: str, q: Question, record: int, column: str) -> tuple[str, float | None]:
        said = folded(text)
        top = len(q.labels)
        if said in self.values:
            meant = self.values[said]
            if isinstance(meant, str):
                return meant, None
            if 1 <= meant <= top:
                return "answered", float(meant)
            raise InputError(f"{self.where}: values: wanted 1 to {top} for {q.id}, got {meant}")
        if not said:
            return "", None
        if said == "-99":
            return "skipped", None
        if said in self.labels[q.id]:
            return "answered", float(self.labels[q.id][said])
        if q.dont_know and said in (folded(q.dont_know), *_DONT_KNOW):
            return "don't know", None
        number = _whole(said)
        if number is not None and 1 <= number <= top:
            return "answered", float(number)
        # An option after the scale's last is numbered next.
        if number == top + 1 and q.dont_know:
            return "don't know", None
        for pattern in _BOTH:
            both = pattern.fullmatch(said)
            if both and self.labels[q.id].get(both["t"].strip()) == int(both["n"]):
                return "answered", float(both["n"])
        wanted = ", ".join([*q.labels, *([q.dont_know] if q.dont_know else [])])
        raise InputError(
            f"{self.where} record {record}, column {one_line(column, 60)}: wanted 1 to {top} or "
            f"one of {one_line(wanted, 200)}, got {one_line(text, 60)!r}; values: in --map says "
            "what others mean"
        )

    def notes(self) -> list[str]:
        """Numbers that were taken for "don't know"."""
        return [
            f'{number} in {n:,} cells of {question} was read as "don\'t know", the option after '
            "the scale"
            for (question, number), n in self.coded.items()
        ]


def _whole(text: str) -> int | None:
    found = re.fullmatch(r"(\d{1,6})(?:\.0+)?", text)
    return int(found[1]) if found else None
