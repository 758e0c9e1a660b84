"""What do respondents see of the others while the survey runs? Pages under /results."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI

    from calibrant.web.survey.site import Site


def add(app: FastAPI, site: Site) -> None:
    """Add the live results."""
