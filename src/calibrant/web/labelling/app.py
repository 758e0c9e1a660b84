"""The application of one labelling: pages for raters and for the organiser, behind the guard."""

from __future__ import annotations

from calibrant.web.base import application
from calibrant.web.labelling import admin, doors, items
from calibrant.web.labelling.site import Site
from calibrant.web.security import Guard

__all__ = ["Site", "build"]


def build(site: Site, hosts: tuple[str, ...] = ()) -> Guard:
    """The application of one labelling.

    Args:
        hosts: names by which the server may be called; empty: any.
    """
    app = application()
    doors.add(app, site)
    items.add(app, site)
    admin.add(app, site)
    return Guard(app, hosts, site.url)
