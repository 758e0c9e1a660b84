"""How are the areas of a category rated? One page a category, saved as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import HTMLResponse, Response

from calibrant.priorities.survey.model import Comment
from calibrant.web.base import Form, Stopped, see
from calibrant.web.pages import page
from calibrant.web.pages import render as rendered
from calibrant.web.survey.kept import answers, progress
from calibrant.web.survey.kept.answers import Cell, Said, Sheet
from calibrant.web.survey.kept.areas import Category
from calibrant.web.survey.kept.sessions import Visitor
from calibrant.web.survey.pages.forms import (
    DONT_KNOW,
    SKIP,
    Problem,
    cell_field,
    comments_of,
    copy_fields,
    copy_of,
    said_of,
    seconds_of,
)
from calibrant.web.survey.pages.skeleton import Kept, Skeleton, mark, skeleton
from calibrant.web.survey.site import Site


@dataclass(frozen=True)
class Sent:
    """A form that was not saved, as it is shown once more.

    Attributes:
        stale: whether the page was saved from elsewhere meanwhile.
    """

    said: dict[Cell, Said] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    stale: bool = False


def value_of(said: Said | None) -> str:
    """What the radio button of an answer holds."""
    if said is None:
        return ""
    if said.state == "answered":
        return str(said.value)
    return DONT_KNOW if said.state == "don't know" else SKIP


class Rating:
    """The page of one category."""

    def __init__(self, site: Site) -> None:
        self.site, self.store = site, site.store
        self.kept = Kept()

    def category(self, visitor: Visitor, id: str) -> Category:
        """The category that a respondent asks for.

        Raises:
            Stopped: if it is none, or not chosen.
        """
        if id not in answers.chosen(self.store, visitor.respondent):
            text = "You have not chosen a category of that number."
            raise Stopped(404, "Nothing here", text, back="/choose")
        return self.store.areas.category[id]

    @property
    def comments(self) -> list[Comment]:
        """Free texts asked of every category."""
        return [c for c in self.store.survey.comments if c.per == "category"]

    def show(
        self, visitor: Visitor, category: Category, sent: Sent | None = None, saved: str = ""
    ) -> Response:
        """The page, with what is saved, or what was sent and could not be.

        Args:
            saved: the category whose page was saved just before.
        """
        sheet = answers.sheet(self.store, visitor.respondent, category.id)
        if sent is None:
            return HTMLResponse(self._saved(visitor, category, sheet, saved))
        return page(
            "survey/rate.html.j2", 409 if sent.stale else 422 if sent.problems else 200,
            category=category, sent=sent, problems=sent.problems, asked=self.comments,
            values={cell_field(*k): value_of(v) for k, v in sent.said.items()},
            meanwhile=self._meanwhile(sheet, sent) if sent.stale else {},
            comments_meanwhile={
                k: v for k, v in sheet.comments.items() if sent.comments.get(k, "") != v
            } if sent.stale else {},
            own=answers.own(self.store, visitor.respondent),
            steps=progress.steps(self.store, visitor.respondent), saved="",
            hidden=copy_fields(self.store, sheet.revision), **self.site.common(visitor),
        )  # fmt: skip

    def _saved(self, visitor: Visitor, category: Category, sheet: Sheet, before: str) -> str:
        """The page with what is saved: filled in, or rendered where it cannot be."""
        common = self.site.common(visitor)
        hidden = copy_fields(self.store, sheet.revision)
        own = answers.own(self.store, visitor.respondent)
        ids = answers.chosen(self.store, visitor.respondent)
        name = self.store.areas.category[before].name if before in self.store.areas.category else ""
        values = {cell_field(*k): value_of(v) for k, v in sheet.said.items()}
        comments = {c.id: sheet.comments.get(c.id, "") for c in self.comments}
        mine = own.intersection(a.id for a in category.areas)

        def render(now: Mapping[str, str], **values: Any) -> str:
            return rendered(
                "survey/rate.html.j2", category=category, problems=(), asked=self.comments,
                values=now, meanwhile={}, comments_meanwhile={}, **values,
            )  # fmt: skip

        texts = {"form": common["form"], "saved": name, **hidden}
        texts |= {f"comment {k}": v for k, v in comments.items()}

        def make() -> Skeleton | None:
            anybody = {
                "visitor": SimpleNamespace(
                    state=visitor.state, has_return_link=visitor.has_return_link
                ),
                "form": mark("form"), "saved": mark("saved") if name else "", "own": mine,
                "hidden": {k: mark(k) for k in hidden},
                # Where this category stands counts, and not which the others are.
                "steps": [
                    SimpleNamespace(category=i if i == category.id else mark("another"))
                    for i in ids
                ],
                "sent": Sent(comments={k: mark(f"comment {k}") for k in comments}),
            }  # fmt: skip
            everything = {**common, **anybody}
            choices = self._choices(category)
            return skeleton(lambda now: render(now, **everything), choices, set(texts))

        window = common["window"]
        place = (category.id, ids.index(category.id), len(ids))
        key = (*place, mine, bool(name), window, visitor.state, visitor.has_return_link)
        found = self.kept.get(key, make)
        if found is not None:
            return found.fill(values, texts)
        return render(
            values, **common, hidden=hidden, own=own, saved=name,
            steps=progress.steps(self.store, visitor.respondent), sent=Sent(comments=comments),
        )  # fmt: skip

    def _choices(self, category: Category) -> dict[tuple[str, str], None]:
        """Every field and value of a category's page, in order."""
        return {
            (cell_field(area.id, q.id), value): None
            for area in category.areas
            for q in self.store.survey.questions
            for value in (
                *(str(v) for v in range(1, len(q.labels) + 1)),
                *([DONT_KNOW] if q.dont_know else []), SKIP,
            )
        }  # fmt: skip

    def _meanwhile(self, sheet: Sheet, sent: Sent) -> dict[str, str]:
        """What was saved elsewhere of each cell that differs, in words."""
        labels = {q.id: q for q in self.store.survey.questions}
        found = {}
        for (area, question), said in sheet.said.items():
            if question not in labels or sent.said.get((area, question)) == said:
                continue
            words = {"skipped": "skipped", "don't know": labels[question].dont_know or "don't know"}
            found[cell_field(area, question)] = words.get(
                said.state, f"{said.value} – {labels[question].labels[(said.value or 1) - 1]}"
            )
        return found

    def save(
        self, visitor: Visitor, category: Category, form: dict[str, str], *, quietly: bool
    ) -> Response:
        """Save the page; `quietly`, one change at a time, without leaving it."""
        questions = self.store.survey.questions
        said, wrong = said_of(form, category, questions)
        comments, long = comments_of(form, self.comments)
        if wrong or long:
            problems = (*wrong, *long)
            if quietly:
                return self._said(f"Not saved. {problems[0].text}")
            return self.show(visitor, category, Sent(said, comments, problems))
        if not quietly:
            sheet = answers.sheet(self.store, visitor.respondent, category.id)
            for area in category.areas:
                for question in questions:
                    cell = (area.id, question.id)
                    # Passed over, for those who were shown it and said nothing.
                    said.setdefault(cell, sheet.said.get(cell, Said("skipped")))
        done = answers.save_sheet(
            self.store, visitor.respondent, category.id, said, comments, copy_of(form),
            seconds=seconds_of(self.store, form), strict=quietly,
        )  # fmt: skip
        if quietly:
            return self._quiet(visitor, category, done)
        if done == "stale":
            return self.show(visitor, category, Sent(said, comments, stale=True))
        if done == "closed":
            self.site.taking()
        if form.get("then") == "overview":
            return see(f"/overview?saved={category.id}")
        return see(self._next(visitor, category))

    def _quiet(self, visitor: Visitor, category: Category, done: answers.Outcome) -> Response:
        if done == "closed":
            return self._said("Not saved: the survey is closed.")
        if done == "stale":
            return self._said("Not saved yet: this page was changed elsewhere. Please press Save.")
        sheet = answers.sheet(self.store, visitor.respondent, category.id)
        questions = {q.id for q in self.store.survey.questions}
        given = sum(question in questions for _, question in sheet.said)
        text = f"Saved: {given} of {len(category.areas) * len(questions)} on this page."
        return self._said(text, sheet.revision)

    def _said(self, text: str, revision: int | None = None) -> Response:
        return page("survey/said.html.j2", text=text, revision=revision)

    def _next(self, visitor: Visitor, category: Category) -> str:
        """The next category that is not done, after this one or from the start; else the
        overview."""
        steps = progress.steps(self.store, visitor.respondent)
        at = [s.category for s in steps].index(category.id)
        for step in (*steps[at + 1 :], *steps[:at]):
            if step.state != "done":
                return f"/rate/{step.category}?saved={category.id}"
        return f"/overview?saved={category.id}"


def add(app: FastAPI, site: Site) -> None:
    """Add the pages."""
    rating = Rating(site)

    @app.get("/rate/{id}")
    def look(id: str, request: Request, saved: str = "") -> Response:
        visitor = site.respondent(request)
        return rating.show(visitor, rating.category(visitor, id), saved=saved)

    @app.post("/rate/{id}")
    def save(id: str, form: Form, request: Request) -> Response:
        visitor = site.respondent(request)
        site.own(visitor, form)
        quietly = request.headers.get("hx-request") == "true"
        if not quietly:
            site.taking()
        return rating.save(visitor, rating.category(visitor, id), form, quietly=quietly)
