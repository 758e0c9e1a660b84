"""What does the organiser see and do? Pages under /organise.

Their link works again and again. Answers are handed out once the survey is closed, and not before:
who knows when a link was used could read one person's answers off two downloads.
"""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from calibrant.errors import InputError
from calibrant.web.base import Form, Stopped, see
from calibrant.web.pages import page
from calibrant.web.security import cookie
from calibrant.web.survey.kept import people
from calibrant.web.survey.kept.store import now
from calibrant.web.survey.kept.windows import closed, next_round, reopened, time_of
from calibrant.web.survey.organising import admin_people, organise, take
from calibrant.web.survey.site import Site


def add(app: FastAPI, site: Site) -> None:
    """Add the organiser's pages."""
    _looking(app, site)
    _deciding(app, site)
    admin_people.add(app, site)


def _looking(app: FastAPI, site: Site) -> None:
    """Coming in, how far it is, and tables to take away."""
    store = site.store

    @app.get("/organise/enter/{token}")
    def come_in(token: str) -> Response:
        session = people.organiser_session(store, token)
        if session is None:
            text = "The link is not complete, or not of this survey."
            raise Stopped(404, "Unknown link", text)
        answer = see("/organise")
        answer.set_cookie(**cookie(site.cookie("people"), session, https=site.https))
        return answer

    @app.get("/organise")
    def home(request: Request, wanted: str = "") -> Response:
        site.organiser(request)
        number = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 7 else 0
        return _overview(site, wanted=number or organise.WANTED)

    @app.get("/organise/download/{name}")
    def download(name: str, request: Request) -> Response:
        site.organiser(request)
        if store.window().state != "closed":
            text = "Answers can be taken away when the survey, or the round, is closed."
            raise Stopped(409, "Not while it is open", text, back="/organise")
        try:
            data, kind = take.file(store, name)
        except KeyError as e:
            raise HTTPException(404) from e
        return attachment(data, name, kind)


def attachment(data: bytes, name: str, kind: str) -> Response:
    """A file to keep."""
    how = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(data, media_type=kind, headers=how)


def _overview(site: Site, code: int = 200, problem: str = "", *, wanted: int = 5) -> Response:
    store = site.store
    return page(
        "survey/admin.html.j2", code, survey=store.survey, problem=problem,
        status=organise.status(store, wanted=wanted), form=people.organiser_form(store),
        files=take.FILES,
        open_path=people.open_path(store), url=site.url, unsent=len(organise.due(store, "invite")),
        to_remind=len(organise.due(store, "remind")), here="home",
    )  # fmt: skip


def _deciding(app: FastAPI, site: Site) -> None:
    """Closing, opening again, moving the end, the next round."""
    store = site.store

    @app.post("/organise/window")
    def decide(request: Request, form: Form) -> Response:
        site.organiser(request)
        site.organisers(form)
        what, at = form.get("do", ""), now()
        try:
            said = form.get("until", "").strip()
            until = time_of(said) if said else None
            if what == "close":
                store.decide(closed)
            elif what == "open":
                store.decide(lambda door: reopened(store.survey, door, at, until))
            elif what == "next":
                store.decide(lambda door: next_round(store.survey, door, at, until))
            else:
                raise Stopped(
                    400, "Not done", "Nothing of that name can be done.", back="/organise"
                )
        except InputError as e:
            return _overview(site, 422, str(e))
        return see("/organise")
