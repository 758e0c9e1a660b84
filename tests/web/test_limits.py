"""Is who asks too often told when to come again, and nobody else kept waiting?"""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from calibrant.errors import InputError
from calibrant.web.limits import Allowance, Buckets, Limits, client_of, networks


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Plain:
    """A bucket that holds `burst` tokens and refills: what `Buckets` should be."""

    def __init__(self, allowance: Allowance) -> None:
        self.rate, self.burst = allowance.per_second, allowance.burst
        self.tokens, self.then = float(allowance.burst), 0.0

    def wait(self, now: float) -> float:
        self.tokens = min(self.burst, self.tokens + (now - self.then) * self.rate)
        self.then = now
        if self.tokens < 1 - 1e-9:
            return (1 - self.tokens) / self.rate
        self.tokens -= 1
        return 0.0


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from([0.5, 1.0, 3.0, 60.0]), st.integers(1, 6),
    st.lists(st.sampled_from([0.0, 0.001, 0.1, 0.34, 1.0, 2.5, 60.0]), max_size=60),
)  # fmt: skip
def test_as_a_bucket_of_tokens(rate, burst, gaps):
    clock, allowance = Clock(), Allowance(rate, burst)
    buckets, plain = Buckets(allowance, clock=clock), Plain(allowance)
    for gap in gaps:
        clock.now += gap
        assert buckets.wait("a") == pytest.approx(plain.wait(clock.now), abs=1e-6)


def test_waiting_as_told_is_enough_and_others_do_not_wait():
    clock = Clock()
    buckets = Buckets(Allowance(2, 3), clock=clock)
    assert [buckets.wait("a") for _ in range(3)] == [0, 0, 0]
    told = buckets.wait("a")
    assert told == pytest.approx(0.5) and buckets.wait("a") == told
    assert buckets.wait("b") == 0
    clock.now += told
    assert buckets.wait("a") == 0


def test_memory_is_bounded_and_who_asks_is_remembered():
    clock = Clock()
    buckets = Buckets(Allowance(1, 1), most=100, clock=clock)
    for i in range(10_000):
        buckets.wait("busy")
        buckets.wait(f"client {i}")
    assert len(buckets) == 100
    assert buckets.wait("busy") > 0


def scope(peer, *forwarded):
    headers = [(b"x-forwarded-for", f.encode()) for f in forwarded]
    return {"type": "http", "client": (peer, 1234), "headers": headers}


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "client"),
    [
        ("198.51.100.7", ["203.0.113.9"], [], "198.51.100.7"),
        # Told of a proxy, but this is none.
        ("198.51.100.7", ["203.0.113.9"], ["10.0.0.0/8"], "198.51.100.7"),
        ("10.1.2.3", ["203.0.113.9"], ["10.0.0.0/8"], "203.0.113.9"),
        # The client wrote the left part itself.
        ("10.1.2.3", ["1.1.1.1, 203.0.113.9"], ["10.0.0.0/8"], "203.0.113.9"),
        ("10.1.2.3", ["1.1.1.1", "203.0.113.9, 10.9.9.9"], ["10.0.0.0/8"], "203.0.113.9"),
        ("10.1.2.3", ["<script>"], ["10.0.0.0/8"], "10.1.2.3"),
        ("10.1.2.3", ["203.0.113.9:4711"], ["10.0.0.0/8"], "203.0.113.9"),
        ("10.1.2.3", [], ["10.0.0.0/8"], "10.1.2.3"),
        ("::ffff:10.1.2.3", ["[2001:db8:1:2:3::4]:99"], ["10.0.0.0/8"], "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", [], [], "2001:db8:1:2::"),
        ("fe80::1%eth0", [], [], "fe80::"),
        ("testclient", ["203.0.113.9"], ["10.0.0.0/8"], "testclient"),
    ],
)
def test_which_address_counts(peer, forwarded, proxies, client):
    assert client_of(scope(peer, *forwarded), networks(proxies)) == client


def test_a_proxy_that_is_none():
    with pytest.raises(InputError, match="--behind-proxy: wanted an address.*'example'"):
        networks(["127.0.0.1", "example"])


async def hello(s, receive, send):
    await PlainTextResponse((await receive())["body"] or b"hello")(s, receive, send)


def test_a_page_that_says_when():
    limited = Limits(
        hello, cookies=("me",), doors=("/enter/",), per_address=Allowance(0.5, 6),
        per_token=Allowance(0.1, 2),
    )  # fmt: skip
    ana, ben = (TestClient(limited, client=(f"192.0.2.{i}", 1)) for i in (1, 2))
    ana.cookies.set("me", "ana")
    assert [ana.get("/").status_code for _ in range(3)] == [200, 200, 429]
    late = ana.get("/")
    assert late.headers["retry-after"] == "10" and "in 10 seconds" in late.text
    # Another session, an address of its own.
    assert ben.post("/", content=b"x" * 100).text == "x" * 100
    # A link that is tried again and again, from wherever.
    assert [ben.get("/enter/t").status_code for _ in range(3)] == [200, 200, 429]
    # An address, whatever sessions it makes up.
    codes = []
    for i in range(4):
        ben.cookies.set("me", f"made up {i}")
        codes.append(ben.get("/").status_code)
    assert codes == [200, 200, 429, 429]


def test_a_form_that_does_not_arrive():
    sent = []

    async def stalled():
        await asyncio.sleep(60)

    async def send(message):
        sent.append(message)

    async def go():
        limited = Limits(hello, slowest=0.02)
        await limited({**scope("192.0.2.1"), "method": "POST", "path": "/"}, stalled, send)

    asyncio.run(go())
    assert sent[0]["status"] == 408 and (b"connection", b"close") in sent[0]["headers"]
