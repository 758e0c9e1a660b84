"""What do the people who are invited read? Texts ready to send by whatever program sends mail.

calibrant sends no mail itself: an organiser's own address is trusted, and a server's is not.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from string import Template

from calibrant._text import one_line, storable
from calibrant.errors import InputError
from calibrant.report.exports.csv import cell

# A paragraph is a line: mail programs fold them.
_PARAGRAPHS = {
    "invite": (
        "Dear $name,",
        "You are invited to the survey “$title”.",
        "Your own link, which works once:",
        "$link",
        "It works until $expires. After you have opened it you can leave, come back and change "
        "your answers, with a second link that the survey shows you. Your answers are kept apart "
        "from your name and address: nothing that is stored joins the two.",
    ),
    "remind": (
        "Dear $name,",
        "You were sent a link to the survey “$title”, and it has not been used so far. If "
        "you would still like to take part, it works until $expires:",
        "$link",
        "We know whether a link was opened, and nothing that is stored says by whom an answer was "
        "given. If you have no time for this, please pass over this letter.",
    ),
}

SUBJECTS = {"invite": "Your invitation: $title", "remind": "A reminder: $title"}
TEXTS = {kind: "\n\n".join(said) + "\n" for kind, said in _PARAGRAPHS.items()}
"""What is written to people; $words are filled in."""

WORDS = ("name", "email", "title", "link", "expires")
"""What a text of one's own may hold, each as $word."""


@dataclass(frozen=True)
class Letter:
    """One letter.

    Attributes:
        link: the whole address.
        expires: the last day on which it works, such as 2026-11-22.
    """

    name: str
    email: str
    link: str
    expires: str
    subject: str
    text: str


def checked(text: str) -> Template:
    """A text of the organiser's own.

    Raises:
        InputError: if it holds an unknown $word, or no $link.
    """
    template = Template(storable(text))
    if not template.is_valid():
        raise InputError("the text: a $ that begins no word; write $$ for a dollar sign")
    said = set(template.get_identifiers())
    unknown = sorted(said - set(WORDS))
    if unknown:
        raise InputError(
            f"the text: ${one_line(unknown[0], 40)} is unknown; wanted "
            f"{', '.join('$' + w for w in WORDS)}"
        )
    if "link" not in said:
        raise InputError("the text: no $link, so nobody could follow it")
    return template


def letter(
    name: str, email: str, link: str, expires: str, title: str, *, kind: str = "invite",
    text: str | None = None,
) -> Letter:  # fmt: skip
    """The letter to one person; kind is "invite" or "remind".

    Raises:
        InputError: if `text` is wrong, see `checked`.
    """
    words = {
        "name": one_line(name) or "colleague", "email": email, "title": one_line(title),
        "link": link, "expires": expires,
    }  # fmt: skip
    template = checked(TEXTS[kind] if text is None else text)
    subject = one_line(Template(SUBJECTS[kind]).substitute(words))
    return Letter(name, email, link, expires, subject, template.substitute(words))


def as_csv(letters: Iterable[Letter]) -> bytes:
    """A table for mail merge; nothing in it is taken for a formula by a spreadsheet."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["name", "email", "link", "expires", "subject", "text"])
    for one in letters:
        row = (one.name, one.email, one.link, one.expires, one.subject, one.text)
        writer.writerow([cell(v) for v in row])
    return out.getvalue().encode("utf-8")


def message(one: Letter, sender: str = "") -> bytes:
    """A letter as a mail program opens it, ready to send (RFC 5322, X-Unsent).

    Raises:
        InputError: if `sender` is no address.
    """
    mail = EmailMessage(policy=SMTP)
    mail["To"] = _address(one.name, one.email)
    if sender:
        mail["From"] = checked_sender(sender)
    mail["Subject"] = one.subject
    mail["X-Unsent"] = "1"
    mail.set_content(one.text)
    return mail.as_bytes()


def checked_sender(sender: str) -> Address | None:
    """Who writes; None if that is left open.

    Raises:
        InputError: if it is no address.
    """
    if not sender:
        return None
    try:
        return _address("", sender)
    except (ValueError, IndexError, HeaderParseError) as e:
        raise InputError(f"--from: {one_line(sender, 80)!r} is no address") from e


def _address(name: str, email: str) -> Address:
    return Address(display_name=one_line(name), addr_spec=email)


def as_mbox(letters: Sequence[Letter], sender: str = "") -> bytes:
    """All letters in one file that mail programs import (mboxrd)."""
    out = []
    for one in letters:
        body = message(one, sender).replace(b"\r\n", b"\n")
        body = re.sub(rb"^(>*From )", rb">\1", body, flags=re.MULTILINE)
        out.append(b"From - Thu Jan  1 00:00:00 1970\n" + body + b"\n")
    return b"".join(out)


def as_zip(letters: Sequence[Letter], sender: str = "") -> bytes:
    """Each letter as a file .eml, in a ZIP file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as folder:
        for i, one in enumerate(letters, 1):
            # A fixed date, so that the same letters are the same file.
            info = zipfile.ZipInfo(f"{i:05}.eml", (1980, 1, 1, 0, 0, 0))
            folder.writestr(info, message(one, sender), zipfile.ZIP_DEFLATED)
    return out.getvalue()
