"""Rows of bars beside each other: one row an area, one column of bars a question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from calibrant._figure import (
    INK,
    Figure,
    Place,
    Spec,
    base,
    fixed_mark,
    label,
    shorten,
    text_width,
)

_ROW = 21
_GAP = 64
_NAME = 46


def titled(id: str, name: str) -> str:
    """An area's id and name, once where they are the same."""
    return id if name == id else f"{id}  {name}"


@dataclass(frozen=True)
class BarRow:
    """One row.

    Attributes:
        values: one for each column, 0–1.
        said: the same in words, at the right of the bars.
        roles: inks of the bars.
    """

    name: str
    values: tuple[float, ...]
    said: tuple[str, ...]
    roles: tuple[str, ...]


def bars(
    rows: Sequence[BarRow], heads: Sequence[str], *, title: str, said: str, description: str,
    wide: float = 150,
) -> Figure:  # fmt: skip
    """A figure of shares, 0 to 1, as bars.

    Args:
        rows: from top to bottom, at least one.
        heads: above the columns of bars.
        wide: pixels of a whole bar.
    """
    names = [shorten(r.name, _NAME) for r in rows]
    left = max(max(map(text_width, names)) + 22, 110.0)
    columns = len(heads)
    width = columns * wide + (columns - 1) * _GAP
    height = _ROW * len(rows) + 6
    right = max(max(text_width(r.said[-1]) for r in rows) + 16, text_width(heads[-1]) - wide + 8)
    spec = base(width, height, {"left": left, "right": right, "top": 84, "bottom": 12})
    layers: list[Spec] = [
        label(title, 6 - left, "left", -64, "text", bold=True),
        label(said, 6 - left, "left", -43, "soft"),
    ]
    for column, head in enumerate(heads):
        layers.append(label(head, column * (wide + _GAP), "left", -14, "soft"))
    place = Place(0.0, 1.0, wide)
    for number, (row, name) in enumerate(zip(rows, names, strict=True)):
        y = _ROW * (number + 0.5) + 3
        layers.append(label(name, -12, "right", y, "text"))
        for column, (value, words, role) in enumerate(
            zip(row.values, row.said, row.roles, strict=True)
        ):
            at = column * (wide + _GAP)
            layers += [_bar(at, wide, y, "grid"), _bar(at, place.x(value), y, role)]
            layers.append(label(words, at + wide + 8, "left", y, "text"))
    # A mark nobody sees carries the frame: all others stand at fixed places.
    spec["layer"] = layers
    return Figure(spec, title, description)


def _bar(x: float, length: float, y: float, role: str) -> Spec:
    mark = {"type": "rule", "color": INK[role], "strokeWidth": 9, "strokeCap": "butt"}
    # A share of nothing is no bar.
    end = x + length if length > 0.2 else x
    return fixed_mark(mark, x=x, x2=end, y=y, y2=y)
