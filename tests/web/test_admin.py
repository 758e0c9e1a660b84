"""Does the organiser see how far it is and where raters disagree, and can take labels away?"""

from __future__ import annotations

import io
import re

import polars as pl
import pytest

from calibrant.records.comparisons import check_comparisons
from calibrant.web.labelling import export, people
from calibrant.web.labelling.scheme import pairwise
from calibrant.web.labelling.status import status

from .conftest import Inputs, answers

SAID = {
    "ana": ["yes", "yes", "no", "no", "yes", "no"],
    "ben": ["yes", "no", "no", "no", "yes", "yes"],
}


def label_all(desk, name, by_item):
    """Let a rater give each item its label, in whatever order it comes."""
    rater = desk.rater(name)
    tasks = {t.position: t.question for t in desk.store.tasks(list(SAID).index(name) + 1)}
    rater.open()
    for position in sorted(tasks):
        number = int(re.findall(r"\d+", tasks[position])[0])
        rater.open(f"/item/{position}")
        rater.send(label=by_item[number])
    return rater


@pytest.fixture
def labelled(desk_of):
    gold = {"item": ["secret-item-1"], "label": ["yes"]}
    desk = desk_of(answers(), raters=("ana", "ben"), per_item=2, gold=gold, title="A <b> title")
    for name, said in SAID.items():
        label_all(desk, name, said)
    return desk


def test_agreement_is_that_of_the_labels(labelled):
    found = status(labelled.store)
    assert (found.given, found.wanted, found.complete, found.units) == (12, 12, 6, 6)
    a = found.agreement
    assert a.percent.value == pytest.approx(4 / 6) and a.pairs == 6
    # By hand (Krippendorff 2011): of 12 labels 6 are yes; 4 of 12 coincidences differ.
    assert sum(s.count("yes") for s in SAID.values()) == 6
    assert a.alpha.value == pytest.approx(1 - (12 - 1) * 4 / (2 * 6 * 6))
    assert {d.item for d in found.disputed} == {"secret-item-1", "secret-item-5"}
    assert [(r.gold_right, r.gold_seen) for r in found.raters] == [(1, 1), (0, 1)]
    assert found.seconds_left == 0


def test_the_page_tells_it(labelled):
    admin = labelled.admin()
    page = admin.get("/admin")
    assert "12 of 12 labels" in page.text and "All done." in page.text
    assert "<b>0.67</b>" in page.text and "secret-item-5" in page.text
    assert "A &lt;b&gt; title" in page.text and "refresh" not in page.headers
    assert admin.get("/admin?live=1").headers["refresh"] == "20"
    unit = re.search(r"/admin/item/\d+", page.text)[0]
    detail = admin.get(unit).text
    assert "secret-subject-a" in detail and "ana" in detail and "ben" in detail


def test_downloads(labelled):
    admin = labelled.admin()
    csv = admin.get("/admin/download/labels.csv")
    assert csv.headers["content-disposition"] == 'attachment; filename="labels.csv"'
    table = pl.read_csv(io.BytesIO(csv.content))
    assert table.columns == list(export.LABELS) and table.height == 12
    assert table.columns[:7] == ["item", "grader", "label", "time", "seconds", "order", "note"]
    parquet = pl.read_parquet(io.BytesIO(admin.get("/admin/download/labels.parquet").content))
    assert parquet.equals(export.labels(labelled.store))
    assert admin.get("/admin/download/history.csv").status_code == 200
    assert admin.get("/admin/download/comparisons.csv").status_code == 404
    assert admin.get("/admin/download/labels.exe").status_code == 404
    assert admin.get("/admin/download/secret.csv").status_code == 404


def test_only_the_organiser(labelled):
    stranger = labelled.client()
    for path in ("/admin", "/admin/item/1", "/admin/download/labels.csv"):
        answer = stranger.get(path)
        assert answer.status_code == 401 and "secret" not in answer.text
    for path in ("/admin/close", "/admin/link"):
        assert stranger.post(path, data={"closed": "yes", "rater": "ana"}).status_code == 401
    assert labelled.admin().post("/admin/close", data={"closed": "yes"}).status_code == 403
    assert labelled.store.closed is None


def test_closing_and_opening(desk):
    admin = desk.admin()
    for word, state in (("yes", True), ("no", False)):
        form = Inputs(admin.get("/admin").text).hidden["form"]
        admin.post("/admin/close", data={"form": form, "closed": word})
        assert (desk.store.closed is not None) == state
    assert "closed" not in desk.rater("ana").open("/").text


def test_a_new_link_from_the_page(desk):
    desk.rater("ana")
    admin = desk.admin()
    form = Inputs(admin.get("/admin").text).hidden["form"]
    page = admin.post("/admin/link", data={"form": form, "rater": "ana"})
    path = re.search(r"http://127.0.0.1:8765(/enter/[\w.-]+)", page.text)[1]
    assert desk.client().post(path).status_code == 200
    assert admin.post("/admin/link", data={"form": form, "rater": "zoe"}).status_code == 404


def test_formulas_and_escapes_are_text_in_csv(desk_of):
    desk = desk_of(answers(1).with_columns(item=pl.lit("=1+1")), raters=("@ana",), per_item=1)
    ana = desk.rater("@ana")
    ana.open()
    ana.send(label="yes", note="=cmd|' /C calc'!A0\x1b[2J\u202e")
    text = export.to_bytes(export.labels(desk.store), ".csv").decode()
    assert text.splitlines()[1].startswith("'=1+1,'@ana,yes,")
    assert "\x1b" not in text and "\u202e" not in text and "'=cmd" in text
    (row,) = desk.rows()
    assert row["note"] == "=cmd|' /C calc'!A0\x1b[2J\u202e" and row["item"] == "=1+1"


def test_numbers_with_signs_stay_numbers():
    table = pl.DataFrame({"label": ["-1", "+2.5", "-1+1", "-x"]})
    assert export.to_bytes(table, ".csv") == b"label\n-1\n+2.5\n'-1+1\n'-x\n"


def test_pairs_are_comparisons(desk_of):
    desk = desk_of(answers(4, "ab", say="Said by {s}."), pairwise(), raters=("ana", "ben"),
                   per_item=2)  # fmt: skip
    for name in ("ana", "ben"):
        rater = desk.rater(name)
        rater.open()
        for said in ("tie", None, None, "cannot"):
            first = re.findall(r"Said by (.)\.", rater.page.text)[0]
            if said == "cannot":
                rater.send(cannot="1")
            else:
                rater.send(label=said or ("first" if first == "a" else "second"))
    table = export.comparisons(desk.store)
    read = check_comparisons(table)
    assert len(read) == 6 and read.names == ("secret-subject-a", "secret-subject-b")
    assert sorted(table["outcome"]) == ["left"] * 4 + ["tie"] * 2
    assert set(table["order"]) <= {"straight", "swapped"}
    assert desk.admin().get("/admin/download/comparisons.parquet").status_code == 200


# -- the open link ----------------------------------------------------------


def join(desk, name):
    (link,) = [k for k in people.links(desk.store) if k.kind == "open"]
    client = desk.client()
    return client, client.post(link.path, data={"name": name})


def test_whoever_has_the_link_joins_under_a_name(desk_of):
    desk = desk_of(answers(), raters=(), per_item=2)
    client, page = join(desk, "  Zoë   K. ")
    assert page.url.path == "/" and client.get("/next").url.path == "/item/1"
    for wrong in ("Zoë K.", "zoë k.", "", "x" * 61, "a\x1b[2Jb"):
        _, page = join(desk, wrong)
        assert page.status_code == 422, wrong
        assert 'role="alert"' in page.text and "\x1b" not in page.text
    assert "Please choose another" in join(desk, "zoë K.")[1].text


def test_open_raters_get_what_is_left(desk_of):
    desk = desk_of(answers(4), raters=(), per_item=2, at_most=3)
    counts = []
    for name in ("a", "b", "c", "d"):
        client, _ = join(desk, name)
        n = 0
        while (page := client.get("/next")).url.path.startswith("/item/"):
            hidden = Inputs(page.text).hidden
            kept = {k: hidden[k] for k in ("form", "nonce")}
            client.post(page.url.path, data={**kept, "label": "yes"})
            n += 1
        counts.append(n)
    assert counts == [3, 3, 1, 1]
    per_item = [r["item"] for r in desk.rows()]
    assert all(per_item.count(i) == 2 for i in set(per_item)) and len(per_item) == 8


def test_an_item_that_was_left_goes_to_another(desk_of, monkeypatch):
    desk = desk_of(answers(1), raters=(), per_item=1)
    first, _ = join(desk, "first")
    assert first.get("/next").url.path == "/item/1"
    second, _ = join(desk, "second")
    assert second.get("/next").url.path == "/labels"
    from datetime import timedelta

    monkeypatch.setattr(people, "RESERVED", timedelta(seconds=-1))
    assert second.get("/next").url.path == "/item/1"


@pytest.mark.slow
def test_open_pairs_are_balanced(desk_of):
    desk = desk_of(answers(9, "ab"), pairwise(), raters=(), per_item=4)
    for name in "abcd":
        client, _ = join(desk, name)
        while (page := client.get("/next")).url.path.startswith("/item/"):
            hidden = Inputs(page.text).hidden
            kept = {k: hidden[k] for k in ("form", "nonce")}
            client.post(page.url.path, data={**kept, "label": "first"})
    rows = desk.rows()
    assert len(rows) == 36
    for item in {r["item"] for r in rows}:
        orders = [r["order"] for r in rows if r["item"] == item]
        assert sorted(orders) == ["straight"] * 2 + ["swapped"] * 2
