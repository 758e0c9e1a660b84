"""What has every web application of ours? Forms, static files, and failures that are pages."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import nullcontext
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from calibrant._text import one_line
from calibrant.web.pages import page, static
from calibrant.web.routes import Around, Threads, direct
from calibrant.web.security import fields


class Stopped(Exception):
    """A request ends here with a page that says why.

    Args:
        back: where the page's button leads; None: there is none.
    """

    def __init__(self, status: int, title: str, text: str, *, back: str | None = None) -> None:
        super().__init__(title)
        self.status, self.title, self.text, self.back = status, title, text, back


async def form_of(request: Request) -> dict[str, str]:
    """The fields of the form that was sent.

    Raises:
        Stopped: if it is no form.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    try:
        if body and kind != "application/x-www-form-urlencoded":
            raise ValueError(kind)
        found = fields(body, request.app.state.most_fields)
    except ValueError as e:
        raise Stopped(400, "Not a form", "What was sent is not a form of this server.") from e
    # For a page that offers to send it again.
    request.state.form = found
    return found


Form = Annotated[dict[str, str], Depends(form_of)]


def see(url: str) -> RedirectResponse:
    """The answer to a form: look there, so that reloading sends nothing again."""
    return RedirectResponse(url, 303)


def application(
    *, most_fields: int = 50, failures: tuple[type[Exception], ...] = (sqlite3.Error,),
    around: Around = nullcontext,
) -> FastAPI:  # fmt: skip
    """An application without pages of its own yet.

    Args:
        most_fields: how many fields a form may have.
        failures: what the store raises where it cannot read or write.
        around: what every endpoint runs in.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.router.route_class = direct(Threads(around), form_of, Form)
    app.state.most_fields = most_fields

    def stopped(_: Request, e: Exception) -> Response:
        assert isinstance(e, Stopped)
        return _message(e.status, e.title, e.text, e.back)

    def nothing(_: Request, e: Exception) -> Response:
        status = e.status_code if isinstance(e, HTTPException) else 404
        return _message(status, "Nothing here", "There is no such page.", "/")

    def store(request: Request, e: Exception) -> Response:
        print(f"calibrant: the store failed: {one_line(str(e))}", file=sys.stderr, flush=True)
        if request.method != "POST":
            text = "The server cannot read its store just now. Nothing that was saved is lost."
            return _message(503, "Please try again in a moment", text, request.url.path)
        # The form is kept in the page, so that what was typed is not lost with it.
        sent = getattr(request.state, "form", {})
        return page("again.html.j2", 503, path=request.url.path, sent=sent)

    app.add_exception_handler(Stopped, stopped)
    app.add_exception_handler(HTTPException, nothing)
    app.add_exception_handler(RequestValidationError, nothing)
    for failure in failures:
        app.add_exception_handler(failure, store)

    @app.get("/static/{name}")
    def files(name: str) -> Response:
        found = static(name)
        if found is None:
            raise HTTPException(404)
        return found

    return app


def _message(status: int, title: str, text: str, back: str | None) -> Response:
    return page("message.html.j2", status, title=title, text=text, back=back)
