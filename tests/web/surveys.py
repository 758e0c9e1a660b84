"""A small survey with its two databases, and respondents who answer without a browser."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from calibrant.priorities.survey.model import (
    Comment,
    Demographic,
    Invitations,
    Live,
    Question,
    Survey,
    Window,
)
from calibrant.web.survey.kept import answers, sessions
from calibrant.web.survey.kept.answers import Copy, Said
from calibrant.web.survey.kept.store import Store, create_survey

URL = "http://127.0.0.1:8765"

TAXONOMY = {
    "categories": [
        {
            "id": str(c), "name": f"Category {c}", "description": "What it is.",
            "areas": [{"id": f"{c}{x}", "name": f"Area <{c}{x}>"} for x in "abc"],
        }
        for c in (1, 4, 7)
    ]
}  # fmt: skip


def a_survey(**more) -> Survey:
    """Two questions with five labels each, a comment, one demographic question."""
    labels = ("very low", "low", "medium", "high", "very high")
    told = {
        "id": "test", "title": "What <b>matters", "questions": (
            Question(id="importance", text="How important is it?", labels=labels),
            Question(id="tractability", text="How tractable is it?", labels=labels),
        ),
        "comments": (Comment(id="missing", text="What is missing?", longest=20_000),),
        "demographics": (Demographic(id="sector", text="Sector", options=("a", "b")),),
        "windows": (Window(round=1),), "live": Live(least=3),
        "invitations": Invitations(days=30),
    }  # fmt: skip
    return Survey(**{**told, **more})


def make(folder: Path, **more) -> Store:
    """A survey in two SQLite files."""
    return create_survey(folder / "survey.db", a_survey(**more), TAXONOMY)


def come(store: Store, categories=("1",)) -> str:
    """A respondent who has chosen categories; returns the id."""
    visitor = sessions.visitor(store, sessions.begin(store))
    assert visitor is not None
    done = answers.choose(store, visitor.respondent, categories, Copy(0, "t"))
    assert done == "saved"
    return visitor.respondent


def say(store: Store, who: str, category: str = "1", value: int = 4, **comments: str) -> None:
    """Answer all areas of a category, but the last with "don't know" and the second of it not."""
    areas = [a.id for a in store.areas.category[category].areas]
    said = {(a, "importance"): Said("answered", value) for a in areas[:2]}
    said |= {(areas[0], "tractability"): Said("answered", value)}
    said |= {(areas[2], "importance"): Said("don't know")}
    at = answers.sheet(store, who, category).revision
    done = answers.save_sheet(store, who, category, said, comments, Copy(at, "t"), seconds=3.5)
    assert done == "saved"


def finish(store: Store, who: str) -> None:
    """Say that one is done."""
    sessions.finish(store, sessions.Visitor("x", who, "began", False))


def crowd(store: Store, n: int, seed: int = 0) -> list[str]:
    """Respondents who each rate one or two categories."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        chosen = rng.choice(list(store.areas.category), rng.integers(1, 3), replace=False)
        who = come(store, tuple(map(str, chosen)))
        for c in chosen:
            say(store, who, str(c), int(rng.integers(1, 6)))
        found.append(who)
    return found
