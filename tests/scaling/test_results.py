"""Every result of the room shows itself: frozen, a sentence, plain data, a figure or text as HTML.

All verbs of `calibrant.scaling` and `calibrant.scaling.rare` are walked over, so that none that is
added is forgotten: a new name fails until it stands in one of the lists below.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, is_dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest

from calibrant import scaling
from calibrant._figure import Figure
from calibrant.errors import InputError
from calibrant.scaling import rare
from calibrant.scaling.forecast import default_zoo, forecast
from calibrant.scaling.metrics.certificates import drawn
from calibrant.scaling.metrics.ladder import climb
from calibrant.scaling.scores import scores

from .documents import document

HOSTILE = "<b>f</b>"
TYPES = {
    "Scores", "Predictive", "CurveReport", "MetricLadder", "MetricLadders", "Families", "Axes",
    "Forecast", "BackTest", "OnlyCapability", "BestOfN", "Deployment", "Pass", "Tail", "Rare",
}  # fmt: skip
"""What verbs give back: reached through them."""
NO_RESULTS = {"Forecaster", "FORECASTERS", "Given", "read_rare"}
"""Models, what a forecast is given besides scale, and a reader of arrays."""


def _grown(families: int) -> Any:
    x = np.tile(np.linspace(20, 24, 6), families)
    of = np.repeat(np.arange(families), 6)
    noise = np.random.default_rng(2).normal(0, 0.02, x.size)
    score = 1 / (1 + np.exp(22 - x - 0.3 * of)) * 0.9 + 0.05 + noise
    names = np.array([f"{HOSTILE}{g}" for g in of])
    return scores(np.clip(score, 0.0, 1.0), x, family=names)


def _wide() -> pl.DataFrame:
    rng = np.random.default_rng(1)
    able = rng.normal(size=24)
    made: dict[str, Any] = {f"m{i}": able + 0.4 * rng.normal(size=24) for i in range(4)}
    made["model"] = [f"m{i}" for i in range(24)]
    made["family"] = [f"{HOSTILE}{i // 3}" for i in range(24)]
    return pl.DataFrame(made).with_columns(FLOPs=10 ** (22 + able))


def _law() -> tuple[Any, Any, Any]:
    n = np.array([1e7, 8e7, 1.5e8, 4e8, 1e7, 8e7, 1e9])
    tokens = n * np.array([20, 20, 20, 20, 320, 80, 20])
    loss = 1.8 + 150 * n**-0.27 + 350 * (6**0.5 * tokens) ** -0.27
    return loss + 0.01 * np.sin(np.arange(7)), n, tokens


@cache
def _forecast() -> Any:
    plain = [m for m in default_zoo() if m.baseline]
    return forecast(_grown(6), at=["24.2"], log=False, zoo=plain)


def _trend() -> Any:
    rng = np.random.default_rng(3)
    days = [date(2023, 1, 1) + timedelta(days=60 * i) for i in range(14)]
    table = pl.DataFrame(
        {
            "model": [f"{HOSTILE}{i}" for i in range(14)],
            "family": [f"f{i % 5}" for i in range(14)],
            "date": [str(d) for d in days],
            "horizon": np.exp(0.3 * np.arange(14) + 0.2 * rng.normal(size=14)),
        }
    )
    return scaling.trend(table, value="horizon", date="date", family="family")


def _settled() -> Any:
    table = pl.DataFrame(
        {"subject": ["next-0", "next-1"], "measure": ["MMLU"] * 2, "score": [0.52, 0.95]}
    )
    return scaling.settle(scaling.register(document()), table)


def _metrics() -> Any:
    made = {"world": "odds", "subjects": 6, "items": 30, "noise": 0.05, "spread": 0.3}
    return climb(drawn(made, np.random.default_rng(1)), draws=20)


RESULTS: dict[str, Callable[[], Any]] = {
    "monotone": lambda: scaling.monotone(_grown(1)),
    "curve": lambda: scaling.curve(_grown(1), at=[(24.5, "new")], log=False),
    "loss_law": lambda: scaling.loss_law(*_law()),
    "error_law": lambda: scaling.error_law(_law()[0], 0.86 - 2.2 * np.exp(-0.7 * _law()[0])),
    "metric_ladder": _metrics,
    "read_scores": lambda: scaling.read_scores(
        _wide(), target="m0", scale="FLOPs", family="family", limits={"m0": (-9, 9)}
    ),
    "register": lambda: scaling.register(document()),
    "settle": _settled,
    "fit_families": lambda: scaling.fit_families(_grown(4)),
    "capability_axes": lambda: scaling.capability_axes(
        _wide(), family="family", scale="FLOPs", draws=20
    ),
    "only_capability": lambda: scaling.only_capability(
        _wide(), capability=["m0", "m1"], family="family", scale="FLOPs", draws=99
    ),
    "trend": _trend,
    "will_hold": lambda: scaling.will_hold([1, 2, 9], [100, 100, 100], threshold=0.1),
}
_EVENTS, _OF = np.array([0, 1, 3, 0, 2, 5] * 2), np.full(12, 10)
RARE: dict[str, Callable[[], Any]] = {
    "best_of_n": lambda: rare.best_of_n(_EVENTS, _OF, [1, 100]),
    "deployment": lambda: rare.deployment(_EVENTS, _OF, deployments=[1e4]),
    "hidden_mode": lambda: rare.hidden_mode(60, 1e4),
    "pass_at_k": lambda: rare.pass_at_k(_EVENTS, _OF, [4])[0],
    "pass_hat_k": lambda: rare.pass_hat_k(_EVENTS, _OF, [4])[0],
    "tail": lambda: rare.tail(np.random.default_rng(1).beta(0.2, 40, 400), deployments=[1e4]),
    "rare_events": lambda: rare.rare_events(
        pl.DataFrame({"successes": _EVENTS, "attempts": _OF}), deployments=[1e4]
    ),
}
INSIDE: dict[str, Callable[[], Any]] = {
    "Forecast": _forecast,
    "BackTest": lambda: _forecast().backtest,
    "Predictive": lambda: _forecast().predictive,
}
"""Results inside of others, and of verbs that are not in the room's list."""


def _plain(value: Any) -> Any:
    """Tuples as lists, as JSON has them; keys must be text already."""
    if isinstance(value, dict):
        assert all(isinstance(k, str) for k in value), list(value)[:3]
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def test_no_verb_is_forgotten() -> None:
    named = set(scaling.__all__) - TYPES - NO_RESULTS - {"read_registered"}
    assert named - {"rare_events"} == set(RESULTS)
    assert set(rare.__all__) - TYPES - NO_RESULTS == set(RARE)


@pytest.mark.parametrize("name", [*RESULTS, *RARE, *INSIDE])
def test_a_result_shows_itself(name: str) -> None:
    found = (RESULTS | RARE | INSIDE)[name]()
    assert is_dataclass(found)
    with pytest.raises(FrozenInstanceError):
        setattr(found, fields(found)[0].name, None)
    said = repr(found)
    assert "\n" not in said and "object at 0x" not in said and 10 < len(said) < 700
    html = found._repr_html_()
    assert html.startswith(("<svg", "<pre>")) and HOSTILE not in html
    plain = found.to_dict()
    assert plain and _plain(plain) == json.loads(json.dumps(plain, allow_nan=False))
    if hasattr(found, "plot"):
        try:
            drawn_ = found.plot()
        except InputError as nothing:
            assert str(nothing).startswith("figure")
        else:
            assert isinstance(drawn_, Figure) and html.startswith("<svg")


def test_a_hidden_or_withheld_forecast_has_no_figure() -> None:
    from dataclasses import replace

    hidden = replace(scaling.register(document(), hidden=True), document=None)
    with pytest.raises(InputError, match="its opening is needed"):
        hidden.plot()
    assert "outside" in str(_settled().plot().to_dict()) and hidden._repr_html_().startswith(
        "<pre>"
    )


def test_one_family_has_no_forest() -> None:
    found = scaling.fit_families(_grown(1))
    with pytest.raises(InputError, match="two families or more"):
        found.plot()
    assert found._repr_html_().startswith("<pre>")
