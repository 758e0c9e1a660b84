"""What does the organiser see and do? Pages under /organise."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI

    from calibrant.web.survey.site import Site


def add(app: FastAPI, site: Site) -> None:
    """Add the organiser's pages."""
