"""What does the organiser do? Invite, remind, watch response rates; nothing here reads an answer.

calibrant sends no mail: it makes the letters, and notes what the organiser says was sent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from sqlalchemy import select, update

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.web.survey.kept import people
from calibrant.web.survey.kept.store import Store, put_setting, setting, today
from calibrant.web.survey.kept.tables import INVITATION, PEOPLE_SETTING
from calibrant.web.survey.kept.windows import Window
from calibrant.web.survey.organising import counts, letters
from calibrant.web.survey.organising.guests import Guest

Kind = Literal["invite", "remind"]

WANTED = 5
"""Answers that each area should have, where the organiser says nothing else."""


def invite(
    store: Store, guests: Iterable[Guest], *, again: bool = False
) -> list[people.Invitation]:
    """Make a link for each person; one who is invited already, by the address, is refused.

    Args:
        again: pass over those who are invited already instead.

    Raises:
        InputError: naming up to five who are invited already; nobody is invited then.
    """
    known = {i.email.casefold() for i in people.invitations(store) if i.state != "withdrawn"}
    guests = list(guests)
    twice = [g for g in guests if g.email.casefold() in known]
    if twice and not again:
        names = ", ".join(one_line(g.email, 80) for g in twice[:5])
        more = f" and {len(twice) - 5} more" if len(twice) > 5 else ""
        raise InputError(
            f"invited already: {names}{more}; nobody was invited now "
            "(to pass over them: --again, or the tick on the page)"
        )
    fresh = [g for g in guests if g.email.casefold() not in known]
    return people.invite(
        store, [people.Invitee(g.name, g.email, g.note, g.categories) for g in fresh]
    )


def due(
    store: Store, kind: Kind, *, after: int = 0, at_most: int | None = None
) -> list[people.Invitation]:
    """Whom to write to: invitations whose letter was not sent yet, or, to remind, those that were
    sent, whose link still works and was not used.

    Args:
        after: to remind: days since their last letter.
        at_most: to remind: only who had fewer reminders.
    """
    found = [i for i in people.invitations(store) if i.state == "open"]
    if kind == "invite":
        return [i for i in found if i.sent is None]
    before = today() - timedelta(days=after)
    return [
        i for i in found
        if i.sent is not None and (i.reminded or i.sent) <= before
        and (at_most is None or i.reminders < at_most)
    ]  # fmt: skip


def batch(invitations: Iterable[people.Invitation]) -> str:
    """A name for these very invitations."""
    ids = "\n".join(sorted(i.id for i in invitations))
    return hashlib.sha256(ids.encode()).hexdigest()[:16]


def written(
    store: Store, invitations: Iterable[people.Invitation], kind: Kind, url: str,
    text: str | None = None,
) -> list[letters.Letter]:  # fmt: skip
    """The letters to these people.

    Args:
        url: how people reach the server, without a slash at the end.
        text: of the letter; None: the organiser's own, or ours.
    """
    text = own_text(store, kind) if text is None else text
    if text is not None:
        letters.checked(text)
    return [
        letters.letter(
            i.name, i.email, url + i.path, i.expires.isoformat(), store.survey.title, kind=kind,
            text=text,
        )
        for i in invitations
    ]  # fmt: skip


def note(store: Store, invitations: Iterable[people.Invitation], kind: Kind) -> int:
    """Note that these people's letters were sent today; returns how many."""
    day, ids = today().isoformat(), [i.id for i in invitations]
    values: dict[str, Any] = {"sent": day}
    if kind == "remind":
        values = {"reminded": day, "reminders": INVITATION.c.reminders + 1}
    done = 0
    with store.people.write() as con:
        for at in range(0, len(ids), 500):
            some = INVITATION.c.id.in_(ids[at : at + 500])
            done += con.execute(update(INVITATION).where(some).values(**values)).rowcount
    return done


def own_text(store: Store, kind: Kind) -> str | None:
    """The organiser's own letter, or None."""
    with store.people.read() as con:
        return setting(con, PEOPLE_SETTING, f"text {kind}") or None


def set_own_text(store: Store, kind: Kind, text: str) -> None:
    """Keep the organiser's own letter; an empty one brings ours back.

    Raises:
        InputError: if the text holds an unknown $word, or no $link.
    """
    text = text.replace("\r\n", "\n").strip()
    if text:
        letters.checked(text)
    with store.people.write() as con:
        put_setting(con, PEOPLE_SETTING, f"text {kind}", f"{text}\n" if text else "")


def remember_url(store: Store, url: str) -> None:
    """Keep how people reach the server, so that commands can write links."""
    with store.people.read() as con:
        if setting(con, PEOPLE_SETTING, "url") == url:
            return
    with store.people.write() as con:
        put_setting(con, PEOPLE_SETTING, "url", url)


def known_url(store: Store) -> str | None:
    """How people reached the server when it ran last."""
    with store.people.read() as con:
        return con.execute(
            select(PEOPLE_SETTING.c.value).where(PEOPLE_SETTING.c.key == "url")
        ).scalar_one_or_none()


@dataclass(frozen=True)
class CategoryStatus:
    """One category.

    Attributes:
        invited: those invited for their work in it; None if nobody was.
        chosen: respondents who chose it; None for fewer than `least`.
        areas: how many it has.
        short: how many of these have fewer answers than wanted, to some question.
    """

    id: str
    name: str
    invited: counts.Invited | None
    chosen: int | None
    areas: int
    short: int


@dataclass(frozen=True)
class AreaStatus:
    """One area.

    Attributes:
        answered, dont_know: by question; None for fewer than `least`, but at least one.
        short: whether some question has, as far as is shown, fewer answers than wanted.
    """

    id: str
    name: str
    category: str
    answered: dict[str, int | None]
    dont_know: dict[str, int | None]
    short: bool


@dataclass(frozen=True, repr=False)
class Status:
    """Where a survey stands.

    Attributes:
        least: counts of answers below it, and above 0, are not shown; 1 once the survey is closed.
        wanted: answers that each area should have.
        day: when answers were counted last; None: fewer than `least` have come.
    """

    title: str
    window: Window
    invited: counts.Invited
    came: counts.Came
    categories: tuple[CategoryStatus, ...]
    areas: tuple[AreaStatus, ...]
    least: int
    wanted: int
    day: str | None

    def __repr__(self) -> str:
        came = f"{self.came.came} came, {self.came.finished} finished"
        if self.day is None:
            came = f"fewer than {self.least} came"
        return (
            f"{one_line(self.title, 80)} (round {self.window.round}, {self.window.state}): "
            f"{self.invited.used} of {self.invited.invited} links used; {came}; {self.short} of "
            f"{len(self.areas)} areas have fewer than {self.wanted} answers"
        )

    @property
    def short(self) -> int:
        """Areas with fewer answers than wanted."""
        return sum(a.short for a in self.areas)

    def to_dict(self) -> dict[str, Any]:
        """Plain data; null counts of answers stand for 1 to `least` - 1."""
        w = self.window
        return {
            "title": self.title,
            "window": {
                "round": w.round, "state": w.state,
                "opens": None if w.opens is None else w.opens.isoformat(),
                "closes": None if w.closes is None else w.closes.isoformat(),
            },
            "invited": self.invited.to_dict(), "respondents": vars(self.came).copy(),
            "least": self.least, "wanted": self.wanted, "counted": self.day, "short": self.short,
            "categories": [
                {**vars(c), "invited": None if c.invited is None else c.invited.to_dict()}
                for c in self.categories
            ],
            "areas": [vars(a).copy() for a in self.areas],
        }  # fmt: skip


def status(store: Store, *, wanted: int = WANTED, on: date | None = None) -> Status:
    """Where a survey stands."""
    everybody, by_category = counts.invited(store, on=on)
    found = counts.counted(store, on=on)
    by_area: dict[str, list[counts.Cell]] = {}
    for cell in found.cells:
        by_area.setdefault(cell.area, []).append(cell)
    areas = []
    for id, area in store.areas.area.items():
        cells = by_area.get(id, [])
        # What is hidden is below `least`; it may have as many as wanted only if that is lower.
        most = [found.least - 1 if c.answered is None else c.answered for c in cells]
        areas.append(
            AreaStatus(
                id, area.name, store.areas.category_of[id],
                {c.question: c.answered for c in cells}, {c.question: c.dont_know for c in cells},
                any(n < wanted for n in most),
            )
        )  # fmt: skip
    short = [a.category for a in areas if a.short]
    return Status(
        store.survey.title, store.window(), everybody, found.came,
        tuple(
            CategoryStatus(
                c.id, c.name, by_category.get(c.id), found.chosen[c.id], len(c.areas),
                short.count(c.id),
            )
            for c in store.areas.categories
        ),
        tuple(areas), found.least, wanted, found.day,
    )  # fmt: skip
