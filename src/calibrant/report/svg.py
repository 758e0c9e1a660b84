"""How does a chart become part of the page? Vega-Lite to clean inline SVG, with named colours.

The page forbids style attributes and everything from elsewhere, so the SVG is rebuilt from a short
list of elements and presentation attributes. Each colour stands for a role; the style sheet gives
that role its colour for light, dark and paper.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from functools import lru_cache

from calibrant._figure import INK, ROLES, Spec

_KEPT_ELEMENTS = {"svg", "g", "path", "line", "rect", "text", "tspan", "circle"}
_KEPT_ATTRIBUTES = {
    "d", "x", "y", "x1", "x2", "y1", "y2", "width", "height", "cx", "cy", "r", "transform",
    "fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity",
    "stroke-linecap", "stroke-linejoin", "stroke-miterlimit", "opacity", "text-anchor",
    "font-size", "font-weight", "font-style", "viewBox",
}  # fmt: skip
_SVG = "http://www.w3.org/2000/svg"


def colours() -> str:
    """The rules that give every role inside the figures its colour of the page."""
    rules = [
        f'svg [{what}="{ink}"]{{{what}:var(--{role})}}'
        for role, ink in INK.items()
        for what in ("fill", "stroke")
    ]
    return "\n".join(rules)


def variables(theme: int) -> str:
    """The colour of every role as CSS variables; theme 0 is light, 1 is dark."""
    return "".join(f"--{role}:{both[theme]};" for role, both in ROLES.items())


def figure(
    spec: Spec, *, ident: str, title: str, description: str, shape: str, data: dict[str, int]
) -> str:
    """Return a Vega-Lite chart as inline SVG that holds nothing but drawn shapes and text.

    Args:
        spec: the chart, with all its data inside.
        ident: prefix for the ids of its title and description, unique in the page.
        title, description: read out instead of the figure.
        shape: class of the svg element; the style sheet shows "wide" or "narrow" ones.
        data: numbers kept on the svg element as data attributes.
    """
    root = ET.fromstring(_drawn(json.dumps(spec)))
    ET.register_namespace("", _SVG)
    svg = _clean(root)
    assert svg is not None
    for name in ("width", "height"):
        svg.attrib.pop(name, None)
    svg.attrib.update(
        {"class": shape, "role": "img", "aria-labelledby": f"{ident}-t {ident}-d"}
        | {f"data-{k}": str(v) for k, v in data.items()}
    )
    for at, (tag, text) in enumerate((("title", title), ("desc", description))):
        element = ET.Element(f"{{{_SVG}}}{tag}", {"id": f"{ident}-{tag[0]}"})
        element.text = text
        svg.insert(at, element)
    return ET.tostring(svg, encoding="unicode")


@lru_cache(maxsize=64)
def _drawn(spec: str) -> str:
    """A chart's SVG; kept for a while, as a pack is verified by making its report again."""
    import vl_convert

    return str(vl_convert.vegalite_to_svg(spec))


def _clean(element: ET.Element) -> ET.Element | None:
    """A copy with only known elements and attributes, without what draws nothing."""
    tag = element.tag.removeprefix(f"{{{_SVG}}}")
    of = element.attrib.get
    drawn = of("display") != "none" and of("d") != "" and of("opacity") != "0"
    if tag not in _KEPT_ELEMENTS or not drawn:
        return None
    kept = {k: v for k, v in element.attrib.items() if k in _KEPT_ATTRIBUTES}
    copy = ET.Element(f"{{{_SVG}}}{tag}", kept)
    copy.text = element.text if tag in ("text", "tspan") else None
    copy.extend(c for child in element if (c := _clean(child)) is not None)
    if tag == "g" and len(copy) == 0:
        return None
    return copy
