"""Who is asking, and what do all pages of a survey know?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fastapi import Request

from calibrant.web.base import Stopped
from calibrant.web.labelling.said import markdown
from calibrant.web.survey.kept import people, sessions
from calibrant.web.survey.kept.store import Store
from calibrant.web.survey.kept.tables import Side
from calibrant.web.survey.kept.windows import Window

_NO_WAY_IN = (
    "This page opens in the browser in which you used your invitation. On another computer or "
    "phone, or if the browser has forgotten you, use your return link. If you have neither, ask "
    "whoever invited you for a new invitation."
)


@dataclass(frozen=True)
class Site:
    """A survey as it is served.

    Attributes:
        url: how people reach the server.
    """

    store: Store
    url: str = "http://127.0.0.1"

    @property
    def https(self) -> bool:
        """Whether cookies are for TLS alone."""
        return self.url.startswith("https:")

    @property
    def results(self) -> bool:
        """Whether there are pages of live results, so that others link to them."""
        return self.store.survey.live.show

    def cookie(self, side: Side) -> str:
        """The name of the respondent's or the organiser's cookie.

        Through TLS, browsers take a cookie of this name from this very server alone.
        """
        name = "calibrant_survey" if side == "answers" else "calibrant_organiser"
        return f"__Host-{name}" if self.https else name

    @cached_property
    def intro(self) -> str:
        """The survey's first words, as HTML."""
        return markdown(self.store.survey.intro)

    @cached_property
    def consent(self) -> str:
        """What respondents agree to, as HTML."""
        return markdown(self.store.survey.consent)

    def visitor(self, request: Request) -> sessions.Visitor | None:
        """The respondent who asks, or None."""
        return sessions.visitor(self.store, request.cookies.get(self.cookie("answers")))

    def respondent(self, request: Request) -> sessions.Visitor:
        """The respondent who asks.

        Raises:
            Stopped: if it is nobody we know.
        """
        found = self.visitor(request)
        if found is None:
            raise Stopped(401, "Please use your link", _NO_WAY_IN)
        return found

    def organiser(self, request: Request) -> None:
        """Refuse everybody but the organiser.

        Raises:
            Stopped: if it is somebody else.
        """
        if not people.is_organiser(self.store, request.cookies.get(self.cookie("people"))):
            text = "This page opens with the organiser's link, which the command line prints."
            raise Stopped(401, "For the organiser", text)

    def own(self, visitor: sessions.Visitor, form: dict[str, str]) -> None:
        """Refuse a form that was not made for this respondent's session.

        Raises:
            Stopped: if it was not.
        """
        if not sessions.is_own_form(self.store, visitor, form.get("form", "")):
            text = "This form was made for another session. What you sent was not saved."
            raise Stopped(403, "Not saved", text, back="/overview")

    def organisers(self, form: dict[str, str]) -> None:
        """Refuse a form that was not made for the organiser.

        Raises:
            Stopped: if it was not.
        """
        if not people.is_organiser_form(self.store, form.get("form", "")):
            text = "This form was made for another session. Nothing was changed."
            raise Stopped(403, "Not done", text, back="/organise")

    def taking(self) -> Window:
        """The window of now.

        Raises:
            Stopped: if answers are not taken now.
        """
        found = self.store.window()
        if not found.is_open:
            text = (
                "The survey is not open yet." if found.state == "before" else
                "The survey is closed. What you saved before is kept; what you sent just now was "
                "not saved."
            )  # fmt: skip
            raise Stopped(409, "Not saved", text, back="/overview")
        return found

    def common(self, visitor: sessions.Visitor) -> dict[str, Any]:
        """What all pages of a respondent show."""
        return {
            "survey": self.store.survey, "visitor": visitor, "window": self.store.window(),
            "form": sessions.form_token(self.store, visitor),
            "results": self.store.survey.live.show,
        }  # fmt: skip
