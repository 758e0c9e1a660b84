"""Does the survey's server hold a room full of people? 200 respondents at once, on loopback.

Starts `calibrant priorities serve` with the 2025 survey (105 areas) in a process of its own, and
lets respondents come in by their links, each from an address of its own, choose categories, and
rate every area of them: with scripts, which save each answer as it is given, or without, which
save a page at a time. Prints how long a submit takes until its answer is there, and compares the
database with everything that was acknowledged.

    python benchmarks/survey_load.py                  # pauses of two seconds, as fast as anybody
    python benchmarks/survey_load.py --together       # every page is sent in the same moment
    python benchmarks/survey_load.py --no-scripts --db postgresql://me@/survey
"""

from __future__ import annotations

import argparse
import asyncio
import html
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

import numpy as np

from calibrant.web.survey.kept import people, sessions
from calibrant.web.survey.kept.store import open_survey
from calibrant.web.survey.organising.results import ratings

SURVEY = "expert-survey-2025"
HIDDEN = re.compile(r'<input type="hidden"[^>]*? name="([^"]*)" value="([^"]*)"')
SAVED = re.compile(r"^\s*Saved", re.MULTILINE)


class Lost(Exception):
    """An answer that no respondent should get."""


class Browser:
    """One keep-alive connection from an address of its own, with cookies."""

    def __init__(self, number: int, port: int, taken: dict[str, list[float]]) -> None:
        self.local = f"127.{1 + number // 250}.{1 + number % 250}.1"
        self.port, self.taken = port, taken
        self.cookies: dict[str, str] = {}
        self.pipe: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(
        self, what: str, path: str, form: dict[str, str] | None = None, *, quietly: bool = False
    ) -> tuple[int, str, str]:
        """Status, body and place to go on; `what` is where its seconds are noted."""
        lines = [f"{'GET' if form is None else 'POST'} {path} HTTP/1.1", "Host: 127.0.0.1"]
        if self.cookies:
            lines.append("Cookie: " + "; ".join(f"{k}={v}" for k, v in self.cookies.items()))
        body = b""
        if form is not None:
            body = urlencode(form).encode()
            lines += ["Content-Type: application/x-www-form-urlencoded",
                      f"Content-Length: {len(body)}", "Sec-Fetch-Site: same-origin"]  # fmt: skip
        if quietly:
            lines.append("HX-Request: true")
        said = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
        began = time.perf_counter()
        for attempt in (1, 2):
            fresh = self.pipe is None
            try:
                found = await self._exchange(said)
                break
            except (ConnectionError, asyncio.IncompleteReadError):
                # A connection that had rested was closed by the server just now.
                self.pipe = None
                if fresh or attempt == 2:
                    raise
        self.taken.setdefault(what, []).append(time.perf_counter() - began)
        return found

    async def _exchange(self, said: bytes) -> tuple[int, str, str]:
        if self.pipe is None:
            self.pipe = await asyncio.open_connection(
                "127.0.0.1", self.port, local_addr=(self.local, 0)
            )
        reader, writer = self.pipe
        writer.write(said)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status, to, length = int(head[0].split()[1]), "", 0
        for line in head[1:]:
            name, _, value = line.partition(": ")
            name = name.lower()
            if name == "content-length":
                length = int(value)
            elif name == "location":
                to = value
            elif name == "set-cookie":
                key, _, content = value.partition(";")[0].partition("=")
                self.cookies[key] = content
        body = (await reader.readexactly(length)).decode()
        return status, body, to


class Gate:
    """Lets everybody through in the same moment, once all are there."""

    def __init__(self, n: int) -> None:
        self.n, self.there, self.opened = n, 0, asyncio.Event()

    async def wait(self) -> None:
        self.there += 1
        if self.there >= self.n:
            self.opened.set()
            self.there, self.opened = 0, asyncio.Event()
        else:
            await self.opened.wait()


class Respondent:
    """Somebody who answers, and notes what was acknowledged."""

    def __init__(self, number: int, link: str, plan: argparse.Namespace, world: dict) -> None:
        self.browser = Browser(number, world["port"], world["taken"])
        self.link, self.plan, self.world = link, plan, world
        self.rng = random.Random(number)
        self.kept: dict[tuple[str, str], int] = {}

    async def pause(self) -> None:
        await asyncio.sleep(self.plan.think * self.rng.uniform(0.5, 1.5))

    async def page(self, path: str) -> dict[str, str]:
        status, body, _ = await self.browser.ask("page", path)
        if status != 200:
            raise Lost(f"GET {path}: {status}")
        return {html.unescape(k): html.unescape(v) for k, v in HIDDEN.findall(body)}

    async def send(self, what: str, path: str, form: dict[str, str]) -> str:
        status, _, to = await self.browser.ask(what, path, form)
        if status != 303:
            raise Lost(f"POST {path}: {status}")
        return to

    async def go(self) -> None:
        await asyncio.sleep(self.plan.think * self.rng.random())
        await self.page(self.link)
        await self.send("enter", self.link, {"consent": "yes"})
        hidden = await self.page("/choose")
        areas = self.world["areas"]
        chosen = self.rng.sample(sorted(areas), self.plan.categories)
        await self.send("choose", "/choose", hidden | {f"category:{c}": "yes" for c in chosen})
        for category in chosen:
            await self.rate(category, areas[category])

    async def rate(self, category: str, areas: list[str]) -> None:
        path = f"/rate/{category}"
        hidden = await self.page(path)
        form: dict[str, str] = {}
        for area in areas:
            for question in self.world["questions"]:
                form[f"r:{area}:{question}"] = str(self.rng.randint(1, 5))
                if self.plan.scripts and not self.plan.together:
                    await self.pause()
                    hidden = await self.quietly(path, hidden, form)
        await self.pause()
        if self.plan.together:
            await self.world["gate"].wait()
        await self.send("submit", path, hidden | form)
        self.note(form)

    async def quietly(self, path: str, hidden: dict[str, str], form: dict[str, str]) -> dict:
        status, body, _ = await self.browser.ask("submit", path, hidden | form, quietly=True)
        if status != 200 or not SAVED.search(body):
            raise Lost(f"POST {path} quietly: {status} {body[:80]}")
        self.note(form)
        found = re.search(r'name="revision" value="(\d+)"', body)
        return hidden | ({"revision": found[1]} if found else {})

    def note(self, form: dict[str, str]) -> None:
        for name, value in form.items():
            _, area, question = name.split(":")
            self.kept[area, question] = int(value)


def serve(db: str, workers: int) -> tuple[subprocess.Popen, dict]:
    """The server, and what it said when it was ready."""
    command = [sys.executable, "-m", "calibrant", "priorities", "serve", SURVEY, "--db", db,
               "--port", "0", "--json", "--workers", str(workers)]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    said = ""
    assert process.stdout is not None
    for line in process.stdout:
        said += line
        if line == "}\n":
            return process, json.loads(said)
    raise SystemExit(f"the server did not start: {said}")


def cpu(process: subprocess.Popen) -> float:
    """Seconds of CPU that a process and its workers have used."""
    ids = [process.pid]
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    ids += map(int, children.read_text().split())
    used = 0
    for one in ids:
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        used += int(fields[11]) + int(fields[12])
    return used / 100


async def everybody(found: list[Respondent]) -> list[BaseException]:
    ended = await asyncio.gather(*(r.go() for r in found), return_exceptions=True)
    return [e for e in ended if e is not None]


def show(name: str, seconds: list[float]) -> None:
    ms = np.asarray(seconds) * 1000
    p50, p90, p99 = np.percentile(ms, [50, 90, 99])
    print(f"{name:8} {len(ms):6,}   p50 {p50:6.0f} ms   p90 {p90:6.0f} ms   p99 {p99:6.0f} ms   "
          f"max {ms.max():6.0f} ms")  # fmt: skip


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--respondents", type=int, default=200)
    parser.add_argument("--categories", type=int, default=2, help="for each respondent")
    parser.add_argument("--think", type=float, default=2.0, help="seconds between two answers")
    parser.add_argument("--together", action="store_true", help="pages are sent at one moment")
    parser.add_argument("--workers", type=int, default=2, help="processes of the server")
    parser.add_argument("--no-scripts", dest="scripts", action="store_false")
    parser.add_argument("--db", help="a SQLite file or PostgreSQL URL; a fresh file by default")
    plan = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(plan, plan.db or f"{folder}/load.db")


def run(plan: argparse.Namespace, db: str) -> None:
    """One run against one database."""
    process, about = serve(db, plan.workers)
    try:
        with open_survey(db) as store:
            made = people.invite(store, [people.Invitee()] * plan.respondents)
            world = {
                "port": int(about["url"].rpartition(":")[2]), "taken": {},
                "areas": {c.id: [a.id for a in c.areas] for c in store.areas.categories},
                "questions": [q.id for q in store.survey.questions],
                "gate": Gate(plan.respondents),
            }  # fmt: skip
            found = [Respondent(i, m.path, plan, world) for i, m in enumerate(made)]
            used, mine, began = cpu(process), time.process_time(), time.perf_counter()
            failures = asyncio.run(everybody(found))
            took = time.perf_counter() - began
            used, mine = cpu(process) - used, time.process_time() - mine
            for name in ("enter", "choose", "page", "submit"):
                show(name, world["taken"].get(name, [0]))
            n = sum(map(len, world["taken"].values()))
            print(f"{n:,} requests in {took:.1f} s ({n / took:.0f}/s); CPU: server {used:.1f} s "
                  f"({used / n * 1000:.1f} ms a request), this client {mine:.1f} s")  # fmt: skip
            print(f"errors: {len(failures)} {[repr(f) for f in failures[:3]]}")
            compare(store, found)
    finally:
        process.terminate()
        process.wait()


def compare(store, found: list[Respondent]) -> None:
    """Is the database what was acknowledged, exactly?"""
    table = ratings(store).frame
    answered = table.filter(table["state"] == "answered")
    there = {(r, a, q): int(v) for r, a, q, v in answered.select(
        "respondent", "area", "question", "value").iter_rows()}  # fmt: skip
    wanted = {}
    for respondent in found:
        visitor = sessions.visitor(store, respondent.browser.cookies.get("calibrant_survey"))
        for (area, question), value in respondent.kept.items():
            wanted[visitor.respondent if visitor else "nobody", area, question] = value
    lost = sum(there.get(k) != v for k, v in wanted.items())
    print(f"answers acknowledged: {len(wanted):,}; lost or other in the database: {lost}; in the "
          f"database and not acknowledged: {len(there.keys() - wanted.keys())}")  # fmt: skip
    if lost:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
