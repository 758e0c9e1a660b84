"""A labelling with its server's application, and raters who come in by their links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
from starlette.testclient import TestClient

from calibrant.web.labelling import people
from calibrant.web.labelling.app import Site, build
from calibrant.web.labelling.scheme import Scheme, categories
from calibrant.web.labelling.start import label
from calibrant.web.labelling.store import Store

URL = "http://127.0.0.1:8765"


def answers(n: int = 6, subjects: str = "a", say: str = "Answer of {s} to {i}.") -> pl.DataFrame:
    """A table of stored answers."""
    return pl.DataFrame(
        [
            {
                "item": f"secret-item-{i}",
                "subject": f"secret-subject-{s}",
                "question": f"Question {i}?",
                "answer": say.format(s=s, i=i),
            }
            for i in range(n)
            for s in subjects
        ]
    )


def named(scheme: Scheme) -> dict:
    """The arguments of `label` that give this scheme."""
    if scheme.kind == "pairwise":
        return {"pairwise": True, "ties": "tie" in scheme.values}
    if scheme.kind == "scale":
        return {"scale": f"{scheme.values[0]}-{scheme.values[-1]}"}
    return {"categories": scheme.values}


class Inputs(HTMLParser):
    """Hidden fields of a page, and everything else that has a name."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.hidden: dict[str, str] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if found.get("type") == "hidden":
            self.hidden[str(found["name"])] = found["value"] or ""


class Rater:
    """A person with a browser, without scripts."""

    def __init__(self, desk: Desk, name: str) -> None:
        self.client = desk.client()
        (link,) = [k for k in people.links(desk.store) if k.rater == name and not k.used]
        assert self.client.post(link.path).status_code == 200

    def open(self, path: str = "/next"):
        """The page at `path`, after redirects."""
        self.page = self.client.get(path)
        self.fields = Inputs(self.page.text).hidden
        return self.page

    def send(self, **said: str):
        """Send the form of the page that is open, and come to the next."""
        kept = {k: self.fields[k] for k in ("form", "nonce")}
        self.page = self.client.post(self.page.url.path, data={**kept, **said})
        self.fields = Inputs(self.page.text).hidden
        return self.page

    @property
    def position(self) -> int:
        found = re.fullmatch(r"/item/(\d+)", self.page.url.path)
        assert found, self.page.url
        return int(found[1])


class Desk:
    """A labelling that is being served."""

    def __init__(self, path: Path, hosts: tuple[str, ...] = ()) -> None:
        self.store = Store(path)
        self.app = build(Site(self.store, URL), hosts)
        self.clients: list[TestClient] = []

    def client(self) -> TestClient:
        self.clients.append(TestClient(self.app, base_url=URL))
        return self.clients[-1]

    def rater(self, name: str) -> Rater:
        return Rater(self, name)

    def admin(self) -> TestClient:
        (link,) = [k for k in people.links(self.store) if k.kind == "admin"]
        client = self.client()
        assert client.get(link.path).status_code == 200
        return client

    def rows(self, *, history: bool = True) -> list[dict]:
        from calibrant.web.labelling.export import labels

        return labels(self.store, history=history).to_dicts()


@pytest.fixture
def desk_of(tmp_path) -> Iterator:
    """Makes a labelling of a table and serves it."""
    desks: list[Desk] = []

    def make(table: pl.DataFrame, scheme: Scheme | None = None, **how) -> Desk:
        if "raters" not in how:
            how["raters"] = ("ana", "ben", "cem")
        path = tmp_path / f"labels{len(desks)}.db"
        label(table, path, **named(scheme or categories(("yes", "no", "unsure"))), **how)
        desks.append(Desk(path))
        return desks[-1]

    yield make
    for desk in desks:
        for client in desk.clients:
            client.close()
        desk.store.close()


@pytest.fixture
def desk(desk_of) -> Desk:
    """Six answers, three raters, each item for all three."""
    return desk_of(answers())
