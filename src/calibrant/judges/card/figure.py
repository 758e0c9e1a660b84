"""How does a card look? Its errors and what each probe found, as one figure."""

from __future__ import annotations

from calibrant._figure import (
    INK,
    Figure,
    Place,
    Spec,
    bar,
    base,
    dot,
    fixed_mark,
    label,
    rule,
    shorten,
    ticks,
)
from calibrant.errors import InputError
from calibrant.judges.card.model import Bias, Card

_ROW, _WIDTH, _LEFT, _RIGHT, _HEAD = 20, 360, 190, 100, 26

_INKS = {"biased": "refute", "misses": "refute", "robust": "support", "detects": "support",
         "undetermined": "futile", "": "text"}  # fmt: skip

_MOST = 24
"""Rows of a block; those that decide nothing are left out first."""

_Row = tuple[str, float, float, float, str]


def card_figure(card: Card) -> Figure:
    """Error rates, shifts and detections with their intervals, a block each.

    Raises:
        InputError: if the card has none of them.
    """
    errors = [(f.name, f.value, f.low, f.high, "") for f in card.errors[:2]]
    shifts = [_row(b) for b in card.biases if not b.unit.startswith("share of harmed")]
    harms = [_row(b) for b in card.biases if b.unit.startswith("share of harmed")]
    reach = max([0.15, *(abs(x) for _, *ends, _ in shifts for x in ends if x is not None)])
    blocks = [
        ("right, of what gold says is so and is not", errors, 0.0, 1.0),
        ("shift towards an altered answer, share of the range", shifts, -reach, reach),
        ("share of harmed answers marked down", harms, 0.0, 1.0),
    ]
    layers: list[Spec] = []
    top = 0.0
    for title, rows, low, high in blocks:
        drawn = [(n, v, a, b, w) for n, v, a, b, w in rows if None not in (v, a, b)]
        drawn = sorted(drawn, key=lambda r: r[4] == "undetermined")[:_MOST]
        if drawn:
            top = _block(layers, title, drawn, Place(low, high, _WIDTH), top) + 14  # type: ignore[arg-type]
    if not layers:
        raise InputError("figure: the card has neither errors nor probes to draw")
    spec = base(_WIDTH, top - 8, {"left": _LEFT, "right": _RIGHT, "top": 12, "bottom": 12})
    said = " ".join(card.findings[:6])
    return Figure(spec | {"layer": layers}, f"Card of {card.name}", said)


def _row(b: Bias) -> tuple[str, float | None, float | None, float | None, str]:
    return b.probe, b.effect, b.low, b.high, b.verdict


def _block(layers: list[Spec], title: str, rows: list[_Row], place: Place, top: float) -> float:
    """Draw one block of rows, and return where it ends."""
    start, end = top + _HEAD, top + _HEAD + _ROW * len(rows)
    layers.append(label(title, 0, "left", top + 6, "soft"))
    for at in ticks(place.low, place.high, 5):
        x = place.x(at)
        ink = INK["line"] if at == 0 and place.low < 0 else INK["grid"]
        layers.append(rule(x, end, ink, [1, 0], start))
        text = f"{at:+.0%}" if place.low < 0 and at else f"{at:.0%}"
        layers.append(label(text, x, "center", end + 10, "soft"))
    for number, (name, value, low, high, verdict) in enumerate(rows):
        y, ink = start + _ROW * (number + 0.5), INK[_INKS[verdict]]
        layers.append(bar(place, low, high, y, ink, 2.2))
        layers.append(dot(place.x(value), y, ink, 60))
        layers.append(label(shorten(name, 28), -12, "right", y, "text"))
        mark = {"type": "text", "text": verdict or f"{value:.0%}", "align": "left",
                "baseline": "middle", "color": ink}  # fmt: skip
        layers.append(fixed_mark(mark, x=_WIDTH + 12, y=y))
    return end + 22
