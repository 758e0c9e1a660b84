"""What do respondents see of the others while the survey runs? Pages under /results."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass, replace
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from calibrant.priorities.survey.model import Question
from calibrant.web.base import Form, Stopped, see
from calibrant.web.pages import page
from calibrant.web.survey.kept.answers import LONGEST_REASON, Said, chosen, save_sheet, sheet
from calibrant.web.survey.kept.areas import Area, Category
from calibrant.web.survey.kept.releases import Shown, shown, take_back
from calibrant.web.survey.kept.sessions import Visitor
from calibrant.web.survey.pages.drawing import Strip, strip
from calibrant.web.survey.pages.forms import cell_field, copy_fields, copy_of, one_said
from calibrant.web.survey.site import Site

EVERY = 20
"""Seconds between two looks of an open page."""


FRESH = 5
"""Seconds for which a page of all areas is not made anew."""


@dataclass(frozen=True)
class Panel:
    """One question of an area as a page shows it.

    Attributes:
        own: what this respondent said; None for who is none.
        strip: the drawing; None if nothing may be shown.
        words: the drawing in words.
        reasons: of others.
    """

    question: Question
    own: Said | None
    shown: Shown
    strip: Strip | None
    words: str
    reasons: tuple[str, ...]


Everything = list[tuple[Category, list[tuple[Area, list[Panel]]]]]
"""Areas with what is shown of them, by category."""


def add(app: FastAPI, site: Site) -> None:
    """Add the live results."""
    _add_respondents(app, site)
    _add_readers(app, site)


def _add_respondents(app: FastAPI, site: Site) -> None:
    @app.get("/results")
    def results(request: Request) -> Response:
        _shows(site)
        visitor = site.respondent(request)
        chosen, left = _mine(site, visitor)
        return page("survey/live.html.j2", **site.common(visitor), chosen=chosen, left=left,
                    k=site.store.survey.live.least)  # fmt: skip

    @app.get("/results/{area}")
    def one(request: Request, area: str) -> Response:
        _shows(site)
        saved = request.query_params.get("saved") == "1"
        return _page(site, site.respondent(request), area, saved=saved)

    @app.get("/results/{area}/now")
    def now(request: Request, area: str, seen: str = "") -> Response:
        _shows(site)
        visitor = site.respondent(request)
        mark, panels = _panels(site, visitor, area)
        closed = not site.store.window().is_open
        if mark == seen and not closed:
            return Response(status_code=204)
        # Once it is closed, what takes the section's place asks no more.
        return page("survey/live_now.html.j2", area=site.store.areas.area[area], panels=panels,
                    mark=mark, news=mark != seen, polls=not closed,
                    k=site.store.survey.live.least, every=EVERY)  # fmt: skip

    @app.post("/results/{area}")
    def revise(request: Request, area: str, form: Form) -> Response:
        _shows(site)
        visitor = site.respondent(request)
        site.own(visitor, form)
        _, panels = _panels(site, visitor, area)
        site.taking()
        outcome = save_sheet(
            site.store, visitor.respondent, site.store.areas.category_of[area],
            _said(site, area, form), {}, copy_of(form),
        )  # fmt: skip
        if outcome == "closed":
            site.taking()
        if outcome == "stale":
            text = (
                "These answers were changed in another window since you opened this page. What "
                "you sent just now was not saved: please look again."
            )
            raise Stopped(409, "Not saved", text, back=f"/results/{area}")
        for panel in panels:
            ident = panel.question.id
            if panel.own and panel.own.reason and form.get(f"reason:{ident}", "x").strip() == "":
                take_back(site.store, visitor.respondent, area, ident)
        return see(f"/results/{area}?saved=1")

    @app.post("/results/{area}/reason")
    def withdraw(request: Request, area: str, form: Form) -> Response:
        _shows(site)
        visitor = site.respondent(request)
        site.own(visitor, form)
        _panels(site, visitor, area)
        if form.get("question") not in {q.id for q in site.store.survey.questions}:
            raise Stopped(400, "Not saved", "There is no such question.", back=f"/results/{area}")
        take_back(site.store, visitor.respondent, area, form["question"])
        return see(f"/results/{area}?saved=1")


def _add_readers(app: FastAPI, site: Site) -> None:
    kept: list[tuple[float, Everything]] = []
    lock = threading.Lock()

    def drawn() -> Everything:
        # Anybody may ask for the public page, and it looks at every area.
        with lock:
            if not kept or time.monotonic() - kept[0][0] > FRESH:
                kept[:] = [(time.monotonic(), _everything(site))]
            return kept[0][1]

    def everything(title: str, *, organiser: bool = False) -> Response:
        some = drawn()
        return page("survey/live_all.html.j2", survey=site.store.survey, title=title,
                    window=site.store.window(), k=site.store.survey.live.least,
                    categories=some, organiser=organiser)  # fmt: skip

    @app.get("/organise/results")
    def organisers(request: Request) -> Response:
        site.organiser(request)
        return everything("Results so far", organiser=True)

    @app.get("/public")
    def public() -> Response:
        if not site.store.survey.live.public:
            raise Stopped(404, "Nothing here", "There is no such page.", back="/")
        return everything("Results")


def _everything(site: Site) -> Everything:
    """The areas that have a snapshot, by category."""
    found = [(c, [(a, _drawn(site, a.id)) for a in c.areas]) for c in site.store.areas.categories]
    some = [(c, [(a, p) for a, p in rows if any(x.shown.snapshot for x in p)]) for c, rows in found]
    return [(c, rows) for c, rows in some if rows]


def _shows(site: Site) -> None:
    """Refuse where the survey shows nothing live.

    Raises:
        Stopped: then.
    """
    if not site.store.survey.live.show:
        raise Stopped(404, "Nothing here", "This survey shows no results while it runs.", back="/")


def _area(site: Site, area: str) -> tuple[Area, Category]:
    found = site.store.areas.area.get(area)
    if found is None:
        raise Stopped(404, "Nothing here", "There is no such area.", back="/results")
    return found, site.store.areas.category[site.store.areas.category_of[area]]


def _has_said(site: Site, said: dict[tuple[str, str], Said], area: str) -> bool:
    """Whether a respondent said something of every question about an area."""
    states = [said.get((area, q.id)) for q in site.store.survey.questions]
    return all(s is not None and s.state in ("answered", "don't know") for s in states)


def _mine(site: Site, visitor: Visitor) -> tuple[Everything, int]:
    """The areas that the respondent rated, by category, and how many chosen ones are left."""
    found: Everything = []
    left = 0
    for ident in chosen(site.store, visitor.respondent):
        category = site.store.areas.category[ident]
        said = sheet(site.store, visitor.respondent, ident).said
        rows = [(a, _drawn(site, a.id, said)) for a in category.areas
                if _has_said(site, said, a.id)]  # fmt: skip
        left += len(category.areas) - len(rows)
        if rows:
            found.append((category, rows))
    return found, left


def _panels(site: Site, visitor: Visitor, area: str) -> tuple[str, list[Panel]]:
    """What one respondent may see of an area, and a mark that changes with it.

    Raises:
        Stopped: if the respondent has not answered it.
    """
    _, category = _area(site, area)
    said = sheet(site.store, visitor.respondent, category.id).said
    rates = category.id in chosen(site.store, visitor.respondent)
    if not rates or not _has_said(site, said, area):
        text = (
            "You see what others said about an area once you have answered its questions yourself. "
            '"Don\'t know" is an answer.'
        )
        raise Stopped(403, "Answer first", text,
                      back=f"/rate/{category.id}" if rates else "/results")  # fmt: skip
    panels = _drawn(site, area, said)
    # It stands in addresses, which servers log: it must not hold an answer.
    numbers = [p.shown.snapshot.number if p.shown.snapshot else 0 for p in panels]
    saved = sheet(site.store, visitor.respondent, category.id).revision
    facts = (saved, numbers, [p.reasons for p in panels])
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:12], panels


def _drawn(site: Site, area: str, said: dict[tuple[str, str], Said] | None = None) -> list[Panel]:
    seen = shown(site.store, area)
    found = []
    for question in site.store.survey.questions:
        now = seen[question.id]
        own = None if said is None else said.get((area, question.id))
        drawing = strip(now.snapshot, question, None if own is None else own.value)
        mine = own.reason if own is not None else ""
        found.append(Panel(
            question, own, now, drawing, _words(now, own),
            tuple(r for r in now.reasons if r != mine and site.store.survey.live.reasons),
        ))  # fmt: skip
    return found


def _words(now: Shown, own: Said | None) -> str:
    """The drawing in words, for who reads or listens."""
    s = now.snapshot
    parts = []
    if s is None or s.n is None:
        parts.append("Too few answers to show yet.")
    else:
        half = f"from {s.low:g} to {s.high:g}" if s.low != s.high else f"at {s.low:g}"
        parts.append(f"Median {s.median:g}; the middle half of the answers lies {half}.")
        parts.append(f"{s.n} answered, {s.dont_know} did not know.")
    if own is not None:
        said = f"You said {own.value}." if own.value is not None else "You said you don't know."
        parts.append(said)
    return " ".join(parts)


def _page(site: Site, visitor: Visitor, area: str, *, saved: bool) -> Response:
    found, category = _area(site, area)
    mark, panels = _panels(site, visitor, area)
    window = site.store.window()
    return page(
        "survey/live_area.html.j2", **site.common(visitor), area=found, category=category,
        saved=saved, panels=panels, mark=mark, polls=window.is_open, every=EVERY,
        longest=LONGEST_REASON, k=site.store.survey.live.least,
        reasons=site.store.survey.live.reasons,
        hidden=copy_fields(site.store, sheet(site.store, visitor.respondent, category.id).revision),
    )  # fmt: skip


def _said(site: Site, area: str, form: dict[str, str]) -> dict[Any, Said]:
    """What a form says; questions that it does not answer stay as they are."""
    found: dict[Any, Said] = {}
    for question in site.store.survey.questions:
        given = form.get(cell_field(area, question.id))
        reason = form.get(f"reason:{question.id}", "").strip()[:LONGEST_REASON]
        if not site.store.survey.live.reasons:
            reason = ""
        if given is None:
            continue
        told = one_said(given, question)
        if told is not None and told.state != "skipped":
            found[area, question.id] = replace(told, reason=reason)
        else:
            text = "An answer is none that this survey offers. Nothing was saved."
            raise Stopped(400, "Not saved", text, back=f"/results/{area}")
    return found
