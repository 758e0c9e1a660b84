"""The transfer card: everything stands there, hostile names are harmless, nothing can run."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from calibrant.errors import InputError, RunFolderError
from calibrant.report.transfer_card import TransferCard, card_files, card_html, write_card
from calibrant.scaling.cards.register import Registered, register
from calibrant.scaling.cards.settle import settle

EVIL = '<script>alert(1)</script>"\x1b[31m'


def document(n=3, evil=""):
    from calibrant.scaling.predictive import Predictive

    told = Predictive.of([0.5 + 0.1 * i for i in range(n)], [0.05] * n, low=0.0, high=1.0)
    middle = told.quantile(0.5)
    return {
        "target": [f"MMLU{evil}"], "scale": f"FLOPs (1E21){evil}", "family": "family",
        "cut": f"scale<=1e23{evil}", "level": 0.9, "intervals": None,
        "models": [{"name": f"curve{evil}", "says": f"it goes on{evil}", "baseline": False,
                    "weight": 1.0, "log_score": 1.5, "crps": 0.03, "coverage": 0.9, "n": 40,
                    "beats": False, "failed": f"at a cut{evil}"}],
        "forecast": [
            {"subject": f"next-{i}{evil}", "family": f"F{i}{evil}", "measure": f"MMLU{evil}",
             "scale": 23.2 + i, "date": None, "distance": 1.0 + i, "median": float(middle[i]),
             "outcome": None, "density": d} for i, d in enumerate(told.to_dict())
        ],
        "history": [{"subject": f"old{evil}", "family": "F", "measure": f"MMLU{evil}",
                     "scale": 20.0 + i, "date": None, "score": 0.1 * i} for i in range(4)],
        "backtest": {
            "n": 40, "families": 9, "effective": 20.0, "coverage": 0.875,
            "coverage_interval": [0.8, 0.96], "crps": 0.03, "crps_interval": None,
            "log_score": 1.5, "log_score_interval": [1.0, 2.0], "width": 0.3,
            "pit": {"share": [0.1] * 10, "mean": 0.5, "mean_interval": [0.4, 0.6]},
            "by_horizon": [{"horizon": f"0 to 1{evil}", "measure": None, "n": 40, "effective": 20.0,
                            "covered": 36.0, "level": 0.9, "verdict": "held"}],
            "peers": [{"name": "trend", "says": f"a line{evil}", "coverage": 0.7, "width": 0.3}],
        },
        "distance": {"orders_of_magnitude": 2.0, "months": 7.0, "tried": {"MMLU": 1.1},
                     "unit": "orders of magnitude"},
        "warnings": [f"a warning{evil}"], "withheld": None, "withheld_rows": [],
        "notes": [f"a note{evil}"],
    }  # fmt: skip


def withheld():
    why = "the past is too short"
    rows = [{"subject": "next-0", "measure": "MMLU", "distance": 1.0, "why": why}]
    return document() | {"forecast": None, "withheld": why, "withheld_rows": rows}


def outcomes(evil=""):
    import polars as pl

    who = [f"next-0{evil}", f"next-1{evil}"]
    return pl.DataFrame({"subject": who, "measure": [f"MMLU{evil}"] * 2, "score": [0.5, 0.2]})


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "style") or name.startswith("on"):
                self.sources.append(f"{name}={value}")


def test_an_open_forecast_shows_all_its_parts() -> None:
    card = TransferCard(document())
    page = card_html(card)
    assert card.state == "open"
    assert card.headline.startswith("MMLU of next-0: 0.5, with 90% probability from 0.418 to 0.58")
    for part in ("Known and forecast", "Forecasts", "How such forecasts did on the past",
                 "What it assumes", "not shown", "a warning", "a note", "2 orders of magnitude",
                 "7 months after", "87.5%", "80.0% to 96.0%", "next-2"):  # fmt: skip
        assert part in page, part
    assert "The seal" not in page
    assert page.count("<svg") == 3


def test_a_settled_forecast_shows_seal_outcomes_and_what_is_open() -> None:
    made = register(document(), note="as promised")
    card = TransferCard(made.document, made, settle(made, outcomes()).to_dict())
    page = card_html(card)
    assert card.state == "settled"
    assert "1 of 2\xa0outcomes fell into the 90% intervals" in card.headline
    for part in (made.seal, made.publish, "inside", "outside", "How good it was", "Still open",
                 "next-2 on MMLU", "as promised", "proves no date"):  # fmt: skip
        assert part in page, part
    assert card.to_dict()["settled"]["seal"] == made.seal


def test_a_withheld_forecast_says_why() -> None:
    page = card_html(TransferCard(withheld()))
    assert "withheld" in page
    assert page.count("the past is too short") >= 2
    assert '<h3 id="rows">' not in page


def test_a_hidden_forecast_shows_only_its_seal(tmp_path: Path) -> None:
    made = register(document(), hidden=True)
    hidden = Registered(**{**made.__dict__, "document": None, "salt": None})
    page = card_html(TransferCard(None, hidden))
    assert made.seal in page
    assert "next-0" not in page


def test_hostile_names_are_harmless() -> None:
    made = register(document(evil=EVIL))
    settled = settle(made, outcomes(EVIL)).to_dict()
    page = card_html(TransferCard(made.document, made, settled))
    found = Page(page)
    assert "script" not in found.tags
    assert found.sources == []
    assert "\x1b" not in page
    assert "default-src &#39;none&#39;; style-src &#39;sha256-" in page


def test_parts_of_two_forecasts_make_no_card() -> None:
    one, two = register(document()), register(document(2))
    settled = settle(two, outcomes()).to_dict()
    with pytest.raises(InputError, match="settled is forecast"):
        TransferCard(one.document, one, settled)
    with pytest.raises(InputError, match="only a registered forecast is settled"):
        TransferCard(one.document, None, settled)
    with pytest.raises(InputError, match="wanted a forecast"):
        TransferCard(None)


def test_files_have_names_of_their_own(tmp_path: Path) -> None:
    assert [p.name for p in card_files("a.html")] == ["a.html", "a.card.json"]
    assert [p.name for p in card_files("a.card.html")] == ["a.card.html", "a.card.json"]
    assert [p.name for p in card_files("a.json")] == ["a.html", "a.json"]
    page, data = write_card(TransferCard(document()), tmp_path / "a.html")
    assert json.loads(data.read_text())["forecast"] == document()
    assert page.read_text().startswith("<!doctype html>")
    with pytest.raises(RunFolderError, match="cannot be written"):
        write_card(TransferCard(document()), tmp_path / "none" / "a.html")
