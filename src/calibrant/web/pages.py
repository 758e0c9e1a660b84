"""How does a page look? Templates that escape everything, one style sheet, files by their hash."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse, Response

from calibrant._figure import ROLES
from calibrant._text import one_line, shown

if TYPE_CHECKING:
    from jinja2 import Environment

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def page(template: str, code: int = 200, **values: Any) -> HTMLResponse:
    """A page made of a template, such as "labelling/item.html.j2"."""
    return HTMLResponse(render(template, **values), code)


def render(template: str, **values: Any) -> str:
    """The HTML of a page made of a template."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("calibrant.web"),
        # Not by file name: the default would leave text in .j2 files as it is.
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Our own files, which change with the version.
        auto_reload=False,
    )
    environment.globals["static"] = static_url
    environment.filters["line"] = one_line
    environment.filters["block"] = lambda text: shown(text, len(text))
    environment.filters["end"] = _end
    environment.filters["count"] = lambda n: f"{n:,}"
    environment.filters["percent"] = lambda x: f"{x:.0%}"
    return environment


def _end(time: datetime) -> str:
    """When something ends, as people say it: midnight is the end of the day before."""
    if (time.hour, time.minute) == (0, 0):
        return f"the end of {time - timedelta(days=1):%-d %B %Y} ({time:%Z})"
    return f"{time:%-d %B %Y, %H:%M %Z}"


@cache
def _static() -> dict[str, tuple[str, bytes]]:
    """Each static file by its name in URLs, which holds its hash, with its type."""
    found: dict[str, tuple[str, bytes]] = {}
    for entry in sorted((resources.files("calibrant.web") / "static").iterdir(), key=str):
        stem, _, ending = entry.name.rpartition(".")
        if f".{ending}" not in _TYPES:
            continue
        data = entry.read_bytes()
        if ending == "css":
            data = _coloured(data.decode("utf-8")).encode("utf-8")
        digest = hashlib.sha256(data).hexdigest()[:12]
        found[f"{stem}.{digest}.{ending}"] = (_TYPES[f".{ending}"], data)
    return found


def _coloured(style: str) -> str:
    """The style sheet with the colours that calibrant's reports and figures have too."""
    for theme, place in enumerate(("/*LIGHT*/", "/*DARK*/")):
        inks = "".join(f"--{role}:{both[theme]};" for role, both in ROLES.items())
        style = style.replace(place, inks)
    return style


@cache
def static_url(name: str) -> str:
    """The URL of a static file, such as style.css."""
    stem, _, ending = name.rpartition(".")
    (found,) = [n for n in _static() if n.startswith(f"{stem}.") and n.endswith(f".{ending}")]
    return f"/static/{found}"


def static(name: str) -> Response | None:
    """The answer for a static file; None if there is none of that name."""
    if name not in _static():
        return None
    kind, data = _static()[name]
    return Response(
        data, media_type=kind, headers={"cache-control": "public, max-age=31536000, immutable"}
    )
