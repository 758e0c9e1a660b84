"""Signals against plain twins, on ragged texts; what is refused."""

from __future__ import annotations

import math
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.contamination import signals
from calibrant.contamination.signals.ragged import lowest_means
from calibrant.contamination.signals.standardised import standardised_bounds
from calibrant.contamination.tokens import TokenScores, token_scores
from calibrant.errors import InputError


def scores_of(rows: list[list[float]], **more: Any) -> TokenScores:
    """Texts of tokens with these log-probabilities."""
    given = [
        {"item": f"i{n}", "text": f"text {n} " * (n + 1), "logprob": row,
         **{name: values[n] for name, values in more.items() if isinstance(values, list)}}
        for n, row in enumerate(rows)
    ]  # fmt: skip
    common = {"subject": "s", "tokenizer": "t", "prefix": "<s>"}
    return token_scores(given, **common | {k: v for k, v in more.items() if isinstance(v, str)})


logprobs = st.floats(-30, 0, allow_subnormal=False)
texts = st.lists(st.lists(logprobs, min_size=3, max_size=9), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(rows=texts, skip=st.integers(0, 2), k=st.floats(0.01, 1))
def test_signals_are_those_of_plain_twins(rows: list[list[float]], skip: int, k: float) -> None:
    scores = scores_of(rows)
    cut = [row[skip:] for row in rows]
    mean = [sum(row) / len(row) for row in cut]
    np.testing.assert_allclose(signals.loss(scores, skip=skip), mean, atol=1e-12)
    np.testing.assert_allclose(signals.total(scores, skip=skip), [sum(r) for r in cut], atol=1e-9)
    np.testing.assert_allclose(
        signals.perplexity(scores, skip=skip), [-math.exp(-m) for m in mean], rtol=1e-9
    )
    ratios = [m / len(zlib.compress(t.encode())) for m, t in zip(mean, scores.text, strict=True)]
    np.testing.assert_allclose(signals.zlib_ratio(scores, skip=skip), ratios, atol=1e-12)
    lows = []
    for row in cut:
        take = max(1, math.floor(len(row) * k + 1e-9))
        lows.append(sum(sorted(row)[:take]) / take)
    np.testing.assert_allclose(signals.min_k(scores, k=k, skip=skip), lows, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(rows=texts, last=st.integers(1, 12), seed=st.integers(0, 99))
def test_tail_is_the_share_of_last_tokens_that_were_likeliest(
    rows: list[list[float]], last: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    ranks = [rng.integers(0, 3, len(row)).tolist() for row in rows]
    found = signals.tail_top1(scores_of(rows, rank=ranks), last=last)
    assert found.tolist() == pytest.approx(
        [sum(r == 1 for r in row[-last:]) / len(row[-last:]) for row in ranks]
    )


def test_min_k_plus_plus_is_the_mean_of_the_lowest_standardised() -> None:
    scores = scores_of(
        [[-1.0, -2.0, -8.0, -3.0, 0.0]],
        mean=[[-2.0, -2.0, -4.0, -1.0, 0.0]], sd=[[1.0, 0.5, 2.0, 4.0, 0.0]],
    )  # fmt: skip
    assert signals.min_k_plus_plus(scores)[0] == pytest.approx(-2.0)
    assert signals.min_k_plus_plus(scores, k=0.4)[0] == pytest.approx((-2.0 - 0.5) / 2)
    assert signals.min_k_plus_plus(scores, k=1.0)[0] == pytest.approx((1 + 0 - 2 - 0.5 + 0) / 5)


@settings(max_examples=150, deadline=None)
@given(
    weights=st.lists(st.floats(1e-9, 1), min_size=2, max_size=9),
    size=st.integers(1, 9),
    at=st.integers(0, 8),
    sharp=st.floats(0.1, 12),
)
def test_bounds_from_the_top_hold_the_truth(
    weights: list[float], size: int, at: int, sharp: float
) -> None:
    p = np.array(weights) ** sharp
    p = np.maximum(p / p.sum(), 1e-250)
    p /= p.sum()
    logs = np.log(p)
    mean = float(p @ logs)
    variance = float(p @ (logs - mean) ** 2)
    x = logs[at % p.size]
    top = np.sort(logs)[::-1][: min(size, p.size)]
    low, high = standardised_bounds([x], [top], p.size)
    if variance > 1e-9:
        z = (x - mean) / math.sqrt(variance)
        assert low[0] <= z + 1e-6 * (1 + abs(z))
        assert high[0] >= z - 1e-6 * (1 + abs(z))
        if size >= p.size and variance > 1e-4:
            assert low[0] == pytest.approx(z, abs=1e-4)
            assert high[0] == pytest.approx(z, abs=1e-4)


def test_bounds_close_in_as_more_of_the_top_is_known() -> None:
    rng = np.random.default_rng(3)
    logits = rng.normal(0, 2.5, (40, 2000))
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    rows = logs[np.arange(40), logs.argmax(axis=1)].reshape(2, 20)
    scores = scores_of(rows.tolist())
    ordered = np.sort(logs, axis=1)[:, ::-1]
    widths = []
    for k in (5, 100, 1000, 2000):
        low, high = signals.min_k_plus_plus_bounds(scores, ordered[:, :k], 2000)
        widths.append(float((high - low).max()))
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 1e-6


def test_reference_takes_the_same_tokens_or_whole_texts() -> None:
    rows = [[-1.0, -2.0], [-3.0, -4.0, -5.0]]
    ours = scores_of(rows)
    theirs = scores_of([[-2.0, -2.0], [-3.0, -4.0, -8.0]], subject="r")
    assert signals.reference(ours, theirs).tolist() == pytest.approx([0.5, 1.0])
    assert signals.reference(ours, theirs, skip=1).tolist() == pytest.approx([0.0, 1.5])
    other = scores_of([[-2.0], [-3.0]], subject="r", tokenizer="u")
    with pytest.raises(InputError, match=r"differ in tokenizer.*per byte"):
        signals.reference(ours, other)
    sizes = [len(t.encode()) for t in ours.text]
    assert signals.reference(ours, other, per="byte").tolist() == pytest.approx(
        [-1 / sizes[0], -9 / sizes[1]]
    )
    with pytest.raises(InputError, match="no prefix"):
        signals.reference(ours, scores_of([[-2.0], [-3.0]], prefix=""), per="byte")
    with pytest.raises(InputError, match="different texts"):
        signals.reference(ours, ours.select([1, 0]))
    with pytest.raises(InputError, match="skip: wanted 0"):
        signals.reference(ours, other, per="byte", skip=1)


def test_paraphrase_gap_takes_forms_of_the_same_item() -> None:
    rows = [
        {"item": item, "text": item, "form": form, "logprob": [value]}
        for item, form, value in (
            ("a", "verbatim", -1.0), ("a", "paraphrase", -2.0), ("a", "paraphrase", -3.0),
            ("b", "paraphrase", -1.0), ("c", "verbatim", -1.0), ("d", "verbatim", -2.0),
            ("d", "paraphrase", -1.0),
        )
    ]  # fmt: skip
    scores = token_scores(rows, subject="s", tokenizer="t", prefix="<s>")
    found = signals.paraphrase_gap(scores)
    assert found.item == ("a", "d")
    assert np.asarray(found).tolist() == pytest.approx([1.5, -1.0])
    assert found.alone == ("b", "c") or set(found.alone) == {"b", "c"}
    with pytest.raises(InputError, match="no item has both 'verbatim' and 'twin'"):
        signals.paraphrase_gap(scores, against="twin")


def test_missing_values_are_named_by_item() -> None:
    scores = scores_of([[-1.0, -2.0], [float("nan"), -2.0], [-1.0]])
    with pytest.raises(InputError, match=r"1 of 3 texts: item 'i1' \(1 of 2 tokens without"):
        signals.loss(scores)
    assert np.isnan(signals.loss(scores, missing="nan")).tolist() == [False, True, False]
    assert np.isnan(signals.min_k(scores, missing="nan")).tolist() == [False, True, False]
    with pytest.raises(InputError, match=r"item 'i2' \(1 tokens, none after the first 1"):
        signals.loss(scores, skip=1)
    assert signals.total(scores, skip=1, missing="nan").tolist()[:2] == [-2.0, -2.0]


def test_what_a_signal_needs_is_said() -> None:
    scores = scores_of([[-1.0, -2.0]])
    with pytest.raises(InputError, match="whole vocabulary"):
        signals.min_k_plus_plus(scores)
    rough = replace(scores, mean=scores.logprob - 1, sd=-scores.logprob, top_k=5)
    with pytest.raises(InputError, match="only the top-5 tokens were given"):
        signals.min_k_plus_plus(rough)
    with pytest.raises(InputError, match="rank of each token"):
        signals.tail_top1(scores)
    for bad in (0, 1.5, -0.1):
        with pytest.raises(InputError, match="k: wanted a share"):
            signals.min_k(scores, k=bad)
    for skip in (-1, 0.5, True):
        with pytest.raises(InputError, match="skip: wanted"):
            signals.loss(scores, skip=skip)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="signal: wanted one of loss"):
        signals.signal("los", scores)


def test_the_first_token_may_move_a_short_text_most() -> None:
    found = signals.skip_effect(scores_of([[-9.0, -1.0, -1.0], [-1.0] * 9, [-2.0]]))
    assert found["most"] == pytest.approx(11 / 3 - 1)
    assert found["texts"] == 2


def test_lowest_of_a_text_without_tokens_is_not_a_number() -> None:
    found = lowest_means(np.array([0, 0]), np.array([-1.0, -2.0]), np.array([2, 0]), 0.5)
    assert found[0] == -2.0
    assert np.isnan(found[1])
