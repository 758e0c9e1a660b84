"""Items from a secret: the same everywhere, independent of each other, and it never shows."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.contamination import read_items
from calibrant.contamination.fresh.canary import embed, find_canaries, new_canary
from calibrant.contamination.fresh.files import lines_of, read_fresh, write_items
from calibrant.contamination.fresh.generate import generate
from calibrant.contamination.fresh.language.reading import templates_of
from calibrant.contamination.fresh.stream import Secret, Stream, new_secret, read_secret
from calibrant.errors import InputError

KEY = b"correct horse battery staple 7421"
SECRET = Secret(KEY)
SUM = {
    "name": "sum", "text": ["{a} + {b} = ?", "Add {a} and {b}."], "answer": "a + b",
    "variables": {"a": {"from": 1, "to": 999}, "b": {"from": 1, "to": 999}},
    "where": ["b < a"], "strata": ["carries(a, b)"],
}  # fmt: skip
PRODUCT = {**SUM, "name": "product", "text": "{a} times {b}, são quantos?", "answer": "a * b",
           "strata": []}  # fmt: skip


def test_items_are_golden():
    # Fixed for ever: a change here would give users other items than the ones they committed to.
    item = generate(templates_of([SUM]), SECRET, 2).items[1]
    assert (item.id, item.question, item.answer) == GOLDEN


GOLDEN = ("sum-7ec4d6850beb", "339 + 87 = ?", "426")


def test_order_and_number_change_nothing():
    some = generate(templates_of([SUM, PRODUCT]), SECRET, 10, twins=True)
    more = generate(templates_of([PRODUCT, SUM]), SECRET, 40, twins=True)
    known = {i.id: i for i in (*more.items, *more.twins)}
    for item in (*some.items, *some.twins):
        assert known[item.id] == item
    assert not {i.question for i in more.items} & {i.question for i in more.twins}


def test_the_layout_of_a_file_changes_nothing():
    turned = dict(reversed({**SUM, "variables": dict(reversed(SUM["variables"].items()))}.items()))
    one, other = (generate(templates_of([entry]), SECRET, 9) for entry in (SUM, turned))
    assert one.items == other.items


def test_another_secret_template_or_purpose_gives_other_items():
    def questions(key=KEY, entry=SUM, **more):
        return {i.question for i in generate(templates_of([entry]), Secret(key), 30, **more).items}

    assert len(questions() & questions(key=KEY + b"!")) < 3
    assert len(questions() & questions(entry={**SUM, "where": ["b <= a"]})) < 3
    assert len(questions() & questions(twins=True)) < 3


def test_which_twin_is_published_is_a_coin():
    found = generate(templates_of([SUM]), SECRET, 400, twins=True)
    first = sum(i.purpose == "first" for i in found.items)
    assert 160 < first < 240
    assert all({a.purpose, b.purpose} == {"first", "second"}
               for a, b in zip(found.items, found.twins, strict=True))  # fmt: skip


def test_draws_are_even():
    stream = Stream(b"x" * 32)
    counts = [0] * 7
    for _ in range(7000):
        counts[stream.below(7)] += 1
    assert sum((c - 1000) ** 2 / 1000 for c in counts) < 25  # χ² with 6 df: p ≈ 3e-4
    assert all(stream.below(1) == 0 for _ in range(3))
    assert len({stream.below(10**30) for _ in range(20)}) == 20
    with pytest.raises(ValueError, match="nothing"):
        stream.below(0)


@given(st.integers(1, 1 << 70), st.binary(min_size=32, max_size=32))
@settings(max_examples=40)
def test_draws_stay_below(n, key):
    assert all(0 <= Stream(key).below(n) < n for _ in range(3))


def test_the_secret_never_shows(tmp_path):
    found = generate(templates_of([SUM]), SECRET, 20, twins=True, canary=True)
    everything = repr(found) + repr(SECRET) + str(found.to_dict()) + lines_of(found.items)
    assert KEY.decode() not in everything
    assert KEY.hex() not in everything
    assert Secret(KEY + b"\0").commitment != SECRET.commitment


def test_secrets_that_are_none_are_refused(tmp_path, monkeypatch):
    for text, said in ((b"", "got 0"), (b"short", "got 5"), (b"a" * 40, "got 1 different")):
        (tmp_path / "s").write_bytes(text)
        with pytest.raises(InputError, match=said) as caught:
            read_secret(tmp_path / "s")
        assert str(tmp_path / "s") in str(caught.value)
    with pytest.raises(InputError, match="--new-secret"):
        read_secret(tmp_path / "none")
    with pytest.raises(InputError, match="folder"):
        read_secret(tmp_path)
    with pytest.raises(InputError, match="wanted a file, or"):
        read_secret()
    with pytest.raises(InputError, match="'NO_SUCH_SECRET' is not set"):
        read_secret(variable="NO_SUCH_SECRET")
    monkeypatch.setenv("A_SECRET", KEY.decode() + "\n")
    assert read_secret(variable="A_SECRET").key == KEY


@pytest.mark.skipif(os.name != "posix", reason="files have no such modes here")
def test_a_secret_that_others_can_read_is_said(tmp_path):
    made = new_secret(tmp_path / "s")
    again = read_secret(tmp_path / "s")
    assert again.key == made.key
    assert again.notes == ()
    (tmp_path / "s").chmod(0o644)
    assert "others on this machine can read" in read_secret(tmp_path / "s").notes[0]
    with pytest.raises(InputError, match="never written over"):
        new_secret(tmp_path / "s")


def test_files_are_read_as_they_were_written_and_as_items(tmp_path):
    found = generate(templates_of([SUM, PRODUCT]), SECRET, 12, canary=True)
    path = tmp_path / "i.jsonl"
    write_items(found.items, path)
    assert read_fresh(path) == found.items
    items = read_items(str(path))
    assert [(i.id, i.question, i.answer, i.cluster) for i in items] == [
        (i.id, i.question, i.answer, i.cluster) for i in found.items
    ]
    for text, said in (("", "no items"), ("{", "line 1: wanted JSON"), ("[1]", "with an id"),
                       ('{"id": 1}\n{"id": 1}', "as in line 1"), ('{"id": 1, "id": 2}', "JSON"),
                       ('{"id": "a"}', "only items of `generate`")):  # fmt: skip
        path.write_text(text)
        with pytest.raises(InputError, match=said):
            read_fresh(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not UTF-8"):
        read_fresh(path)


@pytest.mark.parametrize("space", ["guid", "digits"])
def test_canaries_are_found_again(space):
    mark = new_canary(SECRET, space)
    rest = mark.alternatives(50, seed=3)
    assert len({*rest, mark.value}) == 51
    assert {len(x) for x in rest} == {len(mark.value)}
    for kind, text in (("jsonl", '{"id": 1}\n\n{"id": "ü"}\n'), ("csv", 'a,b\n1,"x,\ny"\n'),
                       ("html", "<p>x</p>"), ("md", "# x")):  # fmt: skip
        held = embed(text, mark, kind)
        assert find_canaries(held) == (mark,)
    assert find_canaries(mark.value.upper().replace(":", "  ")) == (mark,)
    assert find_canaries("no canary here 0123") == ()
    for kind, text in (("jsonl", "x"), ("jsonl", "[]"), ("csv", ""), ("pdf", "")):
        with pytest.raises(InputError):
            embed(text, mark, kind)
