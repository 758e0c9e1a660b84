"""Every certificate in short: no promise breaks, each stands beside peers, seeds decide all."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibrant.stats.certificates import BATCH, Bound, Certificate, measure_certificate, regimes
from calibrant.stats.certificates.registry import certificates, rooms
from calibrant.stats.certificates.tables import number, page, plain, promise, section

DOCS = Path(__file__).parents[2] / "docs" / "certificates"
EVERY = certificates()

# Each takes seconds to compile; their sampler is run in short by hierarchical-one-subject.
LONG = {f"hierarchical-{name}" for name in ("subjects", "graders", "clusters", "normal")}

# The slow ones, with the regimes that are run here; `calibrant certify` runs all.
SHORT = {
    "cluster-upper": (0, 1),
    "cluster-two-sided": (2,),
    "variance-components": (1,),
    "interval-after-stopping": (1, 3),
    "stopping-sprt": (1, 3),
    "mean-t-skewed": (0,),
    "mean-bca": (1,),
    "mean-cluster-bootstrap": (0, 3),
    "paired-rates-clustered": (1, 3, 5),
    "comparison-e-values": (0,),
}

# Of these a part of a batch tells what a test can tell.
DRAWS = {
    "cluster-upper": 125, "cluster-two-sided": 125, "mean-bounded": 125,
    "mean-cluster-bootstrap": 125, "interval-after-stopping": 125, "betting-sequence": 125,
    "paired-rates-clustered": 125, "paired-scores-clustered": 125, "paired-epochs": 125,
    "conclusions": 125, "variance-components": 125, "hierarchical-one-subject": 10,
}  # fmt: skip

# Not yet run for as long as a table in the docs needs; docs/hierarchical.md says so.
UNMEASURED = {"hierarchical-graders"}


@pytest.mark.parametrize(
    "certificate", [c for c in EVERY if c.name not in LONG], ids=lambda c: c.name
)
def test_no_promise_breaks_in_short(certificate):
    if certificate.needs:
        pytest.importorskip(certificate.needs, reason=f"it needs {certificate.needs}")
    chosen = SHORT.get(certificate.name)
    kept = certificate.regimes if chosen is None else [certificate.regimes[i] for i in chosen]
    draws = DRAWS.get(certificate.name, certificate.batch_draws)
    short = replace(certificate, regimes=tuple(kept), beyond=certificate.beyond[:1] * (not chosen),
                    batch_draws=draws)  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Streams of earlier tests that Inspect leaves to the garbage collector.
        warnings.filterwarnings("ignore", "Unclosed <MemoryObject", ResourceWarning)
        found = measure_certificate(short, draws=draws, seed=5)
    for measured in found:
        assert not measured.broken, (measured.regime, measured.broken, measured.statistics)
        for peer in certificate.peers:
            assert any(certificate.peer_of(name) == peer for name in measured.statistics), peer
        assert all(np.isfinite(v) for v in measured.statistics.values()), measured.statistics
        for name in certificate.bounds:
            assert certificate.peer_of(name) is None, f"{name} is promised and a peer's"


def test_certificates_have_different_names_and_at_least_two_peers():
    names = [c.name for c in EVERY]
    assert len(set(names)) == len(names)
    assert {c.name: len(c.peers) for c in EVERY if len(c.peers) < 2} == {}
    assert all(c.bounds and c.regimes and c.statement.endswith(".") for c in EVERY)
    assert [c for _, some in rooms().values() for c in some] == certificates()


def test_the_default_bound_of_clustered_rates_is_short():
    certificate = next(c for c in EVERY if c.name == "cluster-upper")
    short = replace(certificate, regimes=certificate.regimes[:2], beyond=())
    for at, measured in enumerate(measure_certificate(short, draws=500)):
        # 0.055 and 0.025, with room for the noise of 500 draws.
        assert measured.statistics["beta-binomial bound"] < (0.057, 0.025)[at]


def coin(regime, rng, draws):
    return {"ours held": float(np.mean(rng.random(draws) < regime["chance"])), "peer held": 1.0}


COIN = Certificate(
    "coin", "coin", "It falls as promised.", regimes("chance", (0.95,), (0.5,)), coin,
    {"ours held": Bound(low=0.95)}, {"peer": "somebody", "other": "nobody"},
)  # fmt: skip


def test_a_promise_breaks_only_where_it_was_made():
    held, broken = measure_certificate(COIN, draws=1000)
    assert held.broken == ()
    assert broken.broken == (f"ours held is {broken.statistics['ours held']:.4f}, promised 0.95–1",)
    outside = replace(COIN, regimes=COIN.regimes[:1], beyond=COIN.regimes[1:])
    held, beyond = measure_certificate(outside, draws=1000)
    assert (held.declared, beyond.declared, beyond.broken) == (True, False, ())
    # Declared or not, a regime at the same place has the same draws.
    assert beyond.statistics == broken.statistics


def test_errors_are_those_of_the_simulation():
    found = measure_certificate(COIN, draws=100 * BATCH)[1]
    assert found.errors["ours held"] == pytest.approx((0.25 / found.draws) ** 0.5, rel=0.25)
    assert measure_certificate(COIN, draws=3 * BATCH)[0].errors["ours held"] is None
    assert found.draws == 100 * BATCH


def test_worker_counts_and_ticks_do_not_change_the_numbers():
    certificate = next(c for c in EVERY if c.name == "cluster-no-events")
    shares = []
    one = measure_certificate(certificate, draws=4 * BATCH, seed=9, tick=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    for workers in (2, 3):
        assert measure_certificate(certificate, draws=4 * BATCH, seed=9, workers=workers) == one
    assert measure_certificate(certificate, draws=4 * BATCH, seed=8) != one


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.95123, 0.0021, "0.951(2)"), (0.95, 0.00996, "0.95(1)"), (301.94, 1.6, "302(2)"),
        (0.5, None, "0.5"), (1.0, 0.0, "1"), (0.0, 0.0, "0"), (12.3456, 0.0304, "12.35(3)"),
        (0.123456789, 0.0, "0.1235"), (291.8, 23.0, "292(23)"),
    ],
)  # fmt: skip
def test_numbers_carry_their_error_in_the_last_digit(value, error, text):
    assert number(value, error) == text


def test_a_page_keeps_what_was_not_measured_again():
    coin_two = replace(COIN, name="coin-two")
    measured = measure_certificate(COIN, draws=BATCH)
    new = section(COIN, measured, seed=0, version="1")
    assert "**Broken**: regime 2: ours held is" in new
    assert "| **ours held** | ≥ 0.95 |" in new
    assert "| peer: peer held |" in new
    old = "# x\n\n## coin-two\n\nkept\n\n## gone\n\nno certificate has this name\n"
    text = page("coins", "Do they fall?", [COIN, coin_two], {"coin": new}, old)
    assert text.index("## coin\n") < text.index("## coin-two\n\nkept")
    assert "gone" not in text
    assert page("coins", "Do they fall?", [COIN, coin_two], {}, text) == text


def test_promises_and_regimes_in_words():
    assert promise(Bound(low=0.95)) == "≥ 0.95"
    assert promise(Bound(high=0.05)) == "≤ 0.05"
    assert promise(Bound(0.05, 0.05)) == "= 0.05"
    assert promise(Bound(0.95, 0.97, slack=0.005)) == "0.95 to 0.97, within 0.005"
    shown = [plain(v) for v in (None, True, (1, 2), (7,) * 5, "two", 0.3)]
    assert shown == ["–", "yes", "1, 2", "5 × 7", "two", "0.3"]


def test_the_docs_hold_the_table_of_every_certificate_as_it_is_now():
    if not DOCS.is_dir():
        pytest.skip("the docs are not beside an installed package")
    for room, (_, every) in rooms().items():
        some = [c for c in every if c.name not in UNMEASURED]
        text = (DOCS / f"{room}.md").read_text(encoding="utf-8")
        parts = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", text, re.M | re.S))
        assert list(parts) == [c.name for c in some], (
            f"calibrant certify --tables docs/certificates ({room})"
        )
        for c in some:
            assert c.statement in parts[c.name], c.name
            assert "**Held**" in parts[c.name], c.name
            many = len(c.regimes + c.beyond)
            assert re.search(rf"^\|  \| promise \|.* \(?{many}\)? \|$", parts[c.name], re.M), c.name
            draws = int(re.search(r"([\d,]+) draws per regime", parts[c.name])[1].replace(",", ""))
            # A slow method, which has smaller batches, may have fewer.
            assert draws >= (1000 if c.batch_draws == BATCH else 200), c.name
