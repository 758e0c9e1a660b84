"""What is a figure? A Vega-Lite chart with all its data inside, its inks, and what draws it.

Every colour stands for a role. Charts are made of a few marks at fixed places, so that what is
drawn does not depend on the fonts of the machine that draws it.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from calibrant._text import dumps, one_line, storable
from calibrant.errors import InputError

Spec = dict[str, Any]

ROLES: dict[str, tuple[str, str]] = {
    # role: (light, dark). The light values double as the names of the roles inside the SVG, so
    # they must all differ; a figure taken out of the page keeps its colours.
    "text": ("#1c2024", "#e7e6e1"),
    "soft": ("#565c63", "#a9adb2"),
    "line": ("#9aa0a6", "#6b7177"),
    "grid": ("#e6e5e0", "#2d3238"),
    "page": ("#fdfdfb", "#15181b"),
    "path": ("#1c2025", "#f4f3ee"),
    "support": ("#0b6670", "#67c5cd"),
    "support-area": ("#dcedee", "#142e32"),
    "refute": ("#a8381c", "#f0906f"),
    "refute-area": ("#f8e3dc", "#381e19"),
    "futile": ("#7a5c0b", "#d9b64f"),
    "futile-area": ("#f6eed6", "#2b2615"),
}

INK: dict[str, str] = {role: light for role, (light, _) in ROLES.items()}

ENDINGS = (".svg", ".png", ".json", ".html")
_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
_PNG_SCALE = 2.0
_CHARACTER = 6.4
"""Pixels a character of a label is taken to need."""


@dataclass(frozen=True, repr=False)
class Figure:
    """A chart that can be shown in a notebook, saved, or read as data.

    Attributes:
        spec: the Vega-Lite chart; holds all its data and refers to nothing elsewhere.
        title, description: what it shows, in words; read out instead of the figure.
    """

    spec: Spec
    title: str
    description: str

    def __repr__(self) -> str:
        return f"figure: {one_line(self.title)}"

    def svg(self) -> str:
        """The chart as one SVG element that needs nothing from elsewhere."""
        import vl_convert

        drawn = _named(str(vl_convert.vegalite_to_svg(self._with_page())), self.spec)
        head, inside = drawn.split(">", 1)
        said = f"<title>{_shown(self.title)}</title><desc>{_shown(self.description)}</desc>"
        return f'{head} role="img" aria-label="{_shown(self.title)}">{said}{inside}'

    def save(self, path: str | Path) -> Path:
        """Write the chart; the ending of `path` says as what.

        Args:
            path: ends in .svg, .png (at twice the size, for print), .json (the Vega-Lite chart) or
                .html (one page without scripts).

        Raises:
            InputError: for another ending, or a path that cannot be written.
        """
        path = Path(path)
        ending = path.suffix.lower()
        if ending not in ENDINGS:
            raise InputError(
                f"{path}: wanted a figure to end in {', '.join(ENDINGS)}, got {ending or 'none'!r}"
            )
        data = self._bytes(ending)
        try:
            path.write_bytes(data)
        except OSError as e:
            raise InputError(f"{path}: cannot be written: {e.strerror or e}") from e
        return path

    def to_dict(self) -> Spec:
        """The Vega-Lite chart as plain data."""
        return {"$schema": _SCHEMA, **self._with_page(), "description": self.description}

    def _repr_html_(self) -> str:
        return self.svg()

    def _with_page(self) -> Spec:
        return {**self.spec, "background": INK["page"]}

    def _bytes(self, ending: str) -> bytes:
        if ending == ".png":
            import vl_convert

            return bytes(vl_convert.vegalite_to_png(self._with_page(), scale=_PNG_SCALE))
        if ending == ".json":
            return (dumps(self.to_dict(), indent=1) + "\n").encode()
        if ending == ".svg":
            return (self.svg() + "\n").encode()
        page = (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            f"<title>{_shown(self.title)}</title>"
            f"<style>body{{background:{INK['page']};margin:2rem}}svg{{max-width:100%;height:auto}}"
            f"</style></head>\n<body>{self.svg()}</body></html>\n"
        )
        return page.encode()


def notebook(found: Any) -> str:
    """A result as HTML for a notebook: its figure, or its sentence where there is none to draw."""
    draw = getattr(found, "plot", None)
    if draw is not None:
        try:
            return str(draw().svg())
        except InputError:  # nothing to draw, as with two points: the sentence says what is known
            pass
    return f"<pre>{escape(repr(found))}</pre>"


class Shown:
    """What a notebook shows of a result: its figure, or its sentence."""

    def _repr_html_(self) -> str:
        return notebook(self)


def _named(svg: str, spec: Spec) -> str:
    """Ids made of the content: the renderer counts on, and two figures may share one page."""
    own = hashlib.sha256(dumps(spec).encode()).hexdigest()[:12]
    order: dict[str, int] = {}

    def name(found: re.Match[str]) -> str:
        at = order.setdefault(found[2], len(order))
        return f"{found[1]}c{own}-{at}{found[3]}"

    return re.sub(r"""(id="|url\(#)(clip\d+)("|\))""", name, svg)


def _shown(text: str) -> str:
    return escape(one_line(text, 1000), quote=True)


def base(width: float, height: float, padding: dict[str, float]) -> Spec:
    """The frame of every chart: fixed size, no legend, the page's type sizes and inks."""
    return {
        "width": width,
        "height": height,
        "padding": padding,
        "autosize": {"type": "none"},
        "background": None,
        "config": config(),
    }


def config() -> Spec:
    """Type sizes and inks of every chart."""
    axis = {
        "domain": False, "ticks": False, "grid": True, "gridColor": INK["grid"],
        "labelColor": INK["soft"], "titleColor": INK["soft"], "labelFontSize": 11.5,
        "titleFontSize": 12, "titleFontWeight": "normal", "labelPadding": 5,
        # Overlap would be judged by the fonts of the machine that writes the report.
        "labelOverlap": False, "labelFlush": False,
    }  # fmt: skip
    return {
        "font": "sans-serif",
        "view": {"stroke": None},
        "axis": axis,
        "text": {"fontSize": 12, "color": INK["text"]},
    }


def ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers from `low` to `high`, some `about` of them."""
    span = high - low
    if span <= 0:
        return [low]
    rough = span / max(about, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


class Place:
    """Values as pixels."""

    def __init__(self, low: float, high: float, width: float) -> None:
        self.low, self.high, self.width = low, high, width

    def x(self, value: float) -> float:
        """The place of a value; those outside stand at the edge."""
        inside = min(max(value, self.low), self.high)
        return (inside - self.low) / (self.high - self.low) * self.width


def fixed_mark(mark: Spec, **at: float) -> Spec:
    """A layer with one mark at fixed pixels."""
    return {
        "data": {"values": [{}]},
        "mark": mark,
        "encoding": {channel: {"value": round(v, 2)} for channel, v in at.items()},
    }


def rule(x: float, height: float, colour: str, dash: list[int], top: float = 0) -> Spec:
    """An upright line from `top` to `height`."""
    mark = {"type": "rule", "color": colour, "strokeWidth": 1.4, "strokeDash": dash}
    return fixed_mark(mark, x=x, x2=x, y=top, y2=height)


def level(y: float, width: float) -> Spec:
    """A thin dashed line at a height."""
    mark = {"type": "rule", "color": INK["line"], "strokeWidth": 1, "strokeDash": [2, 3]}
    return fixed_mark(mark, x=0, x2=width, y=y, y2=y)


def bar(place: Place, low: float, high: float, y: float, colour: str, thick: float) -> Spec:
    """A flat bar from one value to another."""
    left, right = place.x(low), place.x(high)
    # An interval of no width still has to be seen.
    right = max(right, left + 1.5)
    mark = {"type": "rule", "color": colour, "strokeWidth": thick, "strokeCap": "butt"}
    return fixed_mark(mark, x=left, x2=right, y=y, y2=y)


def dot(x: float, y: float, colour: str, size: float) -> Spec:
    """A filled circle with a rim."""
    mark = {"type": "point", "filled": True, "size": size, "opacity": 1, "color": colour,
            "stroke": INK["page"], "strokeWidth": 1.5}  # fmt: skip
    return fixed_mark(mark, x=x, y=y)


def label(text: str, x: float, align: str, y: float, role: str, *, bold: bool = False) -> Spec:
    """A line of text in the ink of a role."""
    mark: Spec = {"type": "text", "text": text, "align": align, "baseline": "middle",
                  "color": INK[role]}  # fmt: skip
    if bold:
        mark["fontWeight"] = "bold"
    return fixed_mark(mark, x=x, y=y)


def inside(x: float, text: str, width: float) -> tuple[float, str]:
    """Where to anchor a text centred at x so that it stays within the plot."""
    half = 3.3 * len(text)
    if x < half:
        return 0, "left"
    return (width, "right") if x > width - half else (x, "center")


def shorten(text: str, limit: int) -> str:
    """`text` safe to draw, on one line of at most `limit` characters, cut in the middle.

    The two ends of a name tell models apart more often than its middle.
    """
    whole = storable(one_line(text, 400))
    if len(whole) <= limit:
        return whole
    tail = (limit - 1) // 3
    return f"{whole[: limit - 1 - tail]}…{whole[len(whole) - tail :]}"


def text_width(text: str) -> float:
    """About how many pixels a label needs."""
    return _CHARACTER * len(text)
