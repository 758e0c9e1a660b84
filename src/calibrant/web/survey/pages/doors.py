"""How do respondents come in, and go? By invitations that work once, by the link for everyone, by
return links of their own."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.responses import Response

from calibrant.web.base import Form, Stopped, see
from calibrant.web.pages import page
from calibrant.web.security import cookie
from calibrant.web.survey.kept import answers, people, sessions
from calibrant.web.survey.kept.releases import take_back
from calibrant.web.survey.pages.forms import Problem
from calibrant.web.survey.site import Site

DAYS = 180
"""For how long a browser remembers a respondent."""

_PAGES = {
    "used": (
        "This invitation was used already",
        "It works once. If it was you: go on in the browser in which you used it, or with the "
        "return link that you kept. If you have neither, or it was somebody else, ask whoever "
        "invited you for a new invitation.",
    ),
    "expired": (
        "This invitation has expired",
        "Its last day has passed. If you would still like to take part, ask whoever invited you "
        "for a new invitation.",
    ),
    "withdrawn": (
        "This invitation was withdrawn",
        "It opens nothing any more. If you think that this is a mistake, ask whoever sent it.",
    ),
    "unknown": (
        "Unknown link",
        "The link is not complete, or not of this survey. Please open it once more from the "
        "message in which you received it; copy all of it if it runs over two lines.",
    ),
}


def add(app: FastAPI, site: Site) -> None:
    """Add the pages behind respondents' links."""
    _ways_in(app, site)
    _returning(app, site)
    _leaving(app, site)

    @app.get("/")
    def front(request: Request) -> Response:
        site.respondent(request)
        return see("/overview")


def _stopped(why: str, status: int = 410) -> Stopped:
    title, text = _PAGES[why]
    return Stopped(status, title, text)


def _with_cookie(site: Site, value: str, to: str) -> Response:
    answer = see(to)
    answer.set_cookie(**cookie(site.cookie("answers"), value, https=site.https, days=DAYS))
    return answer


def _welcome(
    site: Site, request: Request, path: str, problems: list[Problem] | None = None
) -> Response:
    """The first page. A page that is only looked at, as mail scanners do, uses up nothing."""
    shown = page(
        "survey/welcome.html.j2", 422 if problems else 200, survey=site.store.survey,
        intro=site.intro, consent=site.consent, path=path, problems=problems or [],
        window=site.store.window(), personal=path.startswith("/enter/"),
        known=site.visitor(request) is not None,
    )  # fmt: skip
    name = site.cookie("answers")
    # The name under which the browser will begin is given out now, so that a form whose answer
    # is lost on the way can be sent again.
    if not sessions.is_session(site.store, request.cookies.get(name)):
        fresh = sessions.new_session(site.store)
        shown.set_cookie(**cookie(name, fresh, https=site.https, days=DAYS))
    return shown


def _ways_in(app: FastAPI, site: Site) -> None:
    store = site.store

    def invitation(token: str) -> people.Invitation:
        found = people.invitation_of(store, token)
        if found is None:
            raise _stopped("unknown", 404)
        return found

    def begin(request: Request) -> Response:
        session = sessions.begin(store, request.cookies.get(site.cookie("answers")))
        return _with_cookie(site, session, "/return-link")

    def consents(form: dict[str, str]) -> list[Problem]:
        if not store.survey.consent.strip() or form.get("consent") == "yes":
            return []
        return [Problem("Please say whether you agree. Without that you cannot begin.", "consent")]

    @app.get("/enter/{token}")
    def look(token: str, request: Request) -> Response:
        found = invitation(token)
        if site.visitor(request) is not None and found.state == "used":
            return see("/overview")
        if found.state != "open":
            raise _stopped(found.state)
        return _welcome(site, request, found.path)

    @app.post("/enter/{token}")
    def enter(token: str, form: Form, request: Request) -> Response:
        found = invitation(token)
        if found.state != "open":
            # The same browser, sending the form again.
            if found.state == "used" and site.visitor(request) is not None:
                return see("/overview")
            raise _stopped(found.state)
        if problems := consents(form):
            return _welcome(site, request, found.path, problems)
        site.taking()
        if not people.use(store, found):
            raise _stopped("used")
        try:
            return begin(request)
        except BaseException:
            # The two sides are two databases: what the second refuses, the first takes back.
            people.unuse(store, found)
            raise

    @app.get("/join/{token}")
    def door(token: str, request: Request) -> Response:
        if not people.is_open_link(store, token):
            raise _stopped("unknown", 404)
        if site.visitor(request) is not None:
            return see("/overview")
        return _welcome(site, request, f"/join/{token}")

    @app.post("/join/{token}")
    def join(token: str, form: Form, request: Request) -> Response:
        if not people.is_open_link(store, token):
            raise _stopped("unknown", 404)
        if site.visitor(request) is not None:
            return see("/overview")
        if problems := consents(form):
            return _welcome(site, request, f"/join/{token}", problems)
        site.taking()
        return begin(request)


def _returning(app: FastAPI, site: Site) -> None:
    store = site.store

    @app.get("/return-link")
    def offer(request: Request) -> Response:
        visitor = site.respondent(request)
        return page("survey/return_link.html.j2", link=None, **site.common(visitor))

    @app.post("/return-link")
    def keep(form: Form, request: Request) -> Response:
        visitor = site.respondent(request)
        site.own(visitor, form)
        link = site.url + sessions.return_path(store, visitor)
        # Shown in the answer itself: there is no address at which it could be seen again.
        return page("survey/return_link.html.j2", link=link, **site.common(visitor))

    def respondent(token: str) -> str:
        found = sessions.returning(store, token)
        if found is None:
            raise Stopped(
                404, "Unknown return link",
                "The link is not complete, or you made a newer one, which replaced it, or what "
                "it led to was deleted. Please use the newest, or the browser in which you "
                "answered before.",
            )  # fmt: skip
        return found

    @app.get("/return/{token}")
    def look(token: str) -> Response:
        respondent(token)
        return page("survey/return.html.j2", survey=store.survey, token=token)

    @app.post("/return/{token}")
    def come_back(token: str, request: Request) -> Response:
        found = respondent(token)
        visitor = site.visitor(request)
        if visitor is not None and visitor.respondent == found:
            return see("/overview")
        return _with_cookie(site, sessions.come_back(store, found), "/overview")


def _leaving(app: FastAPI, site: Site) -> None:
    def gone(title: str, text: str) -> Response:
        answer = page("message.html.j2", title=title, text=text, back=None)
        answer.delete_cookie(
            site.cookie("answers"), path="/", secure=site.https, httponly=True, samesite="lax"
        )
        return answer

    @app.get("/leave")
    def sure(request: Request) -> Response:
        return page("survey/leave.html.j2", **site.common(site.respondent(request)))

    @app.post("/leave")
    def leave(form: Form, request: Request) -> Response:
        visitor = site.respondent(request)
        site.own(visitor, form)
        if form.get("delete") == "yes":
            for area, question in answers.reasons(site.store, visitor.respondent):
                # Others see reasons, in snapshots of their own.
                take_back(site.store, visitor.respondent, area, question)
            sessions.forget(site.store, visitor)
            return gone("Deleted", "Everything that you said was deleted. Thank you for your time.")
        sessions.leave(site.store, visitor)
        return gone(
            "You have left",
            "Your answers are kept, and this browser has forgotten you. Your return link, if you "
            "made one, brings you back.",
        )
