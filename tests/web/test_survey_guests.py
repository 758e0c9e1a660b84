"""Are the people in a table read right, and can their letters be sent as they are?"""

from __future__ import annotations

import contextlib
import csv
import email
import email.policy
import io
import mailbox
import zipfile

import pytest

from calibrant.errors import InputError
from calibrant.web.survey.organising import letters
from calibrant.web.survey.organising.guests import Guest, guests_in, read_guests

CATEGORIES = ("1", "4", "7")


def test_a_table_of_people(tmp_path):
    path = tmp_path / "people.csv"
    path.write_bytes(
        "\ufeffName;E-Mail;Categories\r\nAna Müller;ana@example.org;4, 7\r\n"
        ";ben@example.org;\r\n".encode()
    )
    assert read_guests(path, CATEGORIES) == (
        Guest("Ana Müller", "ana@example.org", ("4", "7")),
        Guest("", "ben@example.org"),
    )
    # As a spreadsheet copies cells, and as Excel saves "Unicode text".
    table = "email\tname\nana@example.org\tAna\n"
    found = (Guest("Ana", "ana@example.org"),)
    assert guests_in(table) == guests_in(table.encode("utf-16")) == found
    assert guests_in("a@example.org\n\nb@example.org\n") == (
        Guest("", "a@example.org"), Guest("", "b@example.org")
    )  # fmt: skip


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("", "nobody in it"),
        ("name,email\n", "nobody in it"),
        ("name\nAna\n", "no column email; wanted a first line such as name,email,categories"),
        ("email,phone\na@b.org,1\n", "column 'phone'; wanted only name, email"),
        ("email,email\na@b.org,a@b.org\n", "there twice"),
        ("email\na@b.org\nnobody\n", "line 3: email: wanted an address, got 'nobody'"),
        ("name,email\nA,=cmd@b.org\n", "line 2: email"),
        ("name,email\nA,a@b\n", "line 2: email"),
        ("name,email\nA,\"a@b.org\nBcc: x@y.org\"\n", "line 3: email"),
        ("email\na@b.org\nA@B.org\n", "line 3: A@B.org is on line 2 already"),
        ("email,categories\na@b.org,9\n", "line 2: categories: no '9'; there are 1, 4, 7"),
        ("email,categories\na@b.org,4,7\n", 'line 2: 3 cells under 2 headings.*"4,7"'),
        (b"email\n\xff\xe9@b.org\n", "not UTF-8 text"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(table, problem):
    with pytest.raises(InputError, match=problem):
        guests_in(table, CATEGORIES, "people.csv")


def test_many_wrong_rows_are_told_at_once():
    with pytest.raises(InputError) as e:
        guests_in("email\n" + "x\n" * 8, where="people.csv")
    said = str(e.value)
    assert said.startswith("people.csv: line 2: ") and said.endswith("; and 3 more")
    assert "line 6" in said and "line 7" not in said


LINK = "https://survey.example.org/enter/abc.def"


def some(name="=1+1 \u202eAna\r\nBcc: evil@example.org"):
    return letters.letter(name, "ana@example.org", LINK, "2026-12-24", "What\nmatters <b>")


def test_a_letter_says_what_is_needed():
    one = some("Ana")
    assert one.text.startswith("Dear Ana,") and f"\n{LINK}\n" in one.text
    assert "2026-12-24" in one.text and one.subject == "Your invitation: What matters <b>"
    assert "Dear colleague," in letters.letter("", "a@b.org", LINK, "", "T", kind="remind").text
    own = letters.letter("Ana", "a@b.org", LINK, "x", "T", text="$name: $link costs $$5")
    assert own.text == f"Ana: {LINK} costs $5"


@pytest.mark.parametrize(
    ("text", "problem"),
    [("Hello", r"no \$link"), ("$link $nmae", r"\$nmae is unknown"), ("$link $", "begins no word")],
)
def test_a_text_that_would_not_do(text, problem):
    with pytest.raises(InputError, match=problem):
        letters.checked(text)


def test_letters_open_in_mail_programs(tmp_path):
    both = [some(), some("Ben")]
    box = tmp_path / "letters.mbox"
    box.write_bytes(letters.as_mbox(both, "organiser@example.org"))
    with contextlib.closing(mailbox.mbox(box, create=False)) as folder:
        found = list(folder)
    assert len(found) == 2
    with zipfile.ZipFile(io.BytesIO(letters.as_zip(both))) as folder:
        assert folder.namelist() == ["00001.eml", "00002.eml"]
        raw = folder.read("00001.eml")
    for data in (found[0].as_bytes(), raw):
        mail = email.message_from_bytes(data, policy=email.policy.default)
        # One recipient, and no line of a name became a header.
        assert [a.addr_spec for a in mail["To"].addresses] == ["ana@example.org"]
        assert mail["Bcc"] is None and LINK in mail.get_content()
    with pytest.raises(InputError, match="--from: 'nobody' is no address"):
        letters.as_mbox(both, "nobody")


def test_the_table_for_mail_merge_holds_no_formula():
    rows = list(csv.DictReader(io.StringIO(letters.as_csv([some()]).decode())))
    assert len(rows) == 1 and rows[0]["link"] == LINK and rows[0]["email"] == "ana@example.org"
    assert rows[0]["name"].startswith("'=1+1")
    assert all(v[:1] not in "=+-@\t\r" for row in rows for v in row.values())
