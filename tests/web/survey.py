"""A small survey with its server's application, and respondents who come in by their links."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from starlette.testclient import TestClient

from calibrant.priorities.survey.model import Survey
from calibrant.web.survey.app import build
from calibrant.web.survey.kept import people
from calibrant.web.survey.kept.database import open_database
from calibrant.web.survey.kept.store import Store, create_survey
from calibrant.web.survey.site import Site

from .conftest import Inputs

URL = "http://127.0.0.1:8766"

AGREE = ("Strongly disagree", "Disagree", "Neither", "Agree", "Strongly agree")

SURVEY: dict[str, Any] = {
    "id": "small",
    "title": "What should be tested?",
    "intro": "We ask **experts** what matters.",
    "consent": "Your answers are published without names.",
    "questions": [
        {"id": "importance", "name": "Importance", "labels": AGREE,
         "text": "Solving this would reduce severe harm."},
        {"id": "tractability", "name": "Tractability", "labels": AGREE,
         "text": "More money would bring progress."},
    ],
    "comments": [
        {"id": "obstacles", "text": "What stands in the way?", "longest": 500},
        {"id": "missing", "text": "Which area is missing?", "per": "survey"},
    ],
    "demographics": [
        {"id": "sector", "text": "Where do you work?", "options": ("University", "Company"),
         "other": True},
    ],
}  # fmt: skip

TAXONOMY: dict[str, Any] = {
    "categories": [
        {"id": "1", "name": "Evaluation", "description": "How models are tested.", "areas": [
            {"id": "1a", "name": "Test design", "description": "Which tests there should be."},
            {"id": "1b", "name": "Grading", "description": "Who says what is right."},
        ]},
        {"id": "2", "name": "Oversight", "description": "How models are watched.", "areas": [
            {"id": "2a", "name": "Monitoring", "description": "Watching what they do."},
        ]},
        {"id": "3", "name": "Security", "description": "How models are kept.", "areas": [
            {"id": "3a", "name": "Weights", "description": "Keeping them from thieves."},
        ]},
    ]
}  # fmt: skip


def survey(**changed: Any) -> Survey:
    """The small survey, or one that differs."""
    return Survey.model_validate({**SURVEY, **changed})


@cache
def _empty() -> dict[str, bytes]:
    """Both databases as migrations make them, which takes a while."""
    found = {}
    with TemporaryDirectory() as folder:
        for side, name in (("answers", "survey.db"), ("people", "survey.people.db")):
            open_database(Path(folder) / name, side).close()
            found[name] = (Path(folder) / name).read_bytes()
    return found


def small(place: Path, **changed: Any) -> Store:
    """The small survey in files of its own."""
    for name, data in _empty().items():
        if not (place / name).exists():
            (place / name).touch(0o600)
            (place / name).write_bytes(data)
    return create_survey(place / "survey.db", survey(**changed), TAXONOMY)


class Respondent:
    """A person with a browser, without scripts."""

    def __init__(self, desk: Desk, path: str | None = None) -> None:
        self.desk, self.client = desk, desk.client()
        if path is None:
            (made,) = people.invite(desk.store, [people.Invitee("Ana")])
            path = made.path
        self.path = path
        self.open(path)
        self.page = self.client.post(path, data={"consent": "yes"})
        assert self.page.status_code == 200, self.page.text

    def open(self, path: str):
        """The page at `path`, after redirects."""
        self.page = self.client.get(path)
        self.fields = Inputs(self.page.text).hidden
        return self.page

    def send(self, path: str, fields: dict[str, str] | None = None, **said: str):
        """Send the form of the page that is open, or one with other hidden fields."""
        kept = self.fields if fields is None else fields
        self.page = self.client.post(path, data={**kept, **said})
        self.fields = Inputs(self.page.text).hidden
        return self.page

    def choose(self, *categories: str):
        self.open("/choose")
        return self.send("/choose", **{f"category:{c}": "yes" for c in categories})

    def rate(self, category: str, **said: str):
        """Rate by cells such as a1a_importance="4"."""
        self.open(f"/rate/{category}")
        return self.send(f"/rate/{category}", **cells(**said))

    @property
    def id(self) -> str:
        from calibrant.web.survey.kept import sessions

        cookie = self.client.cookies["calibrant_survey"]
        found = sessions.visitor(self.desk.store, cookie)
        assert found is not None
        return found.respondent


def cells(**said: str) -> dict[str, str]:
    """Fields of a rating form."""
    found = {}
    for name, value in said.items():
        area, _, question = name.partition("_")
        found[f"r:{area[1:]}:{question}" if area[0] == "a" else f"c:{question}"] = value
    return found


class Desk:
    """A survey that is being served."""

    def __init__(self, store: Store, hosts: tuple[str, ...] = ()) -> None:
        self.store = store
        self.app = build(Site(store, URL), hosts)
        self.clients: list[TestClient] = []

    def client(self) -> TestClient:
        self.clients.append(TestClient(self.app, base_url=URL))
        return self.clients[-1]

    def respondent(self, path: str | None = None) -> Respondent:
        return Respondent(self, path)

    def said(self) -> list[tuple]:
        from calibrant.web.survey.kept.progress import ratings

        return [
            (r["area"], r["question"][0], r["state"][0], r["value"], r["revision"])
            for r in ratings(self.store).to_dicts()
        ]

    def close(self) -> None:
        for client in self.clients:
            client.close()
        self.store.close()


def invited(desk: Desk) -> people.Invitation:
    """An invitation that nobody used yet."""
    (made,) = people.invite(desk.store, [people.Invitee("Ana", "ana@x.org")])
    return made


def text_of(page: str) -> str:
    """A page's words, without tags."""
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())
