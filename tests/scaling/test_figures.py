"""Figures of forecasts, by what they draw."""

from __future__ import annotations

from typing import Any

import pytest

from calibrant.errors import InputError
from calibrant.scaling.figures import forecast_figure, horizon_figure, pit_figure

from .documents import document, withheld


def layers(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [layer for panel in spec.get("concat", [spec]) for layer in panel["layer"]]


def values(spec: dict[str, Any], shape: str) -> list[dict[str, Any]]:
    return [v for layer in layers(spec) if layer["mark"].get("shape") == shape
            for v in layer["data"]["values"]]  # fmt: skip


def test_history_cut_and_forecasts_are_drawn() -> None:
    drawn = forecast_figure(document())
    assert drawn.title == "Forecast of MMLU"
    found = layers(drawn.spec)
    assert found[0]["data"]["values"] == [{"x": 23.0}]
    assert len(found[1]["data"]["values"]) == 12
    bars = found[2]["data"]["values"]
    assert [b["low"] for b in bars] == pytest.approx([i["low"] for i in document()["intervals"]])
    assert all(b["low"] < b["low80"] < b["low50"] < b["median"] < b["high50"] for b in bars)
    assert values(drawn.spec, "diamond") == []
    assert drawn.svg().startswith("<svg")


def test_outcomes_outside_are_told_apart() -> None:
    came = [{"subject": "next-0", "measure": "MMLU", "outcome": 0.5},
            {"subject": "next-1", "measure": "MMLU", "outcome": 0.1}]  # fmt: skip
    found = values(forecast_figure(document(), outcomes=came).spec, "diamond")
    assert [(v["outcome"], v["ink"]) for v in found] == [(0.5, "support"), (0.1, "refute")]


def test_a_withheld_forecast_is_history_only() -> None:
    drawn = forecast_figure(withheld())
    assert len(layers(drawn.spec)) == 2
    assert drawn.description == "The forecast is withheld: the past is too short"
    with pytest.raises(InputError, match="neither a known score nor a forecast"):
        forecast_figure(withheld() | {"history": []})


def test_several_measures_are_several_panels_and_dates_an_axis() -> None:
    both = document()
    other = document(2, "GSM")
    for name in ("forecast", "intervals", "history"):
        both[name] = both[name] + other[name]
    assert len(forecast_figure(both).spec["concat"]) == 2
    dated = document(2)
    for rows in (dated["forecast"], dated["history"]):
        for i, r in enumerate(rows):
            r |= {"scale": None, "date": f"2025-{i + 1:02d}-01"}
    dated["cut"] = "date<=2025-02-01"
    found = layers(forecast_figure(dated).spec)
    assert found[0]["data"]["values"][0]["x"] == pytest.approx(2025.085, abs=1e-3)


def test_horizons_and_places() -> None:
    drawn = horizon_figure(document())
    row = drawn.spec["data"]["values"][0]
    assert row["value"] == pytest.approx(0.9)
    # Clopper-Pearson of 18 in 20, by its tabulated 90 % limits.
    assert (row["low"], row["high"]) == pytest.approx((0.7174, 0.9819), abs=2e-4)
    with pytest.raises(InputError, match="no back-test by horizon"):
        horizon_figure({"backtest": None})
    assert "30% of outcomes" in pit_figure([0.2, *[0.0875] * 8, 0.1], 30).description
    with pytest.raises(InputError, match="no outcomes"):
        pit_figure([], 10)
    with pytest.raises(InputError, match="no outcomes"):
        pit_figure([0.0] * 10, 10)
