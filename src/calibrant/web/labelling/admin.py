"""The organiser's pages: progress, agreement, disputed items, links, downloads, closing.

Their link works again and again; the session they begin is another than a rater's.
"""

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any

import polars as pl
from fastapi import Depends, FastAPI, Request
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from calibrant.errors import InputError
from calibrant.web.labelling import export, people
from calibrant.web.labelling.said import said
from calibrant.web.labelling.status import status
from calibrant.web.labelling.store import Store
from calibrant.web.pages import page
from calibrant.web.security import cookie

if TYPE_CHECKING:
    from calibrant.web.labelling.app import Site, Stopped

COOKIE = "calibrant_admin"
REFRESH = 20
"""Seconds after which the page is loaded again where the organiser asked for that."""

_TABLES: dict[str, Callable[[Store], pl.DataFrame]] = {
    "labels": export.labels,
    "history": lambda store: export.labels(store, history=True),
    "comparisons": export.comparisons,
}
_KINDS = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


def add(
    app: FastAPI, site: "Site", stopped: "type[Stopped]",
    form_of: Callable[[Request], Coroutine[Any, Any, dict[str, str]]],
) -> None:  # fmt: skip
    """Add the organiser's pages to an application."""
    store = site.store

    def organiser(request: Request) -> people.Visitor:
        found = people.visitor(store, request.cookies.get(COOKIE), "admin")
        if found is None:
            text = "This page opens with the organiser's link, which the command line prints."
            raise stopped(401, "For the organiser", text)
        return found

    async def own_form(request: Request) -> dict[str, str]:
        form = await form_of(request)
        if not people.is_own_form(store, organiser(request), form.get("form", "")):
            raise stopped(403, "Not done", "This form is from another session.", back="/admin")
        return form

    Organiser = Annotated[people.Visitor, Depends(organiser)]
    Form = Annotated[dict[str, str], Depends(own_form)]

    @app.get("/admin/enter/{token}")
    def enter(token: str) -> Response:
        link = people.link_of(store, token)
        if link is None or link.kind != "admin":
            raise stopped(
                404, "Unknown link", "The link is not complete, or not of this labelling."
            )
        session = people.enter(store, link)
        assert session is not None
        answer = RedirectResponse("/admin", 303)
        answer.set_cookie(**cookie(COOKIE, session, https=site.https, path="/admin"))
        return answer

    def overview(visitor: people.Visitor, fresh: people.Link | None = None) -> Response:
        ways = [k for k in people.links(store) if k.kind != "admin" and k.used is None]
        return page(
            "labelling/admin.html.j2", plan=store.plan, status=status(store), links=ways,
            url=site.url, fresh=fresh, form=people.form_token(store, visitor), refresh=REFRESH,
        )  # fmt: skip

    @app.get("/admin")
    def home(visitor: Organiser, live: bool = False) -> Response:
        answer = overview(visitor)
        if live:
            answer.headers["refresh"] = str(REFRESH)
        return answer

    @app.post("/admin/link")
    def link(request: Request, form: Form) -> Response:
        try:
            fresh = people.new_link(store, form.get("rater", ""))
        except InputError as e:
            raise stopped(404, "No such rater", str(e), back="/admin") from e
        return overview(organiser(request), fresh)

    @app.post("/admin/close")
    def close(form: Form) -> Response:
        store.set_closed(closed=form.get("closed") == "yes")
        return RedirectResponse("/admin", 303)

    @app.get("/admin/item/{unit}", dependencies=[Depends(organiser)])
    def item(unit: int) -> Response:
        with store.read() as con:
            found = con.execute("SELECT * FROM unit WHERE id = ?", (min(unit, 2**31),)).fetchone()
            rows = con.execute(
                "SELECT r.name, l.state, l.value, l.note, l.seconds, l.time FROM latest l"
                " JOIN rater r ON r.id = l.rater WHERE l.unit = ? ORDER BY r.id",
                (min(unit, 2**31),),
            ).fetchall()
        if found is None:
            raise HTTPException(404)
        answers = [(found["subject"], said(found["answer"]))]
        if found["other_answer"] is not None:
            answers.append((found["other_subject"], said(found["other_answer"])))
        question = None if found["question"] is None else said(found["question"])
        return page(
            "labelling/admin_item.html.j2", plan=store.plan, unit=found, question=question,
            answers=answers, rows=rows,
        )  # fmt: skip

    @app.get("/admin/download/{name}", dependencies=[Depends(organiser)])
    def download(name: str) -> Response:
        what, _, ending = name.partition(".")
        if what not in _TABLES or ending not in _KINDS:
            raise HTTPException(404)
        try:
            data = export.to_bytes(_TABLES[what](store), f".{ending}")
        except InputError as e:
            raise stopped(404, "Nothing to download", str(e), back="/admin") from e
        kind = {"content-disposition": f'attachment; filename="{what}.{ending}"'}
        return Response(data, media_type=_KINDS[ending], headers=kind)
