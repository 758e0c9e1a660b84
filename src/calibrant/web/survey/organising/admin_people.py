"""Who is invited, who is written to, and whose link works? The organiser's pages about people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from calibrant.errors import InputError
from calibrant.web.base import Form, Stopped, see
from calibrant.web.pages import page
from calibrant.web.survey.kept import people
from calibrant.web.survey.organising import letters, organise
from calibrant.web.survey.organising.guests import guests_in
from calibrant.web.survey.organising.organise import Kind
from calibrant.web.survey.site import Site

PER_PAGE = 100

_LETTERS: dict[str, tuple[str, Callable[[list[letters.Letter]], bytes]]] = {
    "csv": ("text/csv; charset=utf-8", letters.as_csv),
    "mbox": ("application/mbox", letters.as_mbox),
    "zip": ("application/zip", letters.as_zip),
}


def add(app: FastAPI, site: Site) -> None:
    """Add the pages about people."""
    _inviting(app, site)
    _letters(app, site)
    _list(app, site)


def _inviting(app: FastAPI, site: Site) -> None:
    store = site.store

    def shown(code: int = 200, problem: str = "", table: str = "", made: int = 0) -> Response:
        return page(
            "survey/admin_invite.html.j2", code, survey=store.survey, problem=problem,
            table=table, made=made, form=people.organiser_form(store), here="invite",
            areas=store.areas, unsent=len(organise.due(store, "invite")),
        )  # fmt: skip

    @app.get("/organise/invite")
    def look(request: Request) -> Response:
        site.organiser(request)
        return shown()

    @app.post("/organise/invite")
    def invite(request: Request, form: Form) -> Response:
        site.organiser(request)
        site.organisers(form)
        table = form.get("people", "")
        try:
            guests = guests_in(table, store.areas.category)
            made = organise.invite(store, guests, again=form.get("again") == "yes")
        except InputError as e:
            return shown(422, str(e), table)
        return shown(made=len(made)) if made else shown(422, "All of them are invited already.")


def _kind(name: str) -> Kind:
    if name == "invite":
        return "invite"
    if name == "remind":
        return "remind"
    raise HTTPException(404)


def _letters(app: FastAPI, site: Site) -> None:
    store = site.store

    def shown(
        kind: Kind, code: int = 200, problem: str = "", text: str | None = None, noted: int = 0
    ) -> Response:
        whom = organise.due(store, kind)
        kept = organise.own_text(store, kind)
        example: letters.Letter | None = None
        if whom and not problem:
            (example,) = organise.written(store, whom[:1], kind, site.url)
        return page(
            "survey/admin_letters.html.j2", code, survey=store.survey, kind=kind, whom=whom,
            batch=organise.batch(whom), text=text if text is not None else kept or "",
            ours=letters.TEXTS[kind], words=letters.WORDS, example=example, problem=problem,
            noted=noted, form=people.organiser_form(store), here=kind,
        )  # fmt: skip

    @app.get("/organise/letters/{kind}")
    def look(kind: str, request: Request) -> Response:
        site.organiser(request)
        return shown(_kind(kind))

    @app.get("/organise/letters/{kind}/letters.{ending}")
    def download(kind: str, ending: str, request: Request) -> Response:
        site.organiser(request)
        what = _kind(kind)
        if ending not in _LETTERS:
            raise HTTPException(404)
        found = organise.written(store, organise.due(store, what), what, site.url)
        kind_of, write = _LETTERS[ending]
        how = {"content-disposition": f'attachment; filename="{what}.{ending}"'}
        return Response(write(found), media_type=kind_of, headers=how)

    @app.post("/organise/letters/{kind}")
    def change(kind: str, request: Request, form: Form) -> Response:
        site.organiser(request)
        site.organisers(form)
        what = _kind(kind)
        if form.get("do") == "text":
            text = form.get("text", "")
            try:
                organise.set_own_text(store, what, text)
            except InputError as e:
                return shown(what, 422, str(e), text)
            return see(f"/organise/letters/{what}")
        whom = organise.due(store, what)
        # Somebody may have been invited, or have come, since the letters were taken away.
        if what == "invite" and form.get("batch") != organise.batch(whom):
            problem = (
                "The list has changed since you opened this page, so nothing was noted: the "
                "letters below are those of now. Please take them away again."
            )
            return shown(what, 409, problem)
        return shown(what, noted=organise.note(store, whom, what))


State = Literal["open", "used", "expired", "withdrawn"]


def _list(app: FastAPI, site: Site) -> None:
    store = site.store

    @app.get("/organise/people")
    def everybody(request: Request, state: str = "", at: str = "", fresh: str = "") -> Response:
        site.organiser(request)
        found = people.invitations(store)
        if state in ("open", "used", "expired", "withdrawn"):
            found = [i for i in found if i.state == state]
        first = int(at) if at.isascii() and at.isdigit() and len(at) < 8 else 0
        some = found[first : first + PER_PAGE]
        new = next((i for i in found if i.id == fresh), None)
        return page(
            "survey/admin_people.html.j2", survey=store.survey, people=some, total=len(found),
            first=first, per_page=PER_PAGE, state=state, url=site.url, here="people",
            form=people.organiser_form(store), fresh=new,
        )  # fmt: skip

    @app.post("/organise/people")
    def change(request: Request, form: Form) -> Response:
        site.organiser(request)
        site.organisers(form)
        try:
            if form.get("do") == "withdraw":
                people.withdraw(store, form.get("id", ""))
            elif form.get("do") == "renew":
                return see(f"/organise/people?fresh={people.renew(store, form.get('id', '')).id}")
        except InputError as e:
            raise Stopped(404, "No such person", str(e), back="/organise/people") from e
        return see("/organise/people")
