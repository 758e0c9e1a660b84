"""Accuracy at a cut and sequential decisions: published numbers, plain twins, odd tests."""

import json
import math
from itertools import product

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betaln, expit

from calibrant.cli import main
from calibrant.errors import InputError
from calibrant.quality.bank import Bank, two_pl, write_bank
from calibrant.quality.cuts.classify import Errors, classify, items_needed, table
from calibrant.quality.cuts.curves import lee, rudner, summed
from calibrant.quality.cuts.sequential import sequential_cut
from calibrant.quality.cuts.truescore import (
    TrueScores,
    effective_items,
    fit,
    lords_k,
    passing,
    true_moments,
)

ACT = (
    0, 23, 98, 384, 986, 2161, 3722, 5623, 7533, 8817, 9597, 9809, 9674, 8971, 8033, 7384, 6758,
    6004, 5463, 4896, 4367, 4083, 3651, 3333, 3191, 2899, 2644, 2597, 2287, 2197, 1967, 1874, 1710,
    1581, 1503, 1349, 1181, 994, 827, 585, 294,
)  # fmt: skip
"""How many of 151,050 students had 0 to 40 right on an ACT mathematics form: the example of the
manual of BB-CLASS (Brennan 2004, CASMA report 9), with results printed by its successor BBClassify
1.0.0 (H. E. Haakstad), dist/ccLL_act_raw_output.txt."""


def test_the_act_example_has_its_published_numbers():
    x = np.repeat(np.arange(41.0) / 40, ACT)
    found = classify(x, 0.6, items=40, reliability=0.873, draws=0)
    true = found.true_scores
    assert (true.alpha, true.beta) == pytest.approx((0.52378, 1.62569), abs=5e-6)
    assert (true.low, true.high) == pytest.approx((0.22317, 1.0), abs=5e-6)
    assert true.moments == 3
    assert "upper limit put at 1" in found.notes[0]
    assert found.items == 40
    passes = found.truly_acceptable - found.false_fail
    fails = 1 - found.truly_acceptable - found.false_pass
    told = (fails, found.false_pass, found.false_fail, passes)
    assert told == pytest.approx((0.78247, 0.03795, 0.01778, 0.16180), abs=6e-6)
    # Sums of the published matrix, which was rounded first.
    assert found.accuracy == pytest.approx(0.94427, abs=6e-6)
    assert found.consistency == pytest.approx(0.92203, abs=2e-5)
    assert found.kappa == pytest.approx(0.75612, abs=5e-5)
    assert found.sensitivity == pytest.approx(0.90098, abs=2e-5)
    assert found.specificity == pytest.approx(0.95375, abs=2e-5)
    # Hanson and Brennan's with binomial errors is the same here: 40 items are effective.
    assert classify(x, 0.6, items=40, draws=0).accuracy == pytest.approx(found.accuracy)
    turned = classify(1 - x, 0.4, items=40, reliability=0.873, direction="below", draws=0)
    assert turned.false_pass == pytest.approx(found.false_pass)
    assert turned.true_scores.high == pytest.approx(1 - 0.22317, abs=1e-5)


def plain_table(true, items, cut):
    """Accuracy and consistency by a fine grid and whole binomial sums."""
    t = (np.arange(20_000) + 0.5) / 20_000
    density = np.exp((true.alpha - 1) * np.log(t) + (true.beta - 1) * np.log1p(-t))
    weights = density / density.sum()
    p = true.low + (true.high - true.low) * t
    fewest = math.ceil(cut * items - 1e-9)
    passes = sum(
        math.comb(items, k) * p**k * (1 - p) ** (items - k) for k in range(fewest, items + 1)
    )
    right = np.where(p >= cut, passes, 1 - passes)
    return weights @ right, weights @ (passes**2 + (1 - passes) ** 2)


@settings(max_examples=15, deadline=None)
@given(
    st.floats(1.2, 30), st.floats(1.2, 30), st.floats(0, 0.3), st.floats(0.7, 1),
    st.integers(5, 60), st.floats(0.2, 0.9),
)  # fmt: skip
def test_the_integrals_are_those_of_a_plain_grid(alpha, beta, low, high, items, cut):
    true = TrueScores(alpha, beta, low, high, 4)
    found = table(true, Errors(float(items), items), cut)
    accuracy, consistency = plain_table(true, items, cut)
    assert found[0] == pytest.approx(accuracy, abs=2e-4)
    assert found[1] == pytest.approx(consistency, abs=2e-4)
    assert found[0] + found[3] + found[4] == pytest.approx(1)


@pytest.mark.parametrize("shape", [(0.3, 0.4), (0.5, 30), (300, 200), (1000, 3), (15, 15)])
def test_steep_and_flat_true_scores_have_the_exact_marginal(shape):
    a, b = shape
    n, c = 200, int(200 * a / (a + b))
    k = np.arange(c, n + 1)
    exact = sum(math.comb(n, int(x)) * math.exp(betaln(a + x, b + n - x) - betaln(a, b)) for x in k)
    scores, weights, _ = TrueScores(a, b, 0.0, 1.0, 2).nodes(a / (a + b))
    assert weights.sum() == pytest.approx(1)
    assert weights @ passing(scores, n, c) == pytest.approx(exact, abs=1e-7)


@settings(max_examples=20, deadline=None)
@given(
    st.floats(1.5, 10), st.floats(1.5, 10), st.floats(0, 0.2), st.floats(0.85, 1),
    st.integers(8, 40), st.floats(0, 0.5),
)  # fmt: skip
def test_moments_of_a_compound_binomial_give_back_its_true_scores(a, b, low, high, n, k):
    true = TrueScores(a, b, low, high, 4)
    p, w, _ = true.nodes(2.0)
    w = w / w.sum()

    # The exact distribution of counts with Lord's two terms, from its definition.
    def pmf(m, x):
        return math.comb(m, x) * p**x * (1 - p) ** (m - x) if 0 <= x <= m else 0 * p

    chances = [
        w @ (pmf(n, x) - k * p * (1 - p) * (pmf(n - 2, x) - 2 * pmf(n - 2, x - 1)
                                            + pmf(n - 2, x - 2)))
        for x in range(n + 1)
    ]  # fmt: skip
    assert sum(chances) == pytest.approx(1)
    # A sample with exactly these shares: weigh the counts.
    found = _weighted(np.arange(n + 1.0), np.array(chances), n, k)
    assert found == pytest.approx([w @ p**i for i in (1, 2, 3, 4)], rel=1e-8)
    back = fit(found)
    if back.moments == 4:
        assert (back.alpha, back.low, back.high) == pytest.approx(
            (a, low, high), rel=0.02, abs=0.02
        )


def _weighted(x, chances, n, k):
    class Counts(np.ndarray):
        """Counts whose mean is weighted: moments of a distribution and not of a sample."""

        def mean(self):
            return float(chances @ np.asarray(self))

    return true_moments(x.view(Counts), n, k)


def test_lords_k_and_effective_items_are_those_of_equal_items():
    # With the reliability of equally hard items (KR-21) the effective length is the length.
    n, mean, variance = 40, 0.6, 0.03
    kr21 = n / (n - 1) * (1 - mean * (1 - mean) / (n * variance))
    assert effective_items(mean, variance, kr21) == pytest.approx(n)
    assert lords_k(n, mean * n, variance * n**2, kr21) == pytest.approx(0, abs=1e-9)
    assert lords_k(n, mean * n, variance * n**2, kr21 + 0.02) > 0


def test_scores_without_true_spread_or_too_few_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="no more than chance"):
        classify(np.tile([0.5, 0.55], 10), 0.5, items=20)
    for x, words in (
        (np.full(20, 0.5), "all are 0.5"), (rng.random(9), "at least 10"),
        (rng.random(20) * 2, "from 0 to 1"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=words):
            classify(x, 0.5, items=20)
    x = rng.binomial(20, rng.beta(4, 3, 30)) / 20
    for change, words in (
        ({"items": None}, "number of items"), ({"model": "compound"}, "reliability"),
        ({"reliability": 1.0}, "between 0 and 1"), ({"model": "x"}, "wanted one of"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=words):
            classify(x, 0.5, **{"items": 20, **change})
    with pytest.raises(InputError, match="cut: wanted"):
        classify(x, 1.0, items=20)


def test_more_items_are_needed_for_more_accuracy_and_seeds_repeat():
    rng = np.random.default_rng(0)
    x = rng.binomial(50, rng.beta(8, 4, 100)) / 50
    found = classify(x, 0.6, items=50)
    low, high = found.intervals["accuracy"]
    assert low < found.accuracy < high
    assert classify(x, 0.6, items=50) == found
    needed = [items_needed(found, t) for t in (0.85, 0.9, 0.95)]
    assert needed == sorted(needed)
    true = found.true_scores
    assert table(true, Errors(float(needed[2]), None), 0.6)[0] >= 0.95
    assert table(true, Errors(float(needed[2] - 1), None), 0.6)[0] < 0.95
    assert items_needed(found, 0.99999) is None


def test_lee_is_the_sum_over_every_pattern_of_answers():
    bank = two_pl(np.array([1.0, 0.7, 1.4, 1.1, -0.4]), np.array([-1, 0.2, 0.5, 1.0, 0.0]))
    theta = np.array([-0.3, 0.9])
    p = bank.expected(theta)
    exact = np.zeros((2, 6))
    for answers in product((0, 1), repeat=5):
        exact[:, sum(answers)] += np.prod(np.where(answers, p, 1 - p), axis=1)
    assert summed(bank, theta) == pytest.approx(exact)
    found = lee(bank, 0.5, abilities=theta)
    passes = exact[:, 3:].sum(axis=1)
    good = p.mean(axis=1) >= 0.5
    assert found.accuracy == pytest.approx(np.where(good, passes, 1 - passes).mean())
    below = lee(bank, 0.5, abilities=theta, direction="below")
    assert below.truly_acceptable == pytest.approx(1 - good.mean())


def test_lee_and_rudner_agree_with_simulation_and_with_each_other():
    rng = np.random.default_rng(1)
    bank = two_pl(rng.lognormal(0, 0.2, 40), rng.normal(0, 0.7, 40))
    theta = rng.normal(0, 1, 20_000)
    right = bank.draw(theta, rng).mean(axis=1) >= 0.6
    truly = bank.expected(theta).mean(axis=1) >= 0.6
    found = lee(bank, 0.6)
    assert found.accuracy == pytest.approx((right == truly).mean(), abs=0.009)
    assert found.false_pass == pytest.approx((right & ~truly).mean(), abs=0.009)
    ability = float(found.method.rsplit(" ", 1)[1])
    assert rudner(bank, ability).accuracy == pytest.approx(found.accuracy, abs=0.02)
    graded = Bank(
        "gpcm", ("a", "b"), np.ones(2), np.array([[0.5, 0.2], [0.1, -0.3]]), np.zeros(2),
        np.tile([0.0, 0.5, 1.0], (2, 1)),
    )  # fmt: skip
    assert summed(graded, np.zeros(1)).shape == (1, 5)
    with pytest.raises(InputError, match="no ability"):
        lee(two_pl(np.ones(3), np.zeros(3), guessing=np.full(3, 0.3)), 0.2)


def test_a_sequential_decision_keeps_its_error_rates_and_saves_items():
    found = sequential_cut(0.6, margin=0.15)
    assert found.false_pass <= 0.05
    assert found.false_fail <= 0.05
    assert max(o.items for o in found.operation) < found.fixed_items
    passes = [o.passes for o in found.operation]
    assert passes == sorted(passes)
    turned = sequential_cut(0.4, margin=0.15, direction="below")
    assert turned.at_most == found.at_most
    assert turned.false_pass == pytest.approx(found.false_pass)
    rng = np.random.default_rng(0)
    bank = two_pl(np.ones(50), rng.normal(0, 1, 50))
    by_ability = sequential_cut(0.6, bank=bank, ability_margin=0.8)
    theta = float(np.log(0.6 / 0.4))
    assert by_ability.fails_to < 0.6 < by_ability.passes_from
    assert by_ability.passes_from == pytest.approx(expit(theta + 0.7), abs=0.1)
    short = sequential_cut(0.6, margin=0.15, at_most=15)
    assert "more than 0.05" in " ".join(short.notes)
    for args, words in (
        ({"margin": 0.5}, "within 0 to 1"), ({}, "one of margin"), ({"margin": -1.0}, "above 0"),
        ({"ability_margin": 0.5}, "wanted a bank"), ({"margin": 0.1, "at_most": 3}, "too few"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=words):
            sequential_cut(0.6, **args)


def run(*args):
    with pytest.raises(SystemExit) as e:
        main(["items", "cut", *map(str, args)])
    return e.value.code


def test_the_commands_tell_accuracy_and_sequences(tmp_path, capsys):
    rng = np.random.default_rng(3)
    answers = (rng.random((30, 25)) < rng.beta(5, 3, (30, 1))).astype(int)
    pl.DataFrame(
        {"model": [f"m{i}" for i in range(30)]} | {f"q{i}": answers[:, i] for i in range(25)}
    ).write_csv(tmp_path / "a.csv")
    write_bank(two_pl(np.ones(20), rng.normal(0, 1, 20)), tmp_path / "bank.json")
    drawn = tmp_path / "f.svg"
    args = ("classify", tmp_path / "a.csv", "--cut", "0.6", "--draws", "20")
    assert run(*args, "--target", "0.9", "--figure", drawn) == 0
    out = capsys.readouterr().out
    assert "Livingston" in out and "takes" in out
    assert drawn.read_text().startswith("<svg")
    assert run(*args, "--model", "binomial", "--json") == 0
    told = json.loads(capsys.readouterr().out)["classifications"][0]
    assert 0.5 < told["accuracy"] < 1
    assert run("classify", "--bank", tmp_path / "bank.json", "--cut", "0.6") == 0
    assert "Lee" in capsys.readouterr().out
    assert run("sequential", "0.6", "--margin", "0.15", "--figure", drawn) == 0
    assert "expected items" in capsys.readouterr().out
    assert run("sequential", "0.6", "--margin", "0.15", "--json") == 0
    assert json.loads(capsys.readouterr().out)["at_most"] > 15
    assert run("classify", "--cut", "0.6") == 2
    assert "wanted SCORES" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["angoff", "bookmark", "borderline", "contrasting", "cost",
                                  "accuracy", "sequential"])  # fmt: skip
def test_a_short_run_of_each_certificate_holds(name):
    from dataclasses import replace

    from calibrant.quality.cuts.certificates import CERTIFICATES
    from calibrant.stats.certificates import measure_certificate

    one = next(c for c in CERTIFICATES if c.name == f"cut-{name}")
    few = 6 if name == "accuracy" else 12
    quick = replace(one, regimes=one.regimes[:2], beyond=(), batch_draws=few)
    for measured in measure_certificate(quick, draws=few):
        assert measured.broken == ()
        assert any(one.peer_of(s) for s in measured.statistics)
