"""The pages of a rater: instructions, one item at a time, what was said so far.

Every page works as plain HTML; what a rater sends is answered with a redirect, so that reloading
sends nothing again. A rater sees own items by their place in the own order and nothing else: no
item, subject or other rater is named.
"""

from __future__ import annotations

import sqlite3
import sys
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from calibrant._text import one_line, storable
from calibrant.errors import InputError
from calibrant.web.labelling import admin, people
from calibrant.web.labelling.said import markdown, said
from calibrant.web.labelling.store import LONGEST_NOTE, State, Store, Task
from calibrant.web.pages import page, static
from calibrant.web.security import Guard, cookie, fields

COOKIE = "calibrant_rater"


class Stopped(Exception):
    """A request ends here with a page that says why."""

    def __init__(self, status: int, title: str, text: str, *, back: str | None = None) -> None:
        super().__init__(title)
        self.status, self.title, self.text, self.back = status, title, text, back


@dataclass(frozen=True)
class Site:
    """What all pages know.

    Attributes:
        url: how people reach the server.
    """

    store: Store
    url: str = "http://127.0.0.1"

    @property
    def https(self) -> bool:
        """Whether cookies are for TLS alone."""
        return self.url.startswith("https:")


async def form_of(request: Request) -> dict[str, str]:
    """The fields of the form that was sent."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    try:
        if body and kind != "application/x-www-form-urlencoded":
            raise ValueError(kind)
        return fields(body)
    except ValueError as e:
        raise Stopped(400, "Not a form", "What was sent is not a form of this server.") from e


Form = Annotated[dict[str, str], Depends(form_of)]


def build(site: Site, hosts: tuple[str, ...] = ()) -> Guard:
    """The application of one labelling.

    Args:
        hosts: names by which the server may be called; empty: any.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    _failures(app)
    _doors(app, site)
    _items(app, site)
    admin.add(app, site, Stopped, form_of)

    @app.get("/static/{name}")
    def files(name: str) -> Response:
        found = static(name)
        if found is None:
            raise HTTPException(404)
        return found

    return Guard(app, hosts, site.url)


def _failures(app: FastAPI) -> None:
    def stopped(_: Request, e: Exception) -> Response:
        assert isinstance(e, Stopped)
        return _message(e.status, e.title, e.text, e.back)

    def nothing(_: Request, e: Exception) -> Response:
        status = e.status_code if isinstance(e, HTTPException) else 404
        return _message(status, "Nothing here", "There is no such page.", "/")

    def store(_: Request, e: Exception) -> Response:
        print(f"calibrant: the store failed: {one_line(str(e))}", file=sys.stderr, flush=True)
        text = "The server could not write. What you sent last was not saved: please try again."
        return _message(503, "Not saved", text, "/")

    app.add_exception_handler(Stopped, stopped)
    app.add_exception_handler(HTTPException, nothing)
    app.add_exception_handler(RequestValidationError, nothing)
    app.add_exception_handler(sqlite3.Error, store)


def _message(status: int, title: str, text: str, back: str | None = None) -> Response:
    return page("message.html.j2", status, title=title, text=text, back=back)


def _rater(site: Site, request: Request) -> people.Visitor:
    found = people.visitor(site.store, request.cookies.get(COOKIE), "rater")
    if found is None:
        raise Stopped(
            401, "Please use your link",
            "This page opens with the link that you were sent, in the browser where you first "
            "used it. If that is gone, ask whoever sent it for a new link: your labels are kept.",
        )  # fmt: skip
    return found


def _own(site: Site, visitor: people.Visitor, form: dict[str, str]) -> None:
    if not people.is_own_form(site.store, visitor, form.get("form", "")):
        raise Stopped(403, "Not saved", "This form is from another session.", back="/")


def _see(url: str) -> RedirectResponse:
    return RedirectResponse(url, 303)


def _doors(app: FastAPI, site: Site) -> None:
    """How raters come in."""

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
        visitor = people.visitor(site.store, request.cookies.get(COOKIE), "rater")
        if visitor is not None and (found.kind == "open" or visitor.rater_name == found.rater):
            return _see("/")
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
        answer = _see("/")
        answer.set_cookie(**cookie(COOKIE, session, https=site.https))
        return answer


def _items(app: FastAPI, site: Site) -> None:
    """One item at a time."""
    store, plan = site.store, site.store.plan
    rubric = markdown(plan.rubric) if plan.rubric.strip() else ""

    def common(visitor: people.Visitor) -> dict[str, Any]:
        assert visitor.rater is not None
        return {
            "plan": plan, "rubric": rubric, "progress": store.progress(visitor.rater),
            "rater": visitor.rater_name, "closed": store.closed,
        }  # fmt: skip

    def task_at(visitor: people.Visitor, position: int) -> Task:
        assert visitor.rater is not None
        # SQLite knows no larger numbers.
        task = store.task(visitor.rater, position) if 0 < position < 2**31 else None
        if task is None:
            raise Stopped(404, "Nothing here", "You have no item of that number.", back="/")
        return task

    def words(task: Task) -> str:
        if task.value is None:
            return task.state or ""
        return plan.scheme.words(task.value, swapped=task.swapped)

    @app.get("/")
    def home(request: Request) -> Response:
        visitor = _rater(site, request)
        return page("labelling/home.html.j2", **common(visitor))

    @app.get("/next")
    def following(request: Request, after: int = 0, saved: bool = False) -> Response:
        visitor = _rater(site, request)
        assert visitor.rater is not None
        after = min(max(after, 0), 2**31)
        position = store.pending(visitor.rater, after)
        if position is None and plan.open and store.closed is None:
            position = people.hand_out(store, visitor.rater)
        if position is None:
            return _see("/labels?done=1")
        return _see(f"/item/{position}" + (f"?saved={after}" if saved else ""))

    @app.get("/item/{position}")
    def item(position: int, request: Request, saved: int = 0) -> Response:
        visitor = _rater(site, request)
        assert visitor.rater is not None
        task = task_at(visitor, position)
        before = store.task(visitor.rater, saved) if 0 < saved < 2**31 else None
        return page(
            "labelling/item.html.j2", **common(visitor), task=task,
            question=None if task.question is None else said(task.question),
            answers=[said(a) for a in task.answers],
            current=plan.scheme.shown(task.value, swapped=task.swapped),
            said=words(task), before=before, before_said=words(before) if before else "",
            nonce=store.show(visitor.rater, task.unit),
            form=people.form_token(store, visitor), longest=LONGEST_NOTE,
        )  # fmt: skip

    @app.get("/item/{position}/whole/{which}")
    def whole(position: int, which: str, request: Request) -> Response:
        task = task_at(_rater(site, request), position)
        texts = {str(i): a for i, a in enumerate(task.answers, 1)}
        if task.question is not None:
            texts["question"] = task.question
        if which not in texts:
            raise HTTPException(404)
        names = {
            "question": "Question",
            "1": "Answer" if len(task.answers) == 1 else "First answer",
        }
        return page(
            "labelling/whole.html.j2", plan=plan, position=position,
            name=names.get(which, "Second answer"), text=said(texts[which], None),
        )  # fmt: skip

    @app.post("/item/{position}")
    def label(position: int, request: Request, form: Form) -> Response:
        visitor = _rater(site, request)
        assert visitor.rater is not None
        _own(site, visitor, form)
        task = task_at(visitor, position)
        here = f"/item/{position}"
        state, value, note = _answer(form, task, store, here)
        outcome = store.record(
            visitor.rater, position, form.get("nonce", "")[:100], state, value, note
        )
        if outcome == "closed":
            text = "The organiser has closed the labelling. This label was not saved."
            raise Stopped(409, "Labelling is closed", text, back="/")
        if outcome == "stale":
            text = "This form is out of date. Please open the item again."
            raise Stopped(409, "Not saved", text, back=here)
        return _see(f"/next?after={position}&saved=true")

    @app.get("/labels")
    def mine(request: Request, done: bool = False) -> Response:
        visitor = _rater(site, request)
        assert visitor.rater is not None
        rows = [
            (t, words(t), one_line(t.answers[0][:120]) + "…" * (len(t.answers[0]) > 120))
            for t in store.tasks(visitor.rater)
            if t.state
        ]
        return page("labelling/labels.html.j2", **common(visitor), rows=rows, done=done)


def _answer(
    form: dict[str, str], task: Task, store: Store, here: str
) -> tuple[State, str | None, str]:
    """What a form says: state, label and note."""
    note = storable(form.get("note", "")).replace("\r\n", "\n").strip()
    if len(note) > LONGEST_NOTE:
        text = f"A note may have {LONGEST_NOTE:,} characters; this has {len(note):,}."
        raise Stopped(422, "Not saved", text, back=here)
    if "skip" in form:
        if not note:
            raise Stopped(422, "Not saved", "Please say why you skip this item.", back=here)
        return "skipped", None, note
    if "cannot" in form:
        return "cannot judge", None, note
    value = store.plan.scheme.stored(form.get("label", ""), swapped=task.swapped)
    if value is None:
        raise Stopped(422, "Not saved", "Please choose one of the labels.", back=here)
    return "label", value, note
