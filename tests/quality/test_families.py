"""Families of subjects: named, by pattern, never guessed."""

import numpy as np
import polars as pl
import pytest

from calibrant.errors import InputError
from calibrant.quality.families import codes, families, family_notes
from calibrant.quality.read import read_responses
from calibrant.quality.responses import of_matrix

NAMES = ["gpt-4", "gpt-5", "claude-4", "mystery"]


def test_a_column_of_facts_says_the_family_and_who_has_none_stands_alone():
    table = pl.DataFrame({"model": NAMES, "a": [0, 1, 1, 0], "b": [1, 1, 0, 1]})
    about = pl.DataFrame({"model": NAMES[:3], "family": ["gpt", "gpt", "claude"]})
    found = read_responses(table, subjects=about)
    assert families(found) == ("gpt", "gpt", "claude", "mystery")
    assert families(found, column="family") == families(found)
    np.testing.assert_array_equal(codes(families(found)), [0, 0, 1, 2])
    with pytest.raises(InputError, match="no column 'maker'"):
        families(found, column="maker")


def test_a_pattern_takes_its_first_group():
    found = of_matrix(np.eye(4), subjects=NAMES)
    assert families(found, pattern=r"^(\w+)-") == ("gpt", "gpt", "claude", "mystery")
    assert families(found) == tuple(NAMES)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"pattern": "("}, "pattern"),
        ({"pattern": "gpt"}, "wanted a group"),
        ({"pattern": "(zebra)"}, "no subject's name"),
        ({"pattern": "(a)", "column": "family"}, "got both"),
    ],
)
def test_what_cannot_be_meant_is_refused(options, said):
    with pytest.raises(InputError, match=said):
        families(of_matrix(np.eye(4), subjects=NAMES), **options)


def test_notes_say_what_weakens_intervals():
    assert "own family" in family_notes(NAMES)[0]
    assert "3 of 4 subjects are of one family" in family_notes(["a", "a", "a", "b"])[0]
    assert family_notes(["a", "a", "b", "b"]) == ()
