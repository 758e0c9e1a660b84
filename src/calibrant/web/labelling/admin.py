"""The organiser's pages: progress, agreement, disputed items, links, downloads, closing.

Their link works again and again; the session they begin is another than a rater's.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from calibrant.errors import InputError
from calibrant.web.base import Form, Stopped, see
from calibrant.web.labelling import export, people
from calibrant.web.labelling.said import said
from calibrant.web.labelling.site import ADMIN, Site
from calibrant.web.labelling.status import status
from calibrant.web.labelling.store import Store
from calibrant.web.pages import page
from calibrant.web.security import cookie

REFRESH = 20
"""Seconds after which the page is loaded again where the organiser asked for that."""

_TABLES: dict[str, Callable[[Store], pl.DataFrame]] = {
    "labels": export.labels,
    "history": lambda store: export.labels(store, history=True),
    "comparisons": export.comparisons,
}
_KINDS = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


def add(app: FastAPI, site: Site) -> None:
    """Add the organiser's pages."""
    _looking(app, site)
    _doing(app, site)


def _overview(site: Site, visitor: people.Visitor, fresh: people.Link | None = None) -> Response:
    store = site.store
    ways = [k for k in people.links(store) if k.kind != "admin" and k.used is None]
    return page(
        "labelling/admin.html.j2", plan=store.plan, status=status(store), links=ways,
        url=site.url, fresh=fresh, form=people.form_token(store, visitor), refresh=REFRESH,
    )  # fmt: skip


def _looking(app: FastAPI, site: Site) -> None:
    """How far it is, one item, and tables to take away."""
    store = site.store

    @app.get("/admin")
    def home(request: Request, live: bool = False) -> Response:
        answer = _overview(site, site.organiser(request))
        if live:
            answer.headers["refresh"] = str(REFRESH)
        return answer

    @app.get("/admin/item/{unit}")
    def item(unit: int, request: Request) -> Response:
        site.organiser(request)
        unit = min(max(unit, 0), 2**31)
        with store.read() as con:
            found = con.execute("SELECT * FROM unit WHERE id = ?", (unit,)).fetchone()
            rows = con.execute(
                "SELECT r.name, l.state, l.value, l.note, l.seconds, l.time FROM latest l"
                " JOIN rater r ON r.id = l.rater WHERE l.unit = ? ORDER BY r.id",
                (unit,),
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

    @app.get("/admin/download/{name}")
    def download(name: str, request: Request) -> Response:
        site.organiser(request)
        what, _, ending = name.partition(".")
        if what not in _TABLES or ending not in _KINDS:
            raise HTTPException(404)
        try:
            data = export.to_bytes(_TABLES[what](store), f".{ending}")
        except InputError as e:
            raise Stopped(404, "Nothing to download", str(e), back="/admin") from e
        how = {"content-disposition": f'attachment; filename="{what}.{ending}"'}
        return Response(data, media_type=_KINDS[ending], headers=how)


def _doing(app: FastAPI, site: Site) -> None:
    """Coming in, new links, closing."""
    store = site.store

    @app.get("/admin/enter/{token}")
    def enter(token: str) -> Response:
        link = people.link_of(store, token)
        session = people.enter(store, link) if link and link.kind == "admin" else None
        if session is None:
            text = "The link is not complete, or not of this labelling."
            raise Stopped(404, "Unknown link", text)
        answer = see("/admin")
        answer.set_cookie(**cookie(ADMIN, session, https=site.https, path="/admin"))
        return answer

    @app.post("/admin/link")
    def link(request: Request, form: Form) -> Response:
        visitor = site.organiser(request)
        site.own(visitor, form, back="/admin")
        try:
            fresh = people.new_link(store, form.get("rater", ""))
        except InputError as e:
            raise Stopped(404, "No such rater", str(e), back="/admin") from e
        return _overview(site, visitor, fresh)

    @app.post("/admin/close")
    def close(request: Request, form: Form) -> Response:
        site.own(site.organiser(request), form, back="/admin")
        store.set_closed(closed=form.get("closed") == "yes")
        return see("/admin")
