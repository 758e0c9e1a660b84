"""Do the commands that organise a survey say what was done, and what is wrong in one line?"""

from __future__ import annotations

import csv
import json
import mailbox
from contextlib import closing

import polars as pl
import pytest

from calibrant.cli import main
from calibrant.records.ratings import as_ratings
from calibrant.web.survey.kept import people
from calibrant.web.survey.kept.store import open_survey

from ..web.surveys import come, crowd, make, say

URL = ("--url", "https://survey.example.org")


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    make(tmp_path).close()
    table = 'name,email,categories\nAna,ana@example.org,"1,4"\nBen,ben@example.org,4\n'
    (tmp_path / "people.csv").write_text(table)
    return tmp_path


def run(capsys, *args):
    with pytest.raises(SystemExit) as end:
        main(["priorities", *map(str, args)])
    out = capsys.readouterr()
    return end.value.code, out.out, out.err


def test_from_the_first_letter_to_the_table(place, capsys):
    code, out, _ = run(capsys, "invite", "survey.db", "people.csv", "-o", "l.csv", *URL)
    assert code == 0 and out == "2 invited; letters to send: 2, in l.csv\n"
    rows = list(csv.DictReader((place / "l.csv").read_text("utf-8").splitlines(keepends=True)))
    assert [r["email"] for r in rows] == ["ana@example.org", "ben@example.org"]
    assert (place / "l.csv").stat().st_mode & 0o077 == 0
    with open_survey(place / "survey.db") as store:
        token = rows[0]["link"].removeprefix("https://survey.example.org/enter/")
        found = people.invitation_of(store, token)
        assert found.email == "ana@example.org" and people.use(store, found)
        crowd(store, 4)
    code, out, _ = run(capsys, "remind", "survey.db", "-o", "r.mbox", *URL, "--json",
                       "--from", "me@example.org")  # fmt: skip
    assert code == 0 and json.loads(out) == {"letters": 1, "out": "r.mbox"}
    with closing(mailbox.mbox("r.mbox", create=False)) as box:
        assert [m["To"] for m in box] == ["Ben <ben@example.org>"]
    for more, letters in ((("--after", 1), 0), (("--at-most", 1), 0), (("--at-most", 2), 1)):
        _, out, _ = run(capsys, "remind", "survey.db", "-o", "r.zip", *URL, "--json", *more)
        assert json.loads(out)["letters"] == letters, more
    code, out, _ = run(capsys, "status", "survey.db", "--areas")
    assert code == 0 and "1 of 2 links used; 4 came, 0 finished" in out and "<3" in out
    code, out, _ = run(capsys, "status", "survey.db", "--json", "--wanted", 1)
    said = json.loads(out)
    assert said["invited"]["used"] == 1 and said["invited"]["reminded"] == 1
    assert said["respondents"]["came"] == 4 and said["window"]["state"] == "open"
    code, _, err = run(capsys, "results", "survey.db", "-o", "r.parquet")
    assert code == 2 and "still takes answers" in err
    assert run(capsys, "close", "survey.db")[1] == "round 1 is closed\n"
    code, out, _ = run(capsys, "results", "survey.db", "-o", "r.parquet")
    assert code == 0 and out == "ratings of 4 respondents in r.parquet\n"
    table = as_ratings(place / "r.parquet")
    assert table.frame.height == 4 * 9 * 2 and table.frame["state"].n_unique() == 4
    run(capsys, "results", "survey.db", "-o", "p.csv", "--table", "process")
    assert pl.read_csv("p.csv")["seconds"].unique().to_list() == [3.5]


def test_windows(place, capsys):
    _, out, _ = run(capsys, "close", "survey.db", "--until", "2999-12-24", "--json")
    assert json.loads(out) == {
        "round": 1, "state": "open", "closes": "2999-12-25T00:00+00:00"
    }  # fmt: skip
    assert run(capsys, "close", "survey.db", "--next-round")[1] == "round 2 is open\n"
    run(capsys, "close", "survey.db")
    _, out, _ = run(capsys, "close", "survey.db", "--reopen", "--until", "2999-01-01T12:00+02:00")
    assert out == "round 2 is open until 2999-01-01T10:00+00:00\n"


LETTERS = ("-o", "l.csv", *URL)


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (("invite", "none.db", "people.csv", *LETTERS), "none.db: no such file"),
        (("invite", "people.csv", "people.csv", *LETTERS), "people.csv"),
        (("invite", "survey.db", "none.csv", *LETTERS), "none.csv: cannot be read"),
        (("invite", "survey.db", "bad.csv", *LETTERS), "bad.csv: line 2: email: wanted an address"),
        (("invite", "survey.db", "people.csv", "-o", "l.csv"), "--url: how do people reach"),
        (("invite", "survey.db", "people.csv", "-o", "l.doc", *URL), "wanted a file as .csv"),
        (("invite", "survey.db", "people.csv", "-o", "no/l.csv", *URL), "no such folder"),
        (("invite", "survey.db", "people.csv", "-o", "l.csv", "--url", "x"), "--url: wanted a URL"),
        (("invite", "survey.db", "people.csv", *LETTERS, "--from", "me"), "--from: 'me' is no add"),
        (("invite", "survey.db", "people.csv", *LETTERS, "--text", "bad.csv"), "no $link"),
        (("close", "survey.db", "--until", "soon"), "--until: wanted a time such as"),
        (("close", "survey.db", "--until", "2001-01-01"), "that is over"),
        (("close", "survey.db", "--reopen", "--next-round"), "not both"),
        (("results", "survey.db", "-o", "r.csv", "--table", "names"), "wanted one of ratings"),
        (("results", "survey.db", "-o", "r.xlsx", "--while-open"), "wanted a file as .csv or .par"),
        (("status", "postgresql+nonsense://x"), "--db"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(place, capsys, args, problem):
    (place / "bad.csv").write_text("email\nnobody\n")
    code, out, err = run(capsys, *args)
    assert code == 2 and out == "" and problem in err
    assert "Traceback" not in err and len(err.strip().splitlines()) <= 3
    # Nobody was invited on the way.
    with open_survey(place / "survey.db") as store:
        assert people.invitations(store) == []


def test_comments_are_coded_from_the_database_of_a_closed_survey(place, capsys):
    with closing(open_survey("survey.db")) as store:
        who = come(store)
        say(store, who, missing="AI welfare")
        assert run(capsys, "code", "missing", "survey.db", "--question", "missing")[0] == 2
        store.set_door("closed")
    assert run(capsys, "code", "init", "codes.yaml")[0] == 0
    coders = ("--codebook", "codes.yaml", "--coder", "ana", "--coder", "ben", "-o", "sheets")
    assert run(capsys, "code", "assign", "survey.db", *coders)[0] == 0
    assert "AI welfare" in (place / "sheets" / "ana.csv").read_text()
    code, out, _ = run(capsys, "code", "missing", "survey.db", "--question", "missing")
    assert code == 0 and "AI welfare" in out
    code, out, _ = run(
        capsys, "results", "survey.db", "-o", "c.csv", "--table", "comments", "--json"
    )
    assert code == 0 and json.loads(out)["taxonomy"] == ""
