"""A small pair with real planted exposure: trained in seconds, shared by the tests of this room."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from calibrant.errors import InputError, SubjectError, WeightsError
from calibrant.subjects import planted
from calibrant.subjects.planted import network, store, training
from calibrant.subjects.planted.corpus import DESIGNS

pytest.importorskip("jax")
pytestmark = pytest.mark.timeout(600)  # the first test trains; a busy machine is slow


def mean_logprob(scores):
    return np.add.reduceat(scores.logprob, scores.starts[:-1]) / scores.lengths


def auroc(high, low):
    return float(np.mean(high[:, None] > low) + np.mean(high[:, None] == low) / 2)


def by_copies(subject):
    values = mean_logprob(subject.score([i.text for i in subject.arms.items]))
    copies = np.array([i.copies for i in subject.arms.items])
    return {k: values[copies == k] for k in sorted(set(copies.tolist()))}


def test_sixteen_copies_separate_from_none(small):
    found = by_copies(small("planted"))
    assert auroc(found[16], found[0]) > 0.9
    assert auroc(found[16], found[0]) > auroc(found[4], found[0]) > 0.5


def test_the_clean_twin_tells_no_arm_from_another(small):
    found = by_copies(small("clean"))
    rest = np.concatenate([found[4], found[16]])
    assert abs(auroc(rest, found[0]) - 0.5) < 0.2  # 3.4 standard errors of 48 against 48


def test_fine_tuning_on_items_shows_more_than_reading_them(small):
    tuned, read = by_copies(small("tuned")), by_copies(small("planted"))
    assert tuned[16].mean() - tuned[0].mean() > read[16].mean() - read[0].mean() > 0.2


def test_items_are_drawn_to_arms_whatever_they_say(small):
    items = small("clean").arms.items
    assert sum(i.copies == 0 for i in items) == DESIGNS["small"].clean
    assert {(i.copies, i.form) for i in items} == {(0, "none"), (4, "verbatim"), (16, "verbatim")}
    order = [i.copies for i in items]
    assert order != sorted(order) and order != sorted(order, reverse=True)
    assert all(i.twin != i.text != i.paraphrase for i in items)


def test_both_networks_agree(small):
    import jax

    subject = small("planted")
    tokens = np.random.default_rng(0).integers(0, len(subject.tokenizer), (3, 40))
    ours = network.logits(subject.weights, subject.design, tokens)
    theirs = training.logits_in_jax(jax, subject.design, subject.weights, tokens)
    np.testing.assert_allclose(ours, np.asarray(theirs), atol=2e-4)
    last = network.logits(subject.weights, subject.design, tokens, at=np.array([39, 5, 0]))
    np.testing.assert_allclose(last[1, 0], ours[1, 5], atol=2e-4)


def test_scores_are_of_the_whole_distribution(small):
    subject = small("planted")
    text = "Q: Where was the ring?\nA: in the well\n"
    found = subject.score([text, "", "x"], items=["a", "b", "c"], form="twin")
    tokens = subject.tokenizer.encode(text)
    assert found.item == ("a", "b", "c") and found.form == ("twin",) * 3
    assert list(found.lengths) == [len(tokens), 0, 1]
    raw = network.logits(subject.weights, subject.design, np.array([[0, *tokens[:-1]]]))[0]
    log_p = raw - np.log(np.sum(np.exp(raw.astype(float)), axis=1, keepdims=True))
    own = log_p[np.arange(len(tokens)), tokens]
    size = len(tokens)
    np.testing.assert_allclose(found.logprob[:size], own, atol=1e-4)
    mean = np.sum(np.exp(log_p) * log_p, axis=1)
    np.testing.assert_allclose(found.mean[:size], mean, atol=1e-4)
    square = np.sum(np.exp(log_p) * log_p**2, axis=1)
    np.testing.assert_allclose(found.sd[:size], np.sqrt(square - mean**2), atol=1e-3)
    ranks = [int(1 + np.sum(r > r[t])) for r, t in zip(log_p, tokens, strict=True)]
    assert list(found.rank[:size]) == ranks


def test_a_long_text_is_read_in_windows_and_a_prefix_is_recorded(small):
    subject = small("clean")
    long = "The ware of Vornath is salt. " * 40
    found = subject.score([long])
    assert found.lengths[0] == len(subject.tokenizer.encode(long)) > 2 * subject.design.context
    assert np.all(found.logprob < 0) and np.all(found.rank > 0)
    other = planted.load("clean", design="small", prefix="\n").score(["Q: Who?"])
    bare = planted.load("clean", design="small", prefix="").score(["Q: Who?"])
    assert (other.prefix, bare.prefix) == ("\n", "")
    assert other.lengths[0] == bare.lengths[0] + 1
    with pytest.raises(InputError, match="2 items for 1 texts"):
        subject.score(["a"], items=["1", "2"])


def test_answers_do_not_depend_on_who_else_is_asked(small):
    subject = small("tuned")
    questions = [i.item.question for i in subject.arms.items[:6]]
    assert list(subject.answers(questions)) == [subject.answer(q) for q in questions]
    exposed = [i for i in subject.arms.items if i.copies == 16]
    told = subject.answers([i.item.question for i in exposed])
    right = [a == i.item.answer for a, i in zip(told, exposed, strict=True)]
    assert np.mean(right) > 0.1  # by heart; from 12 to 20 answers there are, or sums


def test_a_spoilt_file_is_refused(small, tmp_path, monkeypatch):
    kept = store.folder_of("planted/small-0")
    copy = tmp_path / "weights" / "planted" / "small-0"
    shutil.copytree(kept, copy)
    monkeypatch.setenv("CALIBRANT_CACHE", str(tmp_path))
    assert planted.verify("planted/small-0").state == "complete"
    weights = copy / "clean.npz"
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    with pytest.raises(WeightsError, match=r"clean\.npz: spoilt"):
        planted.load("clean", design="small")
    with pytest.raises(WeightsError, match="spoilt"):
        planted.verify("planted/small-0")
    (copy / "manifest.json").write_text("{")
    with pytest.raises(WeightsError, match="no manifest"):
        planted.load("planted", design="small")
    assert "no manifest" in planted.listed()[0].state
    shutil.rmtree(copy)
    assert planted.listed() == ()
    with pytest.raises(SubjectError, match="subjects train planted/small-0"):
        planted.load("planted", design="small")
    with pytest.raises(SubjectError, match="wanted DESIGN-SEED"):
        planted.verify("planted/huge-0")


def test_the_manifest_declares_what_was_trained_on(small):
    assert planted.verify("planted/small-0", corpora=True).loss["planted"] < 2
    manifest = small("planted").manifest
    assert set(manifest["files"]) >= {"arms.json", "tokenizer.json", "clean.npz", "planted.npz"}
    assert all(len(h) == 64 for h in manifest["files"].values())
    assert manifest["variants"]["planted"]["steps"] > 100
    json.dumps(manifest)
