"""Whether a score is only capability: published numbers, plain twins, verdicts, and refusals."""

from itertools import permutations, product
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.errors import InputError
from calibrant.scaling import only_capability
from calibrant.scaling.capability.ability import (
    ability,
    between,
    between_p,
    partial,
    rank_correlations,
    within,
    within_p,
)
from calibrant.scaling.capability.certificates import CERTIFICATES
from calibrant.scaling.capability.itself import beyond_scale, follow
from calibrant.scaling.capability.plan import chance_of, groups_for
from calibrant.scaling.capability.verdict import conclude, two_tests
from calibrant.stats.certificates import measure_certificate
from calibrant.stats.relations.correlations import places, ranks
from calibrant.stats.relations.spread import Estimate

CHAT = Path("/work/shared/data/scaling/safetywashing/benchmarks_chat_models.csv")

CAPABILITY = (
    "logiqa", "piqa", "hellaswag", "winogrande", "superglue_copa", "medqa_4options",
    "arc_challenge", "mmlu", "minerva_math", "lambada_openai", "gsm8k", "bbh",
)  # fmt: skip
"""The twelve columns of the published capability score."""


@pytest.fixture(scope="module")
def chat():
    if not CHAT.exists():
        pytest.skip("the safetywashing table is not on this machine")
    return only_capability(
        CHAT, capability=CAPABILITY, score=("MT_Bench", "ethics_all", "wmdp_bio"),
        family_pattern="^([A-Za-z]+)", scale="FLOP", draws=999,
    )  # fmt: skip


def test_the_published_correlations_of_26_chat_models(chat):
    assert chat.subjects == 26
    seen = [round(100 * s.correlation.value, 1) for s in chat.scores]
    assert seen == pytest.approx([78.7, 82.2, -87.5], abs=0.06)
    assert all(s.correlation.low < s.correlation.value < s.correlation.high for s in chat.scores)
    assert chat.effective < chat.families == 10


def test_what_26_models_in_10_families_can_say(chat):
    verdicts = {s.score: s.verdict for s in chat.scores}
    assert verdicts["wmdp_bio"] == verdicts["ethics_all"] == "capability-driven"
    bench = chat.scores[0]
    assert bench.p < 0.05 and bench.least_margin > 0.9
    assert all(s.beyond_scale.low < 0 < s.beyond_scale.high for s in chat.scores)


def table(seed=0, groups=12, each=4, driven=0.97, likeness=0.5):
    rng = np.random.default_rng(seed)
    family = np.repeat(np.arange(groups), each)
    n = family.size

    def normal():
        own, shared = rng.normal(size=n), rng.normal(size=groups)[family]
        return np.sqrt(1 - likeness) * own + np.sqrt(likeness) * shared

    able = normal()
    made = {f"cap{j}": able + 0.3 * normal() for j in range(4)}
    made["follows"] = driven * able + np.sqrt(1 - driven**2) * normal()
    made["falls"] = -made["follows"]
    made["alone"] = normal()
    names = {"model": [f"m{i}" for i in range(n)], "family": [f"f{g}" for g in family]}
    return pl.DataFrame(names | made | {"flops": 10 ** (22 + 0.5 * able + 0.5 * normal())})


CAPS = tuple(f"cap{j}" for j in range(4))


def test_verdicts_name_what_follows_and_leave_open_what_cannot_be_told():
    found = only_capability(
        table(), capability=CAPS, family="family", scale="flops", draws=199, multiplicity="none"
    )
    by_name = {s.score: s for s in found.scores}
    assert list(by_name) == ["follows", "falls", "alone"]
    assert by_name["follows"].verdict == by_name["falls"].verdict == "capability-driven"
    assert by_name["falls"].correlation.value < -0.9
    assert "the other way" in repr(by_name["falls"])
    assert by_name["follows"].within_p < 0.01 and by_name["follows"].between_p < 0.02
    assert by_name["follows"].beyond_scale.low > 0.3
    alone = by_name["alone"]
    assert alone.verdict != "capability-driven" and alone.least_margin > abs(
        alone.correlation.value
    )
    assert "undetermined" in repr(found) and found.to_dict()["verdicts"]["capability-driven"] == 2


def test_enough_subjects_show_that_a_score_is_independent():
    found = only_capability(
        table(groups=300, each=1, likeness=0.0), capability=CAPS, score=["alone"],
        family="family", draws=99,
    )  # fmt: skip
    assert found.scores[0].verdict == "independent" and found.scores[0].within is None


def test_many_scores_must_be_surer():
    one = only_capability(table(driven=0.8), capability=CAPS, score=["follows"], family="family",
                          draws=99).scores[0]  # fmt: skip
    every = only_capability(table(driven=0.8), capability=CAPS, family="family", draws=99)
    same = next(s for s in every.scores if s.score == "follows")
    assert same.p == pytest.approx(one.p) == pytest.approx(one.adjusted)
    assert same.adjusted > 2 * one.adjusted
    assert any("alone" in n for n in every.notes) and one.verdict == "capability-driven"


def test_the_capability_score_is_the_plain_procedure():
    x = table().select(CAPS).to_numpy()
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    plain = np.corrcoef(np.argsort(np.argsort(x, axis=0), axis=0).T)
    values, vectors = np.linalg.eigh(plain)
    w = vectors[:, -1] * np.sign(vectors[np.abs(vectors[:, -1]).argmax(), -1])
    got, share = ability(x)
    assert np.allclose(got, z @ w) and share == pytest.approx(values[-1] / values.sum())
    assert np.isnan(ability(np.ones((5, 2)))[1])
    flat = np.column_stack([x, np.ones(len(x))])
    assert np.allclose(ability(flat)[0], got)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), ties=st.booleans())
def test_rank_and_partial_correlations_are_their_plain_twins(seed, ties):
    rng = np.random.default_rng(seed)
    x, y, z = rng.normal(size=(3, 25)) + rng.normal(size=25)
    if ties:
        x, y, z = (np.round(v) for v in (x, y, z))
    a, b, c = (ranks(v[:, None])[:, 0] for v in (x, y, z))
    ab, ac, bc = (np.corrcoef(*p)[0, 1] for p in ((a, b), (a, c), (b, c)))
    assert rank_correlations(x, y[:, None])[0] == pytest.approx(ab)
    design = np.column_stack([np.ones(25), c])
    left = [v - design @ np.linalg.lstsq(design, v, rcond=None)[0] for v in (a, b)]
    got = partial(np.array([ab]), float(ac), np.array([bc]))[0]
    assert got == pytest.approx(np.corrcoef(*left)[0, 1])
    family = np.arange(25) // 5
    heights = (family[:, None] == np.arange(5)).astype(float)
    left = [v - heights @ np.linalg.lstsq(heights, v, rcond=None)[0] for v in (a, b)]
    assert within(x, y[:, None], family)[0] == pytest.approx(np.corrcoef(*left)[0, 1])


def test_shuffles_are_those_of_every_order():
    rng = np.random.default_rng(2)
    family = np.array([0, 0, 0, 1, 1, 1, 2, 2])
    x, y = rng.normal(size=8), rng.normal(size=8)
    both = ranks(np.column_stack([x, y]))
    for g in range(3):
        both[family == g] -= both[family == g].mean(axis=0)
    a, b = both.T
    orders = product(permutations([0, 1, 2]), permutations([3, 4, 5]), permutations([6, 7]))
    every = [abs(a[[i for part in order for i in part]] @ b) for order in orders]
    exact = np.mean(np.array(every) >= abs(a @ b) - 1e-9)
    got = within_p(x, y[:, None], family, draws=20_000, rng=rng)[0]
    assert got == pytest.approx(exact, abs=0.015)
    alone = within_p(x, y[:, None], np.arange(8), draws=99, rng=rng)[0]
    assert alone == 1.0 and np.isnan(within(x, y[:, None], np.arange(8))[0])
    means = [np.array([ranks(v[:, None])[family == g, 0].mean() for g in range(3)]) for v in (x, y)]
    r = [ranks(m[:, None])[:, 0] for m in means]
    assert between(x, y[:, None], family)[0] == pytest.approx(np.corrcoef(*r)[0, 1])
    seen = abs(np.corrcoef(*r)[0, 1])
    every = [abs(np.corrcoef(r[0][list(p)], r[1])[0, 1]) for p in permutations(range(3))]
    exact = np.mean(np.array(every) >= seen - 1e-9)
    assert between_p(x, y[:, None], family, draws=20_000, rng=rng)[0] == pytest.approx(
        exact, abs=0.015
    )


def test_tests_are_the_intervals_read_at_the_margins():
    # A 90 % interval that ends at a margin has a one-sided p of 5 % there.
    from scipy.special import stdtrit

    t = float(stdtrit(7.0, 0.95))
    for centre, margin in ((1.2, 0.5), (-1.2, 0.5)):
        error = (abs(centre) - np.arctanh(margin)) / t
        wide = float(stdtrit(7.0, 0.975)) * error
        e = Estimate(np.tanh(centre), *np.tanh([centre - wide, centre + wide]), 0.95)
        got = two_tests(e, 7.0, margin=0.3, driven=margin)
        assert got.p_driven == pytest.approx(0.05)
        assert conclude(got, 0.04, 0.05) == "capability-driven"
        assert conclude(got, 0.06, 0.05) == "undetermined"
    near = Estimate(0.0, -0.2, 0.2, 0.95)
    assert two_tests(near, 7.0, margin=0.3, driven=0.5).least_margin == 0.2
    assert two_tests(Estimate(0.5, None, None, 0.95), 7.0, margin=0.3, driven=0.5) is None


def test_gaps_few_families_and_flat_scores_are_said():
    t = table().with_columns(
        pl.when(pl.int_range(pl.len()) < 44).then(None).otherwise(pl.col("alone")).alias("alone"),
        pl.when(pl.int_range(pl.len()) < 2).then(None).otherwise(pl.col("cap0")).alias("cap0"),
    )
    found = only_capability(t, capability=CAPS, family="family", draws=99)
    rare = next(s for s in found.scores if s.score == "alone")
    assert rare.verdict == "undetermined" and "got 4" in rare.note
    assert any("lack a capability score" in n for n in found.notes)
    few = only_capability(table(groups=3, each=5), capability=CAPS, family="family", draws=99)
    assert few.count("undetermined") == 3 and "no intervals" in " ".join(few.notes)
    flat = table().with_columns(pl.lit(1.0).alias("same"))
    said = only_capability(flat, capability=CAPS, score=["same"], family="family", draws=99)
    assert said.scores[0].correlation.value is None and said.scores[0].note


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"margin": 0.6}, "margin"),
        ({"driven": 1.0}, "driven"),
        ({"draws": 5}, "draws"),
        ({"level": 0.0}, "level"),
        ({"score": ["cap0"]}, "named twice"),
        ({"score": ["nothing"]}, "no column 'nothing'"),
        ({"multiplicity": "magic"}, "magic"),
    ],
)
def test_options_that_cannot_be_are_refused(options, said):
    with pytest.raises(InputError, match=said):
        only_capability(table(), **({"capability": CAPS, "family": "family"} | options))


def test_seven_subjects_are_too_few():
    with pytest.raises(InputError, match="at least 8 subjects"):
        only_capability(table()[:7], capability=CAPS)


@pytest.mark.parametrize("name", ["capability-verdict", "capability-shuffles"])
def test_certificates_hold_in_short(name):
    from dataclasses import replace

    certificate = next(c for c in CERTIFICATES if c.name == name)
    small = replace(certificate, regimes=certificate.regimes[:1], beyond=(), batch_draws=40)
    assert not measure_certificate(small, draws=40)[0].broken


def test_the_reliability_of_the_capability_score_is_that_of_parallel_measures() -> None:
    # Two measures that correlate at r: theta is Spearman and Brown's 2 r / (1 + r).
    rng = np.random.default_rng(5)
    able = rng.normal(size=4000)
    table = pl.DataFrame(
        {
            "model": [f"m{i}" for i in range(4000)],
            "a": able + rng.normal(size=4000),
            "b": able + rng.normal(size=4000),
            "c": able + rng.normal(size=4000),
        }
    )
    found = only_capability(table, capability=["a", "b"], score=["c"], draws=99)
    assert found.reliability == pytest.approx(2 / 3, abs=0.03)
    assert found.to_dict()["reliability"] == found.reliability
    assert only_capability(table, capability=["a"], score=["c"], draws=99).reliability is None


def test_an_unreliable_capability_score_hides_how_far_from_independent_a_score_is() -> None:
    rng = np.random.default_rng(3)
    able = rng.normal(size=400)
    made = {f"c{j}": able + 2.0 * rng.normal(size=400) for j in range(3)}
    made["y"] = 0.36 * able + rng.normal(size=400)
    t = pl.DataFrame({"model": [f"m{i}" for i in range(400)]} | made)
    caps = ["c0", "c1", "c2"]
    found = only_capability(t, capability=caps, score=["y"], draws=99).scores[0]
    # Three columns that correlate at 0.2: theta 0.43; y itself correlates at 0.34 with ability.
    assert found.correlation.value < 0.3 < found.itself.value
    assert found.itself.low < 0.33 < found.itself.high and found.verdict == "undetermined"
    sure = only_capability(t, capability=caps, score=["y"], draws=99, reliability=1.0)
    assert sure.scores[0].itself.value == pytest.approx(sure.scores[0].correlation.value)
    alone = only_capability(t, capability=["c0"], score=["y"], draws=99)
    assert alone.scores[0].itself.value is None and "reliability" in alone.scores[0].itself.note


def test_correlations_with_capability_itself_are_their_plain_twins() -> None:
    rng = np.random.default_rng(7)
    able, family = rng.normal(size=60), np.arange(60) // 4
    caps, size = able[:, None] + 0.7 * rng.normal(size=(60, 3)), able + rng.normal(size=60)
    y = 0.6 * able + rng.normal(size=60)
    score, share = ability(caps)
    w = np.sqrt(3 / 2 * (1 - 1 / (3 * share)))

    def rho(a, b):
        return np.corrcoef(ranks(a[:, None])[:, 0], ranks(b[:, None])[:, 0])[0, 1]

    def true(a, b):
        return 6 / np.pi * np.arcsin(np.sin(np.pi / 6 * rho(a, b)) / w)

    found = follow(caps, np.arange(60), y[:, None], family, 0.9)
    assert found.itself[0].value == pytest.approx(true(score, y))
    assert found.score[0].value == pytest.approx(rho(score, y))
    xy, xz, yz = true(score, y), true(score, size), rho(size, y)
    got = beyond_scale(caps, size, y[:, None], family, 0.9)
    plain = (yz - xy * xz) / np.sqrt((1 - xy**2) * (1 - xz**2))
    assert got[3][0].value == pytest.approx(plain)
    given = follow(caps, np.arange(60), y[:, None], family, 0.9, 0.5)
    assert given.itself[0].value > found.itself[0].value


def test_a_verdict_of_independence_says_down_to_which_reliability_it_holds() -> None:
    t = table(groups=300, each=1, likeness=0.0)
    found = only_capability(t, capability=CAPS, score=["alone"], family="family", draws=99)
    least = found.scores[0].least_reliability
    assert found.scores[0].verdict == "independent" and 0 < least < found.reliability
    for reliability, verdict in ((least + 0.02, "independent"), (least - 0.02, "undetermined")):
        again = only_capability(
            t, capability=CAPS, score=["alone"], family="family", draws=99, reliability=reliability
        )
        assert again.scores[0].verdict == verdict


def test_a_plan_is_the_smallest_table_that_would_decide() -> None:
    found = only_capability(table(), capability=CAPS, family="family", draws=99)
    assert found.plan.alone > found.subjects and found.plan.together > found.plan.alone
    assert any("80% chance, takes about" in n for n in found.notes)
    how = {"margin": 0.3, "driven": 0.5, "alpha": 0.05}
    groups = groups_for(0.0, 1.1, 0.95, **how)
    assert chance_of(0.0, groups, 1.1, 0.95, **how) == pytest.approx(0.8, abs=1e-6)
    assert chance_of(0.0, groups - 1, 1.1, 0.95, **how) < 0.8
    # Between the margins no table decides.
    assert groups_for(0.4, 1.1, 1.0, **how) is None


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_counted_ranks_are_sorted_ones(seed: int) -> None:
    x = np.round(np.random.default_rng(seed).normal(size=(30, 3)), 1)
    assert np.array_equal(ranks(places(x)), ranks(x))
    some = np.random.default_rng(seed).permutation(30)[:17]
    assert np.array_equal(ranks(places(x)[some]), ranks(x[some]))
