"""Cuts of the past, and their grammar."""

from __future__ import annotations

import numpy as np
import pytest

from calibrant.errors import InputError
from calibrant.scaling.backtests.cuts import cuts_of, read_rule
from calibrant.scaling.backtests.run import distance
from calibrant.scaling.scores import Scores, scores


def made(subjects: int = 20, families: int = 5) -> Scores:
    scale = np.linspace(20, 24, subjects)
    date = np.datetime64("2022-01-01") + np.arange(subjects) * 30
    family = np.array([f"f{i % families}" for i in range(subjects)])
    return scores(np.linspace(0.2, 0.8, subjects), scale, family=family, date=date)


def test_the_grammar() -> None:
    assert read_rule("scale<=8.4e22").at == pytest.approx(np.log10(8.4e22))
    assert read_rule("scale <= 22.5", log=False).at == 22.5
    day = read_rule("date<=2024-01-31")
    assert day.at is not None and np.datetime64(int(day.at), "D") == np.datetime64("2024-01-31")
    assert read_rule("rolling").kind == read_rule("rolling scale").kind == "rolling scale"
    assert read_rule("rolling date:9").count == 9
    assert read_rule("family:4").along == "scale"


@pytest.mark.parametrize(
    "text", ["", "scale>=3", "scale<=many", "scale<=-1", "scale<=inf", "date<=soon", "rolling:1"]
)
def test_what_is_no_rule_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(InputError, match="--cut: wanted") as caught:
        read_rule(text)
    assert "\n" not in str(caught.value)


def test_a_fixed_cut_is_judged_and_those_before_it_teach() -> None:
    s = made()
    cuts = cuts_of(s, read_rule("scale<=1e23"))
    assert [c.judged for c in cuts] == [False] * (len(cuts) - 1) + [True]
    assert (s.scale[cuts[-1].known] <= 23).all() and (s.scale[cuts[-1].later] > 23).all()
    for c in cuts[:-1]:
        assert (
            not (c.later & cuts[-1].later).any() and s.scale[c.later].min() > s.scale[c.known].max()
        )


def test_rolling_cuts_by_date_go_on() -> None:
    s = made()
    cuts = cuts_of(s, read_rule("rolling date"))
    assert [c.judged for c in cuts] == [False] + [True] * (len(cuts) - 1)
    ends = [s.date[c.known].max() for c in cuts]
    assert ends == sorted(set(ends))
    orders, months = distance(s.take(cuts[0].known), s.take(cuts[0].later))
    assert (orders > 0).all() and months[-1] == pytest.approx(14 * 30 / (365.25 / 12), abs=0.1)


def test_every_family_is_left_out_once() -> None:
    s = made()
    cuts = cuts_of(s, read_rule("family:3"), seed=1)
    assert len(cuts) == 3 and (np.sum([c.later for c in cuts], axis=0) == 1).all()
    for c in cuts:
        assert not set(s.family[c.known]) & set(s.family[c.later])


@pytest.mark.parametrize(
    ("text", "says"),
    [("scale<=1e19", "0 subjects are known"), ("scale<=1e30", "0 later"),
     ("date<=2030-01-01", "they reach from 2022-01-01")],
)  # fmt: skip
def test_too_little_on_one_side(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        cuts_of(made(), read_rule(text))


def test_no_dates_one_family_three_points() -> None:
    s = scores(np.linspace(0, 1, 9), np.linspace(20, 22, 9))
    with pytest.raises(InputError, match="no row has a date"):
        cuts_of(s, read_rule("rolling date"))
    with pytest.raises(InputError, match="at least 3 families, got 1"):
        cuts_of(s, read_rule("family"))
    with pytest.raises(InputError, match="3 subjects"):
        cuts_of(s.take(np.arange(3)), read_rule("rolling"))
