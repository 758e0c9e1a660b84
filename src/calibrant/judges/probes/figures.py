"""How does a judge look on trial? A forest of its shifts, and of what it detects."""

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
from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.judges.probes.findings import Finding, Probing

_ROW, _WIDTH, _LEFT, _RIGHT, _HEAD = 20, 420, 190, 150, 26

_INKS = {"biased": "refute", "misses": "refute", "robust": "support", "detects": "support",
         "undetermined": "futile"}  # fmt: skip


def forest(found: Probing) -> Figure:
    """Shifts with intervals and the margin; below, the share of harmed answers marked down.

    Raises:
        InputError: if nothing was probed.
    """
    shifts = [f for f in found.findings if f.detection is None]
    harms = [f for f in found.findings if f.detection is not None]
    if not shifts and not harms:
        raise InputError("figure: nothing was probed")
    span = found.high - found.low
    layers: list[Spec] = []
    top = 0.0
    if shifts:
        reach = max(
            [found.margin * 1.5]
            + [abs(x) / span for f in shifts for x in (*_ends(f), f.shift.value)]
        )
        reach = min(1.0, reach * 1.05)
        title = "shift of the verdict towards the altered answer, share of the range"
        top = _block(layers, shifts, -reach, reach, [-found.margin, 0.0, found.margin], span,
                     top, title)  # fmt: skip
    if harms:
        title = "share of harmed answers marked down"
        top = _block(layers, harms, 0.0, 1.0, [found.wanted], 1.0, top + 18 * bool(shifts), title)
    name = one_line(found.judge, 60)
    spec = base(_WIDTH, top, {"left": _LEFT, "right": _RIGHT, "top": 12, "bottom": 12})
    said = "; ".join(repr(f) for f in found.findings[:8])
    return Figure(spec | {"layer": layers}, f"{name} on {len(found.findings)} probes", said)


def _ends(f: Finding) -> tuple[float, float]:
    return f.shift.interval.low, f.shift.interval.high


def _block(
    layers: list[Spec], rows: list[Finding], low: float, high: float, marks: list[float],
    span: float, top: float, title: str,
) -> float:  # fmt: skip
    """Draw one block of rows, and return where it ends."""
    place = Place(low, high, _WIDTH)
    layers.append(label(title, 0, "left", top + 6, "soft"))
    start, end = top + _HEAD, top + _HEAD + _ROW * len(rows)
    for at in ticks(low, high, 5):
        x = place.x(at)
        layers.append(rule(x, end, INK["grid"], [1, 0], start))
        words = f"{at:.0%}" if low >= 0 else f"{at:+.2g}" if at else "0"
        layers.append(label(words, x, "center", end + 10, "soft"))
    layers += [
        rule(place.x(at), end, INK["line"], [1, 0] if at == 0 else [4, 3], start) for at in marks
    ]
    for number, f in enumerate(rows):
        _row(layers, f, place, start + _ROW * (number + 0.5), span)
    return end + 22


def _row(layers: list[Spec], f: Finding, place: Place, y: float, span: float) -> None:
    ink = INK[_INKS[f.verdict]]
    if f.detection is not None:
        fell = f.detection.fell
        value, ends = fell.value, (fell.low, fell.high)
        lost = f.detection.failed
    else:
        value, ends = f.shift.value / span, tuple(x / span for x in _ends(f))  # type: ignore[assignment]
        lost = f.failed_base + f.failed_altered
        if lost:
            # What the failed verdicts could make of it, under the interval.
            low, high = (x / span for x in f.shift.bounds)
            layers.append(bar(place, low, high, y, INK["futile-area"], 9))
    layers.append(bar(place, ends[0], ends[1], y, ink, 2.2))
    if value is not None:
        layers.append(dot(place.x(value), y, ink, 60))
    layers.append(label(shorten(f.name, 28), -12, "right", y, "text"))
    words = f.verdict + (f", {lost} failed" if lost else "")
    layers.append(fixed_mark(
        {"type": "text", "text": words, "align": "left", "baseline": "middle", "color": ink},
        x=_WIDTH + 12, y=y,
    ))  # fmt: skip
