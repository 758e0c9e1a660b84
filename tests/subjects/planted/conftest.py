"""A small pair, trained once for all tests of this room and its commands."""

from __future__ import annotations

from functools import cache

import pytest


@pytest.fixture(scope="session")
def _cache(tmp_path_factory):
    return tmp_path_factory.mktemp("planted")


@pytest.fixture
def small(_cache, monkeypatch):
    """The small pair's subjects by variant."""
    pytest.importorskip("jax")
    from calibrant.subjects import planted

    monkeypatch.setenv("CALIBRANT_CACHE", str(_cache))
    planted.train("planted/small-0")
    return cache(lambda variant: planted.load(variant, design="small"))
