"""Scores read from tables with one row a subject."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from calibrant.errors import InputError
from calibrant.scaling.read import read_scores

TABLE = pl.DataFrame(
    {
        "Model": ["a", "b", "c"],
        "Model Family": ["x", "x", "y"],
        "FLOPs (1E21)": [84.0, 1.0, None],
        "released": ["2024-01-31", None, "2025-02-01"],
        "MMLU": [0.5, None, 0.7],
        "ARC": [0.4, 0.3, 0.2],
    }
)


def test_units_targets_and_holes() -> None:
    s = read_scores(
        TABLE, target=["MMLU", "ARC"], scale="FLOPs (1E21)", family="Model Family", date="released"
    )
    assert len(s) == 6
    assert s.scale[:2] == pytest.approx([np.log10(8.4e22), 21])
    assert np.isnan(s.scale[2])
    assert np.isnan(s.score[1])
    assert np.isnat(s.date[1])
    assert s.families == ("x", "y")
    assert "1e21" in s.notes[0]


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ({"target": "none"}, "no column 'none'"),
        ({"target": "Model"}, "row 1, 'Model': wanted a number"),
        ({"target": "MMLU", "date": "Model"}, "wanted a date"),
        ({"target": "MMLU", "chance": {"MMLU": 2.0}}, "chance of 'MMLU'"),
    ],
)
def test_what_is_wrong_is_named(kwargs: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_scores(TABLE, **kwargs)  # type: ignore[arg-type]
