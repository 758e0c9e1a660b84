"""The application of one survey: pages for respondents and the organiser, behind the guard."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

from sqlalchemy.exc import SQLAlchemyError

from calibrant.web.base import application
from calibrant.web.limits import PER_ADDRESS, PER_TOKEN, Allowance, Limits, Network
from calibrant.web.security import Guard
from calibrant.web.survey.organising import admin
from calibrant.web.survey.pages import choosing, doors, finishing, live, rating
from calibrant.web.survey.site import Site

__all__ = ["MOST_FIELDS", "Site", "build"]

MOST_FIELDS = 1000
"""Fields of a form; the longest asks for every area of a taxonomy."""


def build(
    site: Site,
    hosts: tuple[str, ...] = (),
    *,
    proxies: Collection[Network] = (),
    per_address: Allowance = PER_ADDRESS,
    per_token: Allowance = PER_TOKEN,
) -> Guard:
    """The application of one survey.

    Args:
        hosts: names by which the server may be called; empty: any.
        proxies: whose X-Forwarded-For is believed.
        per_address, per_token: how often one address, and one link or session, may ask.
    """
    app = application(
        most_fields=MOST_FIELDS, failures=(SQLAlchemyError, sqlite3.Error),
        around=site.store.steady,
    )  # fmt: skip
    doors.add(app, site)
    choosing.add(app, site)
    rating.add(app, site)
    finishing.add(app, site)
    admin.add(app, site)
    live.add(app, site)
    limited = Limits(
        app, proxies=proxies, cookies=(site.cookie("answers"), site.cookie("people")),
        doors=("/enter/", "/return/", "/organise/enter/"), per_address=per_address,
        per_token=per_token,
    )  # fmt: skip
    return Guard(limited, hosts, site.url, connect=True)
