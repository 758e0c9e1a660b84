"""Every result of the room shows itself: a sentence, plain data, and a figure or text as HTML."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from calibrant.errors import InputError
from calibrant.scaling import error_law, fit_families, loss_law, monotone
from calibrant.scaling.metrics.certificates import drawn
from calibrant.scaling.metrics.ladder import climb
from calibrant.scaling.scores import scores


def _grown(families: int) -> Any:
    x = np.tile(np.linspace(20, 24, 6), families)
    of = np.repeat(np.arange(families), 6)
    noise = np.random.default_rng(2).normal(0, 0.02, x.size)
    score = 1 / (1 + np.exp(22 - x - 0.3 * of)) * 0.9 + 0.05 + noise
    names = np.array([f"<b>f{g}</b>" for g in of])
    return scores(np.clip(score, 0.0, 1.0), x, family=names)


def _laws() -> list[Any]:
    n = np.array([1e7, 8e7, 1.5e8, 4e8, 1e7, 8e7, 1e9])
    tokens = n * np.array([20, 20, 20, 20, 320, 80, 20])
    loss = 1.8 + 150 * n**-0.27 + 350 * (6**0.5 * tokens) ** -0.27
    loss = loss + 0.01 * np.sin(np.arange(7))
    return [loss_law(loss, n, tokens), error_law(loss, 0.86 - 2.2 * np.exp(-0.7 * loss))]


def test_results_show_themselves() -> None:
    made = {"world": "odds", "subjects": 6, "items": 30, "noise": 0.05, "spread": 0.3}
    ladder = climb(drawn(made, np.random.default_rng(1)), draws=20)
    for found in [*_laws(), monotone(_grown(1)), fit_families(_grown(4)), ladder]:
        html = found._repr_html_()
        assert html.startswith(("<svg", "<pre>")) and "<b>f" not in html
        assert json.loads(json.dumps(found.to_dict(), allow_nan=False))
        assert "object at 0x" not in repr(found)


def test_one_family_has_no_forest() -> None:
    found = fit_families(_grown(1))
    with pytest.raises(InputError, match="two families or more"):
        found.plot()
    assert found._repr_html_().startswith("<pre>")
