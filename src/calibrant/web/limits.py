"""Who asks too often, too slowly or too much? A layer that answers before any page is made.

Each client address, and each link or session, has an allowance that refills steadily: Turner's
virtual scheduling (the "generic cell rate algorithm", ITU-T I.371), which keeps one number a
client. Whoever is refused is told when to come again, and nothing of the kind is written down.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.web.pages import page

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SLOWEST = 20.0
"""Seconds within which a request must have come in whole."""

MOST_REMEMBERED = 50_000
"""Clients of each kind whose allowance is remembered; about 10 MB."""


@dataclass(frozen=True)
class Allowance:
    """How often somebody may ask.

    Attributes:
        per_second: requests that one may go on sending.
        burst: requests that may come at once after a rest.
    """

    per_second: float
    burst: int


PER_ADDRESS = Allowance(60, 2000)
"""Wide: a whole conference may sit behind one address."""

PER_TOKEN = Allowance(3, 60)
"""One person with one link or session, however fast."""


class Buckets:
    """The allowances of many clients, the longest unseen forgotten first.

    Args:
        most: how many are remembered.
        clock: seconds, never going back.
    """

    def __init__(
        self, allowance: Allowance, most: int = MOST_REMEMBERED,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.step, self.most, self.clock = 1 / allowance.per_second, most, clock
        self.tolerance = (allowance.burst - 1) * self.step
        # Client → when its allowance will be full again.
        self._full: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full)

    def wait(self, client: str) -> float:
        """Take one from the client's allowance; 0, or the seconds until there is one again.

        Whoever is refused loses nothing by having asked.
        """
        now = self.clock()
        full = max(self._full.get(client, now), now)
        late = full - now - self.tolerance
        if late > 1e-9:
            self._full.move_to_end(client)
            return late
        self._full[client] = full + self.step
        self._full.move_to_end(client)
        if len(self._full) > self.most:
            self._full.popitem(last=False)
        return 0.0


def networks(given: Iterable[str]) -> tuple[Network, ...]:
    """Addresses and networks of proxies, such as 127.0.0.1 or 10.0.0.0/8.

    Raises:
        InputError: naming what is neither.
    """
    found = []
    for text in given:
        try:
            found.append(ipaddress.ip_network(text.strip(), strict=False))
        except ValueError as e:
            raise InputError(
                f"--behind-proxy: wanted an address or network such as 127.0.0.1 or 10.0.0.0/8, "
                f"got {one_line(text, 60)!r}"
            ) from e
    return tuple(found)


def client_of(scope: Scope, proxies: Collection[Network] = ()) -> str:
    """The address that a request came from; the first 64 bits of an IPv6 address.

    What X-Forwarded-For says counts only where a trusted proxy says it: from the right, the first
    address that is no such proxy. Anything further left the client may have written itself.
    """
    peer = scope.get("client")
    if not peer:
        return "local"
    found = _address(peer[0])
    if found is None:
        return str(peer[0])[:60]
    chain = ",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")
    while _inside(found, proxies) and chain:
        before = _address(chain.pop())
        if before is None:
            break
        found = before
    if isinstance(found, ipaddress.IPv6Address):
        # Whoever has one IPv6 address has 2**64 of them.
        return str(ipaddress.ip_network((found, 64), strict=False).network_address)
    return str(found)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(found, "ipv4_mapped", None)
    return mapped if mapped is not None else found


def _inside(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, proxies: Collection[Network]
) -> bool:
    return any(address in network for network in proxies)


class Limits:
    """Refuses who asks too often, and reads what is sent before anybody waits for it.

    Args:
        proxies: whose X-Forwarded-For is believed; none: nobody's.
        cookies: names of the cookies that tell one person from another behind an address.
        doors: paths that end in a link's token, such as "/enter/".
        slowest: seconds within which a form must have come in.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        proxies: Collection[Network] = (),
        cookies: Collection[str] = (),
        doors: Collection[str] = (),
        per_address: Allowance = PER_ADDRESS,
        per_token: Allowance = PER_TOKEN,
        slowest: float = SLOWEST,
    ) -> None:
        self.app, self.proxies, self.slowest = app, proxies, slowest
        self.cookies, self.doors = frozenset(cookies), tuple(doors)
        self.addresses, self.tokens = Buckets(per_address), Buckets(per_token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        wait = self.addresses.wait(client_of(scope, self.proxies))
        if wait == 0 and not scope["path"].startswith("/static/"):
            wait = max((self.tokens.wait(t) for t in self._tokens(scope)), default=0.0)
        if wait > 0:
            await _later(wait)(scope, receive, send)
            return
        if scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self.slowest):
                body = await _whole(receive)
        except TimeoutError:
            late = PlainTextResponse(
                "The form took too long to arrive. Nothing was saved: please send it again.\n",
                408, headers={"connection": "close"},
            )  # fmt: skip
            await late(scope, receive, send)
            return
        if body is not None:
            await self.app(scope, _again(body, receive), send)

    def _tokens(self, scope: Scope) -> list[str]:
        """Who says to be asking; hashed, as no secret stays in memory for this."""
        path: str = scope["path"]
        said = [path.rpartition("/")[2] for door in self.doors if path.startswith(door)]
        jar = cookie_parser(Headers(scope=scope).get("cookie", "")[:4000])
        said += [jar[name] for name in self.cookies if name in jar]
        return [hashlib.sha256(s.encode("utf-8", "replace")).hexdigest()[:32] for s in said if s]


async def _whole(receive: Receive) -> bytes | None:
    """The body of a request, or None where the client went away."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """A body that was read, as if it came now."""
    left = [body]

    async def replay() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return replay


def _later(wait: float) -> ASGIApp:
    seconds = max(math.ceil(wait), 1)
    when = "in a second" if seconds == 1 else f"in {seconds} seconds"
    text = (
        f"More was asked of this server from your side than it gives to one. Please try again "
        f"{when}: what you saved before is kept, and going back in the browser shows what you "
        "typed last."
    )
    answer = page("message.html.j2", 429, title="Too many requests", text=text, back=None)
    answer.headers["retry-after"] = str(seconds)
    return answer
