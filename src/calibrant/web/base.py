"""What has every web application of ours? Forms, static files, and failures that are pages."""

from __future__ import annotations

import sqlite3
import sys
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from calibrant._text import one_line
from calibrant.web.pages import page, static
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
        return fields(body)
    except ValueError as e:
        raise Stopped(400, "Not a form", "What was sent is not a form of this server.") from e


Form = Annotated[dict[str, str], Depends(form_of)]


def see(url: str) -> RedirectResponse:
    """The answer to a form: look there, so that reloading sends nothing again."""
    return RedirectResponse(url, 303)


def application() -> FastAPI:
    """An application without pages of its own yet."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

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

    @app.get("/static/{name}")
    def files(name: str) -> Response:
        found = static(name)
        if found is None:
            raise HTTPException(404)
        return found

    return app


def _message(status: int, title: str, text: str, back: str | None) -> Response:
    return page("message.html.j2", status, title=title, text=text, back=back)
