"""Which categories does a respondent rate, and which areas are the respondent's own work?"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from calibrant.web.base import Form, see
from calibrant.web.pages import page
from calibrant.web.survey.kept import answers
from calibrant.web.survey.kept.sessions import Visitor
from calibrant.web.survey.pages.forms import Problem, copy_fields, copy_of
from calibrant.web.survey.site import Site

STALE = (
    "You changed this page in another tab or browser after you opened it here, so nothing was "
    "saved. It shows now what was saved there: please check it, change it, and save again."
)


def add(app: FastAPI, site: Site) -> None:
    """Add the pages."""
    store = site.store

    def choose_page(visitor: Visitor, problems: tuple[Problem, ...] = ()) -> Response:
        now = answers.revision(store, visitor.respondent, "choose")
        return page(
            "survey/choose.html.j2", 422 if problems else 200, problems=problems,
            categories=store.areas.categories, chosen=answers.chosen(store, visitor.respondent),
            hidden=copy_fields(store, now), **site.common(visitor),
        )  # fmt: skip

    @app.get("/choose")
    def look(request: Request) -> Response:
        return choose_page(site.respondent(request))

    @app.post("/choose")
    def choose(form: Form, request: Request) -> Response:
        visitor = site.respondent(request)
        site.own(visitor, form)
        site.taking()
        picked = [c.id for c in store.areas.categories if f"category:{c.id}" in form]
        if not picked:
            text = "Please choose at least one category."
            first = store.areas.categories[0].id
            return choose_page(visitor, (Problem(text, f"category:{first}"),))
        done = answers.choose(store, visitor.respondent, picked, copy_of(form))
        if done == "stale":
            return choose_page(visitor, (Problem(STALE, "main"),))
        if done == "closed":
            site.taking()
        to_own = store.survey.own_areas and not answers.revision(store, visitor.respondent, "own")
        return see("/own" if to_own else "/overview?saved=choose")

    _own(app, site)


def _own(app: FastAPI, site: Site) -> None:
    store = site.store

    def own_page(visitor: Visitor, problems: tuple[Problem, ...] = ()) -> Response:
        mine = answers.chosen(store, visitor.respondent)
        shown: dict[str, Any] = {
            # Those that will be rated come first, open; all others are there too.
            "near": [c for c in store.areas.categories if c.id in mine],
            "far": [c for c in store.areas.categories if c.id not in mine],
            "own": answers.own(store, visitor.respondent),
        }
        now = answers.revision(store, visitor.respondent, "own")
        return page(
            "survey/own.html.j2", 422 if problems else 200, problems=problems,
            hidden=copy_fields(store, now), **shown, **site.common(visitor),
        )  # fmt: skip

    @app.get("/own")
    def look(request: Request) -> Response:
        visitor = site.respondent(request)
        return own_page(visitor) if store.survey.own_areas else see("/overview")

    @app.post("/own")
    def save(form: Form, request: Request) -> Response:
        visitor = site.respondent(request)
        site.own(visitor, form)
        site.taking()
        picked = [a for a in store.areas.area if f"own:{a}" in form]
        done = answers.save_own(store, visitor.respondent, picked, copy_of(form))
        if done == "stale":
            return own_page(visitor, (Problem(STALE, "main"),))
        if done == "closed":
            site.taking()
        return see("/overview?saved=own")
