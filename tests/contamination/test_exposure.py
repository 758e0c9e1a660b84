"""Tests of exposure against enumeration; what they refuse; what their verdicts say."""

from __future__ import annotations

import re
from itertools import combinations, pairwise, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.contamination import exposure
from calibrant.contamination.evidence import ExposureTest
from calibrant.contamination.exposure.blind import paired_baseline
from calibrant.contamination.exposure.expose import expose
from calibrant.contamination.exposure.nulls import (
    flipped,
    midranks,
    relabelled,
    subset_sums,
    uniform_ranks,
)
from calibrant.contamination.exposure.power import (
    detects_order,
    detects_rates,
    detects_split,
    detects_twin,
)
from calibrant.contamination.tokens import TokenScores, token_scores
from calibrant.errors import InputError
from calibrant.stats.comparisons.two_rates import fisher

small = st.integers(-3, 3).map(float)


def plain_ranks(values: list[float]) -> list[float]:
    """Mid-ranks, by counting."""
    return [sum(w < v for w in values) + (sum(w == v for w in values) + 1) / 2 for v in values]


@settings(max_examples=60, deadline=None)
@given(values=st.lists(small, min_size=3, max_size=9), data=st.data())
def test_split_is_the_share_of_all_splits(values: list[float], data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(values) - 1))
    mask = np.arange(len(values)) < size
    found = exposure.split_test(values, mask, reason="random-split", alpha=0.9999)
    ranks = plain_ranks(values)
    every = [sum(ranks[i] for i in c) for c in combinations(range(len(values)), size)]
    p = sum(s >= sum(ranks[:size]) - 1e-9 for s in every) / len(every)
    assert found.detail["smallest_p"] == pytest.approx(
        sum(s >= max(every) - 1e-9 for s in every) / len(every)
    )
    if found.p is not None:
        assert found.p == pytest.approx(p)
    above = [(x > y) + (x == y) / 2 for x in values[:size] for y in values[size:]]
    assert found.statistic == pytest.approx(np.mean(above))


@settings(max_examples=40, deadline=None)
@given(values=st.lists(small, min_size=1, max_size=9), mean=st.booleans())
def test_twins_are_the_share_of_all_signs(values: list[float], mean: bool) -> None:
    found = exposure.twin_test(
        values, reason="random-twin", statistic="mean" if mean else "rank", alpha=0.9999
    )
    live = [v for v in values if v]
    sizes = [abs(v) for v in live] if mean else plain_ranks([abs(v) for v in live])
    observed = sum(s * np.sign(v) for s, v in zip(sizes, live, strict=True))
    every = [
        sum(s * f for s, f in zip(sizes, flips, strict=True))
        for flips in product((-1, 1), repeat=len(live))
    ]
    p = sum(e >= observed - 1e-9 for e in every) / len(every)
    assert found.detail["smallest_p"] == pytest.approx(0.5 ** len(live))
    assert found.p == pytest.approx(p) or (found.p is None and not live)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.lists(small, min_size=4, max_size=4), min_size=1, max_size=4),
)
def test_order_is_the_share_of_all_choices_of_a_column(rows: list[list[float]]) -> None:
    found = exposure.order_test(rows, reason="random-order", alpha=0.9999)
    below = [sum(x < row[0] for x in row[1:]) for row in rows]
    every = [sum(choice) for choice in product(range(4), repeat=len(rows))]
    assert found.p == pytest.approx(sum(e >= sum(below) for e in every) / len(every))


def test_distributions_of_sums_are_the_published_ones() -> None:
    # Mann and Whitney's table for 3 and 4, and Wilcoxon's signed ranks of 4.
    counts = subset_sums(np.arange(1, 8), 3)[6:]
    assert counts.tolist() == [1, 1, 2, 3, 4, 4, 5, 4, 4, 3, 2, 1, 1]
    null = flipped(np.array([1.0, 2, 3, 4]), draws=99, rng=np.random.default_rng(0))
    assert (null.share * 16).tolist() == [1, 1, 1, 2, 2, 2, 2, 2, 1, 1, 1]
    assert uniform_ranks(6, 2) * 36 == pytest.approx([1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 1])
    assert midranks(np.array([5.0, 1.0, 5.0])).tolist() == [5, 2, 5]


def test_random_draws_agree_with_the_exact_distribution() -> None:
    rng = np.random.default_rng(5)
    values = rng.standard_t(2, 24)
    inside = np.arange(24) < 9
    one = np.zeros(24, np.int64)
    exact = relabelled(midranks(values).astype(float), inside, one, draws=1, rng=rng)
    rough = relabelled(
        midranks(values) + 0.5 - 0.5 * (1 + 1e-13), inside, one, draws=20_000, rng=rng
    )
    assert exact.exact
    assert not rough.exact
    assert rough.p == pytest.approx(exact.p, abs=0.015)
    flips = flipped(values, draws=20_000, rng=rng)
    assert flips.p + flips.below == pytest.approx(1, abs=0.01)


def test_clusters_count_once_and_strata_apart() -> None:
    rng = np.random.default_rng(2)
    cluster = np.repeat(np.arange(8), 5)
    values = np.repeat(rng.normal(size=8), 5)
    mask = cluster < 4
    alone = exposure.split_test(values, mask, reason="random-split")
    whole = exposure.split_test(values, mask, reason="random-split", clusters=cluster)
    single = exposure.split_test(values[::5], mask[::5], reason="random-split")
    assert whole.p == single.p
    assert alone.p != whole.p
    assert whole.items == 40
    assert whole.detail["units"] == {"published": 4, "held out": 4}
    # A difference between strata is none within them.
    stratum = np.repeat([0, 1], 10)
    easy = rng.normal(size=20) + 10 * stratum
    part = np.concatenate([np.arange(10) < 2, np.arange(10) < 8])
    apart = exposure.split_test(easy, part, reason="random-split", strata=stratum)
    assert apart.p is not None and apart.p > 0.05
    assert exposure.split_test(easy, part, reason="random-split").p < 0.05  # type: ignore[operator]
    mean = exposure.split_test(easy, part, reason="random-split", strata=stratum, statistic="mean")
    assert mean.p is not None and mean.p > 0.05


TEXTS = [f"item {'word ' * (n % 5 + 3)}" for n in range(40)]
MASK = np.arange(40) % 2 == 0
CLEAR = np.where(MASK, 3.0, 0.0) + np.random.default_rng(0).normal(size=40)


def test_verdicts_take_a_reason_and_a_blind_baseline() -> None:
    seen = exposure.split_test(CLEAR, MASK, reason="random-split", texts=TEXTS)
    assert seen.verdict == "seen"
    assert "drawn at random" in repr(seen)
    assert {b["name"] for b in seen.blind} >= {"characters", "zlib bytes", "3-grams"}
    untold = exposure.split_test(CLEAR, MASK, reason="random-split")
    assert (untold.verdict, untold.p) == ("differs", seen.p)
    assert "no blind baseline" in untold.notes[0]
    longer = [t + " more" * (6 * bool(m)) for t, m in zip(TEXTS, MASK, strict=True)]
    apart = exposure.split_test(CLEAR, MASK, reason="random-split", texts=longer)
    assert apart.verdict == "differs"
    assert "characters" in apart.notes[0]
    noise = np.random.default_rng(1).normal(size=40)
    nothing = exposure.split_test(noise, MASK, reason="random-split", texts=TEXTS)
    assert nothing.verdict == "not found"
    assert "no evidence of absence" in nothing.notes[0]
    assert "standard deviations" in nothing.detects
    few = exposure.split_test(CLEAR[:4], MASK[:4], reason="random-split", texts=TEXTS[:4])
    assert (few.verdict, few.p) == ("undetermined", None)
    assert "smallest p-value" in few.notes[0]


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        (lambda r: exposure.split_test(CLEAR, MASK, reason=r), "random-split"),
        (lambda r: exposure.rank_test(CLEAR, MASK, reason=r), "random-split"),
        (lambda r: exposure.combined_test(CLEAR, MASK, reason=r), "random-split"),
        (lambda r: exposure.twin_test(CLEAR, reason=r), "random-twin"),
        (lambda r: exposure.paraphrase_test(CLEAR, reason=r), "random-twin"),
        (lambda r: exposure.order_test(CLEAR.reshape(4, 10), reason=r), "random-order"),
        (lambda r: exposure.canary_test(9.0, CLEAR, reason=r), "random-canary"),
        (lambda r: exposure.reference_test(9.0, CLEAR, reason=r, items=3), "unexposed-reference"),
        (lambda r: exposure.correct_test(MASK, MASK, reason=r), "random-split"),
        (lambda r: exposure.correct_twin_test(MASK, ~MASK, reason=r), "random-twin"),
    ],
)
def test_no_test_without_its_own_reason(test: Any, reason: str) -> None:
    found: ExposureTest = test(reason)
    assert found.reason == reason
    with pytest.raises(InputError, match=f"valid if .*{reason}"):
        test("random-split" if reason != "random-split" else "random-order")
    with pytest.raises(InputError, match="reason: wanted one of"):
        test("because")


def test_canaries_rank_among_their_space() -> None:
    others = np.arange(999.0)
    found = exposure.canary_test(998.0, others, reason="random-canary")
    assert (found.detail["rank"], found.p) == (2, 0.002)
    assert found.statistic == pytest.approx(np.log2(500))
    assert found.verdict == "seen"
    few = exposure.canary_test(99.0, np.arange(9.0), reason="random-canary")
    assert few.verdict == "undetermined"
    assert few.detects.startswith("nothing")
    several = exposure.canary_test([8.5, 7.5, 9.5], np.arange(9.0), reason="random-canary")
    # One of 27 pairs is the wrong way round: of 220 arrangements one is larger.
    assert several.statistic == pytest.approx(26 / 27)
    assert several.p == pytest.approx(2 / 220)


def test_a_subject_among_unexposed_ones() -> None:
    found = exposure.reference_test(
        5.0, np.arange(5.0).repeat(5) - 1, reason="unexposed-reference", items=10
    )
    assert found.p == pytest.approx(1 / 26)
    assert found.verdict == "seen"


def test_answers_instead_of_log_probabilities() -> None:
    published, twins = np.repeat([1, 1, 0], [9, 10, 5]), np.repeat([0, 1, 0], [9, 10, 5])
    found = exposure.correct_twin_test(published, twins, reason="random-twin")
    assert found.p == pytest.approx(2.0**-9)
    assert found.statistic == pytest.approx(9 / 24)
    clustered = exposure.correct_twin_test(
        published, twins, reason="random-twin", clusters=np.arange(24) // 3
    )
    assert clustered.p == pytest.approx(2.0**-3) or clustered.verdict == "undetermined"
    split = exposure.correct_test(np.arange(20) < 10, np.arange(20) < 10, reason="random-split")
    assert split.p == pytest.approx(1 / 184756)


def test_re_splits_are_drawn_as_the_split_was() -> None:
    values = np.arange(40.0)
    found = exposure.rank_test(values, values >= 20, reason="random-split", draws=499)
    assert found.p == pytest.approx(1 / 500)
    # A split that could only ever be this one says nothing.
    fixed = exposure.rank_test(
        values, values >= 20, reason="random-split", draws=499, resplit=lambda _: values >= 20
    )
    assert fixed.p is None or fixed.p == 1.0
    with pytest.raises(InputError, match="resplit: wanted"):
        exposure.rank_test(
            values, values >= 20, reason="random-split", resplit=lambda _: values[:3]
        )


def test_signals_are_combined_by_weights_of_the_other_half() -> None:
    rng = np.random.default_rng(4)
    table = rng.normal(size=(40, 4))
    table[:, 2] += 2 * MASK
    found = exposure.combined_test(table, MASK, reason="random-split", texts=TEXTS, draws=499)
    assert found.verdict == "seen"
    against = exposure.combined_test(-table, MASK, reason="random-split", texts=TEXTS, draws=499)
    assert against.verdict == "not found"


def test_several_tests_are_held_together() -> None:
    tests = [exposure.twin_test(x, reason="random-twin") for x in (CLEAR[::2], CLEAR[1::2])]
    found = exposure.several([*tests, tests[1]])
    assert found[0].p == pytest.approx(3 * (tests[0].p or 0))
    assert found[0].verdict == "seen"
    assert "Holm" in found[0].notes[-1]
    assert exposure.several(tests[:1]) == tuple(tests[:1])


class Plain:
    """Scores each character by whether it follows the one before in the alphabet."""

    name = "plain"

    def __init__(self, lost: bool = False) -> None:
        self.lost = lost

    def score(self, texts: Any, *, items: Any = (), form: str = "verbatim") -> TokenScores:
        rows = [
            {"item": i, "text": t, "logprob": [
                float("nan") if self.lost else -float(a >= b)
                for a, b in pairwise(t)
            ]}
            for i, t in zip(items, texts, strict=True)
        ]  # fmt: skip
        return token_scores(rows, subject=self.name, tokenizer="c", prefix="")


def test_orders_are_scored_by_shard() -> None:
    texts = [chr(97 + n) for n in range(24)]
    table = exposure.order_scores(Plain(), texts, shards=4, permutations=19, between="")
    assert table.shape == (4, 20)
    assert (table[:, 0] == 0).all()
    again = exposure.order_scores(Plain(), texts, shards=4, permutations=19, between="")
    np.testing.assert_array_equal(table, again)
    found = exposure.order_test(table, reason="random-order", items=24, subject="plain")
    assert found.verdict == "seen"
    other = exposure.order_test(table, reason="random-order", statistic="standardised")
    assert other.verdict == "seen"
    with pytest.raises(InputError, match="ask for more shards"):
        exposure.order_scores(Plain(), texts, shards=4, between="", most_tokens=4)
    with pytest.raises(InputError, match="without a log-probability"):
        exposure.order_scores(Plain(lost=True), texts, shards=4, between="")
    with pytest.raises(InputError, match="at least 2 items in each"):
        exposure.order_scores(Plain(), texts, shards=13)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: exposure.split_test([1.0, np.nan], [1, 0], reason="random-split"), "finite"),
        (lambda: exposure.split_test([1.0, 2.0], [1, 1], reason="random-split"), "both groups"),
        (lambda: exposure.split_test([1.0, 2.0], [1], reason="random-split"), "2 values"),
        (lambda: exposure.split_test([1.0, 2.0], [1, 2], reason="random-split"), "true or false"),
        (lambda: exposure.split_test(CLEAR, MASK, reason="random-split", alpha=1), "alpha"),
        (lambda: exposure.split_test(CLEAR, MASK, reason="random-split", draws=9), "draws"),
        (
            lambda: exposure.split_test(CLEAR, MASK, reason="random-split", clusters=["a"] * 40),
            "'a' stands in both groups",
        ),
        (
            lambda: exposure.split_test(CLEAR, MASK, reason="random-split", strata=np.arange(40)),
            "none has texts of both groups",
        ),
        (lambda: exposure.twin_test([], reason="random-twin"), "one a pair"),
        (lambda: exposure.twin_test([np.inf], reason="random-twin"), "finite"),
        (lambda: exposure.order_test([1.0, 2.0], reason="random-order"), "shape"),
        (lambda: exposure.order_test([[1.0, np.nan]], reason="random-order"), "shard 1"),
        (lambda: exposure.canary_test([], [1.0], reason="random-canary"), "at least one"),
        (lambda: exposure.combined_test(CLEAR[:6], MASK[:6], reason="random-split"), "8 units"),
        (lambda: exposure.power("splits", 9, 1.0), "design"),  # type: ignore[arg-type]
        (lambda: exposure.planned_items("split", 0.0), "above 0"),
        (lambda: exposure.planned_items("canary", 1.0), "publish several"),
        (lambda: exposure.auroc([1.0], [1.0, 2.0]), "at least 2"),
    ],
)
def test_what_cannot_be_tested_is_refused(call: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        call()


def test_planned_items_reach_the_wanted_power() -> None:
    for design, d in (("split", 0.8), ("twin", 0.5), ("order", 0.4)):
        n = exposure.planned_items(design, d, draws=1000)  # type: ignore[arg-type]
        assert exposure.power(design, n, d) == pytest.approx(0.8, abs=0.05)  # type: ignore[arg-type]
    # Simulated below, worked out above: they meet.
    for design, d in (("split", 0.5), ("twin", 0.25), ("order", 0.25)):
        pair = [exposure.power(design, n, d) for n in (100, 101)]  # type: ignore[arg-type]
        assert pair[0] == pytest.approx(pair[1], abs=0.03)
    assert exposure.power("canary", 99, 2.0) == pytest.approx(0.63, abs=0.02)


def test_an_interval_of_auroc_does_not_collapse_where_groups_are_apart() -> None:
    found = exposure.auroc([5.0, 6, 7, 8, 9], [0.0, 1, 2, 3, 4])
    assert (found.value, found.high) == (1.0, 1.0)
    assert 0.5 < found.low < 0.8
    same = exposure.auroc([1.0, 1.0, 1.0], [1.0, 1.0])
    assert (same.value, same.covers_half) == (0.5, True)


def test_the_limit_of_detection_is_where_power_is_80_percent() -> None:
    for design, said in (
        ("split", detects_split(30, 30, 0.05)), ("twin", detects_twin(40, 0.05)),
        ("order", detects_order(25, 0.05)),
    ):  # fmt: skip
        found = re.search(r"by ([\d.]+) standard deviations", said)
        assert found is not None
        n = {"split": 60, "twin": 40, "order": 25}[design]
        assert exposure.power(design, n, float(found[1])) == pytest.approx(0.8, abs=0.03)  # type: ignore[arg-type]
    assert detects_twin(4, 0.05) == "too few pairs to find anything"
    assert "clearest exposure" in detects_split(2, 2, 0.05)


def test_twins_that_were_not_made_alike_are_seen_without_a_subject() -> None:
    rng = np.random.default_rng(3)
    gap = rng.normal(1.5, 1, 24)
    fair = [(f"{a} apples", f"{b} apples") for a, b in rng.integers(10, 99, (24, 2))]
    found = exposure.twin_test(gap, reason="random-twin", texts=fair)
    assert found.verdict == "seen" and all(b["low"] <= 0.5 <= b["high"] for b in found.blind)
    later = [(text, f"{i} thousand apples") for i, (text, _) in enumerate(fair, 1000)]
    found = exposure.twin_test(gap, reason="random-twin", texts=later)
    assert found.p is not None and found.p < 1e-3 and found.verdict == "differs"
    characters = found.blind[0]
    assert characters["name"] == "characters" and characters["auroc"] == 0
    whole = paired_baseline(later, clusters=[0] * 24)
    assert whole[0]["high"] > 0.5  # one cluster says nothing
    with pytest.raises(InputError, match="24 pairs"):
        exposure.twin_test(gap, reason="random-twin", texts=fair[:3])
    with pytest.raises(InputError, match="fewer of pair 2"):
        paired_baseline([("a", "b"), ("a",)])


def test_texts_that_cannot_be_are_refused() -> None:
    rows = [{"item": f"q{i}", "text": "a", "form": form, "logprob": [-1.0, -np.inf if i else -2.0]}
            for i in range(2) for form in ("verbatim", "twin")]  # fmt: skip
    scores = token_scores(rows, subject="s", tokenizer="t", prefix="")
    with pytest.raises(InputError, match="2 of 4 texts have a token of probability 0.*'q1'"):
        expose([scores], method="twin", reason="random-twin")


def test_not_found_says_what_would_have_been_found() -> None:
    right, mask = np.tile([0, 1], 40), np.arange(80) < 40
    found = exposure.correct_test(right, mask, reason="random-split", texts=["a b"] * 80)
    assert found.verdict == "not found" and "odds of a right answer" in found.detects
    times = float(found.detects.split(" that are ")[1].split()[0])
    # By the rates themselves, with the odds of all in the held-out half.
    p = times / (1 + times)
    rng = np.random.default_rng(0)
    hits = [
        fisher(a, 40, b, 40, alternative="greater") <= 0.05
        for a, b in zip(rng.binomial(40, p, 2000), rng.binomial(40, 0.5, 2000), strict=True)
    ]
    assert abs(np.mean(hits) - 0.8) < 0.1
    assert "clearest" in detects_rates(3, 3, 6, 0.05)
