"""How does a server run on one machine until Ctrl-C? A socket first, then uvicorn on it."""

from __future__ import annotations

import gc
import ipaddress
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from calibrant._text import one_line
from calibrant.errors import InputError, RunError
from calibrant.web.security import LOOPBACK

if TYPE_CHECKING:
    from starlette.types import ASGIApp
    from uvicorn import Server

GRACE = 5
"""Seconds that requests in flight are given when the server is told to stop."""

BACKLOG = 1024
"""Connections that wait while the server is busy, or starts."""

MOST_AT_ONCE = 2000
"""Connections that are open at once; more are told to come again (503)."""


@dataclass(frozen=True)
class Place:
    """Where a server listens.

    Attributes:
        socket: bound already, so that links can be shown before the first request.
        url: how it is reached, without a slash at the end.
        hosts: names by which it may be called; empty: any.
    """

    socket: socket.socket
    url: str
    hosts: tuple[str, ...]

    @property
    def https(self) -> bool:
        """Whether people reach it through TLS."""
        return self.url.startswith("https:")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int, public_url: str | None = None) -> Place:
    """Bind a socket.

    Args:
        port: 0 takes a free one.
        public_url: how people reach it, where that is another address (a proxy that speaks TLS).

    Raises:
        InputError: if the address is none, or the port is taken.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, proto)
    except OSError as e:
        raise InputError(f"--host {one_line(host, 80)}: no address ({e.strerror or e})") from e
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        # From here on connections wait for the server instead of being refused.
        bound.listen(BACKLOG)
    except OSError as e:
        bound.close()
        raise InputError(
            f"{one_line(host, 80)}:{port}: cannot listen there ({e.strerror or e}); "
            "--port 0 takes a free port"
        ) from e
    everywhere = host in ("0.0.0.0", "::")
    shown = socket.gethostname() if everywhere else f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{bound.getsockname()[1]}"
    hosts: tuple[str, ...] = LOOPBACK if is_loopback(host) else ()
    if public_url is not None:
        try:
            url, name = public(public_url)
        except InputError:
            bound.close()
            raise
        hosts = (*hosts, name) if hosts else ()
    return Place(bound, url, hosts)


def public(url: str, option: str = "--public-url") -> tuple[str, str]:
    """A URL by which people reach a server, without a slash at the end, and the host in it.

    Raises:
        InputError: if it is none.
    """
    try:
        parts = urlsplit(url)
        name = parts.hostname
    except ValueError:
        name = None
    if name is None or parts.scheme not in ("http", "https") or parts.path not in ("", "/"):
        raise InputError(
            f"{option}: wanted a URL such as https://labels.example.org, without a path, got "
            f"{one_line(url, 100)!r}"
        )
    return f"{parts.scheme}://{parts.netloc}", f"[{name}]" if ":" in name else name


def run(app: ASGIApp, place: Place, started: Callable[[], None] = lambda: None) -> None:
    """Serve until Ctrl-C; requests in flight are finished first.

    Raises:
        RunError: if the server cannot start.
    """
    import uvicorn

    from calibrant.web.patience import Patient

    config = uvicorn.Config(
        app, log_level="warning", access_log=False, lifespan="off", server_header=False,
        proxy_headers=False, timeout_graceful_shutdown=GRACE, http=Patient, ws="none",
        backlog=BACKLOG, limit_concurrency=MOST_AT_ONCE,
    )  # fmt: skip
    server = uvicorn.Server(config)
    # What is there now stays: looking through all of it would stop every request for a while.
    gc.collect()
    gc.freeze()
    try:
        with _told_to_stop(server):
            started()
            server.run(sockets=[place.socket])
    finally:
        gc.unfreeze()
        place.socket.close()
    if not server.started:
        raise RunError(f"{place.url}: the server did not start")


@contextmanager
def _told_to_stop(server: Server) -> Iterator[None]:
    """Ctrl-C sets a flag, before uvicorn listens for it and when uvicorn passes it on afterwards.

    An exception would do neither surely: raised where Python cannot pass it on, as in the callback
    of an import, it is lost, and the server stays.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        server.should_exit = True

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
