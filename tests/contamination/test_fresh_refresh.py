"""Refreshing: spoilt items give way to their like; items of other packages; releases are linked."""

import json
from importlib.util import find_spec

import numpy as np
import pytest

from calibrant.assurance.releases import link_releases
from calibrant.contamination.fresh.generate import generate
from calibrant.contamination.fresh.gym import generate_from, score_entry
from calibrant.contamination.fresh.language.reading import templates_of
from calibrant.contamination.fresh.refresh import refresh, spoilt_in
from calibrant.contamination.fresh.stream import Secret
from calibrant.errors import InputError
from calibrant.records.trials import trials_frame

SECRET = Secret(b"correct horse battery staple 7421")
SUM = {
    "name": "sum", "text": ["{a} + {b} = ?", "Add {a} and {b}."], "answer": "a + b",
    "variables": {"a": {"from": 1, "to": 999}, "b": {"from": 1, "to": 999}},
    "strata": ["carries(a, b)"],
}  # fmt: skip
PART = {**SUM, "name": "part", "text": "{a} - {b} = ?", "answer": "a - b", "strata": []}
TEMPLATES = templates_of([SUM, PART])


class Halves:
    """A small data set with the protocol of reasoning-gym: an even number, halved."""

    def __init__(self, name, seed, size=1, top=10**6):
        if name not in ("halves", "wrong", "narrow"):
            raise ValueError(f"Dataset '{name}' not registered")
        self.name, self.rng, self.top = name, np.random.default_rng(seed), top

    def __getitem__(self, idx):
        n = 4 if self.name == "narrow" else 2 * int(self.rng.integers(1, self.top))
        return {"question": f"Half of {n}?", "answer": str(n // 2),
                "metadata": {"n": np.int64(n), "pair": (n, 1)}}  # fmt: skip

    def score_answer(self, answer, entry):
        if answer is None or self.name == "wrong":
            return 0.01
        return 1.0 if answer.strip() == str(entry["metadata"]["n"] // 2) else 0.25


@pytest.fixture
def old():
    return generate(TEMPLATES, SECRET, 40, canary=True).items


def test_spoilt_items_give_way_to_their_like(old):
    bad = [i.id for i in old[::5]]
    made = refresh(old, dict.fromkeys(bad, "leaked"), TEMPLATES, SECRET, release="2")
    assert [r.old for r in made.replaced] == bad
    assert set(made.kept) == {i.id for i in old} - set(bad)
    for a, b in zip(old, made.items, strict=True):
        assert (a.id in bad) == (a != b)
        assert (a.cluster, a.stratum, a.variant, a.canary) == (
            b.cluster, b.stratum, b.variant, b.canary)  # fmt: skip
    assert len({i.problem for i in (*old, *made.items)}) == 48
    assert refresh(old, bad, TEMPLATES, SECRET, release="2").items == made.items
    other = refresh(old, bad, TEMPLATES, SECRET, release="3", avoid=made.items)
    assert not {i.problem for i in other.items[::5]} & {i.problem for i in made.items}
    assert "8 of 40 items replaced, 32 kept" in repr(made)
    assert refresh(old, {"*": "seen"}, TEMPLATES, SECRET, release="2").kept == ()


def test_what_cannot_be_replaced_is_refused(old):
    bad = [old[0].id]
    for given, said in (
        ({"spoilt": ["x"]}, "not among the items, such as 'x'"),
        ({"templates": TEMPLATES[1:]}, "no 'sum'"),
        ({"templates": templates_of([{**SUM, "strata": []}])}, "changed since item"),
        ({"release": " "}, "wanted a name"),
    ):
        kept = {"spoilt": bad, "templates": TEMPLATES, "release": "2", **given}
        with pytest.raises(InputError, match=said):
            refresh(old, kept["spoilt"], kept["templates"], SECRET, release=kept["release"])
    few = templates_of([{**SUM, "variables": {"a": [1, 2], "b": [5]}}])
    items = generate(few, SECRET, 2).items
    with pytest.raises(InputError, match="count: wanted more distinct items of stratum"):
        refresh(items, [items[0].id], few, SECRET, release="2")


def test_spoilt_items_are_read_from_lists_scans_and_tests(tmp_path):
    def read(name, data, **more):
        path = tmp_path / name
        path.write_text(data if isinstance(data, str) else json.dumps(data))
        return spoilt_in(path, **more)

    assert read("a.txt", "x\n\n y \n") == {"x": "listed", "y": "listed"}
    assert read("a.json", ["x"]) == {"x": "listed"}
    scan = {"items": [{"item": "x", "containment": 0.9}, {"item": "y", "containment": 0.3},
                      {"item": "z", "containment": None},
                      {"item": "q", "containment": 0.7,
                       "question": {"containment": 1}}]}  # fmt: skip
    assert read("s.json", scan) == {
        "x": "containment 0.90",
        "q": "containment of its question 1.00",
    }
    assert set(read("s.json", scan, limit=0.3)) == {"x", "y", "q"}
    kinds = {"items": [{"item": k, "kind": k} for k in ("verbatim", "paraphrase", "not found",
                                                        "same template", "unclear")]}  # fmt: skip
    assert set(read("p.json", kinds)) == {"verbatim", "paraphrase"}
    test = {"method": "order", "verdict": "seen", "detail": {}}
    assert read("t.json", test) == {"*": "test by order: seen"}
    assert read("t.json", {**test, "verdict": "not found"}) == {}
    for name, data, said in (("b.json", "{", "not JSON"), ("b.json", {"a": 1}, "wanted a list")):
        with pytest.raises(InputError, match=said):
            read(name, data)
    with pytest.raises(InputError, match="above 0 and at most 1"):
        read("a.txt", "x", limit=2)
    with pytest.raises(InputError, match="cannot be read"):
        spoilt_in(tmp_path / "none.txt")


def test_generators_of_other_packages_give_items_with_their_verifier():
    made = generate_from({"halves": {"top": 50000}}, SECRET, 12, create=Halves)
    again = generate_from({"halves": {"top": 50000}}, SECRET, 5, create=Halves)
    assert made.items[:5] == again.items
    item = made.items[0]
    assert item.form == "verifier"
    assert score_entry(item.entry, item.answer, Halves) == 1
    assert score_entry(item.entry, "x", Halves) == 0.25
    new = refresh(made.items, [item.id], (), SECRET, release="2", create=Halves)
    assert new.items[0].question not in {i.question for i in made.items}
    assert new.items[1:] == made.items[1:]


def test_generators_that_do_not_keep_the_protocol_are_refused():
    for names, said in (
        (["wrong"], "does not accept its own answer"), (["narrow"], "no question that is new"),
        (["none"], "'none': ValueError"), ([], "at least one"), ("halves", "got a text"),
        ({"halves": {"bottom": 1}}, "TypeError"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=said):
            generate_from(names, SECRET, 2, create=Halves)
    with pytest.raises(InputError, match="not what `generate_from` wrote"):
        score_entry("{}", "1", Halves)


@pytest.mark.skipif(find_spec("reasoning_gym") is None, reason="reasoning-gym is not installed")
def test_reasoning_gym_gives_items():
    made = generate_from(["chain_sum", "simple_equations"], SECRET, 4)
    assert len({i.question for i in made.items}) == 4
    for item in made.items:
        assert score_entry(item.entry, item.answer) == 1
        assert score_entry(item.entry, "no idea") < 1


def answered(items, abilities, rng, exposed=()):
    hard = {i.id: (int(i.id[-4:], 16) / 65536 - 0.5) * 3 for i in items}
    return trials_frame(
        {"subject": f"m{k}", "instrument": "t", "item": i.id, "epoch": 1, "grader": "g",
         "score": float(rng.random() < 1 / (1 + np.exp(hard[i.id] - 3 * (i.id in exposed) - x)))}
        for k, x in enumerate(abilities) for i in items
    )  # fmt: skip


def test_releases_are_linked_by_what_was_kept(old):
    rng = np.random.default_rng(5)
    bad = [i.id for i in old[::3]]
    made = refresh(old, bad, TEMPLATES, SECRET, release="2")
    spread = np.linspace(-1.5, 1.5, 60)
    before = answered(old, spread, rng, exposed=bad)
    after = answered(made.items, spread + 0.7, rng)
    found = link_releases(before, after, made.kept)
    assert found.offered == tuple(k for k in sorted(made.kept, key=found.offered.index))
    assert len(found.offered) == len(made.kept) == 26
    # A Rasch fit puts the mean of its own subjects at 0: the new ones are 0.7 above the old.
    assert found.link.shift == pytest.approx(0.7, abs=4 * found.link.shift_error)
    assert found.link.shift_error < 0.2
    assert found.scores.subjects == tuple(sorted(found.scores.subjects, key=lambda s: int(s[1:])))
    with pytest.raises(InputError, match="anchors: wanted at least 10 unspoilt items"):
        link_releases(before, after, made.kept[:9])
