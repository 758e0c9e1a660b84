"""A page that is filled in is the page that its template would make, for whatever was said."""

from __future__ import annotations

import random

import pytest

from calibrant.web.survey.kept import answers
from calibrant.web.survey.kept.answers import Copy, Said
from calibrant.web.survey.kept.sessions import Visitor
from calibrant.web.survey.pages import forms
from calibrant.web.survey.pages.rating import Rating
from calibrant.web.survey.pages.skeleton import Kept, mark, skeleton
from calibrant.web.survey.site import Site

from .surveys import come, make


@pytest.fixture
def store(tmp_path):
    with make(tmp_path) as store:
        yield store


def test_pages_filled_in_are_those_that_are_rendered(store, monkeypatch):
    monkeypatch.setattr(forms, "new_name", lambda: "tab")
    monkeypatch.setattr(forms.time, "time", lambda: 1e9)
    site, rng = Site(store), random.Random(3)
    filled, plain = Rating(site), Rating(site)
    monkeypatch.setattr(plain.kept, "get", lambda *_: None)
    states = [Said("skipped"), Said("don't know"), *(Said("answered", v) for v in range(1, 6))]
    for chosen in (("1",), ("4", "7"), ("1", "4", "7"), ("4", "7"), ("1", "7")):
        who = come(store, chosen)
        visitor = Visitor("s", who, "began", rng.random() < 0.5)
        if rng.random() < 0.7:
            answers.save_own(store, who, rng.sample(sorted(store.areas.area), 2), Copy(0, "o"))
        for id in chosen:
            category = store.areas.category[id]
            cells = [(a.id, q.id) for a in category.areas for q in store.survey.questions]
            said = {c: rng.choice(states) for c in cells if rng.random() < 0.8}
            words = {"missing": rng.choice(["", "<b>\ue000form\ue001 & \" checked\n'"])}
            answers.save_sheet(store, who, id, said, words, Copy(0, "t"))
            for saved in ("", "7"):
                pages = [r.show(visitor, category, saved=saved).body for r in (filled, plain)]
                assert pages[0] == pages[1]
    store.set_door("closed")
    assert filled.show(visitor, category).body == plain.show(visitor, category).body
    kept = filled.kept._found.values()
    assert len(kept) > 5 and all(kept)


def test_a_template_that_does_not_keep_to_it_is_not_cut():
    def page(now, more=""):
        checked = " checked" if now.get("a") == "1" else ""
        return f'<input type="radio" id="a:1" name="a" value="1"{checked}>{mark("name")}{more}'

    choices = {("a", "1"): None}
    found = skeleton(page, choices, {"name"})
    assert found is not None
    assert found.fill({"a": "1"}, {"name": "<x>"}).endswith('value="1" checked>&lt;x&gt;')
    assert found.fill({"a": "2"}, {"name": ""}).endswith('value="1">')
    # Other than what is checked, a place too few, and a text that nobody promised.
    assert skeleton(lambda now: page(now, str(len(now))), choices, {"name"}) is None
    assert skeleton(page, {**choices, ("a", "2"): None}, {"name"}) is None
    assert skeleton(page, choices, {"other"}) is None


def test_pages_longest_unused_are_forgotten():
    kept, made = Kept(2), []
    for key in "abacb":
        kept.get(key, lambda key=key: made.append(key))
    assert made == ["a", "b", "c", "b"]
