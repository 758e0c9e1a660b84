"""How do raters come in? By links that work once, or by one for all, under names of their own."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.responses import Response

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.web.base import Form, Stopped, see
from calibrant.web.labelling import people
from calibrant.web.labelling.site import RATER, Site
from calibrant.web.pages import page
from calibrant.web.security import cookie


def add(app: FastAPI, site: Site) -> None:
    """Add the pages behind raters' links."""

    def link(token: str) -> people.Link:
        found = people.link_of(site.store, token)
        if found is None or found.kind == "admin":
            raise Stopped(
                404, "Unknown link", "The link is not complete, or not of this labelling."
            )
        return found

    def used() -> Stopped:
        return Stopped(
            410, "This link was used already",
            "It works once. Go on in the browser where you first used it, or ask whoever sent it "
            "for a new one: your labels are kept.", back="/",
        )  # fmt: skip

    def door(given: people.Link, status: int = 200, problem: str = "", name: str = "") -> Response:
        # A page that is only looked at, as chat programs do with links, must not use up the link.
        return page(
            "labelling/enter.html.j2", status, plan=site.store.plan, link=given,
            problem=problem, name=name, longest=people.LONGEST_NAME,
        )  # fmt: skip

    @app.get("/enter/{token}")
    def look(token: str, request: Request) -> Response:
        found = link(token)
        visitor = people.visitor(site.store, request.cookies.get(RATER), "rater")
        if visitor is not None and (found.kind == "open" or visitor.rater_name == found.rater):
            return see("/")
        if found.used is not None:
            raise used()
        return door(found)

    @app.post("/enter/{token}")
    def enter(token: str, form: Form) -> Response:
        found = link(token)
        name = " ".join(form.get("name", "")[:200].split())
        try:
            session = people.enter(site.store, found, name)
        except InputError as e:
            return door(found, 422, str(e), one_line(name))
        if session is None:
            raise used()
        answer = see("/")
        answer.set_cookie(**cookie(RATER, session, https=site.https))
        return answer
