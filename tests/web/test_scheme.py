"""Is every label one that was offered, whatever the order it was shown in?"""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibrant.errors import InputError
from calibrant.web.labelling.scheme import KEYS, Scheme, categories, pairwise, scale

SCHEMES = [categories(("yes", "no")), categories([str(i) for i in range(20)]), scale("1-5"),
           scale("0-10"), scale("0-1"), pairwise(), pairwise(ties=False)]  # fmt: skip


@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
@pytest.mark.parametrize("swapped", [False, True])
def test_what_is_sent_and_what_is_stored_are_the_same_label(scheme: Scheme, swapped):
    stored = [scheme.stored(c.value, swapped=swapped) for c in scheme.choices]
    assert sorted(map(str, stored)) == sorted(scheme.values)
    for choice, label in zip(scheme.choices, stored, strict=True):
        assert scheme.shown(label, swapped=swapped) == choice.value
        assert scheme.words(str(label), swapped=swapped) == choice.text
    assert Scheme.from_dict(scheme.to_dict()) == scheme


@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
def test_keys_are_different_and_free(scheme):
    keys = [c.key for c in scheme.choices]
    assert len(set(keys)) == len(keys) and not set(keys) & set("0nsu")


def test_first_is_right_where_swapped():
    scheme = pairwise()
    assert scheme.stored("first", swapped=False) == "left"
    assert scheme.stored("first", swapped=True) == "right"
    assert scheme.stored("tie", swapped=True) == "tie"
    assert pairwise(ties=False).stored("tie", swapped=False) is None


@given(st.text(max_size=20), st.booleans())
def test_other_words_are_no_labels(text, swapped):
    for scheme in SCHEMES:
        found = scheme.stored(text, swapped=swapped)
        assert (found is None) == (text not in {c.value for c in scheme.choices})


def test_keys_suffice():
    assert len(set(KEYS)) == len(KEYS) >= 20


@pytest.mark.parametrize("given_", [(), ("one",), ("a", "A"), ("a", ""), ("a", "b\n"),
                                    ("a", "b\x1b[2J"), ("a", "x" * 61), ("1", "01"), ("nan", "no"),
                                    tuple(map(str, range(21)))])  # fmt: skip
def test_wrong_categories(given_):
    if given_ == ("a", "b\n"):
        assert categories(given_).values == ("a", "b")
        return
    with pytest.raises(InputError, match="--categories"):
        categories(given_)


@pytest.mark.parametrize("given_", ["", "5", "5-1", "1-1", "1-99", "a-b", "-1-5", "1-5-9", "١-٥"])
def test_wrong_scales(given_):
    with pytest.raises(InputError, match="--scale"):
        scale(given_)


def test_scales():
    assert scale("1-5").values == ("1", "2", "3", "4", "5")
    assert [c.key for c in scale("1-5").choices] == list("12345")
    assert all(a != b for a, b in itertools.pairwise(scale(" 0 - 10 ").values))
    assert scale("1-5").level == "ordinal" and pairwise().level == "nominal"
