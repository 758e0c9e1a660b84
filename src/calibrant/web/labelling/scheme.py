"""What may a label be? Categories, a scale, or which of two answers is better."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.judges.labels import as_labels

Kind = Literal["categories", "scale", "pairwise"]

KEYS = "123456789abcdefghijklmopqrtvwxyz"
"""Keys for choices in order; n (note), s (skip) and u (back) have uses of their own, and 0 is
"cannot judge"."""

MOST = 20
"""Choices; more cannot be told apart on a page."""

LONGEST = 60
"""Characters of a category."""


@dataclass(frozen=True)
class Choice:
    """One possible label.

    Attributes:
        value: as it is sent by the form.
        text: what stands on the button.
        key: the key that presses it.
    """

    value: str
    text: str
    key: str


@dataclass(frozen=True, repr=False)
class Scheme:
    """What raters are asked for.

    Attributes:
        values: the labels as they are stored, in order. Pairwise: "left", "right", "tie", where
            left and right are the two subjects in a fixed order that raters are not shown.
    """

    kind: Kind
    values: tuple[str, ...]

    def __repr__(self) -> str:
        if self.kind == "scale":
            return f"scale {self.values[0]} to {self.values[-1]}"
        return f"{self.kind}: {', '.join(one_line(v) for v in self.values)}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"kind": self.kind, "values": list(self.values)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Scheme:
        """The scheme that `to_dict` gave."""
        return cls(data["kind"], tuple(data["values"]))

    @property
    def level(self) -> Literal["nominal", "ordinal"]:
        """How far labels are from each other: only different, or ordered."""
        return "ordinal" if self.kind == "scale" else "nominal"

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The buttons; the same for every rater and item, so that they reveal nothing."""
        if self.kind == "pairwise":
            texts = {"left": "First is better", "right": "Second is better", "tie": "Equally good"}
            ways = {"left": "first", "right": "second", "tie": "tie"}
            return tuple(
                Choice(ways[v], texts[v], KEYS[i]) for i, v in enumerate(self.values)
            )  # fmt: skip
        digits = self.kind == "scale" and all(len(v) == 1 and v != "0" for v in self.values)
        return tuple(
            Choice(v, v, v if digits else KEYS[i]) for i, v in enumerate(self.values)
        )  # fmt: skip

    def stored(self, sent: str, *, swapped: bool) -> str | None:
        """The label for what a form sent, or None if it is none of the choices.

        Args:
            swapped: whether the right answer was shown first.
        """
        if self.kind != "pairwise":
            return sent if sent in self.values else None
        first, second = ("right", "left") if swapped else ("left", "right")
        found = {"first": first, "second": second, "tie": "tie"}.get(sent)
        return found if found in self.values else None

    def shown(self, label: str | None, *, swapped: bool) -> str | None:
        """What a form sends for a label: the inverse of `stored`."""
        if label is None or self.kind != "pairwise" or label == "tie":
            return label
        return "first" if (label == "left") != swapped else "second"

    def words(self, label: str, *, swapped: bool) -> str:
        """A label as the rater saw it."""
        sent = self.shown(label, swapped=swapped)
        return next((c.text for c in self.choices if c.value == sent), label)


def categories(given: Sequence[str]) -> Scheme:
    """A scheme of named categories, at least two.

    Raises:
        InputError: if there are too few or too many, or two are the same.
    """
    values = tuple(v.strip() for v in given)
    if not 2 <= len(values) <= MOST:
        raise InputError(f"--categories: wanted 2 to {MOST} names, got {len(values)}")
    for v in values:
        if not v or v != one_line(v, LONGEST):
            raise InputError(
                f"--categories: wanted names of 1 to {LONGEST} plain characters, got "
                f"{one_line(repr(v), 80)}"
            )
    if len({v.casefold() for v in values}) < len(values):
        raise InputError(f"--categories: two have the same name: {one_line(', '.join(values))}")
    try:
        # What is collected must be told apart by those who read it, such as numbers as numbers.
        as_labels({"item": values, "grader": ["x"] * len(values), "label": values},
                  categories=values)  # fmt: skip
    except InputError as e:
        raise InputError(f"--categories: labels could not be told apart ({e})") from e
    return Scheme("categories", values)


def scale(given: str) -> Scheme:
    """A scheme of whole numbers, such as "1-5" or "0-10".

    Raises:
        InputError: if it is none, or has too many steps.
    """
    match = re.fullmatch(r"\s*(\d{1,3})\s*-\s*(\d{1,3})\s*", given, re.ASCII)
    low, high = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= high - low < MOST:
        raise InputError(
            f"--scale: wanted LOW-HIGH with at most {MOST} steps, such as 1-5, got "
            f"{one_line(repr(given), 80)}"
        )
    return Scheme("scale", tuple(str(v) for v in range(low, high + 1)))


def pairwise(*, ties: bool = True) -> Scheme:
    """A scheme in which the better of two answers is chosen."""
    return Scheme("pairwise", ("left", "right", "tie") if ties else ("left", "right"))
