"""Who answers a request, on which thread? Endpoints are called directly, submits wait for no page.

An endpoint of ours is a plain function of the request, its form, and texts from the path or the
query; finding that out once spares every request a search for dependencies. Pages and submits have
threads of their own, few of each: Python runs one at a time, and the more take turns the longer the
slowest waits.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import Any, get_type_hints

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

PAGES, SUBMITS = 2, 12
"""Threads of one process. A submit waits for the disk much of its time, and many share a sync."""

CAME: contextvars.ContextVar[float | None] = contextvars.ContextVar("came", default=None)
"""When the request that is answered came (`time.monotonic`); None outside of requests."""

Around = Callable[[], AbstractContextManager[object]]


class Threads:
    """The threads of one application.

    Args:
        around: what an endpoint runs in.
    """

    def __init__(self, around: Around = nullcontext) -> None:
        self.around = around
        self._made = threading.Lock()

    @cached_property
    def _pools(self) -> dict[bool, ThreadPoolExecutor]:
        # Made with the first request: an application may be built before a fork.
        return {
            post: ThreadPoolExecutor(n, "submits" if post else "pages")
            for post, n in ((False, PAGES), (True, SUBMITS))
        }

    async def answer(self, request: Request, endpoint: Callable[[], Response]) -> Response:
        """Run an endpoint on a thread for requests of its kind."""
        came = time.monotonic()

        def run() -> Response:
            token = CAME.set(came)
            try:
                with self.around():
                    return endpoint()
            finally:
                CAME.reset(token)

        with self._made:
            pool = self._pools[request.method == "POST"]
        return await asyncio.get_running_loop().run_in_executor(pool, run)


def direct(
    threads: Threads, form_of: Callable[[Request], Awaitable[dict[str, str]]], form: Any
) -> type[APIRoute]:
    """A class of routes that call endpoints directly.

    Args:
        form_of: reads the fields that were sent.
        form: the annotation by which endpoints ask for them.
    """

    class Direct(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            endpoint = self.endpoint
            wants = _wants(endpoint, set(self.param_convertors), form)
            if wants is None:
                return super().get_route_handler()
            asks_form, asks_request, texts = wants

            async def handle(request: Request) -> Response:
                given: dict[str, Any] = dict(request.path_params)
                for name, default in texts.items():
                    given[name] = request.query_params.get(name, default)
                if asks_request:
                    given[asks_request] = request
                if asks_form:
                    given[asks_form] = await form_of(request)
                return await threads.answer(request, lambda: endpoint(**given))

            return handle

    return Direct


def _wants(
    endpoint: Callable[..., Any], path: set[str], form: Any
) -> tuple[str, str, dict[str, str]] | None:
    """The names of the form and of the request, and texts of the query with their defaults; None
    for an endpoint that asks for anything else."""
    if inspect.iscoroutinefunction(endpoint):
        return None
    hints = get_type_hints(endpoint, include_extras=True)
    asks_form = asks_request = ""
    texts: dict[str, str] = {}
    for name, parameter in inspect.signature(endpoint).parameters.items():
        if hints.get(name) is Request:
            asks_request = name
        elif hints.get(name) == form:
            asks_form = name
        elif hints.get(name) is not str:
            return None
        elif name not in path:
            if not isinstance(parameter.default, str):
                return None
            texts[name] = parameter.default
    return asks_form, asks_request, texts
