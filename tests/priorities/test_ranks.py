"""Ranks of areas: kernels against plain twins, statements against small worlds, bad input."""

import re
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.errors import InputError
from calibrant.priorities.linear import Heard, _design, _solve, believe
from calibrant.priorities.posterior import AreaPosterior
from calibrant.priorities.ranks import certificates
from calibrant.priorities.ranks.crowd import believe_areas, without_each
from calibrant.priorities.ranks.figures import chance_figure, rank_figure
from calibrant.priorities.ranks.halo import between, corrected
from calibrant.priorities.ranks.places import (
    best,
    joint_limits,
    limits,
    places,
    regrets,
    scores,
    top_chance,
)
from calibrant.priorities.ranks.rank import HELD, Labels, natural, rank_areas, tier
from calibrant.priorities.ranks.simulate import Experts
from calibrant.priorities.ranks.source import Settings, labels_of, read_own, read_source
from calibrant.priorities.ranks.verb import rank
from calibrant.stats.certificates import measure_certificate

SMALL = Experts(raters=14, categories=4, areas=14, chosen=2.0)


def posterior(mean, error, draws=2000, n=None, seed=0):
    rng = np.random.default_rng(seed)
    mean = np.asarray(mean, float)
    size = mean.size
    made = {
        q: mean + error * rng.standard_normal((draws, size)) for q in ("importance", "tractability")
    }
    n = np.full(size, 5) if n is None else np.asarray(n)
    ids = tuple(f"{i // 5 + 1}{'abcde'[i % 5]}" for i in range(size))
    return AreaPosterior(ids, made, dict.fromkeys(made, n), "test")


draws_of = st.integers(0, 10_000).map(
    lambda s: (
        np.random.default_rng(s).integers(0, 4, (30, 5)).astype(float)
        + 0.3 * (s % 2) * np.random.default_rng(s).random((30, 5))
    )
)


@settings(max_examples=25)
@given(draws_of, st.integers(0, 5))
def test_places_are_those_of_a_plain_count(score, seed):
    got = places(score, seed)
    for row, ranks in zip(score, got, strict=True):
        assert sorted(ranks) == list(range(1, 6))
        for a in range(5):
            above, beside = (row > row[a]).sum(), (row == row[a]).sum()
            assert above + 1 <= ranks[a] <= above + beside


def test_equal_draws_are_put_in_random_order():
    got = places(np.zeros((4000, 4)), 1)
    assert np.abs(top_chance(got, 1) - 0.25).max() < 0.03


@settings(max_examples=25)
@given(draws_of, st.sampled_from([0.5, 0.8, 0.9]))
def test_limits_leave_out_no_more_than_they_may(score, level):
    ranks = places(score)
    low, high = limits(ranks, level)
    tail = (1 - level) / 2
    assert ((ranks < low).mean(axis=0) <= tail + 1e-9).all()
    assert ((ranks > high).mean(axis=0) <= tail + 1e-9).all()
    # One place narrower would leave out more.
    assert ((ranks < low + 1).mean(axis=0) > tail).all()
    assert ((ranks > high - 1).mean(axis=0) > tail).all()


@settings(max_examples=25)
@given(draws_of, st.sampled_from([0.5, 0.9]))
def test_joint_limits_hold_all_ranks_at_once_and_hold_the_single_ones(score, level):
    ranks = places(score)
    low, high = joint_limits(ranks, level)
    assert ((ranks >= low) & (ranks <= high)).all(axis=1).mean() >= level - 1e-9
    # A plain twin of the depth: the least tail probability of any area's rank.
    depth = [
        min(min((ranks[:, a] <= r[a]).mean(), (ranks[:, a] >= r[a]).mean()) for a in range(5))
        for r in ranks
    ]
    kept = np.array(depth) >= np.sort(depth)[int((1 - level) * 30 + 1e-9)]
    assert (low == ranks[kept].min(axis=0)).all()
    assert (high == ranks[kept].max(axis=0)).all()


@settings(max_examples=20)
@given(draws_of, st.integers(1, 4))
def test_no_set_of_k_has_less_expected_regret_than_the_best(score, k):
    chosen = best(score, k)
    lost = regrets(score, chosen)
    assert (lost >= 0).all()
    every = {c: regrets(score, np.array(c)).mean() for c in combinations(range(5), k)}
    assert lost.mean() == pytest.approx(min(every.values()))
    row = score[0]
    oracle = max(row[list(c)].sum() for c in combinations(range(5), k))
    assert lost[0] == pytest.approx((oracle - row[chosen].sum()) / k)


def test_scores_are_what_they_are_called():
    p = posterior([2, 3, 4], 0.2)
    a, b = p.draws["importance"], p.draws["tractability"]
    assert (scores(p, "promise") == a * b).all()
    assert (scores(p, "sum") == a + b).all()
    assert (scores(p, "gap") == a - b).all()
    assert (scores(p, "minimum") == np.where(a < b, a, b)).all()
    assert scores(p, "importance") is a
    with pytest.raises(InputError, match=r"no question 'beauty'; there are promise"):
        scores(p, "beauty")


def test_areas_far_apart_are_ranked_for_sure():
    found = rank_areas(posterior(np.linspace(4.8, 1.2, 13), 0.01), top=3)
    assert [a.rank_interval for a in found.areas] == [(r, r) for r in range(1, 14)]
    assert [a.tier for a in found.areas] == list(range(1, 14))
    assert [a.rank_set for a in found.areas] == [(r, r) for r in range(1, 14)]
    assert found.decision.areas == ("1a", "1b", "1c")
    assert found.decision.p_exact == 1.0
    assert found.decision.expected_regret == pytest.approx(0, abs=1e-12)
    assert [a.p_top for a in found.areas] == [1.0] * 3 + [0.0] * 10
    assert [a.funded for a in found.areas] == [True] * 3 + [False] * 10


def test_areas_alike_are_one_tier_with_wide_ranks():
    found = rank_areas(posterior(np.full(20, 3.0), 0.3), top=5)
    assert found.tiers == 1
    assert found.median_width >= 17
    assert all(a.rank_set == (1, 20) for a in found.areas)
    assert np.mean([a.p_top for a in found.areas]) == pytest.approx(0.25)
    assert found.decision.expected_overlap == pytest.approx(0.25, abs=0.06)


def test_tiers_of_nothing_to_tell_are_wrong_in_few_of_a_hundred():
    rng = np.random.default_rng(3)
    wrong = 0
    for _ in range(60):
        centre = rng.standard_normal(12)
        wrong += tier(centre + rng.standard_normal((600, 12)), 0.9).better.any()
    assert wrong <= 13  # 6 expected


def test_exclusion_and_the_unrated_are_said():
    names = {f"1{c}": f"name {c}" for c in "abcde"} | {"2a": "x", "2b": "y", "9a": "none"}
    of = {a: a[0] for a in names}
    p = posterior(np.linspace(4, 2, 7), 0.2, n=[5, 2, 5, 5, 5, 0, 5])
    found = rank_areas(p, top=2, labels=Labels(names, of, {"1": "one", "2": "two", "9": "nine"}))
    assert {e.id: (e.n, e.reason) for e in found.excluded} == {
        "1b": (2, "fewer than 3 ratings"), "2a": (0, "unrated"), "9a": (0, "unrated"),
    }  # fmt: skip
    assert found.unrated_categories == ("9",)
    assert "1b" not in [a.id for a in found.areas]
    rules = {c.option: c for c in found.sensitivity if c.what == "exclusion"}
    assert rules["at least 1 rating"].enter == ("1b",)
    assert rules["at least 1 rating"].regret < 0  # the excluded area was better


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"top": 13}, "top: wanted 1 to 12 of the 13 areas"),
        ({"min_ratings": 9}, "wanted at least 2 areas with 9 ratings or more, got 0"),
        ({"min_ratings": 0}, "min ratings: wanted at least 1, got 0"),
        ({"level": 1.0}, "level: wanted 0.5 to below 1, got 1.0"),
    ],
)
def test_wrong_settings_are_refused(options, said):
    with pytest.raises(InputError, match=said):
        rank_areas(posterior(np.linspace(4, 2, 13), 0.2), **options)


def test_draws_that_cannot_be_ranked_are_refused():
    with pytest.raises(InputError, match="draws: wanted at least 200, got 50"):
        rank_areas(posterior([3, 4, 2], 0.2, draws=50), top=1)
    p = posterior([3, 4, 2], 0.2)
    p.draws["importance"][3, 1] = np.nan
    with pytest.raises(InputError, match="not finite"):
        rank_areas(p, top=1)


def test_the_map_between_normals_is_what_it_says():
    rng = np.random.default_rng(0)
    a, b = (x @ x.T + np.eye(5) for x in rng.standard_normal((2, 5, 5)))
    t = between(a, b)
    assert np.allclose(t @ a @ t.T, b)
    assert np.allclose(t, t.T)
    assert np.allclose(between(a, a), np.eye(5))


@pytest.fixture(scope="module")
def panel():
    return SMALL.draw(4)


@pytest.fixture(scope="module")
def found(panel):
    return rank(panel.ratings(), own=panel.own_areas(), top=4, seed=1)


def test_ratings_are_ranked_with_all_sensitivities(found):
    assert {c.what for c in found.sensitivity} == {
        "exclusion", "definition", "don't-knows", "respondent"
    }  # fmt: skip
    assert all(0 <= c.overlap <= 1 for c in found.sensitivity)
    assert all(len(c.enter) == len(c.leave) for c in found.sensitivity)
    assert sum(a.p_top for a in found.areas) == pytest.approx(4)
    assert "areas ranked by promise" in repr(found)
    for a in found.areas:
        assert a.joint_rank_interval[0] <= a.rank_interval[0]
        assert a.joint_rank_interval[1] >= a.rank_interval[1]
        assert a.promise_interval[0] < a.promise < a.promise_interval[1]


def test_the_same_seed_gives_the_same_numbers(panel):
    one, two, other = (
        rank(panel.ratings(), top=4, seed=seed, draws=300, sensitivity=False).to_dict()
        for seed in (1, 1, 2)
    )
    assert one == two
    assert one != other


def test_a_rater_who_answers_both_questions_alike_is_no_second_witness(panel):
    loud = replace(SMALL, raters=60, halo=0.8).draw(2)
    ratings = loud.ratings()
    plain = Settings(draws=800, points=1, categories=loud.labels.categories)
    better, halo = corrected(plain.fit(ratings), ratings, categories=loud.labels.categories)
    assert 0.4 < halo.correlation < 0.9
    assert better.draws["importance"].min() >= 1
    none = corrected(better, panel.ratings(np.zeros(panel.own.shape, bool)))
    assert none[0] is better
    assert none[1].pairs == 0


def test_figures_name_every_area(found):
    for figure in (rank_figure(found), chance_figure(found)):
        svg = figure.svg()
        assert found.areas[0].id in svg
        assert 'role="img"' in svg


def test_an_area_keeps_its_place_in_natural_order():
    assert sorted(["10a", "2b", "2a", "x"], key=natural)[:3] == ["2a", "2b", "10a"]


def test_sources_are_told_apart(tmp_path):
    with pytest.raises(InputError, match="wanted a ratings table .* got columns a"):
        read_source(pl.DataFrame({"a": [1]}))
    with pytest.raises(InputError, match="own areas: wanted columns respondent and area"):
        read_own(pl.DataFrame({"a": [1]}))
    with pytest.raises(InputError, match="row 2: respondent is empty"):
        read_own(pl.DataFrame({"respondent": ["x", None], "area": ["1a", "2b"]}))
    pairs = read_own(pl.DataFrame({"respondent": ["x", "y"], "area": ["1a; 2b", "3c"]}))
    assert pairs == [("x", "1a"), ("x", "2b"), ("y", "3c")]
    with pytest.raises(InputError, match="lacks 1 of 2 areas, such as '99z'"):
        labels_of("ai-safety-2025", {"4d", "99z"})
    labels, note = labels_of(None, {"4d", "10a"})
    assert len(labels.names) == 105
    assert "ai-safety-2025" in note


def test_a_table_has_no_respondents_to_work_anywhere():
    table = pl.DataFrame({
        "area": [f"{c}{x}" for c in "123" for x in "ab"],
        "importance": ["4.00", "3.50", "3.25", "4.50", "2.75", "3.00"],
        "tractability": ["3.50", "3.25", "3.00", "4.00", "2.50", "3.75"],
        "n": [4] * 6,
    })  # fmt: skip
    with pytest.raises(InputError, match="a table of means says nothing of single respondents"):
        rank(table, own=[("a", "1a")], top=2, draws=200)


@pytest.mark.parametrize("certificate", certificates.CERTIFICATES, ids=lambda c: c.name)
def test_certificates_hold_in_short(certificate, monkeypatch):
    first = replace(certificate, regimes=certificate.regimes[:1], beyond=(), batch_draws=20)
    (measured,) = measure_certificate(first, draws=20, seed=1)
    assert not measured.broken
    assert measured.statistics["bootstrap covered"] < measured.statistics["covered"]


@pytest.mark.parametrize("halo", [True, False])
def test_raters_eliminated_one_by_one_leave_the_same_belief(halo: bool) -> None:
    rng = np.random.default_rng(3)
    rater, area = np.nonzero(rng.random((9, 7)) < 0.7)
    value = rng.integers(1, 6, (rater.size, 2)).astype(float)
    value[rng.random(value.shape) < 0.2] = np.nan
    heard = Heard(rater, area, value, rng.random(rater.size) < 0.3)
    category = np.array([0, 0, 1, 1, 2, 2, 2])
    plain = believe(heard, category, 9, halo=halo)
    quick = believe_areas(heard, category, 9, halo=halo)
    x = np.vstack([plain.areas(0), plain.areas(1)])
    assert quick.mean + 3.0 == pytest.approx(x @ plain.mean, abs=1e-9)
    assert quick.covariance == pytest.approx(x @ plain.covariance @ x.T, abs=1e-9)
    assert quick.noise == pytest.approx(plain.noise, abs=1e-9)
    if halo:
        base, others = without_each(heard, category, 9)
        assert base == pytest.approx(x @ plain.mean, abs=1e-9)
        for r, other in enumerate(others):
            assert other == pytest.approx(x @ _without(plain, heard, r), abs=1e-8)


def _without(belief, heard, rater):
    """Everything solved anew from the other raters' answers, variances held."""
    rest = heard.rater != rater
    part = Heard(heard.rater[rest], heard.area[rest], heard.value[rest], heard.own[rest])
    sizes = (belief.categories, belief.category.size, belief.raters)
    z, there = _design(part, belief.category, sizes), ~np.isnan(part.value)
    y = np.where(there, part.value - 3.0, 0.0)
    mean, _ = _solve(z, y, there, belief.noise, list(belief.spread), np.cumsum([2, *sizes]))
    mean[[0, belief.coefficients]] += 3.0
    return mean


def test_what_intervals_are_said_to_hold_is_what_the_certificate_measured() -> None:
    page = (Path(__file__).parents[2] / "docs/certificates/priorities-ranks.md").read_text(
        encoding="utf-8"
    )
    row = next(line for line in page.splitlines() if line.startswith("| **covered**"))
    head = next(line for line in page.splitlines() if "promise" in line and line.startswith("|"))
    cells = zip(head.split("|")[3:-1], row.split("|")[3:-1], strict=True)
    inside = [float(v.split("(")[0]) for h, v in cells if "(" not in h]
    low, high = (int(x) for x in re.findall(r"\d+", HELD)[:2])
    assert round(100 * min(inside)) == low
    assert round(100 * max(inside)) == high
