"""Are items pure functions of (instrument, seed, index), distinct, and evenly spread?"""

from __future__ import annotations

import dataclasses
import json
import pickle
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from scipy.stats import chisquare

from calibrant.errors import InputError
from calibrant.instruments import NAMES, Instrument, Item, load
from calibrant.instruments.core import Draw

GOLDEN = {
    "arithmetic": "f01be412476e449c00aa935123cd3143d9361da89d594199e8e954574b23ce59",
    "secret_keeping": "8943bdb98966dcf7c00eb4b1aca75f7b5f10e4b741aaee77e63b70e50aebab73",
    "sycophancy": "7fd96636d0d3fba836ede20c37a71009630b35d976de6bd73b8fa235f66436c9",
    "order_bias": "50978d87aa630ba60c5edcc0574248a6627e2d3571c843a690f416fb94fbe462",
    "false_premise": "8c04218ca167c2e7a52271dce5c0daa6004a2a6e1f7a2920b46e8c64a03ea27a",
}


def test_names_and_interface() -> None:
    assert NAMES == ("arithmetic", "secret_keeping", "sycophancy", "order_bias", "false_premise")
    for name in NAMES:
        instrument = load(name)
        assert isinstance(instrument, Instrument)
        assert instrument.name == name
        assert instrument.title
        assert instrument.measures.startswith("1 when ")
        assert 16 <= instrument.max_output_tokens <= 120
        assert len(instrument.families) >= 10
        assert len(set(instrument.families)) == len(instrument.families)


def test_score_names() -> None:
    scores = [load(name).scores for name in NAMES]
    assert scores == [
        ("correct",), ("leaked",), ("flipped",), ("changed",), ("noticed", "discerned"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ("secret-keeping", "'secret_keeping'"),
        ("Arithmetics", "'arithmetic'"),
        ("zzz", "arithmetic, secret_keeping"),
        ("", "arithmetic, secret_keeping"),
        (None, "arithmetic"),
    ],
)
def test_unknown_name_is_one_line_with_the_nearest(wrong: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        load(wrong)
    assert hint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_golden_hash(name: str) -> None:
    assert load(name).item(7, 0).hash == GOLDEN[name]


@pytest.mark.parametrize("name", NAMES)
def test_same_arguments_same_item_different_arguments_different_item(name: str) -> None:
    instrument = load(name)
    assert instrument.item(3, 5) == instrument.item(3, 5)
    assert instrument.item(np.int64(3), np.int32(5)) == instrument.item(3, 5)
    assert instrument.item(3, 5).hash != instrument.item(3, 6).hash
    assert instrument.item(3, 5).hash != instrument.item(4, 5).hash
    assert instrument.item(-3, 5).hash != instrument.item(3, 5).hash
    # (1, 23) and (12, 3) must not share a stream.
    assert instrument.item(1, 23).hash != instrument.item(12, 3).hash
    assert isinstance(instrument.item(2**80, 10**15), Item)


@pytest.mark.parametrize("bad", [(0, -1), (0, 1.0), (0.5, 1), ("0", 1), (True, 1), (0, None)])
def test_seed_and_index_must_be_integers(bad: tuple[int, int]) -> None:
    with pytest.raises(InputError):
        load("arithmetic").item(*bad)


def test_instruments_with_one_seed_are_independent() -> None:
    """The family drawn by one instrument says nothing of the family drawn by another."""
    one, two = load("sycophancy"), load("order_bias")
    table = np.zeros((15, 13))
    for index in range(3000):
        row = one.families.index(one.item(0, index).family)
        table[row, two.families.index(two.item(0, index).family)] += 1
    expected = table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / table.sum()
    statistic = ((table - expected) ** 2 / expected).sum()
    assert statistic < 14 * 12 + 5 * np.sqrt(2 * 14 * 12)


@pytest.mark.parametrize("name", NAMES)
def test_families_are_uniform_and_items_distinct(name: str) -> None:
    instrument = load(name)
    items = [instrument.item(1, index) for index in range(2000)]
    counts = Counter(item.family for item in items)
    assert set(counts) == set(instrument.families)
    assert chisquare([counts[family] for family in instrument.families]).pvalue > 1e-4
    assert len({item.hash for item in items}) > 0.95 * len(items)


@pytest.mark.parametrize("name", NAMES)
def test_items_are_short_plain_and_complete(name: str) -> None:
    instrument = load(name)
    for index in range(500):
        item = instrument.item(2, index)
        assert item.instrument == name
        assert len(item.conversations) == instrument.asks
        assert item.target
        assert item.variant
        assert json.loads(json.dumps(item.details)) == item.details
        for talk in item.conversations:
            assert talk[-1].role == "user"
            # English runs at about four characters a token.
            assert sum(len(message.content) for message in talk) < 700
            assert all("{" not in m.content for m in talk if "JSON" not in m.content)
        assert len(item.hash) == 64
        hash(item)


def test_hash_covers_what_is_shown_and_the_target() -> None:
    item = load("sycophancy").item(0, 0)
    for change in (
        {"target": item.target + "x"},
        {"conversations": (item.messages[:-1],)},
        {"instrument": "other"},
    ):
        assert dataclasses.replace(item, **change).hash != item.hash
    assert dataclasses.replace(item, family="other").hash == item.hash


def test_pickles() -> None:
    for name in NAMES:
        instrument = pickle.loads(pickle.dumps(load(name)))
        assert instrument.item(0, 0) == load(name).item(0, 0)


def test_import_leaves_inspect_alone_and_hash_seed_does_not_matter() -> None:
    code = (
        "import sys; from calibrant.instruments import load, NAMES;"
        "print([load(n).item(7, 0).hash for n in NAMES]);"
        "assert not any(m.split('.')[0] == 'inspect_ai' for m in sys.modules)"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert outputs == {f"{list(GOLDEN.values())}\n"}


def test_grade_wants_one_answer_per_conversation() -> None:
    with pytest.raises(InputError, match="wanted 2 answers"):
        load("order_bias").grade("", {}, ["A"])
    with pytest.raises(InputError, match="wanted 1 answer "):
        load("arithmetic").grade("1", {}, [])


class TestDraw:
    def test_stream_is_pinned(self) -> None:
        draw = Draw("pinned")
        assert [draw.integer(0, 999) for _ in range(6)] == [128, 130, 577, 667, 155, 491]

    def test_integers_cover_both_ends_evenly(self) -> None:
        draw = Draw("even")
        counts = Counter(draw.integer(-2, 4) for _ in range(7000))
        assert sorted(counts) == [-2, -1, 0, 1, 2, 3, 4]
        assert chisquare(list(counts.values())).pvalue > 1e-4

    def test_sample_has_no_repeats_and_every_order(self) -> None:
        draw = Draw("orders")
        orders = Counter("".join(draw.shuffled("abc")) for _ in range(600))
        assert len(orders) == 6
        assert chisquare(list(orders.values())).pvalue > 1e-4

    def test_empty_range_is_refused(self) -> None:
        with pytest.raises(ValueError, match="no integers"):
            Draw("none").integer(3, 2)
