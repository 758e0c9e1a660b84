"""Who is invited, and was the link used? The people's side, which knows no answer."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from sqlalchemy import Row, insert, select, update

from calibrant._text import one_line, storable
from calibrant.errors import InputError
from calibrant.web.survey.kept.statements import rows
from calibrant.web.survey.kept.store import Store, today
from calibrant.web.survey.kept.tables import INVITATION
from calibrant.web.tokens import name_of, new_name, sign

State = Literal["open", "used", "expired", "withdrawn"]

LONGEST = 200
"""Characters of a name or an address."""


@dataclass(frozen=True)
class Invitee:
    """Somebody to invite.

    Attributes:
        categories: ids of those for whose work the person is invited; for response rates only.
    """

    name: str = ""
    email: str = ""
    note: str = ""
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Invitation:
    """A personal invitation.

    Attributes:
        state: "used" says that its link was used, not by which respondent, nor when.
        created, expires, sent, reminded: days; the last two are None until they happen.
        path: the link's address on the server.
    """

    id: str
    name: str
    email: str
    note: str
    categories: tuple[str, ...]
    created: date
    expires: date
    sent: date | None
    reminded: date | None
    reminders: int
    state: State
    path: str


def invite(
    store: Store, invitees: Iterable[Invitee], *, on: date | None = None
) -> list[Invitation]:
    """Make personal links, in the order given, in one transaction.

    Raises:
        InputError: if a name or an address holds other than plain characters, or a category is
            none of the survey's; nobody is invited then.
    """
    on = on or today()
    expires = on + timedelta(days=store.survey.invitations.days)
    made = [
        {
            "id": new_name(), "name": _plain(who.name, i, "name"),
            "email": _plain(who.email, i, "email"), "note": storable(who.note)[:2000],
            "categories": ",".join(_categories(store, who.categories, i)),
            "created": on.isoformat(), "expires": expires.isoformat(),
        }
        for i, who in enumerate(invitees, start=1)
    ]  # fmt: skip
    if made:
        with store.people.write() as con:
            con.execute(insert(INVITATION), made)
    by_id = {i.id: i for i in invitations(store, on=on)}
    return [by_id[m["id"]] for m in made]


def _plain(text: str, i: int, what: str) -> str:
    text = text.strip()
    if text != one_line(text, LONGEST):
        raise InputError(
            f"invitation {i}: {what} {one_line(text, 60)!r}: wanted at most {LONGEST} plain "
            "characters"
        )
    return text


def _categories(store: Store, ids: tuple[str, ...], i: int) -> tuple[str, ...]:
    for c in ids:
        if c not in store.areas.category:
            raise InputError(
                f"invitation {i}: category {one_line(c, 40)!r}: wanted one of "
                f"{one_line(', '.join(store.areas.category))}"
            )
    return ids


def invitations(store: Store, *, on: date | None = None) -> list[Invitation]:
    """Every invitation, by name."""
    with store.people.read() as con:
        rows = con.execute(select(INVITATION)).fetchall()
    found = [_invitation(store, row, on or today()) for row in rows]
    return sorted(found, key=lambda i: (i.name.casefold(), i.email.casefold(), i.id))


def _invitation(store: Store, row: Row[Any], on: date) -> Invitation:
    return Invitation(
        row.id, row.name, row.email, row.note, tuple(filter(None, row.categories.split(","))),
        date.fromisoformat(row.created), date.fromisoformat(row.expires), _day(row.sent),
        _day(row.reminded), row.reminders, _state(row, on),
        f"/enter/{sign(store.people_secret, 'invitation', row.id)}",
    )  # fmt: skip


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _state(row: Row[Any], on: date) -> State:
    if row.withdrawn:
        return "withdrawn"
    if row.used:
        return "used"
    return "expired" if on.isoformat() > row.expires else "open"


_COLUMNS = tuple(c.name for c in INVITATION.columns)


def invitation_of(store: Store, token: str, *, on: date | None = None) -> Invitation | None:
    """The invitation of a link; None if this survey made no such link."""
    name = name_of(store.people_secret, "invitation", token)
    if name is None:
        return None
    with store.people.read() as con:
        found = rows(con, INVITATION, _COLUMNS, id=name)
    return _invitation(store, found[0], on or today()) if found else None


def use(store: Store, invitation: Invitation, *, on: date | None = None) -> bool:
    """Note that a link was used; False if it was used before, withdrawn, or expired meanwhile.

    One statement decides who is first.
    """
    with store.people.write() as con:
        done = con.execute(
            update(INVITATION)
            .where(
                INVITATION.c.id == invitation.id, INVITATION.c.used.is_(False),
                INVITATION.c.withdrawn.is_(False),
                INVITATION.c.expires >= (on or today()).isoformat(),
            )
            .values(used=True)
        )  # fmt: skip
    return done.rowcount == 1


def unuse(store: Store, invitation: Invitation) -> None:
    """Take back `use`, where coming in failed after it."""
    _change(store, invitation.id, used=False)


def withdraw(store: Store, id: str) -> None:
    """Let an invitation's link work no more; whoever came in by it before stays in.

    Raises:
        InputError: if there is no such invitation.
    """
    _change(store, id, withdrawn=True)


def renew(store: Store, id: str, *, on: date | None = None) -> Invitation:
    """A fresh link for the same person, in place of the old one, which works no more.

    Whoever used the old link and answered is not found again by it: a fresh link begins anew.

    Raises:
        InputError: if there is no such invitation.
    """
    on = on or today()
    fresh = new_name()
    expires = on + timedelta(days=store.survey.invitations.days)
    _change(
        store, id, id=fresh, used=False, withdrawn=False, created=on.isoformat(),
        expires=expires.isoformat(), sent="", reminded="", reminders=0,
    )  # fmt: skip
    return next(i for i in invitations(store, on=on) if i.id == fresh)


def _change(store: Store, which: str, **values: Any) -> None:
    with store.people.write() as con:
        done = con.execute(update(INVITATION).where(INVITATION.c.id == which).values(**values))
    if done.rowcount != 1:
        raise InputError(f"no invitation {one_line(which, 60)!r}")


# -- links for all, and for the organiser ------------------------------------


def open_path(store: Store) -> str | None:
    """The address of the link for everyone; None if the survey has none."""
    if not store.survey.invitations.open_link:
        return None
    return f"/join/{sign(store.people_secret, 'open', store.open_name)}"


def is_open_link(store: Store, token: str) -> bool:
    """Whether this is the link for everyone."""
    return store.survey.invitations.open_link and _same(
        name_of(store.people_secret, "open", token), store.open_name
    )


def organiser_path(store: Store) -> str:
    """The address of the organiser's link."""
    return f"/organise/enter/{sign(store.people_secret, 'organiser', store.organiser)}"


def organiser_session(store: Store, token: str) -> str | None:
    """What the organiser's cookie holds, for the token of the organiser's link; None for others."""
    if not _same(name_of(store.people_secret, "organiser", token), store.organiser):
        return None
    return sign(store.people_secret, "organiser session", store.organiser)


def is_organiser(store: Store, cookie: str | None) -> bool:
    """Whether a cookie is the organiser's."""
    return cookie is not None and _same(
        name_of(store.people_secret, "organiser session", cookie), store.organiser
    )


def organiser_form(store: Store) -> str:
    """What every form of the organiser carries."""
    return sign(store.people_secret, "organiser form", store.organiser)


def is_organiser_form(store: Store, token: str) -> bool:
    """Whether a form was made for the organiser."""
    return _same(name_of(store.people_secret, "organiser form", token), store.organiser)


def _same(name: str | None, wanted: str) -> bool:
    return name is not None and hmac.compare_digest(name.encode("utf-8"), wanted.encode("utf-8"))
