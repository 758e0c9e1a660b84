"""Who is asking, and what do all pages of a labelling know?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fastapi import Request

from calibrant.web.base import Stopped
from calibrant.web.labelling import people
from calibrant.web.labelling.said import markdown
from calibrant.web.labelling.store import Store, Task

RATER = "calibrant_rater"
ADMIN = "calibrant_admin"
"""Names of the cookies."""


@dataclass(frozen=True)
class Site:
    """A labelling as it is served.

    Attributes:
        url: how people reach the server.
    """

    store: Store
    url: str = "http://127.0.0.1"

    @property
    def https(self) -> bool:
        """Whether cookies are for TLS alone."""
        return self.url.startswith("https:")

    @cached_property
    def rubric(self) -> str:
        """The instructions as HTML."""
        text = self.store.plan.rubric
        return markdown(text) if text.strip() else ""

    def rater(self, request: Request) -> people.Visitor:
        """The rater who asks.

        Raises:
            Stopped: if it is nobody we know.
        """
        found = people.visitor(self.store, request.cookies.get(RATER), "rater")
        if found is None:
            raise Stopped(
                401, "Please use your link",
                "This page opens with the link that you were sent, in the browser where you first "
                "used it. If that is gone, ask whoever sent it for a new link: your labels are "
                "kept.",
            )  # fmt: skip
        return found

    def organiser(self, request: Request) -> people.Visitor:
        """The organiser, who asks.

        Raises:
            Stopped: if it is somebody else.
        """
        found = people.visitor(self.store, request.cookies.get(ADMIN), "admin")
        if found is None:
            text = "This page opens with the organiser's link, which the command line prints."
            raise Stopped(401, "For the organiser", text)
        return found

    def own(self, visitor: people.Visitor, form: dict[str, str], back: str) -> None:
        """Refuse a form that was not made for this visitor's session.

        Raises:
            Stopped: if it was not.
        """
        if not people.is_own_form(self.store, visitor, form.get("form", "")):
            raise Stopped(403, "Not saved", "This form is from another session.", back=back)

    def task(self, visitor: people.Visitor, position: int) -> Task:
        """What a rater is asked at a place in the own order.

        Raises:
            Stopped: if nothing is.
        """
        # SQLite knows no larger numbers.
        found = self.store.task(visitor.rater, position) if 0 < position < 2**31 else None
        if found is None:
            raise Stopped(404, "Nothing here", "You have no item of that number.", back="/")
        return found

    def words(self, task: Task) -> str:
        """What a rater said about an item, as the rater saw it."""
        if task.value is None:
            return task.state or ""
        return self.store.plan.scheme.words(task.value, swapped=task.swapped)

    def common(self, visitor: people.Visitor) -> dict[str, Any]:
        """What all pages of a rater show."""
        return {
            "plan": self.store.plan, "rubric": self.rubric, "closed": self.store.closed,
            "progress": self.store.progress(visitor.rater),
        }  # fmt: skip
