"""What does the report look like? One HTML file, safe to open, complete in itself."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from calibrant._files import write_whole as write_whole
from calibrant.assurance.assessment import Assessment
from calibrant.errors import RunFolderError
from calibrant.report import svg

if TYPE_CHECKING:
    from jinja2 import Environment


def html(assessment: Assessment) -> str:
    """Return the report of `assessment` as one HTML document.

    The document holds no script and loads nothing: its content security policy allows one style
    sheet, by its hash, and no other resource. The same assessment gives the same document.
    """
    from calibrant.report.view import view

    style = style_sheet()
    template = environment().get_template("report.html.j2")
    return template.render(policy=policy_for(style), style=style, **view(assessment))


def write_html(assessment: Assessment, path: str | Path) -> None:
    """Write the report of `assessment` to `path`, whole or not at all.

    The text is written beside `path` first and then takes its place, so that nobody finds half a
    report and a failure leaves an older one as it was.

    Raises:
        RunFolderError: if the file cannot be written; an OSError.
    """
    path = Path(path)
    data = html(assessment).encode("utf-8")
    try:
        write_whole(path, data)
    except OSError as e:
        raise RunFolderError(
            f"{path}: the report cannot be written ({e.strerror or e}); "
            f"'calibrant report {assessment.folder}' makes it again"
        ) from e


def policy_for(style: str) -> str:
    """The content security policy of a page with this style sheet and nothing else."""
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@cache
def style_sheet() -> str:
    """The style sheet, with the colours of the figures filled in."""
    text = (resources.files("calibrant.report") / "templates" / "report.css").read_text("utf-8")
    filled = text.replace("/*LIGHT*/", svg.variables(0)).replace("/*DARK*/", svg.variables(1))
    return filled.replace("/*INKS*/", svg.colours())


@cache
def environment() -> Environment:
    """The templates of pages, with text escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from calibrant.report import words

    made = Environment(
        loader=PackageLoader("calibrant.report"),
        # Not by file name: the default would leave text in .j2 files as it is.
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("percent", "chance", "count", "plural", "about", "line", "block"):
        made.filters[name] = getattr(words, name)
    return made
