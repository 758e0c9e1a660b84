"""What tests of ratings share: comparisons drawn from known strengths, and the real board."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

DATA = Path(__file__).parents[3] / "shared" / "data" / "ratings"
CROWD = "llmfao_crowd_comparisons.csv"


def draw(rng, strengths, rows, *, nu=0.6, order=0.0):
    """Left, right and outcome of comparisons from Davidson's model."""
    size = len(strengths)
    left = rng.integers(0, size, rows)
    right = (left + rng.integers(1, size, rows)) % size
    d = strengths[left] - strengths[right] + order
    a, b = np.exp(d / 2), np.exp(-d / 2)
    u = rng.random(rows) * (a + b + nu)
    return left, right, np.where(u < a, 0, np.where(u < a + b, 1, 2))


@pytest.fixture(scope="session")
def board() -> Path:
    """The crowd's votes on 59 models."""
    path = DATA / CROWD
    if not path.is_file():
        pytest.skip("the board of 59 models is not on this machine (../shared/data/ratings)")
    return path


@pytest.fixture(scope="session")
def golden(board) -> pl.DataFrame:
    return pl.read_csv(board.with_name("llmfao_golden_evalica.csv"))
