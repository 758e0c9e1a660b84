"""Cuts from bookmarks, judged subjects and costs, beside plain twins and odd groups."""

import json
import math
from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from calibrant.cli import main
from calibrant.errors import InputError
from calibrant.quality.bank import Bank, two_pl, write_bank
from calibrant.quality.cuts.angoff import angoff
from calibrant.quality.cuts.booklet import booklet
from calibrant.quality.cuts.bookmark import bookmark, score_at
from calibrant.quality.cuts.cost import cost_cut
from calibrant.quality.cuts.cut import read_cut, write_cut
from calibrant.quality.cuts.firth import firth, penalised
from calibrant.quality.cuts.groups import borderline, contrasting
from calibrant.quality.cuts.prior import posterior


def bank(items=20, covariance=None):
    rng = np.random.default_rng(5)
    found = two_pl(rng.lognormal(0, 0.3, items), rng.normal(0, 1, items))
    if covariance is None:
        return found
    return replace(found, covariance=np.tile(np.diag([covariance, covariance]), (items, 1, 1)))


def test_pages_stand_where_items_are_mastered_and_in_order():
    known = bank()
    pages, lost = booklet(known)
    assert lost == ()
    assert all(a.location <= b.location for a, b in pairwise(pages))
    for page in pages:
        j = known.items.index(page.item)
        assert known.expected(np.array([page.location]))[0, j] == pytest.approx(0.67)
    half, _ = booklet(known, response_probability=0.5)
    assert half[0].location == pytest.approx(known.difficulty.min())


def test_steps_of_graded_items_have_pages_and_wrong_way_items_none():
    graded = Bank(
        "gpcm", ("a", "b"), np.array([1.0, -0.5]), np.array([[0.5, 0.2], [0.1, np.nan]]),
        np.zeros(2), np.array([[0.0, 0.5, 1.0], [0.0, 1.0, np.nan]]),
    )  # fmt: skip
    pages, lost = booklet(graded)
    assert [(p.item, p.category) for p in pages] == [("a", 1), ("a", 2)]
    assert lost == ("b",)
    p = graded.probabilities(np.array([pages[1].location]))[0, 0, 2]
    assert p == pytest.approx(0.67)
    guessed = two_pl(np.ones(3), np.zeros(3), guessing=np.array([0.2, 0.2, 0.7]))
    assert booklet(guessed)[1] == ("item 3",)


def test_the_error_of_a_bookmark_is_that_of_raters_and_of_items():
    known = bank(30, 0.02)
    marks = {"a": 12, "b": 15, "c": 14, "d": 10, "e": 13}
    found = bookmark(marks, known)
    own = np.array(list(found.abilities.values()))
    theta = found.cut.ability
    assert theta == pytest.approx(own.mean())
    assert found.cut.value == pytest.approx(score_at(known, theta))
    slope = (score_at(known, theta + 1e-5) - score_at(known, theta - 1e-5)) / 2e-5
    assert found.rater_error == pytest.approx(slope * own.std(ddof=1) / 5**0.5, rel=1e-4)
    assert found.cut.standard_error == pytest.approx(
        math.hypot(found.rater_error, found.item_error)
    )
    # The delta method beside banks drawn from the parameters' errors.
    rng = np.random.default_rng(0)
    weights = {}
    for page in marks.values():
        for number in (page - 1, page):
            weights[number] = weights.get(number, 0) + 0.1
    cuts = []
    for _ in range(1500):
        drawn = replace(
            known, discrimination=known.discrimination + rng.normal(0, 0.02**0.5, 30),
            intercepts=known.intercepts + rng.normal(0, 0.02**0.5, (30, 1)),
        )  # fmt: skip
        at = (np.log(0.67 / 0.33) - drawn.intercepts[:, 0]) / drawn.discrimination
        j = {p.number: known.items.index(p.item) for p in found.pages}
        cuts.append(score_at(drawn, sum(w * at[j[n]] for n, w in weights.items())))
    assert found.item_error == pytest.approx(np.std(cuts), rel=0.12)


def test_conventions_of_bookmarks_and_odd_panels():
    known = bank()
    marks = {"a": 8, "b": 9, "c": 11}
    cuts = [bookmark(marks, known, at=at).cut.value for at in ("before", "between", "marked")]
    assert cuts == sorted(cuts)
    names = {r: booklet(known)[0][m - 1].item for r, m in marks.items()}
    assert bookmark(names, known).cut == bookmark(marks, known).cut
    same = bookmark({"a": 9, "b": 9, "c": 9}, known)
    assert same.cut.standard_error > 0
    assert "same page" in " ".join(same.notes)
    assert bookmark({"a": 1, "b": 21}, known).notes
    middle = bookmark({"a": 8, "b": 9, "c": 19}, known, average="median").cut
    assert middle.ability == pytest.approx(list(bookmark(marks, known).abilities.values())[1])
    for wrong, words in (
        ({"a": 8}, "at least 2"), ({"a": 8, "b": 22}, "page from 1 to 21"),
        ({"a": 8, "b": "x"}, "no page or item"), ({"a": 2, "b": 2.5}, "2.5"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=words):
            bookmark(wrong, known)
    with pytest.raises(InputError, match="at least 2 pages"):
        booklet(two_pl(np.array([-1.0, -1.0]), np.zeros(2)))


def test_the_error_of_a_median_is_that_of_every_bootstrap_sample():
    x = np.array([0.2, 0.35, 0.4, 0.7, 0.9])
    every = [sorted(x[list(s)])[2] for s in product(range(5), repeat=5)]
    assert borderline(x).cut.standard_error == pytest.approx(np.std(every))
    low, high = (
        borderline(np.arange(1, 11) / 20).cut.low,
        borderline(np.arange(1, 11) / 20).cut.high,
    )
    assert (low, high) == (0.1, 0.45)  # the 2nd and 9th of 10: 97.9 %
    few = borderline([0.4, 0.5, 0.6])
    assert (few.cut.low, few.cut.high) == (0, 1)
    assert "too few" in " ".join(few.notes)
    assert borderline(x, statistic="mean").cut.value == pytest.approx(x.mean())
    with pytest.raises(InputError, match="at least 3"):
        borderline([0.5])
    with pytest.raises(InputError, match="from 0 to 1, got 1.5"):
        borderline([0.5, 0.2, 1.5])


def groups(n=30, slope=25.0, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.beta(6, 4, n)
    return x, rng.random(n) < expit(slope * (x - 0.6))


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10_000))
def test_firth_stands_where_nothing_near_is_more_likely(seed):
    x, good = groups(seed=seed)
    fitted = firth(x, good)
    # A crude search over slopes and cuts, one point at a time.
    u = (x - x.mean()) / x.std()
    best = max(
        penalised(u, good, a, b) for a in np.linspace(-8, 8, 30) for b in np.linspace(-2, 30, 30)
    )
    assert fitted.likelihood >= best - 1e-9


def test_contrasting_groups_find_their_cut_on_either_side_and_with_costs():
    x, good = groups(80)
    found = contrasting(x, good)
    assert found.cut.low < 0.6 < found.cut.high
    assert found.intercept + found.slope * found.cut.value == pytest.approx(0, abs=1e-9)
    other = contrasting(1 - x, good, direction="below")
    assert other.cut.value == pytest.approx(1 - found.cut.value)
    assert (other.cut.low, other.cut.high) == pytest.approx((1 - found.cut.high, 1 - found.cut.low))
    assert contrasting(x, good, cost_false_pass=5).cut.value > found.cut.value
    rare = contrasting(x, good, base_rate=0.1)
    assert rare.cut.value > found.cut.value
    # The same answer for the same mixture.
    assert contrasting(x, good, base_rate=good.mean()).cut.value == pytest.approx(found.cut.value)
    smooth = contrasting(x, good, how="kernel")
    assert smooth.cut.value == pytest.approx(found.cut.value, abs=0.05)
    assert smooth.cut.value == smooth.equal_error
    assert contrasting(x, good, how="kernel", seed=0).cut == smooth.cut
    assert contrasting(x, good, how="kernel", cost_false_pass=5).cut.value > smooth.cut.value


def test_separated_groups_have_a_cut_between_them_and_wrong_ones_are_refused():
    x = np.r_[np.linspace(0.1, 0.3, 6), np.linspace(0.6, 0.9, 6)]
    good = np.r_[np.zeros(6), np.ones(6)].astype(bool)
    found = contrasting(x, good)
    assert found.separated
    assert found.cut.low < 0.3 < found.cut.value < 0.6 < found.cut.high
    assert (found.false_pass, found.false_fail) == (0, 0)
    for args, words in (
        ((1 - x, good), "wrong way round"), ((x[:8], good[:8]), "at least 5"),
        ((np.full(12, 0.5), good), "wrong way round"), ((x, good[:5]), "each of 12"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=words):
            contrasting(*args)
    flat = np.r_[np.tile([0.4, 0.6], 5), np.tile([0.4, 0.61], 5)]
    weak = contrasting(flat, np.r_[np.zeros(10), np.ones(10)].astype(bool))
    assert (weak.cut.low, weak.cut.high) == (0, 1)
    assert "end of the scale" in " ".join(weak.notes)


def plain_cost(a, b, n, standard, bad, miss):
    """The best integer cut, by adding up a million subjects' worth of a fine grid of true rates."""
    p = (np.arange(4000) + 0.5) / 4000
    prior = p ** (a - 1) * (1 - p) ** (b - 1)
    prior /= prior.sum()
    best = (math.inf, None)
    for cut in range(n + 2):
        above = sum(
            math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(cut, n + 1)
        ) if cut <= n else np.zeros_like(p)  # fmt: skip
        loss = bad * (prior * above)[p < standard].sum()
        loss += miss * (prior * (1 - above))[p >= standard].sum()
        best = min(best, (loss, cut))
    return best


@settings(max_examples=10, deadline=None)
@given(
    st.floats(0.8, 12), st.floats(0.8, 12), st.integers(3, 20), st.floats(0.3, 0.8),
    st.floats(0.3, 8),
)  # fmt: skip
def test_the_cut_of_least_cost_is_that_of_a_plain_sum(a, b, n, standard, bad):
    found = cost_cut(prior=(a, b), items=n, standard=standard, cost_false_pass=bad, lengths=())
    loss, cut = plain_cost(a, b, n, standard, bad, 1.0)
    assert found.choice.loss == pytest.approx(loss, rel=0.02, abs=1e-3)
    assert abs(found.choice.passes_at - cut) <= 1
    if 0 < found.choice.passes_at <= n:
        assert math.ceil(found.cut.value * n - 1e-9) == found.choice.passes_at


def test_costs_learn_from_subjects_and_find_a_length():
    rng = np.random.default_rng(1)
    scores = rng.binomial(50, rng.beta(8, 4, 60)) / 50
    found = cost_cut(scores, items=50, standard=0.6, cost_false_pass=4, item_cost=0.001)
    known = cost_cut(prior=(8, 4), items=50, standard=0.6, cost_false_pass=4)
    assert found.cut.low <= known.cut.value <= found.cut.high
    assert found.prior_mean == pytest.approx(2 / 3, abs=0.05)
    assert known.cut.standard_error is None
    totals = {c.items: c.total for c in found.curve}
    assert found.best.total <= min(totals.values()) + 1e-12
    assert 0 < found.value < found.value_of_certainty
    turned = cost_cut(1 - scores, items=50, standard=0.4, cost_false_pass=4, direction="below")
    assert turned.cut.value == pytest.approx(1 - found.cut.value)
    assert turned.choice.passes_at == 50 - found.choice.passes_at
    linear = cost_cut(scores, items=50, standard=0.6, loss="linear")
    assert linear.choice.loss < found.choice.loss
    panel = angoff(np.clip(0.6 + rng.normal(0, 0.06, (8, 20)), 0, 1)).cut
    vague = cost_cut(prior=(8, 4), items=50, standard=panel, cost_false_pass=4)
    assert vague.cut.standard_error > 0.003
    assert sum(posterior(scores * 50, np.full(60, 50.0)).weights) == pytest.approx(1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"prior": None}, "either scores"),
        ({"items": 0}, "items: wanted 1"),
        ({"standard": 1.0}, "standard: wanted"),
        ({"cost_false_pass": 0.0}, "cost_false_pass"),
        ({"item_cost": -1.0}, "item_cost"),
        ({"loss": "square"}, "loss: wanted"),
        ({"prior": (0, 1)}, "prior: wanted"),
        ({"prior": None, "scores": [0.5, 0.6]}, "at least 5"),
        ({"prior": None, "scores": [0.5, np.nan] * 5}, "from 0 to 1"),
    ],
)
def test_impossible_costs_are_refused(change, words):
    with pytest.raises(InputError, match=words):
        cost_cut(**{"prior": (8, 4), "items": 20, "standard": 0.6, **change})


def run(*args):
    with pytest.raises(SystemExit) as e:
        main(["items", "cut", *map(str, args)])
    return e.value.code


def test_the_commands_write_cuts_that_can_be_read(tmp_path, capsys):
    x, good = groups(60)
    said = np.where(good, "acceptable", "no")
    pl.DataFrame(
        {"subject": [f"s{i}" for i in range(60)], "score": x, "judgement": said}
    ).write_csv(tmp_path / "g.csv")
    pl.DataFrame({"score": x[:9], "judgement": ["borderline"] * 9}).write_csv(tmp_path / "b.csv")
    pl.DataFrame({"rater": list("abc"), "page": [8, 9, 11]}).write_csv(tmp_path / "m.csv")
    write_bank(bank(), tmp_path / "bank.json")
    cut, drawn = tmp_path / "cut.json", tmp_path / "f.svg"
    for method, *more in (
        ("contrasting", tmp_path / "g.csv"),
        ("borderline", tmp_path / "b.csv"),
        ("bookmark", tmp_path / "m.csv", "--bank", tmp_path / "bank.json"),
        ("cost", tmp_path / "g.csv", "--standard", "0.6", "--scored", "40", "--item-cost", "0.01"),
    ):
        assert run(method, *more, "-o", cut, "--figure", drawn) == 0
        assert "Acceptable above" in capsys.readouterr().out
        assert read_cut(cut).method.split()[0] == method
        assert drawn.read_text().startswith("<svg")
        assert run(method, *more, "--json") == 0
        assert json.loads(capsys.readouterr().out)["cut"] == json.loads(cut.read_text())
    assert run("bookmark", "--bank", tmp_path / "bank.json", "--booklet") == 0
    assert run("cost", "--prior", "8", "4", "--items", "20", "--standard", cut) == 0
    capsys.readouterr()
    for wrong, words in (
        (("bookmark", "--bank", tmp_path / "bank.json"), "wanted MARKS"),
        (("cost", tmp_path / "g.csv", "--standard", "0.6"), "wanted --scored"),
        (("cost", "--prior", "8", "4", "--standard", "0.6"), "wanted --items"),
        (("contrasting", tmp_path / "b.csv"), "at least 1, got 0"),
        (("borderline", tmp_path / "g.csv"), "none is judged borderline"),
    ):
        assert run(*wrong) == 2
        assert words in capsys.readouterr().err


def test_judged_subjects_can_be_scored_by_their_answers(tmp_path, capsys):
    rng = np.random.default_rng(2)
    rates = np.r_[rng.uniform(0.2, 0.5, 10), rng.uniform(0.6, 0.9, 10)]
    names = [f"m{i}" for i in range(20)]
    answers = (rng.random((20, 30)) < rates[:, None]).astype(int)
    pl.DataFrame({"model": names} | {f"q{i}": answers[:, i] for i in range(30)}).write_csv(
        tmp_path / "a.csv"
    )
    pl.DataFrame({"model": names, "group": ["bad"] * 10 + ["good"] * 10}).write_csv(
        tmp_path / "g.csv"
    )
    args = ("contrasting", tmp_path / "g.csv", "--responses", tmp_path / "a.csv", "--json")
    assert run(*args) == 0
    told = json.loads(capsys.readouterr().out)["cut"]
    assert told["items"] == 30
    assert 0.4 < told["value"] < 0.7
    write_cut(read_cut_of(told), tmp_path / "c.json")


def read_cut_of(plain):
    from calibrant.quality.cuts.cut import cut_of

    return cut_of(plain)
