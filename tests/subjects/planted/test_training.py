"""Training goes on where it stopped; tokens and corpora are what they say."""

from __future__ import annotations

import signal
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.errors import SubjectError
from calibrant.subjects.planted import network, training
from calibrant.subjects.planted.bpe import Tokenizer, learn
from calibrant.subjects.planted.corpus import DESIGNS, Arms, build
from calibrant.subjects.planted.stopping import stopping

TINY = replace(
    DESIGNS["small"], verbatim=4, clean=8, orders=1, canaries=2, tokens=36_000, width=16, batch=2,
    context=32, vocabulary=300,
)  # fmt: skip
CATS = learn(["the cat sat on the mat, the cat", "über 1984 cats"], 280)


@pytest.fixture(scope="module")
def corpora():
    return build(TINY, 3)


def test_corpora_differ_in_the_planted_copies_alone(corpora):
    decode = corpora.tokenizer.decode
    planted, clean = decode(corpora.planted), decode(corpora.clean)
    assert len(corpora.planted) == len(corpora.clean)
    for item in corpora.arms.items:
        assert planted.count(item.text) == item.copies
        assert item.text not in clean and item.twin not in planted + clean
        assert decode(corpora.tuning).count(item.text) == item.copies
    for canary in corpora.arms.canaries:
        assert planted.count(canary.digits) == canary.copies and canary.digits not in clean
    for order in corpora.arms.orders:
        assert planted.count(order.text) == order.copies and order.text not in clean
    same = np.mean(corpora.planted == corpora.clean)
    assert 0.3 < same < 1
    starts = [np.flatnonzero(c == 0) for c in (corpora.planted, corpora.clean)]
    assert np.array_equal(*starts)  # every document begins at the same place in both


def test_rephrased_copies_are_not_the_published_words():
    design = replace(TINY, rephrased=3, tokens=46_000)
    found = build(design, 1)
    text = found.tokenizer.decode(found.planted)
    for item in (i for i in found.arms.items if i.form == "rephrased"):
        assert item.text not in text and item.paraphrase not in text
        parts = item.text.split()
        name = next(w for w in parts[1:] if w[0].isupper() and len(w) > 5)
        assert name.strip(",.") in text


def test_equal_seeds_give_equal_corpora_and_arms_come_back(corpora):
    again = build(TINY, 3)
    assert again.hashes() == corpora.hashes() != build(TINY, 4).hashes()
    assert Arms.of(corpora.arms.to_dict()) == corpora.arms


def test_an_interrupted_training_gives_the_same_weights(corpora, tmp_path, monkeypatch):
    pytest.importorskip("jax")
    monkeypatch.setattr(training, "EVERY", 40)
    start = network.start(TINY, 0, len(corpora.tokenizer))
    whole = training.train(TINY, corpora.clean, start)
    assert whole.steps > 100
    keep = tmp_path / "point.npz"

    class Stop(Exception):
        pass

    def tick(done, steps, loss):
        if done > 40:
            raise Stop

    with pytest.raises(Stop):
        training.train(TINY, corpora.clean, start, keep=keep, tick=tick)
    seen = []
    again = training.train(
        TINY, corpora.clean, start, keep=keep, tick=lambda done, steps, loss: seen.append(done)
    )
    assert seen[0] == 80
    assert all(np.array_equal(whole.weights[n], again.weights[n]) for n in start)
    keep.write_bytes(keep.read_bytes()[:1000])
    with pytest.raises(SubjectError, match="no checkpoint that training can go on from"):
        training.train(TINY, corpora.clean, start, keep=keep)
    training._save(keep, 1, 0.0, np.zeros(3, np.float32), (start, start, start))
    with pytest.raises(SubjectError, match="of another design"):
        training.train(TINY, corpora.clean, start, keep=keep)


class Freed:
    """Presses Ctrl-C where Python loses the exception: in a finaliser, as JAX runs some."""

    def __del__(self):
        signal.raise_signal(signal.SIGINT)


def test_ctrl_c_stops_after_the_step_even_where_its_exception_is_lost(corpora, tmp_path):
    pytest.importorskip("jax")
    start = network.start(TINY, 0, len(corpora.tokenizer))
    keep, seen = tmp_path / "point.npz", []

    def tick(done, steps, loss):
        seen.append(done)
        if done == 100:
            freed = Freed()
            del freed

    with pytest.raises(KeyboardInterrupt):
        training.train(TINY, corpora.clean, start, keep=keep, tick=tick)
    assert seen == [100] and int(np.load(keep)["done"]) == 100
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_stop_between_checkpoints_loses_no_step(corpora, tmp_path, monkeypatch):
    pytest.importorskip("jax")
    start = network.start(TINY, 0, len(corpora.tokenizer))
    whole = training.train(TINY, corpora.clean, start)
    keep, real, at = tmp_path / "point.npz", training._step(TINY), [7, whole.steps]

    def step(state, seen, next_, share, done):
        if done + 1 in at:
            at.remove(done + 1)
            signal.raise_signal(signal.SIGINT)
        return real(state, seen, next_, share, done)

    monkeypatch.setattr(training, "_step", lambda design: step)
    for kept in (7, whole.steps):
        with pytest.raises(KeyboardInterrupt):
            training.train(TINY, corpora.clean, start, keep=keep)
        assert int(np.load(keep)["done"]) == kept
    again = training.train(TINY, corpora.clean, start, keep=keep)
    assert again.loss == whole.loss and again.steps == whole.steps
    assert all(np.array_equal(whole.weights[n], again.weights[n]) for n in start)


def test_a_second_ctrl_c_acts_at_once_and_one_at_the_end_is_not_forgotten():
    with pytest.raises(KeyboardInterrupt), stopping() as stop:
        assert not stop()
        signal.raise_signal(signal.SIGINT)
        assert stop()
    with pytest.raises(KeyboardInterrupt), stopping():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("the second one did not act")


@settings(max_examples=30)
@given(st.text(max_size=60))
def test_any_text_can_be_cut_and_joined(text):
    tokens = CATS.encode(text)
    assert CATS.decode(tokens) == text
    assert 0 not in tokens


def plain_cut(merges: list[tuple[int, int]], word: str) -> list[int]:
    """Each merge in order, wherever its pair stands: what byte pairs are by definition."""
    parts = [b + 1 for b in word.encode()]
    for i, (a, b) in enumerate(merges):
        out: list[int] = []
        for part in parts:
            if out and (out[-1], part) == (a, b):
                out[-1] = 257 + i
            else:
                out.append(part)
        parts = out
    return parts


@settings(max_examples=40)
@given(st.lists(st.text("abc", min_size=1, max_size=8), min_size=1, max_size=30))
def test_byte_pairs_are_merged_in_order(words):
    tokenizer = learn([" ".join(words)], 275)
    for word in words:
        assert tokenizer.encode(word) == plain_cut(tokenizer.merges, word)


def test_the_most_frequent_pair_comes_first():
    tokenizer = learn(["ab ab ab bc"], 258)
    assert tokenizer.merges == [(ord("a") + 1, ord("b") + 1)]
    assert Tokenizer(tokenizer.merges).encode("ab") == [257]
