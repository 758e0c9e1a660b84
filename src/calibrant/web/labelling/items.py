"""One item at a time: the pages on which a rater labels, and looks back.

Every page works as plain HTML; what a rater sends is answered with a redirect, so that reloading
sends nothing again. A rater sees own items by their place in the own order and nothing else: no
item, subject or other rater is named.
"""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from calibrant._text import one_line, storable
from calibrant.web.base import Form, Stopped, see
from calibrant.web.labelling import people
from calibrant.web.labelling.said import said
from calibrant.web.labelling.site import Site
from calibrant.web.labelling.store import LONGEST_NOTE, State, Store, Task
from calibrant.web.pages import page


def add(app: FastAPI, site: Site) -> None:
    """Add the pages of a rater."""
    _looking(app, site)
    _labelling(app, site)


def _looking(app: FastAPI, site: Site) -> None:
    """Instructions, what was said so far, and whole texts."""
    store, plan = site.store, site.store.plan

    @app.get("/")
    def home(request: Request) -> Response:
        visitor = site.rater(request)
        return page("labelling/home.html.j2", **site.common(visitor))

    @app.get("/labels")
    def mine(request: Request, done: bool = False) -> Response:
        visitor = site.rater(request)
        rows = [
            (t, site.words(t), one_line(t.answers[0][:120]) + "…" * (len(t.answers[0]) > 120))
            for t in store.tasks(visitor.rater)
            if t.state
        ]
        return page("labelling/labels.html.j2", **site.common(visitor), rows=rows, done=done)

    @app.get("/item/{position}/whole/{which}")
    def whole(position: int, which: str, request: Request) -> Response:
        task = site.task(site.rater(request), position)
        texts = {str(i): a for i, a in enumerate(task.answers, 1)}
        if task.question is not None:
            texts["question"] = task.question
        if which not in texts:
            raise HTTPException(404)
        names = {
            "question": "Question",
            "1": "Answer" if len(task.answers) == 1 else "First answer",
        }
        return page(
            "labelling/whole.html.j2", plan=plan, position=position,
            name=names.get(which, "Second answer"), text=said(texts[which], None),
        )  # fmt: skip


def _labelling(app: FastAPI, site: Site) -> None:
    """The next item, the item, and the label."""
    store, plan = site.store, site.store.plan

    @app.get("/next")
    def following(request: Request, after: int = 0, saved: bool = False) -> Response:
        visitor = site.rater(request)
        after = min(max(after, 0), 2**31)
        position = store.pending(visitor.rater, after)
        if position is None and plan.open and store.closed is None:
            position = people.hand_out(store, visitor.rater)
        if position is None:
            return see("/labels?done=1")
        return see(f"/item/{position}" + (f"?saved={after}" if saved else ""))

    @app.get("/item/{position}")
    def item(position: int, request: Request, saved: int = 0) -> Response:
        visitor = site.rater(request)
        task = site.task(visitor, position)
        before = store.task(visitor.rater, saved) if 0 < saved < 2**31 else None
        return page(
            "labelling/item.html.j2", **site.common(visitor), task=task,
            question=None if task.question is None else said(task.question),
            answers=[said(a) for a in task.answers],
            current=plan.scheme.shown(task.value, swapped=task.swapped),
            said=site.words(task), before=before, before_said=site.words(before) if before else "",
            nonce=store.show(visitor.rater, task.unit),
            form=people.form_token(store, visitor), longest=LONGEST_NOTE,
        )  # fmt: skip

    @app.post("/item/{position}")
    def label(position: int, request: Request, form: Form) -> Response:
        visitor = site.rater(request)
        site.own(visitor, form, back="/")
        task = site.task(visitor, position)
        here = f"/item/{position}"
        state, value, note = _answer(form, task, store, here)
        outcome = store.record(
            visitor.rater, position, form.get("nonce", "")[:100], state, value, note
        )
        if outcome == "closed":
            text = "The organiser has closed the labelling. This label was not saved."
            raise Stopped(409, "Labelling is closed", text, back="/")
        if outcome == "stale":
            text = "This form is out of date. Please open the item again."
            raise Stopped(409, "Not saved", text, back=here)
        return see(f"/next?after={position}&saved=true")


def _answer(
    form: dict[str, str], task: Task, store: Store, here: str
) -> tuple[State, str | None, str]:
    """What a form says: state, label and note."""
    note = storable(form.get("note", "")).replace("\r\n", "\n").strip()
    if len(note) > LONGEST_NOTE:
        text = f"A note may have {LONGEST_NOTE:,} characters; this has {len(note):,}."
        raise Stopped(422, "Not saved", text, back=here)
    if "skip" in form:
        if not note:
            raise Stopped(422, "Not saved", "Please say why you skip this item.", back=here)
        return "skipped", None, note
    if "cannot" in form:
        return "cannot judge", None, note
    value = store.plan.scheme.stored(form.get("label", ""), swapped=task.swapped)
    if value is None:
        raise Stopped(422, "Not saved", "Please choose one of the labels.", back=here)
    return "label", value, note
