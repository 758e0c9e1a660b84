"""How far am I, and how do I end? The overview, the last questions, and thanks."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.responses import Response

from calibrant.priorities.survey.model import Comment
from calibrant.web.base import Form, see
from calibrant.web.pages import page
from calibrant.web.survey.kept import answers, progress, sessions
from calibrant.web.survey.kept.answers import About
from calibrant.web.survey.kept.sessions import Visitor
from calibrant.web.survey.pages.choosing import STALE
from calibrant.web.survey.pages.forms import (
    Problem,
    comments_of,
    copy_fields,
    copy_of,
    demographics_of,
)
from calibrant.web.survey.site import Site


def asks_at_the_end(site: Site) -> bool:
    """Whether the survey has questions about the respondent or the whole."""
    survey = site.store.survey
    return bool(survey.demographics) or any(c.per == "survey" for c in survey.comments)


def add(app: FastAPI, site: Site) -> None:
    """Add the pages."""
    store = site.store

    @app.get("/overview")
    def overview(request: Request, saved: str = "") -> Response:
        visitor = site.respondent(request)
        steps = progress.steps(store, visitor.respondent)
        if not steps and site.store.window().is_open:
            return see("/choose")
        names = {c.id: c.name for c in store.areas.categories}
        words = {"choose": "your categories", "own": "your own areas", "about": "your answers"}
        revisions = {
            name: answers.revision(store, visitor.respondent, name) for name in ("own", "about")
        }
        return page(
            "survey/overview.html.j2", steps=steps, names=names, revisions=revisions,
            own=answers.own(store, visitor.respondent), ends=asks_at_the_end(site),
            saved=words.get(saved) or names.get(saved, ""), **site.common(visitor),
        )  # fmt: skip

    @app.post("/finish")
    def finish(form: Form, request: Request) -> Response:
        visitor = site.respondent(request)
        site.own(visitor, form)
        site.taking()
        sessions.finish(store, visitor)
        return see("/thanks")

    @app.get("/thanks")
    def thanks(request: Request) -> Response:
        visitor = site.respondent(request)
        if visitor.state != "finished":
            return see("/overview")
        return page("survey/thanks.html.j2", **site.common(visitor))

    _about(app, site)


def _about(app: FastAPI, site: Site) -> None:
    store = site.store

    def comments() -> list[Comment]:
        return [c for c in store.survey.comments if c.per == "survey"]

    def about_page(
        visitor: Visitor, problems: tuple[Problem, ...] = (), sent: About | None = None
    ) -> Response:
        saved = answers.about(store, visitor.respondent)
        return page(
            "survey/about.html.j2", 422 if problems else 200, problems=problems,
            said=sent or saved, asked=comments(), hidden=copy_fields(store, saved.revision),
            **site.common(visitor),
        )  # fmt: skip

    @app.get("/about")
    def look(request: Request) -> Response:
        visitor = site.respondent(request)
        return about_page(visitor) if asks_at_the_end(site) else see("/overview")

    @app.post("/about")
    def save(form: Form, request: Request) -> Response:
        visitor = site.respondent(request)
        site.own(visitor, form)
        site.taking()
        said, wrong = demographics_of(form, store)
        texts, long = comments_of(form, comments())
        if wrong or long:
            return about_page(visitor, (*wrong, *long), About(said, texts, 0))
        done = answers.save_about(store, visitor.respondent, said, texts, copy_of(form))
        if done == "stale":
            # What was sent stays, so that nothing typed is lost; it is saved if sent again.
            return about_page(visitor, (Problem(_BOTH, "main"),), About(said, texts, 0))
        if done == "closed":
            site.taking()
        return see("/overview?saved=about")


_BOTH = STALE.partition(" It shows")[0] + (
    " Below is what you sent from here. Save it to replace what was saved there, or go back to the "
    "overview to leave that as it is."
)
