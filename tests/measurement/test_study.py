"""A study of the table: Brennan's numbers, plain twins, and tables that cannot tell."""

import math
import time

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant import study
from calibrant.errors import InputError
from calibrant.measurement.facets import chosen
from calibrant.records.trials import SCHEMA
from calibrant.stats.variance import cells as cells_module
from calibrant.stats.variance.cells import balanced, cell_components
from calibrant.stats.variance.components import variance_components
from calibrant.stats.variance.layout import layout

# Brennan (2001), synthetic data set 4, p × (r:t), rater by rater, as in tests/stats.
BRENNAN_4 = (
    "5 9 3 7 9 3 7 5 9 4 6 3 4 5 2 4 3 8 9 4 5 7 3 5 9 3 7 5 8 4 5 7 3 3 7 5 7 7 8 3 "
    "5 7 5 3 7 3 7 7 6 3 3 5 3 1 7 3 5 5 6 5 4 5 3 4 3 6 5 5 6 6 5 5 5 3 7 3 7 4 5 5 "
    "6 7 6 5 2 4 5 3 5 5 7 7 5 3 7 5 5 2 8 7 3 5 1 3 5 1 5 1 1 1 3 2 6 5 3 2 4 1 1 1"
)


def frame(n, **columns):
    """A trials table of n rows; what is not given is the same everywhere."""
    same = {"run": "r", "subject": "s", "instrument": "q", "item": "i", "epoch": 1, "grader": "g"}
    given = {**{k: [v] * n for k, v in same.items()}, **columns}
    failed = [x is None for x in list(given["score"])]
    given["error"] = ["failed" if f else None for f in failed]
    return pl.DataFrame([pl.Series(c, given.get(c, [None] * n)).cast(t) for c, t in SCHEMA.items()])


def made(subjects, items, epochs, *, variants=1, seed=0, lost=0.0, own_variants=False):
    """Made trials with planted components: 0.3² subject, 0.5² item, 0.2² both, 0.4² the rest."""
    rng = np.random.default_rng(seed)
    s, i, v, e = (a.ravel() for a in np.indices((subjects, items, variants, epochs)))
    y = (
        0.3 * rng.normal(size=subjects)[s]
        + 0.5 * rng.normal(size=items)[i]
        + 0.2 * rng.normal(size=(subjects, items))[s, i]
        + 0.25 * rng.normal(size=(items, variants))[i, v]
        + 0.4 * rng.normal(size=s.size)
    )
    keep = rng.random(s.size) >= lost
    names = [f"v{a}-{b}" if own_variants else f"v{b}" for a, b in zip(i, v, strict=True)]
    table = frame(
        s.size,
        subject=[f"s{x}" for x in s],
        item=[f"i{x}" for x in i],
        variant=names if variants > 1 else [None] * s.size,
        epoch=e + 1,
        score=y,
    )
    return table.filter(pl.Series(keep))


def one(*args, **kwargs):
    (found,) = study(*args, **kwargs)
    return found


def variances(found):
    return {source.term: source.variance for source in found.sources}


def test_brennans_synthetic_data_set_4_through_the_verb():
    rater, person = (a.ravel() for a in np.indices((12, 10)))
    trials = frame(
        120,
        subject=[f"p{x}" for x in person],
        item=[f"t{x // 4}" for x in rater],
        grader=[f"r{x}" for x in rater],
        score=[float(x) for x in BRENNAN_4.split()],
    )
    found = one(trials, facets=["item", "grader"])
    # The components that the book gives for this table.
    expected = {
        "subject": 0.4731,
        "item": 0.3252,
        "item:grader": 0.6475,
        "subject:item": 0.5596,
        "subject:item:grader": 2.3802,
    }
    assert variances(found) == pytest.approx(expected, abs=5e-5)
    assert [f.within for f in found.facets] == [(), ("item",)]
    relative = 0.5596 / 3 + 2.3802 / 12
    absolute = relative + 0.3252 / 3 + 0.6475 / 12
    assert found.generalizability == pytest.approx(0.4731 / (0.4731 + relative), abs=1e-4)
    assert found.dependability == pytest.approx(0.4731 / (0.4731 + absolute), abs=1e-4)
    assert found.standard_error == pytest.approx(math.sqrt(absolute), abs=1e-4)
    assert found.relative_standard_error == pytest.approx(math.sqrt(relative), abs=1e-4)
    assert found.score is None


def test_a_crossed_table_gives_back_what_was_planted():
    found = one(made(40, 150, 3, variants=2, own_variants=True, seed=4))
    got = variances(found)
    assert got["item"] == pytest.approx(0.25, rel=0.3)
    assert got["item:variant"] == pytest.approx(0.0625, rel=0.3)
    assert got["subject"] == pytest.approx(0.09, rel=0.6)
    assert got["subject:item"] == pytest.approx(0.04, rel=0.3)
    assert got["subject:item:variant"] == pytest.approx(0.0, abs=0.01)
    assert got["subject:item:variant:epoch"] == pytest.approx(0.16, rel=0.1)
    item = next(s for s in found.sources if s.term == "item")
    assert item.interval[0] < 0.25 < item.interval[1]
    assert sum(s.share for s in found.sources) == pytest.approx(1.0)
    assert {f.name: f.within for f in found.facets} == {
        "item": (),
        "variant": ("item",),
        "epoch": ("subject", "item", "variant"),
    }


def test_labels_that_recur_are_crossed_unless_said_otherwise():
    trials = made(4, 20, 2, variants=3)
    crossed = one(trials)
    assert "variant" in variances(crossed)
    assert any("crossed" in n for n in crossed.notes)
    nested = one(trials, facets=["item", "variant/item", "epoch"])
    assert "variant" not in variances(nested)
    assert "item:variant" in variances(nested)
    # Main effect and interaction of the crossed table are pooled.
    pooled = variances(nested)["item:variant"] - variances(crossed)["item:variant"]
    assert pooled == pytest.approx(variances(crossed)["variant"], abs=0.02)


@given(
    st.integers(1, 4), st.integers(2, 8), st.integers(1, 3), st.integers(1, 3),
    st.sampled_from([0.0, 0.3]), st.integers(0, 10**6), st.booleans(),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_components_of_cells_are_those_of_rows(
    subjects, items, epochs, variants, lost, seed, own_variants
):
    trials = made(
        subjects, items, epochs, variants=variants, seed=seed, lost=lost, own_variants=own_variants
    )
    if trials.height < 2:
        return
    try:
        plan = layout(trials, chosen(None)[0], nested_variants=False)
        found = cell_components(plan.table, plan.names, facets=())
    except InputError:
        return
    factors = {
        f: trials[f].fill_null("").rank("dense").to_numpy().astype(int)
        for f in ("subject", "item", "variant")
    }
    names = list(plan.names.values())
    if any(plan.table.sizes[s].size in (1, trials.height) for s in plan.names):
        return  # the twin refuses terms that say nothing or all
    twin = variance_components(factors, trials["score"].to_numpy(), names, method="anova")
    for name in names:
        assert found[name].raw == pytest.approx(twin[name].raw, abs=1e-8)
        assert found[name].se == pytest.approx(twin[name].se, rel=1e-5, abs=1e-8)
    assert found["residual"].estimate == pytest.approx(twin["residual"].estimate, abs=1e-9)
    assert found.mean_se == pytest.approx(twin.mean_se)


def test_errors_of_a_large_unbalanced_table_are_near_the_exact_ones(monkeypatch):
    trials = made(5, 100, 2, lost=0.2, seed=2)
    plan = layout(trials, chosen(None)[0], nested_variants=False)
    assert not balanced(plan.table, list(plan.names))
    exact = cell_components(plan.table, plan.names, facets=())
    monkeypatch.setattr(cells_module, "EXACT_UP_TO", 0)
    quick = cell_components(plan.table, plan.names, facets=())
    for a, b in zip(exact.components, quick.components, strict=True):
        assert a.estimate == b.estimate
        assert b.se == pytest.approx(a.se, rel=0.2)


def test_the_standard_error_is_what_fresh_items_show():
    # One subject's mean over 12 fresh items and 2 epochs, from the planted components.
    rng = np.random.default_rng(3)
    shape = (4000, 12)
    item = (
        0.5 * rng.normal(size=shape) + 0.2 * rng.normal(size=shape) + 0.25 * rng.normal(size=shape)
    )
    means = item.mean(axis=1) + 0.4 * rng.normal(size=(4000, 12, 2)).mean(axis=(1, 2))
    found = one(made(20, 1200, 2, seed=7), fresh=True, budget=24, at_most={"epoch": 2})
    assert dict(found.purchase.n) == {"item": 24, "epoch": 1}
    got = variances(found)
    error = (got["item"] + got["subject:item"]) / 12 + got["subject:item:epoch"] / 24
    assert np.var(means) == pytest.approx(error, rel=0.12)


def test_an_unbalanced_layout_has_its_own_standard_errors():
    trials = made(3, 40, 2, seed=1)
    cut = trials.filter((pl.col("subject") != "s0") | pl.col("item").is_in(["i0", "i1", "i2"]))
    found = one(cut)
    by = {m.subject: m for m in found.subjects}
    assert by["s0"].n == 6
    assert by["s0"].standard_error > 2 * by["s1"].standard_error
    got = variances(found)
    expected = (got["item"] + got["subject:item"]) / 40 + got["subject:item:epoch"] / 80
    assert by["s1"].standard_error == pytest.approx(math.sqrt(expected))
    assert by["s1"].mean == pytest.approx(cut.filter(pl.col("subject") == "s1")["score"].mean())


def test_what_to_buy_next_is_what_pays_most():
    trials = made(4, 30, 3)
    found = one(trials, costs={"item": 1.0, "epoch": 0.02}, budget=100.0)
    got = variances(found)

    def error(items, epochs):
        return (got["item"] + got["subject:item"]) / items + got["subject:item:epoch"] / (
            items * epochs
        )

    by = {m.facet: m for m in found.marginals}
    assert found.standard_error == pytest.approx(math.sqrt(error(30, 3)))
    assert by["item"].reduction == pytest.approx(error(30, 3) - error(31, 3))
    assert by["item"].cost == pytest.approx(1 + 3 * 0.02)
    assert by["epoch"].reduction == pytest.approx(error(30, 3) - error(30, 4))
    assert by["epoch"].cost == pytest.approx(30 * 0.02)
    assert found.next == max(found.marginals, key=lambda m: m.ratio).facet
    assert found.spent == pytest.approx(30 + 90 * 0.02)
    n = dict(found.purchase.n)
    best = min(
        error(i, e) for i in range(30, 140) for e in range(3, 200)
        if i + i * e * 0.02 <= found.spent + 100 + 1e-9
    )  # fmt: skip
    assert found.purchase.error_variance == pytest.approx(best)
    assert n["item"] >= 30
    assert n["epoch"] >= 3
    again = one(trials, costs={"item": 1.0, "epoch": 0.02}, target=found.purchase.standard_error)
    assert again.purchase.cost == pytest.approx(found.purchase.cost, rel=0.02)
    anew = one(trials, costs={"item": 1.0, "epoch": 0.02}, budget=20.0, fresh=True)
    assert anew.purchase.cost <= 20
    assert dict(one(trials, budget=500, at_most={"epoch": 3}).purchase.n)["epoch"] == 3
    relative = one(trials, error="relative", costs={"item": 1.0, "epoch": 0.02})
    fall = got["subject:item"] + got["subject:item:epoch"] / 3
    reduction = {m.facet: m.reduction for m in relative.marginals}["item"]
    assert reduction == pytest.approx(fall / 30 - fall / 31)


def test_answers_alone_cost_by_default_and_items_win():
    found = one(made(3, 25, 4))
    assert found.costs == (("item:epoch", 1.0),)
    assert found.next == "item"
    assert {m.facet: m.cost for m in found.marginals} == {"item": 4.0, "epoch": 25.0}


def test_prices_of_facets_with_one_level_still_count():
    found = one(made(3, 25, 1), costs={"item": 2.0, "epoch": 0.1, "item:variant": 0.4})
    assert found.costs == (("item", 2.5),)
    assert [f.name for f in found.facets if not f.estimated] == ["variant", "epoch"]
    assert any("epoch: one epoch of each" in n for n in found.notes)


def test_a_single_subject_has_absolute_error_only():
    found = one(made(1, 40, 3))
    assert found.generalizability is None
    assert found.dependability is None
    assert found.relative_standard_error is None
    assert any("absolute error only" in n for n in found.notes)
    got = variances(found)
    assert set(got) == {"item", "item:epoch"}
    expected = got["item"] / 40 + got["item:epoch"] / 120
    assert found.standard_error == pytest.approx(math.sqrt(expected))
    assert (
        one(made(1, 40, 3), error="relative").cannot == "relative error needs at least two subjects"
    )


def test_one_epoch_of_each_item_and_one_subject_is_a_plain_mean():
    trials = made(1, 50, 1)
    found = one(trials)
    y = trials["score"].to_numpy()
    assert found.standard_error == pytest.approx(y.std(ddof=1) / math.sqrt(50))
    assert list(variances(found)) == ["item"]


def test_one_item_says_that_its_item_is_not_known():
    found = one(made(1, 1, 30))
    assert [f.name for f in found.facets if f.estimated] == ["epoch"]
    assert any("item: one item everywhere" in n for n in found.notes)
    assert found.standard_error > 0


def test_items_of_their_own_are_nested_in_subjects():
    trials = made(4, 20, 2).with_columns(item=pl.col("subject") + pl.col("item"))
    found = one(trials)
    assert set(variances(found)) == {"subject", "subject:item", "subject:item:epoch"}
    assert found.generalizability == pytest.approx(found.dependability)
    assert found.facets[0].within == ("subject",)


def test_variants_that_hold_items_and_variants_of_one_each():
    trials = made(3, 20, 2)
    halves = trials.with_columns(
        variant=pl.when(pl.col("item").str.tail(1).is_in(list("02468"))).then(pl.lit("even"))
        .otherwise(pl.lit("odd"))
    )  # fmt: skip
    found = one(halves)
    facets = {f.name: f for f in found.facets}
    assert facets["item"].within == ("variant",)
    assert facets["item"].typical == 10
    assert facets["variant"].typical == 2
    each = one(trials.with_columns(variant=pl.col("item")))
    assert any("each item has its own variant" in n for n in each.notes)
    assert variances(each) == pytest.approx(variances(one(trials)))


def test_graders_are_a_facet_only_when_asked():
    rng = np.random.default_rng(5)
    s, i, e, g = (a.ravel() for a in np.indices((3, 30, 2, 3)))
    answer = rng.normal(size=(3, 30, 2))
    y = 0.4 * answer[s, i, e] + 0.2 * rng.normal(size=3)[g] + 0.3 * rng.normal(size=s.size)
    trials = frame(
        s.size, subject=[f"s{x}" for x in s], item=[f"i{x}" for x in i], epoch=e + 1,
        grader=[f"g{x}" for x in g], score=y,
    )  # fmt: skip
    assert [f.score for f in study(trials)] == ["g0", "g1", "g2"]
    found = one(trials, facets=["item", "epoch", "grader"], costs={"epoch": 1.0, "grader": 0.1})
    got = variances(found)
    assert got["subject:item:epoch"] == pytest.approx(0.16, rel=0.35)
    assert got["subject:item:epoch:grader"] == pytest.approx(0.09, rel=0.25)
    assert dict(found.costs) == {"item:epoch": 1.0, "item:epoch:grader": 0.1}
    assert {m.facet for m in found.marginals} == {"item", "epoch", "grader"}
    with pytest.raises(InputError, match="graders as a facet"):
        study(trials, facets=["grader"], score="g0")
    pooled = one(trials, facets=["item", "grader"])
    assert "replicate" in [f.name for f in pooled.facets]


def test_a_grader_of_each_subject_cannot_be_told_from_it():
    trials = made(3, 20, 1).with_columns(grader=pl.col("subject"))
    found = one(trials, facets=["item", "grader"])
    assert "cannot be told from differences between graders" in found.cannot


def test_one_trial_of_each_subject_says_nothing_about_error():
    trials = frame(4, subject=list("abcd"), score=[0.1, 0.4, 0.2, 0.9])
    assert "each subject has one trial" in one(trials).cannot


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ([0.4] * 9, "all 9 scores are 0.4"),
        ([None] * 4, "at least 2 scored trials, got 0"),
        ([1.0, None], "at least 2 scored trials, got 1"),
    ],
)
def test_what_cannot_be_studied_is_said(scores, said):
    found = one(frame(len(scores), item=[f"i{k}" for k in range(len(scores))], score=scores))
    assert said in found.cannot
    assert "cannot be studied" in repr(found)
    assert found.to_dict()["sources"] == []


def test_missing_scores_are_counted_and_left_out():
    trials = made(3, 20, 2)
    holes = trials.with_columns(
        score=pl.when(pl.int_range(pl.len()) % 7 == 0).then(None).otherwise(pl.col("score")),
        error=pl.lit("failed"),
    )
    found = one(holes)
    assert (found.n, found.missing) == (102, 18)
    assert any("18 trials have no score" in n for n in found.notes)
    assert variances(found) == pytest.approx(variances(one(holes.drop_nulls("score"))))


def test_the_order_of_rows_does_not_matter():
    trials = made(3, 20, 2, lost=0.1)
    a, b = one(trials), one(trials.sample(fraction=1.0, shuffle=True, seed=1))
    assert variances(a) == pytest.approx(variances(b))
    assert {m.subject: m.mean for m in a.subjects} == pytest.approx(
        {m.subject: m.mean for m in b.subjects}
    )


def test_a_million_rows_take_seconds():
    s, i, e = (a.ravel() for a in np.indices((10, 20_000, 5)))
    rng = np.random.default_rng(0)
    y = rng.normal(size=20_000)[i] + rng.normal(size=s.size)
    n = s.size
    columns = {
        "run": pl.repeat("r", n, eager=True), "instrument": pl.repeat("q", n, eager=True),
        "grader": pl.repeat("g", n, eager=True),
        "subject": pl.Series(s).cast(pl.String), "item": pl.Series(i).cast(pl.String),
        "epoch": pl.Series(e), "score": pl.Series(y),
    }  # fmt: skip
    trials = pl.DataFrame(
        [columns.get(c, pl.repeat(None, n, eager=True)).cast(t).alias(c) for c, t in SCHEMA.items()]
    ).filter(pl.Series(rng.random(n) > 0.05))
    start = time.process_time()
    found = one(trials)
    assert time.process_time() - start < 20  # about 1 s on an idle machine
    assert variances(found)["item"] == pytest.approx(1.0, rel=0.05)
    assert any("large and unbalanced" in n for n in found.notes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": 0.0}, "level: wanted strictly"),
        ({"facets": ["day"]}, "facets: wanted some of item, variant, epoch, grader, got 'day'"),
        ({"facets": ["item", "item"]}, "wanted different names"),
        ({"facets": "item"}, "wanted a list"),
        ({"instrument": "z"}, "instrument: wanted one of q, got 'z'"),
        ({"score": "z"}, "score: wanted one of g"),
        ({"costs": {"day": 1}}, "cost: wanted some of"),
        ({"costs": {"item": -1}}, "price of 0 or more"),
        ({"costs": {"item": 0}}, "at least one price above 0"),
        ({"budget": 1, "target": 1}, "a budget or a target, got both"),
        ({"budget": 0}, "budget: wanted a finite number above 0"),
        ({"target": math.nan}, "target: wanted"),
        ({"at_most": {"item": 0}, "budget": 1}, "at_most 'item': wanted 1 or more"),
        ({"error": "odd"}, "error: wanted"),
        ({"target": 1e-3, "at_most": {"item": 30, "epoch": 4}}, "g on q: target: no design"),
    ],
)
def test_wrong_questions_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        study(made(2, 10, 2), **options)


def test_results_are_plain_data():
    found = one(made(2, 15, 2), budget=100.0)
    data = found.to_dict()
    assert data["next"] == found.next
    assert data["sources"][0]["interval"][1] is None or data["sources"][0]["interval"][1] > 0
    assert {"n", "cost", "standard_error"} <= set(data["purchase"])
    assert "Eρ²" in repr(found)
