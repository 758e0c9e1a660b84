"""Are items spread evenly, raters joined by shared items, and orders balanced exactly?"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibrant.errors import DesignError
from calibrant.web.labelling.assign import balanced, design, parts

sizes = st.tuples(st.integers(1, 40), st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**31))


def components(pairs, raters):
    """Groups of raters that share items: spread a label until nothing changes."""
    group = list(range(raters))
    changed = True
    while changed:
        changed = False
        for r, i in pairs:
            for q, j in pairs:
                if i == j and group[q] < group[r]:
                    group[r], changed = group[q], True
    return len(set(group))


@given(sizes)
def test_every_item_has_its_raters_and_loads_are_even(size):
    items, raters, k, seed = size
    k = min(k, raters)
    made = design(items, raters, k, seed=seed)
    assert len(set(made.pairs)) == len(made.pairs) == items * k
    assert Counter(i for _, i in made.pairs) == dict.fromkeys(range(items), k)
    load = Counter(r for r, _ in made.pairs)
    assert max(load.values()) - min(load[r] for r in range(raters)) <= 1
    for rater in range(raters):
        places = [p for p, (r, _) in zip(made.position, made.pairs, strict=True) if r == rater]
        assert sorted(places) == list(range(1, load[rater] + 1))
    assert made == design(items, raters, k, seed=seed)


@given(sizes)
def test_orders_differ_by_at_most_one_everywhere(size):
    items, raters, k, seed = size
    made = design(items, raters, min(k, raters), seed=seed)
    for end in (0, 1):
        count: Counter[int] = Counter()
        for pair, swapped in zip(made.pairs, made.swapped, strict=True):
            count[pair[end]] += 1 if swapped else -1
        assert all(abs(c) <= 1 for c in count.values())


@given(st.sets(st.tuples(st.integers(0, 6), st.integers(0, 12))), st.integers(0, 99))
def test_orders_balance_in_any_graph(edges, seed):
    pairs = sorted(edges)
    swapped = balanced(pairs, np.random.default_rng(seed))
    for end in (0, 1):
        for node in {p[end] for p in pairs}:
            mine = [s for p, s in zip(pairs, swapped, strict=True) if p[end] == node]
            assert abs(2 * sum(mine) - len(mine)) <= 1


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 8)), max_size=20))
def test_parts_are_the_groups_that_share(pairs):
    assert parts(pairs, 6) == components(pairs, 6)


@pytest.mark.parametrize("raters", range(2, 12))
@pytest.mark.parametrize("k", [2, 3, 5])
def test_designs_are_connected(raters, k):
    if k > raters:
        pytest.skip("fewer raters than labels for an item")
    for seed in range(20):
        assert design(3 * raters, raters, k, seed=seed).parts == 1


def test_pairs_of_raters_share_about_as_many_items():
    made = design(300, 6, 3, seed=1)
    mine = [{i for r, i in made.pairs if r == rater} for rater in range(6)]
    shared = [len(mine[a] & mine[b]) for a in range(6) for b in range(a)]
    assert sum(shared) == 900 and max(shared) - min(shared) <= 6


def test_too_few_items_are_told():
    assert design(2, 8, 2, seed=0).parts > 1
    assert design(10, 4, 1, seed=0).parts == 4


def test_known_items_go_to_everybody():
    made = design(20, 5, 2, seed=3, everybody=frozenset({4, 7}))
    count = Counter(i for _, i in made.pairs)
    assert count[4] == count[7] == 5 and set(count.values()) == {2, 5}


def test_either_order_comes_first_about_as_often():
    first = [design(1, 1, 1, seed=s).swapped[0] for s in range(400)]
    assert 160 < sum(first) < 240


@pytest.mark.parametrize(
    ("items", "raters", "k"), [(0, 2, 1), (3, 0, 1), (3, 2, 3), (3, 2, 0), (3, 2, -1)]
)
def test_impossible_designs(items, raters, k):
    with pytest.raises(DesignError):
        design(items, raters, k, seed=0)
