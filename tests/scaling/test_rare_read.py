"""What `forecast rare` reads, and what it refuses in words."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from calibrant.errors import InputError, UnfitError
from calibrant.scaling.rare.forecast import rare_events
from calibrant.scaling.rare.largest import tail
from calibrant.scaling.rare.read import read_rare


def test_trials_are_counted_by_item() -> None:
    table = pl.DataFrame(
        {"Item": ["a", "a", "b", "b", "c"], "score": [1.0, 0.0, None, 1.0, None],
         "cluster": ["x", "x", "y", "y", "y"]}
    )  # fmt: skip
    seen = read_rare(table)
    assert seen.events.tolist() == [1, 1] and seen.trials.tolist() == [2, 1]
    assert seen.clusters.tolist() == ["x", "y"]
    assert seen.missing == 2 and "2 trials have no score" in seen.notes[0]
    turned = read_rare(table, event=0)
    assert turned.events.tolist() == [1, 0]
    assert read_rare(table.with_columns(pl.col("score") * 7), at_least=5).events.tolist() == [1, 1]


def test_counts_and_values_are_found_by_their_names() -> None:
    counts = read_rare(pl.DataFrame({"num_correct": [1, 3], "num_samples": [4, 4]}), event=0)
    assert counts.events.tolist() == [3, 1]
    values = read_rare(pl.DataFrame({"logprob": ["-1", " -2.5", ""]}))
    assert values.of == "logprob" and values.values.tolist() == [-1.0, -2.5]
    assert "1 queries have no value" in values.notes[0]


@pytest.mark.parametrize(
    ("table", "options", "says"),
    [
        ({"events": [-1], "attempts": [5]}, {}, "row 1: wanted whole 0 ≤ events"),
        ({"events": [6], "attempts": [5]}, {}, "got 6 of 5"),
        ({"events": [1e30], "attempts": [1e30]}, {}, "1 to 1e"),
        ({"events": [np.inf], "attempts": [np.inf]}, {}, "got inf of inf"),
        ({"events": [1, 0], "attempts": [2, 0]}, {}, "row 2"),
        ({"item": ["a", None], "score": [1, 0]}, {}, "row 2: names no item"),
        ({"item": ["a"], "score": [None]}, {}, "no trial has a score"),
        ({"item": ["a", "b"], "score": [1, 0], "subject": ["x", "y"]}, {}, "2 subjects"),
        ({"item": ["a"], "score": [0.5]}, {}, "wanted scores of 0 and 1"),
        ({"item": ["a"], "score": [0.5]}, {"at_least": np.nan}, "wanted a finite score"),
        ({"item": ["a", "a"], "score": [1, 0], "cluster": ["x", "y"]}, {}, "several clusters"),
        ({"p": [0.5]}, {"at_least": 1.0}, "one value a query"),
        ({"x": [0.5]}, {}, "wanted columns item and score"),
    ],
)
def test_refused(table, options, says) -> None:
    with pytest.raises(InputError, match=says):
        read_rare(pl.DataFrame(table, strict=False), **options)


def test_options_that_the_data_cannot_use_are_refused() -> None:
    trials = pl.DataFrame({"item": list("abc"), "score": [0, 0, 1]})
    values = pl.DataFrame({"p": np.linspace(0, 0.2, 300) ** 3})
    for source, options, says in (
        (trials, {"above": 0.5}, "above: wanted one value"),
        (trials, {"exceedances": 30}, "exceedances: wanted one value"),
        (trials, {"seed": -1}, "seed: wanted 0 or more"),
        (values, {"k": [5]}, "k: wanted trials"),
    ):
        with pytest.raises(InputError, match=says):
            rare_events(source, **options)
    with pytest.raises(UnfitError, match="exceedances"):
        rare_events(values, exceedances=5)


def test_probabilities_of_zero_and_of_one_kind() -> None:
    """No tail can be fitted: the mean of what was seen still counts, and nothing warns."""
    found = rare_events(pl.DataFrame({"p": [0.1] * 300}), deployments=[10])
    assert found.tail is None and any("not fitted" in n for n in found.notes)
    assert found.hidden.at_least_one[0] >= 1 - 0.9**10
    none = rare_events(pl.DataFrame({"p": [0.0] * 300}), deployments=[10])
    assert none.tail is None and none.hidden.from_mode[0] < 0.02


def test_neighbours_that_are_alike_are_said() -> None:
    rng = np.random.default_rng(0)
    walk = np.cumsum(rng.normal(size=600)) * 0.05 + rng.normal(size=600) * 0.1
    assert "neighbouring rows are alike" in tail(walk, of="score", deployments=(1e4,)).notes[0]
    found = tail(rng.permutation(walk), of="score", deployments=(1e4,))
    assert not any("alike" in n for n in found.notes)
