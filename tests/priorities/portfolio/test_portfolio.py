"""Portfolios: exact against every subset, money, rules, regret, utilities, figures."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.errors import InputError
from calibrant.priorities.portfolio import certificates
from calibrant.priorities.portfolio.certificates import CERTIFICATES
from calibrant.priorities.portfolio.figures import portfolio_figure
from calibrant.priorities.portfolio.gaps import gap_figure, gaps
from calibrant.priorities.portfolio.map_figure import ellipse, map_figure
from calibrant.priorities.portfolio.portfolio import plan_portfolio
from calibrant.priorities.portfolio.program import LATE, NEAR, choices, solve, solve_robust
from calibrant.priorities.portfolio.terms import Cost, Terms, money, read_costs
from calibrant.priorities.portfolio.worth import UTILITIES, worth
from calibrant.priorities.posterior import AreaPosterior
from calibrant.stats.certificates import measure_certificate

AREAS = ("1a", "1b", "2a", "2b", "3a", "3b")
STRATEGIES = ("near term", "long term")
CATEGORIES = {a: a[0] for a in AREAS}


def posterior(seed=0, areas=AREAS, draws=300, spread=0.4):
    rng = np.random.default_rng(seed)
    middle = {"importance": rng.uniform(3, 4.8, len(areas)),
              "tractability": rng.uniform(2.4, 4.4, len(areas))}  # fmt: skip
    drawn = {q: m + spread * rng.standard_normal((draws, len(areas))) for q, m in middle.items()}
    n = {q: np.full(len(areas), 5) for q in drawn}
    return AreaPosterior(tuple(areas), drawn, n, "made")


@given(st.lists(st.integers(1, 12), min_size=6, max_size=6),
       st.lists(st.floats(0.1, 20), min_size=6, max_size=6), st.integers(3, 30))  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_knapsack_against_every_subset(costs, values, budget):
    terms = Terms(budget, 1.0, costs={a: Cost(float(c)) for a, c in zip(AREAS, costs, strict=True)})
    if min(costs) > budget:
        with pytest.raises(InputError, match="pays for no grant"):
            choices(AREAS, terms, [None] * 6)
        return
    offered = choices(AREAS, terms, [None] * 6)
    value = offered.value(np.array(values), np.zeros(6))
    bought = solve(offered, value)
    best = max(
        sum(values[i] for i in some)
        for size in range(7) for some in combinations(range(6), size)
        if sum(costs[i] for i in some) <= budget
    )  # fmt: skip
    assert value[bought].sum() == pytest.approx(best)
    assert offered.cost[bought].sum() <= budget * (1 + 1e-9)


@pytest.fixture
def few_solved(monkeypatch):
    """Fewer draws are solved one by one: each is a program."""
    monkeypatch.setattr("calibrant.priorities.portfolio.portfolio._SOLVED", 25)


def test_rules_hold(few_solved):
    terms = Terms(100, 10, 0.4, most=3, category_share=0.5, categories=3,
                  costs={"1a": Cost(5, 2, 3)})  # fmt: skip
    found = plan_portfolio(posterior(), terms, categories=CATEGORIES)
    by = {
        s: sum(f.amount for f in found.funded if f.strategy == s)
        for s in ("near term", "long term")
    }
    assert by["near term"] <= 60 and by["long term"] <= 40
    share = {c: sum(f.amount for f in found.funded if f.category == c) for c in "123"}
    assert all(0 < s <= 50 for s in share.values())
    assert len({f.id for f in found.funded}) == len(found.funded)
    assert all(f.grants <= 3 for f in found.funded)
    assert all(f.grants >= 2 for f in found.funded if f.id == "1a")


def test_a_further_grant_is_worth_less():
    offered = choices(AREAS, Terms(100, 10, most=3, returns=0.5), [None] * 6)
    mine = offered.area == 0
    assert offered.weight[mine].tolist() == [1.0, 0.5, 0.25]
    assert (offered.strategy == NEAR).all() and not (offered.strategy == LATE).any()


def test_the_fast_way_finds_what_the_program_finds(few_solved):
    """One price and no rules: the first few; a rule that binds nothing takes the long way."""
    p = posterior(3)
    short = plan_portfolio(p, Terms(30, 10), categories=CATEGORIES, robust=False)
    long = plan_portfolio(p, Terms(30, 10, category_share=1.0), categories=CATEGORIES, robust=False)
    assert [f.id for f in short.funded] == [f.id for f in long.funded]
    # The long way looks at fewer draws.
    assert short.regret == pytest.approx(
        long.regret, abs=4 * (short.regret_error + long.regret_error)
    )


def test_regret_against_its_definition():
    p = posterior(4)
    found = plan_portfolio(p, Terms(20, 10), robust=False)
    value = p.promise()
    chosen = [p.areas.index(f.id) for f in found.funded]
    lost = np.sort(value, axis=1)[:, -2:].sum(axis=1) - value[:, chosen].sum(axis=1)
    assert found.regret == pytest.approx(lost.mean())
    assert found.regret_share == pytest.approx(
        lost.mean() / np.sort(value, 1)[:, -2:].sum(1).mean()
    )
    assert found.p_exact == pytest.approx((lost < 1e-12).mean())
    assert found.value == pytest.approx(value[:, chosen].sum(axis=1).mean())
    assert found.shortfall <= found.at_risk + 0.5 <= found.value + 0.5


def test_certainty_has_no_regret():
    found = plan_portfolio(posterior(spread=0.0), Terms(20, 10))
    assert found.regret == pytest.approx(0, abs=1e-9) and found.p_exact == 1
    assert all(f.p_best == 1 for f in found.funded) and found.regret_money == pytest.approx(
        0, abs=1e-6
    )


def test_robust_against_every_subset():
    rng = np.random.default_rng(2)
    values = np.array([5.0, 4.8, 4.6, 4.0]) + np.array([4, 0.2, 0.3, 3]) * rng.normal(size=(80, 4))
    offered = choices(AREAS[:4], Terms(2, 1), [None] * 4)
    bought = solve_robust(offered, values, 0.1)

    def worst(some):
        return np.sort(values[:, some].sum(axis=1))[:8].mean()

    best = max(worst(list(s)) for size in range(3) for s in combinations(range(4), size) if s)
    assert worst(np.flatnonzero(bought)) == pytest.approx(best, rel=2e-3)


def test_utilities_by_hand():
    p = AreaPosterior(
        ("1a",),
        {"importance": np.full((2, 1), 4.5), "tractability": np.full((2, 1), 3.0)},
        {"importance": np.array([3]), "tractability": np.array([3])},
        "made",
    )
    by = {u: tuple(float(x[0, 0]) for x in worth(p, u)) for u in UTILITIES}
    assert by["product"] == (13.5, 4.5 * 1.5)
    assert by["from zero"] == (7.0, 3.5 * 1.5)
    assert by["sum"] == (7.5, 1.5)
    assert by["convex"][0] == pytest.approx(2**3.5 * 2)


def test_long_term_is_nothing_where_an_area_is_easy_or_unimportant():
    i, t = np.array([[4.5, 3.9, 4.0]]), np.array([[3.6, 3.0, 3.5]])
    p = AreaPosterior(
        ("1a", "1b", "2a"),
        {"importance": i, "tractability": t},
        dict.fromkeys(("importance", "tractability"), np.full(3, 3)),
        "made",
    )
    assert worth(p)[1].tolist() == [[0.0, 0.0, 2.0]]


@pytest.mark.parametrize(("text", "value"), [
    ("100M", 1e8), ("$2.5 bn", 2.5e9), ("10,000", 1e4), ("7k", 7e3), (5, 5.0),
])  # fmt: skip
def test_money(text, value):
    assert money(text) == value


@pytest.mark.parametrize("text", ["", "M", "-3", "0", "10X", "1e400", float("nan")])
def test_no_money(text):
    with pytest.raises(InputError):
        money(text)


@pytest.mark.parametrize(("row", "said"), [
    ({"area": "", "cost": "1M"}, "row 1: area is empty"),
    ({"area": "1a", "cost": "much"}, "row 1: money"),
    ({"area": "1a", "cost": None}, "row 1: money"),
    ({"area": "1a", "cost": "1M", "least": "3", "most": "2"}, "below least"),
    ({"area": "1a", "cost": "1M", "least": "1.5"}, "whole number"),
])  # fmt: skip
def test_costs_that_are_wrong(row, said):
    with pytest.raises(InputError, match=said):
        read_costs({k: [v] for k, v in row.items()})


@pytest.mark.parametrize("bad", [
    {"budget": 0.0}, {"grant": -1.0}, {"long_term": 1.2}, {"returns": 2.0}, {"most": 0},
    {"category_share": float("nan")}, {"categories": -1},
])  # fmt: skip
def test_terms_out_of_range(bad):
    with pytest.raises(InputError):
        Terms(**({"budget": 100.0, "grant": 10.0} | bad))


def test_what_no_portfolio_fits():
    p = posterior()
    with pytest.raises(InputError, match="pays for no grant"):
        plan_portfolio(p, Terms(5, 10))
    with pytest.raises(InputError, match="give a taxonomy"):
        plan_portfolio(p, Terms(50, 10, category_share=0.5))
    with pytest.raises(InputError, match="at most 3"):
        plan_portfolio(p, Terms(50, 10, categories=4), categories=CATEGORIES)
    with pytest.raises(InputError, match="no portfolio fits"):
        plan_portfolio(p, Terms(10, 10, categories=2), categories=CATEGORIES)
    with pytest.raises(InputError, match="no area of theirs"):
        plan_portfolio(p, Terms(50, 10, costs={"99z": Cost(1.0)}))
    with pytest.raises(InputError, match="no area has 9"):
        plan_portfolio(p, Terms(50, 10), min_ratings=9)
    with pytest.raises(InputError, match="utility"):
        plan_portfolio(p, Terms(50, 10), utility="joy")


def test_the_ellipse_holds_its_share():
    rng = np.random.default_rng(0)
    x, y = rng.multivariate_normal([4, 3], [[0.2, 0.1], [0.1, 0.3]], 20_000).T
    ring = np.stack(ellipse(x, y, 0.5)) - [[x.mean()], [y.mean()]]
    whitened = np.linalg.solve(np.linalg.cholesky(np.cov(x, y)), ring)
    assert np.allclose((whitened**2).sum(axis=0), -2 * np.log(0.5))


def test_figures_are_drawn_and_hostile_names_stay_text(few_solved):
    p = posterior()
    names = {"1a": "<script>alert(1)</script>\x1b[31m" + "x" * 300, "2b": "plain"}
    found = plan_portfolio(p, Terms(30, 10, 0.4), names=names)
    for figure in (map_figure(p, names=names), portfolio_figure(found),
                   gap_figure(gaps(p, names=names))):  # fmt: skip
        svg = figure.svg()
        assert "<script" not in svg and "\x1b" not in svg
        assert svg.startswith("<svg") and figure.description


def test_labels_of_the_map_cover_no_other():
    from calibrant.priorities.portfolio.map_figure import _labels

    rng = np.random.default_rng(0)
    xs, ys = rng.uniform(150, 250, 40).tolist(), rng.uniform(150, 250, 40).tolist()
    layers = [s for s in _labels(range(12), {a: f"{a}area" for a in range(12)}, xs, ys)
              if s["mark"]["type"] == "text"]  # fmt: skip
    ys = sorted((s["encoding"]["y"]["value"], s["encoding"]["x"]["value"]) for s in layers)
    assert len(layers) >= 8
    assert len(set(ys)) == len(ys)


def test_short_certificate(monkeypatch):
    monkeypatch.setattr(certificates, "_DRAWS", 200)
    whole = CERTIFICATES[0]
    short = type(whole)(**{**whole.__dict__, "regimes": whole.regimes[:1], "batch_draws": 20})
    for measured in measure_certificate(short, draws=20):
        assert not measured.broken
        assert measured.statistics["raw means covered"] < 0.5
