"""Planted cheats are found, honest ones are left alone, and nothing bad is taken quietly."""

from datetime import UTC, datetime, timedelta
from itertools import product

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.errors import InputError
from calibrant.priorities.integrity import certificates
from calibrant.priorities.integrity.answers import answers_of
from calibrant.priorities.integrity.certificates import CERTIFICATES, plant
from calibrant.priorities.integrity.check import check_integrity
from calibrant.priorities.integrity.conflicts import conflict, own_cells
from calibrant.priorities.integrity.influence import each_alone, top_by_promise
from calibrant.priorities.integrity.pairs import grow, upper_tails
from calibrant.priorities.integrity.speed import seconds_per_answer, too_fast
from calibrant.priorities.ranks.simulate import Experts
from calibrant.records.ratings import as_ratings
from calibrant.stats.certificates import measure_certificate

PANEL = Experts(raters=30, categories=4, areas=24, chosen=1.8)


def honest(seed=2):
    return PANEL.draw(seed).ratings()


def with_answers(ratings, answers):
    """The ratings table of a matrix of answers, as someone would hand it in."""
    rows = [
        {"respondent": answers.respondents[r], "area": answers.areas[answers.area[c]],
         "question": answers.questions[answers.question[c]],
         "value": answers.levels[answers.codes[r, c]]}
        for r, c in zip(*np.nonzero(answers.codes >= 0), strict=True)
    ]  # fmt: skip
    return as_ratings(pl.DataFrame(rows))


@pytest.fixture(scope="module")
def clean():
    return check_integrity(honest(), draws=99, top=5)


def test_honest_experts_get_no_flag(clean):
    assert clean.flags == () and clean.flagged == ()
    assert "nobody stands out" in repr(clean)
    assert len(clean.top) == 5
    assert any("own areas" in n for n in clean.notes)


@pytest.mark.parametrize(
    ("cheat", "size", "kind"),
    [("straight", 1, "spread"), ("copy", 2, "pair"), ("bloc", 5, "group")],
)
def test_planted_cheats_are_named(cheat, size, kind):
    ratings = honest(6)
    answers, who = plant(answers_of(ratings), cheat, size, np.random.default_rng(1))
    found = check_integrity(with_answers(ratings, answers), draws=99, top=5, alpha=0.05)
    mine = [f for f in found.flags if f.kind == kind]
    assert mine, found.flags
    names = {answers.respondents[w] for w in who}
    assert set(mine[0].respondents) <= names
    assert set(mine[0].respondents) <= set(found.flagged)
    # What changes is said flag by flag, and last for all of them.
    assert len(found.without) == len(found.flags) + 1


def test_the_same_seed_gives_the_same_findings(clean):
    assert check_integrity(honest(), draws=99, top=5).to_dict() == clean.to_dict()


@pytest.mark.parametrize("bad", [{"alpha": 0.0}, {"alpha": 0.001, "draws": 99}, {"top": 0}])
def test_numbers_out_of_range(bad):
    with pytest.raises(InputError):
        check_integrity(honest(), **bad)


def test_answers_that_are_no_ratings():
    frame = {"respondent": ["a", "b"], "area": ["1a"] * 2, "question": ["q"] * 2}
    with pytest.raises(InputError, match="whole numbers"):
        check_integrity(pl.DataFrame({**frame, "value": [1.5, 2.0]}))
    with pytest.raises(InputError, match="1 to 40"):
        check_integrity(pl.DataFrame({**frame, "value": [1.0, 40.0]}))
    with pytest.raises(InputError, match="nobody answered"):
        check_integrity(pl.DataFrame({**frame, "value": [None, None]},
                                     schema_overrides={"value": pl.Float64}))  # fmt: skip


def test_one_respondent_alone():
    frame = pl.DataFrame({"respondent": ["a"] * 8, "area": [f"{i}a" for i in range(8)],
                          "question": ["q"] * 8, "value": [4.0] * 8})  # fmt: skip
    found = check_integrity(frame, draws=99)
    assert found.flags == ()


def timed(seconds):
    """Each respondent answers 6 pages of 4, with these seconds a page."""
    rows = []
    for r, gap in enumerate(seconds):
        at = datetime(2026, 1, 1, tzinfo=UTC)
        for page, area in product(range(6), range(4)):
            rows.append({"respondent": f"r{r}", "area": f"{page}{'abcd'[area]}", "question": "q",
                         "value": 3.0, "time": at + timedelta(seconds=gap * page)})  # fmt: skip
    return as_ratings(pl.DataFrame(rows))


def test_speed_is_read_from_the_times_and_never_stands_alone():
    seconds = [40, 44, 36, 50, 31, 60, 42, 38, 45, 41, 2.0]
    ratings = timed(seconds)
    known = seconds_per_answer(ratings)
    assert known["r0"] == pytest.approx(10.0)
    found = check_integrity(ratings, draws=99)
    kinds = {(f.kind, f.respondents) for f in found.flags}
    assert {("speed", ("r10",)), ("floor", ("r10",))} <= kinds
    assert not any(f.alone for f in found.flags if f.kind in ("speed", "floor"))
    assert "r10" not in found.flagged


def test_speed_of_log_normal_pools_is_uniform():
    rng = np.random.default_rng(0)
    p = np.concatenate([too_fast(np.exp(rng.normal(2, 0.5, 25)), rng)[1] for _ in range(40)])
    assert abs((p <= 0.1).mean() - 0.1) < 0.03


@given(st.lists(st.floats(0, 1), min_size=1, max_size=7))
@settings(max_examples=30, deadline=None)
def test_tails_against_all_outcomes(q):
    plain = np.zeros(len(q) + 1)
    for outcome in product((0, 1), repeat=len(q)):
        chance = np.prod([p if o else 1 - p for p, o in zip(q, outcome, strict=True)])
        plain[: sum(outcome) + 1] += chance
    assert np.allclose(upper_tails(np.array([q]))[0], plain)


def test_groups_against_all_groups_of_three():
    """Growth from every seed finds the best three where one bloc stands out."""
    rng = np.random.default_rng(3)
    excess = rng.normal(0, 1, (9, 9))
    excess[np.ix_([2, 5, 7], [2, 5, 7])] += 6
    excess = (excess + excess.T) / 2
    np.fill_diagonal(excess, 0)
    variance = np.ones((9, 9)) - np.eye(9)
    _, groups = grow(excess[None], variance)
    assert np.flatnonzero(groups[0, 0]).tolist() == [2, 5, 7]


def test_own_areas_effect_is_found_and_its_sign_is_right():
    panel = Experts(raters=50, categories=6, areas=36, chosen=2.5, own=1.5).draw(3)
    answers = answers_of(panel.ratings())
    mine = own_cells(answers, panel.own_areas())
    found = conflict(answers, mine, 0, draws=499, rng=np.random.default_rng(0))
    assert found.low > 0 and found.p < 0.01
    assert "own areas get +" in repr(found)


def test_own_areas_against_least_squares():
    panel = PANEL.draw(4)
    answers = answers_of(panel.ratings())
    mine = own_cells(answers, panel.own_areas())
    found = conflict(answers, mine, 0, draws=9, rng=np.random.default_rng(0))
    there = answers.there & (answers.question == 0)
    who, cell = np.nonzero(there)
    design = np.column_stack([mine[who, cell], np.eye(30)[who], np.eye(48)[cell]])
    y = answers.levels[answers.codes[who, cell]]
    assert found.effect == pytest.approx(np.linalg.lstsq(design, y, rcond=None)[0][0], abs=1e-6)


def test_own_areas_say_nothing_with_too_few():
    answers = answers_of(honest())
    mine = own_cells(answers, [(answers.respondents[0], "1a"), ("stranger", "1a")])
    found = conflict(answers, mine, 0, rng=np.random.default_rng(0))
    assert found.effect is None and "not compared" in repr(found)


def test_influence_against_leaving_each_out_by_hand():
    ratings = honest()
    found = {i.respondents[0]: set(i.enters) for i in each_alone(ratings, 5, top_by_promise)}
    top = set(top_by_promise(ratings, 5))
    for name in ratings.frame["respondent"].unique():
        frame = ratings.frame.filter(
            (pl.col("respondent") != name) & (pl.col("state") == "answered")
        )
        means = frame.group_by("area", "question").agg(pl.col("value").mean(), pl.len())
        wide = means.filter(pl.col("len") >= 3).pivot("question", index="area", values="value")
        wide = wide.drop_nulls().with_columns(
            p=(pl.col("importance") * pl.col("tractability")).round(9)
        )
        best = set(wide.sort(["p", "area"], descending=[True, False])["area"].head(5))
        assert found.get(name, set()) == best - top


@pytest.mark.parametrize("certificate", CERTIFICATES, ids=lambda c: c.name)
def test_short_certificate(certificate, monkeypatch):
    monkeypatch.setattr(certificates, "_DRAWS", 39)
    first = type(certificate)(**{**certificate.__dict__, "regimes": certificate.regimes[-1:],
                                 "batch_draws": 8})  # fmt: skip
    for measured in measure_certificate(first, draws=8):
        assert not measured.broken
