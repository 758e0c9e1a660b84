"""Shifts of verdicts against plain twins and published numbers; planted biases are recovered."""

import itertools
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.errors import InputError
from calibrant.judges.probes.certificates import CERTIFICATES
from calibrant.judges.probes.changes import excess_changes, first_place, mean_shift, share
from calibrant.judges.probes.effects import flip_p, shift
from calibrant.judges.probes.figures import forest
from calibrant.judges.probes.findings import Probing
from calibrant.judges.probes.planted import drawn, known_texts, planted
from calibrant.judges.probes.power import detection_power, probe_cases, probe_power
from calibrant.judges.probes.probe import Case, Probe
from calibrant.judges.probes.summary import ORDER, VERDICTS, Terms, summarise
from calibrant.stats.certificates import measure_certificate
from calibrant.stats.comparisons.two_rates import matched_difference, mcnemar


def plain_flip_p(d, clusters=None):
    """All sign patterns gone through, one by one."""
    labels = list(range(len(d))) if clusters is None else clusters
    totals = [
        sum(x for x, c in zip(d, labels, strict=True) if c == label)
        for label in dict.fromkeys(labels)
    ]
    sums = [
        sum(s * abs(t) for s, t in zip(signs, totals, strict=True))
        for signs in itertools.product((1, -1), repeat=len(totals))
    ]
    seen = sum(totals)
    less = sum(s <= seen + 1e-9 for s in sums) / len(sums)
    greater = sum(s >= seen - 1e-9 for s in sums) / len(sums)
    return min(1.0, 2 * min(less, greater))


steps = st.sampled_from([-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0])


@given(st.lists(steps, min_size=1, max_size=10))
def test_the_exact_sign_flip_is_all_patterns_counted(d):
    assert flip_p(d) == pytest.approx(plain_flip_p(d), abs=1e-12)


@given(st.lists(st.floats(-3, 3, allow_subnormal=False), min_size=1, max_size=9))
def test_differences_off_any_lattice_are_gone_through_too(d):
    d = [x if abs(x) > 1e-6 else 0.0 for x in d]
    assert flip_p(d) == pytest.approx(plain_flip_p(d), abs=1e-12)


@given(st.lists(st.tuples(steps, st.sampled_from("abcde")), min_size=1, max_size=12))
def test_clusters_flip_together(rows):
    d, labels = [r[0] for r in rows], [r[1] for r in rows]
    assert flip_p(d, labels) == pytest.approx(plain_flip_p(d, labels), abs=1e-12)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 20))
def test_of_whole_flips_it_is_the_exact_mcnemar_test(up, down, still):
    d = [1.0] * up + [-1.0] * down + [0.0] * still
    assert flip_p(d) == pytest.approx(mcnemar(up, down) if d else 1.0, abs=1e-12)


def test_published_matched_pairs():
    # Agresti, Categorical Data Analysis (2002), table 10.1: 150 changed one way and 86 the other
    # of 1600; 86 or fewer of 236 fair coins, twice, is 3.7e-05.
    base = np.r_[np.ones(794 + 150), np.zeros(86 + 570)]
    later = np.r_[np.ones(794), np.zeros(150), np.ones(86), np.zeros(570)]
    found = shift(base, later)
    assert found.value == pytest.approx(-0.04)
    assert found.p_value == pytest.approx(3.716e-05, rel=1e-3)
    want = matched_difference(86, 150, 1600)
    assert (found.interval.low, found.interval.high) == pytest.approx((want.low, want.high))
    assert found.interval.high < 0


def test_many_off_lattice_differences_are_seeded_and_close_to_normal():
    rng = np.random.default_rng(3)
    d = rng.normal(0.2, 1, 120)
    assert flip_p(d, seed=1) == flip_p(d, seed=1)
    z = d.sum() / math.sqrt((d**2).sum())
    assert flip_p(d, seed=1) == pytest.approx(math.erfc(abs(z) / math.sqrt(2)), abs=0.015)


rows = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.5, 1.0, math.nan]), st.sampled_from([0.0, 0.5, 1.0, math.nan])
    ),
    min_size=2,
    max_size=14,
)


@given(rows, st.data())
@settings(max_examples=60)
def test_whatever_failed_verdicts_were_the_bounds_hold(pairs, data):
    base, altered = (np.array(x) for x in zip(*pairs, strict=True))
    found = shift(base, altered)
    fill = st.sampled_from([0.0, 0.5, 1.0])
    whole = [np.array([data.draw(fill) if np.isnan(x) else x for x in v]) for v in (base, altered)]
    true = shift(*whole)
    low, high = found.bounds
    assert low - 1e-12 <= true.value <= high + 1e-12
    assert true.p_value <= found.worst_p + 1e-12
    assert found.failed == int((np.isnan(base) | np.isnan(altered)).sum())
    assert found.n == len(base) - found.failed


def test_verdicts_of_a_case_are_averaged_and_failed_ones_counted():
    base = np.array([[0.0, 1.0], [0.0, math.nan], [0.0, 0.0]])
    altered = np.array([[1.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
    found = shift(base, altered)
    assert found.value == pytest.approx((0.5 + 1 + 0) / 3)
    assert (found.towards, found.away, found.unmoved, found.failed) == (2, 0, 1, 0)
    assert found.bounds == pytest.approx(((0.5 + 0.5) / 3, (0.5 + 1) / 3))


@pytest.mark.parametrize("level", [0.95, 0.999, 0.99999])
@pytest.mark.parametrize("n", [2, 5, 16, 17, 40])
def test_any_level_gives_an_interval_around_the_shift(level, n):
    rng = np.random.default_rng(n)
    base, altered = rng.choice([0, 0.3, 0.5, 1], n), rng.choice([0, 0.3, 0.5, 1], n)
    for clusters in (None, np.arange(n) // 2):
        found = shift(base, altered, level=level, clusters=clusters)
        assert -1 <= found.interval.low <= found.value <= found.interval.high <= 1
        assert found.interval.low <= found.narrow.low <= found.narrow.high <= found.interval.high


def test_one_case_says_nothing_of_others():
    found = shift([0.0], [1.0])
    assert (found.interval.low, found.interval.high) == (-1, 1)
    assert shift([], []).n == 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: shift([0.0, 2.0], [0.0, 1.0]), "0–1"),
        (lambda: shift([0.0], [0.0, 1.0]), "wanted 1 cases"),
        (lambda: shift([0.0, 1], [0.0, 1], level=0.3), "level"),
        (lambda: shift([0.0, 1], [0.0, 1], clusters=["a"]), "clusters"),
        (lambda: flip_p([math.inf]), "finite"),
        (lambda: excess_changes([[0.0]], [[0.0, 1.0]]), "two tables alike"),
        (lambda: probe_power(20, 2.0), "effect"),
        (lambda: probe_cases(0.1, probes=0), "probes"),
        (lambda: detection_power(0, 0.9, 0.8), "cases"),
        (lambda: planted(frist=0.2), "no bias 'frist'"),
        (lambda: planted(first=1.2), "chance in 0–1"),
        (lambda: Terms(margin=0), "margin"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, words):
    with pytest.raises(InputError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_shares_of_clusters_are_wider_than_of_cases():
    events = np.repeat([1, 0, 1, 1, 0, 1], 5)
    alone = share(events)
    together = share(events, np.repeat(list("abcdef"), 5))
    assert alone.value == together.value == pytest.approx(2 / 3)
    assert together.low < alone.low and together.high > alone.high
    one = share([1, 1, 1], ["a", "a", "a"])
    assert (one.low, one.high) == (0, 1)


def test_place_is_the_conditional_odds_ratio_of_matched_pairs():
    value, low, high = first_place(12, 3)
    assert value == pytest.approx(math.log(4) / 2)
    assert low < value < high
    none, low, high = first_place(5, 0)
    assert none is None and low > -math.inf and high == math.inf


def test_mean_shift_of_log_odds():
    assert mean_shift([1.0, 1.0, 1.0]) is None
    mean, low, high = mean_shift([0.5, 1.0, 1.5, 2.0, 0.7, 1.1, 0.9])
    assert mean == pytest.approx(1.1) and 0.5 < low < mean < high < 2
    rng = np.random.default_rng(0)
    mean, low, high = mean_shift(rng.normal(1, 1, 60))
    assert low < 1 < high


def plain_excess(base, altered):
    def differ(a, b):
        return float(a != b)

    out = []
    for x, y in zip(base, altered, strict=True):
        r = len(x)
        across = np.mean([differ(a, b) for a in x for b in y])
        within = np.mean(
            [differ(v[i], v[j]) for v in (x, y) for i in range(r) for j in range(r) if i != j]
        )
        out.append(across - within)
    return float(np.mean(out))


@given(st.integers(2, 4), st.integers(1, 6), st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_excess_changes_is_its_definition(r, n, random):
    x, y = ([[random.randint(0, 2) for _ in range(r)] for _ in range(n)] for _ in range(2))
    found = excess_changes(x, y, draws=199)
    assert found is not None and found[0] == pytest.approx(plain_excess(x, y), abs=1e-12)


def test_excess_changes_sees_what_cancels_in_the_shift():
    # Half of the cases move up, half down: no shift, but every verdict changes.
    x = np.repeat([[0.0, 0.0], [1.0, 1.0]], 10, axis=0)
    assert shift(x, 1 - x).p_value == 1
    value, p = excess_changes(x, 1 - x)
    assert value == 1 and p <= 0.001
    assert excess_changes(x[:, :1], x[:, :1]) is None


def test_power_is_that_of_mcnemar_and_rises():
    # Of 20 cases 6 must move, all one way, for p ≤ 0.05: power is the chance of that.
    few = probe_power(20, 0.3, alpha=0.05)
    want = sum(math.comb(20, k) * 0.3**k * 0.7 ** (20 - k) for k in range(6, 21))
    assert few.power == pytest.approx(want, abs=1e-9)
    assert few.smallest is not None
    assert probe_power(20, few.smallest + 1e-6).power >= 0.8
    assert probe_power(20, few.smallest - 1e-3).power < 0.8
    assert probe_power(200, 0.3).power > 0.999
    assert probe_power(40, 0.3, sd=0.4).method == "Student's t"
    assert probe_power(1, 0.3).power == 0
    n = probe_cases(0.2, probes=20)
    assert probe_power(n, 0.2, alpha=0.05 / 20).power >= 0.8


def test_detection_power_is_of_the_exact_limit():
    # 14 of 14 are needed: 0.8 ** 14 < 0.05 < 0.8 ** 13.
    assert detection_power(14, 0.95, 0.8) == pytest.approx(0.95**14)
    assert detection_power(13, 1.0, 0.8) == 0
    assert detection_power(14, 1.0, 0.8) == 1


# Planted judges, as in a run but without Inspect.


def cases_of(n, two=True):
    out = []
    for k in range(n):
        good, bad = f"The answer is w{k}.", f"The answer is z{k}."
        pair = (good, bad) if k // 2 % 2 else (bad, good)
        answers = pair if two else (good if k % 2 else bad,)
        out.append(Case(f"q{k}", f"What is {k}?", answers, target=f"w{k}"))
    return out


def lengthen(case, side, rng):
    from dataclasses import replace

    answers = list(case.answers)
    answers[side] += " indeed" * 100
    return replace(case, answers=tuple(answers))


def worsen(case, side, rng):
    from dataclasses import replace

    if case.target not in case.answers[side]:
        return None
    answers = tuple(a.replace(case.target, "nothing") if i == side else a
                    for i, a in enumerate(case.answers))  # fmt: skip
    return replace(case, answers=answers)


BOTH = frozenset({"pointwise", "pairwise"})
LONGER = Probe("longer", "length", "?", "same", BOTH, lengthen)
WORSE = Probe("worse", "facts", "?", "lower", BOTH, worsen)


def verdicts(judge, cases, probes=(LONGER, WORSE), repeats=1, failed=(), seed=0):
    from dataclasses import replace

    rows = []
    for number, case in enumerate(cases):
        two = case.kind == "pairwise"
        shown = [(None, None, case)]
        for p in probes:
            side = number % 2 if two else 0
            made = p.alter(case, side, None) or (p.alter(case, 1 - side, None) if two else None)
            if made is not None:
                side = side if made.answers[side] != case.answers[side] else 1 - side
                shown.append((p.name, side, made))
        for (name, side, made), first, r in itertools.product(
            shown, (0, 1) if two else (None,), range(repeats)
        ):
            seen = made if not first else replace(made, answers=made.answers[::-1])
            rng = drawn(seed, f"{number}{seen}", r)
            value = judge.prefer(seen, rng) if two else judge.score(seen, rng)
            lost = (name, number) in failed
            rows.append((number, case.item, name, side, first, r, None if lost else value, None,
                         "", "lost" if lost else None))  # fmt: skip
    return pl.DataFrame(rows, schema=VERDICTS, orient="row")


def by_name(summary):
    return {f.name: f for f in summary.findings}


def test_a_fair_judge_leaves_the_probes_silent_and_is_shown_robust():
    found = summarise(verdicts(planted(), cases_of(150)), (LONGER, WORSE), "pairwise")
    f = by_name(found)
    assert f[ORDER].verdict == f["longer"].verdict == "robust"
    assert f["worse"].verdict == "detects" and f["worse"].detection.fell.value == 1
    assert found.order.consistent.value == 1
    few = by_name(summarise(verdicts(planted(), cases_of(12)), (LONGER, WORSE), "pairwise"))
    # So few cases show nothing: neither a bias nor that there is none.
    assert {few[ORDER].verdict, few["longer"].verdict, few["worse"].verdict} == {"undetermined"}
    assert few[ORDER].power.power < 0.2


@pytest.mark.parametrize("first", [0.2, 0.6, 1.0])
def test_planted_place_is_recovered(first):
    # A pair of draws in both orders shifts by exactly this share.
    found = summarise(verdicts(planted(first=first), cases_of(200)), (), "pairwise")
    order = by_name(found)[ORDER]
    assert order.shift.interval.low <= first <= order.shift.interval.high
    assert order.verdict == "biased" and order.shift.value > 0
    assert found.order.always_second.events == 0
    assert found.order.always_first.low <= first**2 + 2 * first * (1 - first) * 0.5


def test_the_place_in_log_odds_is_what_quality_leaves():
    rng = np.random.default_rng(2)
    rows = []
    for k in range(50):
        quality = rng.normal(0, 3)
        for first in (0, 1):
            odds = 1.5 + (quality if first == 0 else -quality) + rng.normal(0, 0.5)
            value = 1 / (1 + math.exp(-odds))
            rows.append((k, f"q{k}", None, None, first, 0, value, odds, "", None))
    found = summarise(pl.DataFrame(rows, schema=VERDICTS, orient="row"), (), "pairwise")
    low, high = found.order.log_odds_interval
    assert low <= 1.5 <= high and high - low < 0.5
    assert found.order.log_odds_from == "log-odds"


@pytest.mark.parametrize("strength", [0.3, 0.8])
def test_planted_length_is_recovered(strength):
    # The altered answer wins by chance `strength`, else by its quality: base preference 1/2.
    found = by_name(
        summarise(verdicts(planted(length=strength), cases_of(200)), (LONGER,), "pairwise")
    )
    f = found["longer"]
    assert f.shift.interval.low <= strength / 2 <= f.shift.interval.high
    assert f.verdict == "biased" and found[ORDER].verdict == "robust"


def test_planted_score_per_hundred_words():
    table = verdicts(planted(length=1.5, skill=0.7), cases_of(120, two=False))
    found = by_name(summarise(table, (LONGER, WORSE), "pointwise", low=0, high=10))
    low, high = found["longer"].shift.interval.low, found["longer"].shift.interval.high
    assert low <= 1.5 <= high
    assert found["longer"].verdict == "biased"
    assert found["worse"].verdict == "detects" and ORDER not in found


def test_a_blind_judge_misses_and_a_floor_is_left_out():
    blind = planted(skill=0.0, first=1.0)
    f = by_name(summarise(verdicts(blind, cases_of(60)), (WORSE,), "pairwise"))["worse"]
    assert f.verdict == "misses" and f.detection.fell.events == 0
    # A judge that always gives the least has nowhere to fall to.
    worst = planted(low=0, high=10, novel=-100)
    g = by_name(
        summarise(verdicts(worst, cases_of(30, two=False)), (WORSE,), "pointwise", low=0, high=10)
    )["worse"]
    assert g.detection.fell.n == 0 and g.detection.at_floor == 15 and g.verdict == "undetermined"


def test_chance_that_is_seldom_high_does_not_detect():
    # Few verdicts are high, whatever is said: nearly all of those fall, harmed or not.
    class Seldom:
        def score(self, case, rng):
            return float(rng.random() < 0.04)

    table = verdicts(Seldom(), cases_of(1600, two=False), probes=(WORSE,), repeats=2)
    f = by_name(summarise(table, (WORSE,), "pointwise"))["worse"]
    assert f.detection.fell.value > 0.85 and f.detection.lower >= 0.8
    assert f.detection.by_chance > 0.85
    assert f.verdict == "undetermined"


def test_repeats_tell_chance_from_bias():
    coin = planted(skill=0.0)
    table = verdicts(coin, cases_of(60), probes=(LONGER,), repeats=3)
    found = summarise(table, (LONGER,), "pairwise")
    assert found.retest.differ.low < 0.5 < found.retest.differ.high
    f = by_name(found)["longer"]
    assert f.changed.value > 0.3  # what people report as bias
    assert f.verdict != "biased" and f.excess[1] > 0.01 and abs(f.excess[0]) < 0.1


def test_failed_verdicts_are_counted_and_take_back_what_they_could_turn():
    lost = {("longer", k) for k in range(30)}
    table = verdicts(planted(), cases_of(150), probes=(LONGER,))
    whole = by_name(summarise(table, (LONGER,), "pairwise"))["longer"]
    holed = verdicts(planted(), cases_of(150), probes=(LONGER,), failed=lost)
    f = by_name(summarise(holed, (LONGER,), "pairwise"))["longer"]
    assert whole.verdict == "robust" and f.verdict == "undetermined"
    assert f.failed_altered == 60 and f.shift.failed == 30
    assert f.shift.bounds[0] < -0.05 and f.shift.bounds[1] > 0.05


def test_a_judge_moved_by_any_change_is_found_by_every_probe_of_the_catalogue():
    """Each catalogued probe is recovered from a planted judge, and silent on a fair one."""
    from calibrant.judges.probes.catalogue import PROBES

    texts = [
        "On 3 May 1999 Ada Lovelace measured 12 km in London. Yes, that is right. It was certain.",
        "The first step is easy. The second step takes 20 minutes. However, the third is option B.",
    ]
    extra = {
        "judge": "self", "other": "Bananas are yellow and grow on trees.",
        "rubrics": ["Be exact.", "Prefer exact answers."], "refuse": False,
        "translation": ["Das ist eine andere Sprache.", "Das ist noch eine."],
    }  # fmt: skip
    cases = [
        Case(f"q{k}", f"What happened in case {k}?", (f"{texts[0]} ({k})", f"{texts[1]} ({k})"),
             target="Ada", rubric="Prefer the exact answer.", extra=extra)
        for k in range(30)
    ]  # fmt: skip
    put = [p for p in PROBES if "pairwise" in p.kinds]
    moved = planted(skill=0.0, novel=1.0, known=known_texts(cases))
    found_any = 0
    for p in put:
        rng = np.random.default_rng(1)
        pairs = [(c, k % 2, p.alter(c, k % 2, rng)) for k, c in enumerate(cases)]
        kept = [(c, s, m) for c, s, m in pairs if m is not None]
        if len(kept) < 8:
            continue
        found_any += 1
        means = []
        for judge in (moved, planted(skill=0.0)):
            base, altered = (
                [
                    np.mean([
                        judge.prefer(x, drawn(0, f"{p.name}{j}{r}{tag}", r)) if s == 0
                        else 1 - judge.prefer(x, drawn(0, f"{p.name}{j}{r}{tag}", r))
                        for r in range(4)
                    ])
                    for j, (x, s) in enumerate(rows)
                ]
                for tag, rows in (
                    ("b", [(c, s) for c, s, _ in kept]), ("a", [(m, s) for _, s, m in kept])
                )
            )  # fmt: skip
            means.append(shift(base, altered, level=0.999))
        touched = any(m.answers != c.answers for c, _, m in kept)
        if touched:
            assert means[0].interval.low > 0, p.name
        assert means[1].p_value > 1e-4, p.name
    assert found_any >= 12


def test_results_are_plain_sentences_and_data():
    table = verdicts(planted(first=0.5), cases_of(40))
    s = summarise(table, (LONGER, WORSE), "pairwise")
    probing = Probing(judge="evil \x1b[31m<b>", **s.__dict__)
    assert "\x1b" not in repr(probing) and "biased order-swap" in repr(probing)
    data = probing.to_dict()
    assert data["findings"][0]["name"] == ORDER
    assert probing["longer"].name == "longer"
    with pytest.raises(KeyError):
        probing["nothing"]
    svg = forest(probing).svg()
    assert svg.startswith("<svg") and "longer" in svg and "\x1b" not in svg
    assert probing.to_json().isascii()


def test_a_table_that_is_none_is_refused():
    with pytest.raises(InputError, match="column 'case'"):
        summarise(pl.DataFrame({"a": [1]}), (), "pairwise")
    empty = pl.DataFrame(schema=VERDICTS)
    assert summarise(empty, (), "pairwise").findings == ()


@pytest.mark.parametrize("certificate", CERTIFICATES, ids=lambda c: c.name)
def test_the_promises_hold_on_a_short_run(certificate):
    from dataclasses import replace

    short = replace(certificate, regimes=certificate.regimes[:1], beyond=(), batch_draws=20)
    (measured,) = measure_certificate(short, draws=60, seed=4)
    assert not measured.broken
    assert len(certificate.peers) >= 2
