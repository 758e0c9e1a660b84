"""What is let in, and under which rules is a page shown? A layer around every web application.

Pages load nothing but our own style sheet and script, may not be framed, and are not kept by
caches. A request must name a host that this server was started for (a name that somebody else
points at a loopback address is refused), must not be large, and, if it changes anything, must come
from our own pages.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)

HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not no-referrer: browsers then send "Origin: null" with our own forms.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "x-robots-tag": "noindex, nofollow",
}

LARGEST_BODY = 200_000
"""Bytes of a request; a form with the longest note is far smaller."""

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Guard:
    """Refuses what should not come in, and gives every answer its headers.

    Args:
        hosts: names, without ports, by which the server may be called; empty: any.
        url: how people reach it; forms may come from pages there, even where a proxy calls the
            server by another name.
        connect: whether scripts of pages may ask this server for more.
    """

    def __init__(
        self, app: ASGIApp, hosts: Collection[str] = (), url: str = "", *, connect: bool = False
    ) -> None:
        self.app, self.hosts = app, frozenset(h.lower() for h in hosts)
        self.origin = url.lower()
        self.headers = dict(HEADERS)
        if connect:
            self.headers["content-security-policy"] = f"{POLICY}; connect-src 'self'"
        # Encoded once: every answer carries them.
        self._ours = {k.encode("latin-1"): v.encode("latin-1") for k, v in self.headers.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = [h for h in message["headers"] if h[0].lower() not in self._ours]
                if not any(h[0].lower() == b"cache-control" for h in said):
                    said.append((b"cache-control", b"no-store"))
                message["headers"] = [*said, *self._ours.items()]
            await send(message)

        refused = self._refusal(scope["method"], Headers(scope=scope))
        if refused is not None:
            await refused(scope, receive, guarded)
        else:
            await self.app(scope, receive, guarded)

    def _refusal(self, method: str, headers: Headers) -> PlainTextResponse | None:
        host = headers.get("host", "")
        if self.hosts and _name(host) not in self.hosts:
            return PlainTextResponse("This server does not go by that name.\n", 421)
        if method not in ("GET", "HEAD", "POST"):
            return PlainTextResponse("Not a request that this server knows.\n", 405)
        if method == "POST":
            if not self._from_our_pages(host, headers):
                return PlainTextResponse("This form did not come from this server's pages.\n", 403)
            length = headers.get("content-length", "")
            # A body of unknown length is no form of ours.
            if not (length.isascii() and length.isdigit()) or len(length) > 12:
                return PlainTextResponse("The length of the request is missing.\n", 411)
            if int(length) > LARGEST_BODY:
                return PlainTextResponse("The request is too large.\n", 413)
        return None

    def _from_our_pages(self, host: str, headers: Headers) -> bool:
        """Whether the browser says that a form was sent from this very origin, or says nothing."""
        site = headers.get("sec-fetch-site")
        if site is not None and site not in ("same-origin", "none"):
            return False
        origin = headers.get("origin")
        if origin is None or origin.lower() == self.origin:
            return True
        return urlsplit(origin).netloc.lower() == host.lower()


def _name(host: str) -> str:
    """The host without its port."""
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdigit() else host.lower()


def fields(body: bytes, most: int = 50) -> dict[str, str]:
    """The fields of a form sent as application/x-www-form-urlencoded; the first of a name counts.

    Args:
        most: how many fields there may be.

    Raises:
        ValueError: if it is no such form, or has more.
    """
    from urllib.parse import parse_qsl

    pairs = parse_qsl(
        body.decode("ascii"), keep_blank_values=True, max_num_fields=most, errors="replace"
    )
    found: dict[str, str] = {}
    for name, value in pairs:
        found.setdefault(name, value)
    return found


def cookie(
    name: str, value: str, *, https: bool, path: str = "/", days: int = 60
) -> dict[str, Any]:
    """The arguments of `Response.set_cookie` for a session: no script reads it, no other site
    sends it with a form."""
    return {
        "key": name, "value": value, "max_age": days * 86_400, "path": path, "httponly": True,
        "samesite": "lax", "secure": https,
    }  # fmt: skip
