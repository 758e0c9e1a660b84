"""Does a rater see what should be seen and nothing else, and does everything that was sent stay?"""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from calibrant.web.labelling import people
from calibrant.web.labelling.said import markdown
from calibrant.web.labelling.scheme import pairwise, scale
from calibrant.web.security import HEADERS, LARGEST_BODY

from .conftest import URL, Inputs, answers


def test_all_items_without_scripts(desk):
    ana = desk.rater("ana")
    ana.open()
    seen = []
    for value in ("yes", "no", "unsure") * 2:
        seen.append(ana.position)
        ana.send(label=value, note=f"because {value}")
    assert seen == [1, 2, 3, 4, 5, 6]
    assert ana.page.url.path == "/labels" and "That was the last item" in ana.page.text
    rows = desk.rows()
    assert [r["label"] for r in rows] == ["yes", "no", "unsure"] * 2
    assert [r["note"] for r in rows][:2] == ["because yes", "because no"]
    assert [r["position"] for r in rows] == seen
    assert len({r["item"] for r in rows}) == 6 and {r["grader"] for r in rows} == {"ana"}
    assert all(0 < r["seconds"] < 60 for r in rows)


def test_nothing_that_names_item_subject_or_other_raters(desk):
    ana, ben = desk.rater("ana"), desk.rater("ben")
    ben.open()
    ben.send(label="no", note="ben was here")
    for path in ("/", "/next", "/labels", "/item/1", "/item/1/whole/1", "/item/1/whole/question"):
        text = ana.open(path).text
        assert "secret" not in text and "ben" not in text, path
    assert "1 of" not in ana.open("/").text


def test_pairs_hide_who_is_who_and_keep_the_choice(desk_of):
    desk = desk_of(answers(8, "ab", say="Said by {s}."), pairwise(), raters=("ana", "ben"),
                   per_item=2)  # fmt: skip
    for name in ("ana", "ben"):
        rater = desk.rater(name)
        rater.open()
        for _ in range(8):
            first, second = re.findall(r"Said by (.)\.", rater.page.text)
            assert {first, second} == {"a", "b"}
            # The better one is always b, wherever it stands.
            rater.send(label="first" if first == "b" else "second")
    rows = desk.rows()
    assert {r["label"] for r in rows} == {"right"}
    assert {(r["subject"], r["other"]) for r in rows} == {("secret-subject-a", "secret-subject-b")}
    for who in ("ana", "ben"):
        orders = [r["order"] for r in rows if r["grader"] == who]
        assert sorted(orders) == ["straight"] * 4 + ["swapped"] * 4
    for item in {r["item"] for r in rows}:
        assert {r["order"] for r in rows if r["item"] == item} == {"straight", "swapped"}


def test_two_clicks_are_one_label_and_a_change_is_a_revision(desk):
    ana = desk.rater("ana")
    ana.open("/item/3")
    form = {k: ana.fields[k] for k in ("form", "nonce")}
    for _ in range(3):
        ana.client.post("/item/3", data={**form, "label": "yes"})
    assert [r["label"] for r in desk.rows()] == ["yes"]
    # The browser's back button brings the same form, with which another label may be sent.
    ana.client.post("/item/3", data={**form, "label": "no"})
    ana.open("/item/3")
    assert "Your label now: <b>no</b>" in ana.page.text
    pressed = [a for t, a in Inputs(ana.page.text).tags if a.get("aria-pressed") == "true"]
    assert [a["value"] for a in pressed] == ["no"]
    ana.send(label="yes", note="changed my mind")
    assert [(r["label"], r["revision"]) for r in desk.rows()] == [("yes", 1), ("no", 2), ("yes", 3)]
    (last,) = desk.rows(history=False)
    assert (last["label"], last["note"], last["revision"]) == ("yes", "changed my mind", 3)


def test_what_was_saved_is_said_and_can_be_changed(desk):
    ana = desk.rater("ana")
    ana.open()
    ana.send(label="unsure")
    assert "Saved for item 1: <b>unsure</b>" in ana.page.text
    assert '<a href="/item/1"' in ana.page.text


def test_cannot_judge_and_skip_are_no_labels(desk):
    ana = desk.rater("ana")
    ana.open()
    ana.send(cannot="1", note="the text is cut")
    assert ana.position == 2
    assert ana.send(skip="1", note=" ").status_code == 422
    ana.open("/item/2")
    ana.send(skip="1", note="I know the author")
    assert ana.position == 3
    found = [(r["state"], r["label"], r["note"]) for r in desk.rows()]
    assert found == [
        ("cannot judge", None, "the text is cut"), ("skipped", None, "I know the author"),
    ]  # fmt: skip
    text = ana.open("/labels").text
    assert "cannot judge" in text and "skipped" in text
    progress = desk.store.progress(1)
    assert (progress.labelled, progress.cannot, progress.skipped, progress.assigned) == (0, 1, 1, 6)


@pytest.mark.parametrize(
    "said", [{}, {"label": ""}, {"label": "maybe"}, {"label": "YES"}, {"label": "first"}]
)
def test_only_labels_of_the_scheme(desk, said):
    ana = desk.rater("ana")
    ana.open()
    assert ana.send(**said).status_code == 422
    assert desk.rows() == []


def test_scale(desk_of):
    desk = desk_of(answers(2), scale("0-10"))
    ana = desk.rater("ana")
    ana.open()
    sent = [a["value"] for t, a in Inputs(ana.page.text).tags if a.get("name") == "label"]
    assert sent == [str(i) for i in range(11)]
    keys = [a["data-key"] for t, a in Inputs(ana.page.text).tags if "data-key" in a]
    assert len(keys) == len(set(keys))
    ana.send(label="10")
    assert desk.rows()[0]["label"] == "10"


def test_time_is_of_the_form_that_was_sent(desk, monkeypatch):
    from calibrant.web.labelling import store as module

    clock = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    ana = desk.rater("ana")
    ana.open()
    clock[0] += 7.5
    ana.send(label="yes")
    clock[0] += 40
    ana.open("/item/1")
    clock[0] += 2
    ana.send(label="no")
    assert [r["seconds"] for r in desk.rows()] == [7.5, 2.0]
    # After a restart the clock is another one.
    ana.open("/item/1")
    desk.store.run = "another"
    ana.send(label="yes")
    assert desk.rows()[-1]["seconds"] is None


# -- links ------------------------------------------------------------------


def test_a_link_works_once_and_looking_at_it_does_not_count(desk):
    (link,) = [k for k in people.links(desk.store) if k.rater == "ana"]
    first, second = desk.client(), desk.client()
    for _ in range(3):  # a chat program's preview
        assert second.get(link.path).status_code == 200
    assert first.post(link.path).status_code == 200
    assert second.get(link.path).status_code == 410
    assert second.post(link.path).status_code == 410
    assert second.get("/next").status_code == 401
    assert first.get(link.path).url.path == "/"  # the same browser goes on
    fresh = people.new_link(desk.store, "ana")
    assert second.post(fresh.path).status_code == 200
    assert first.get("/labels").status_code == 200


def test_a_fresh_link_replaces_the_unused_one(desk):
    (old,) = [k for k in people.links(desk.store) if k.rater == "ben"]
    people.new_link(desk.store, "ben")
    assert desk.client().post(old.path).status_code == 404


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1] + ("A" if t[-1] != "A" else "B"), lambda t: "x" + t,
               lambda t: t.partition(".")[0], lambda t: "", lambda t: "ä.ö",
               lambda t: t.partition(".")[0] + "."],
)  # fmt: skip
def test_a_changed_token_opens_nothing(desk, change):
    (link,) = [k for k in people.links(desk.store) if k.rater == "ana"]
    client = desk.client()
    assert client.post(f"/enter/{change(link.token)}").status_code == 404
    rater = desk.rater("ana")
    (cookie,) = rater.client.cookies.jar
    assert people.visitor(desk.store, change(cookie.value), "rater") is None


def test_tokens_are_for_one_purpose(desk):
    tokens = {k.kind: k.token for k in people.links(desk.store) if k.rater in (None, "ana")}
    client = desk.client()
    assert client.get(f"/admin/enter/{tokens['rater']}").status_code == 404
    assert client.get(f"/enter/{tokens['admin']}").status_code == 404
    ana = desk.rater("ana")
    (cookie,) = ana.client.cookies.jar
    client.cookies.set("calibrant_admin", cookie.value)
    assert client.get("/admin").status_code == 401
    assert ana.client.get("/admin").status_code == 401


def test_cookies_are_out_of_reach(desk):
    ana = desk.rater("ana")
    client = desk.client()
    (link,) = [k for k in people.links(desk.store) if k.rater == "ben"]
    said = client.post(link.path, follow_redirects=False).headers["set-cookie"]
    assert "HttpOnly" in said and "SameSite=lax" in said and "Secure" not in said
    assert ana.client.cookies["calibrant_rater"] not in ana.open("/").text


# -- protection -------------------------------------------------------------


def test_every_answer_has_the_headers(desk):
    ana, admin = desk.rater("ana"), desk.admin()
    style = re.search(r"/static/style\.\w+\.css", ana.open("/").text)[0]
    answers_ = [ana.client.get(p) for p in ("/", "/next", "/labels", "/nowhere", style, "/item/x")]
    answers_ += [admin.get("/admin"), admin.get("/admin/download/labels.csv")]
    answers_ += [desk.client().get("/"), ana.client.put("/"), ana.client.post("/item/1")]
    for answer in answers_:
        for name, value in HEADERS.items():
            assert answer.headers[name] == value, (answer.url, name)
        kept = "immutable" in answer.headers["cache-control"]
        assert kept == (answer.url.path == style)
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "script-src 'self'" in HEADERS["content-security-policy"]
    assert "unsafe" not in HEADERS["content-security-policy"]


def test_pages_hold_no_inline_script_or_style(desk):
    ana, admin = desk.rater("ana"), desk.admin()
    ana.open()
    ana.send(label="yes")
    pages = [ana.open(p).text for p in ("/", "/next", "/labels", "/item/1/whole/1")]
    pages += [admin.get(p).text for p in ("/admin", "/admin/item/1", "/admin/item/99")]
    for text in pages:
        for tag, attributes in Inputs(text).tags:
            assert tag != "style" and "style" not in attributes
            assert tag != "script" or attributes["src"].startswith("/static/")
            assert not [a for a in attributes if a.startswith("on")]
            for name in ("src", "href", "action"):
                assert attributes.get(name, "/")[:1] in "/#"


@pytest.mark.parametrize("headers", [
    {"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"}, {"origin": "http://127.0.0.1:9"},
])  # fmt: skip
def test_forms_of_other_sites_are_refused(desk, headers):
    ana = desk.rater("ana")
    ana.open()
    kept = {k: ana.fields[k] for k in ("form", "nonce")}
    answer = ana.client.post("/item/1", data={**kept, "label": "yes"}, headers=headers)
    assert answer.status_code == 403 and desk.rows() == []
    own = {"origin": URL, "sec-fetch-site": "same-origin"}
    answer = ana.client.post("/item/1", data={**kept, "label": "yes"}, headers=own)
    assert answer.status_code == 200 and len(desk.rows()) == 1


def test_forms_of_other_sessions_are_refused(desk):
    ana, ben = desk.rater("ana"), desk.rater("ben")
    ana.open(), ben.open()
    stolen = {"form": ana.fields["form"], "nonce": ben.fields["nonce"], "label": "yes"}
    assert ben.client.post("/item/1", data=stolen).status_code == 403
    other = {"form": ben.fields["form"], "nonce": ana.fields["nonce"], "label": "yes"}
    assert ben.client.post("/item/1", data=other).status_code == 409
    wrong = {"form": ben.fields["form"], "nonce": ben.fields["nonce"], "label": "yes"}
    assert ben.client.post("/item/2", data=wrong).status_code == 409
    assert desk.rows() == []


def test_what_is_no_form_is_refused(desk):
    ana = desk.rater("ana")
    ana.open()
    assert ana.client.post("/item/1", json={"label": "yes"}).status_code == 400
    big = {"form": ana.fields["form"], "nonce": ana.fields["nonce"], "note": "x" * LARGEST_BODY}
    assert ana.client.post("/item/1", data=big).status_code == 413
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert ana.client.post("/item/1", content=b"\xff=1", headers=kind).status_code == 400
    many = "&".join(f"f{i}=1" for i in range(99))
    assert ana.client.post("/item/1", content=many, headers=kind).status_code == 400

    def chunks():
        yield b"label=yes"

    assert ana.client.post("/item/1", content=chunks(), headers=kind).status_code == 411
    assert ana.send(label="yes", note="x" * 10_001).status_code == 422
    assert desk.rows() == []


@pytest.mark.parametrize("path", [
    "/item/0", "/item/7", "/item/-1", "/item/99999999999999999999", "/item/x", "/item/1/whole/3",
    "/item/1/whole/2", "/item/1/whole/x", "/static/nothing.css", "/static/..%2fstyle.css", "/docs",
    "/openapi.json", "/enter/x", "/admin/enter/x", "/%00", "/item/1%00",
])  # fmt: skip
def test_what_is_not_there_is_a_page(desk, path):
    answer = desk.rater("ana").client.get(path)
    assert answer.status_code == 404
    assert "Nothing here" in answer.text or "Unknown link" in answer.text


@pytest.mark.parametrize("path", [
    "/next?after=-5", "/next?after=99999999999999999999", "/labels?done=1",
    "/item/1?saved=99999999999999999999",
])  # fmt: skip
def test_odd_numbers_do_no_harm(desk, path):
    assert desk.rater("ana").client.get(path).status_code == 200


def test_only_names_that_were_meant(desk_of, tmp_path):
    from .conftest import Desk

    path = desk_of(answers()).store.path
    desk = Desk(path, hosts=("127.0.0.1", "localhost"))
    client = desk.client()
    assert client.get("/", headers={"host": "127.0.0.1:8765"}).status_code == 401
    assert client.get("/", headers={"host": "localhost"}).status_code == 401
    # A name of somebody else's that resolves to this machine.
    assert client.get("/", headers={"host": "evil.example:8765"}).status_code == 421
    client.close()
    desk.store.close()


def test_behind_a_proxy_that_calls_the_server_by_another_name(desk):
    from calibrant.web.labelling.app import Site, build

    app = build(Site(desk.store, "https://labels.example.org"), ("127.0.0.1", "labels.example.org"))
    (link,) = [k for k in people.links(desk.store) if k.rater == "ana"]
    with TestClient(app, base_url="http://127.0.0.1:8765") as client:
        for origin, code in (("https://evil.example", 403), ("http://labels.example.org", 403),
                             ("https://labels.example.org", 303)):  # fmt: skip
            answer = client.post(link.path, headers={"origin": origin}, follow_redirects=False)
            assert answer.status_code == code
    assert "Secure" in answer.headers["set-cookie"]


def test_instructions_run_nothing():
    text = markdown(
        "# Big\n<script>x</script> [a](javascript:alert(1)) ![p](http://x/p.png) *b* \x1b"
    )
    assert "<h2>Big</h2>" in text and "<em>b</em>" in text
    for bad in ("<script", "<img", 'href="javascript', "\x1b"):
        assert bad not in text


def test_closed_takes_nothing_and_says_so(desk):
    ana = desk.rater("ana")
    ana.open()
    desk.store.set_closed(closed=True)
    answer = ana.send(label="yes")
    assert answer.status_code == 409 and "was not saved" in answer.text
    assert "closed" in ana.open("/item/1").text
    assert not [a for t, a in Inputs(ana.page.text).tags if a.get("name") == "label"]
    assert desk.rows() == []
    desk.store.set_closed(closed=False)
    ana.open("/item/1")
    ana.send(label="yes")
    assert len(desk.rows()) == 1
