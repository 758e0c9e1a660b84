"""What is found on the small pair: rates, power, certificates, prefixes, the commands, Inspect."""

from __future__ import annotations

import json

import numpy as np
import pytest

from calibrant.cli import main
from calibrant.contamination.exposure import paraphrase_test
from calibrant.errors import InputError
from calibrant.subjects.planted import certificates, power
from calibrant.subjects.planted.certificates import CERTIFICATES
from calibrant.subjects.planted.fresh import fresh_gaps
from calibrant.subjects.planted.measured import measure_power
from calibrant.subjects.planted.peers import fixed_threshold, oren_p, welch_p
from calibrant.subjects.planted.prefixes import prefix_effect
from calibrant.subjects.planted.rates import rates, tail_p
from calibrant.subjects.planted.readings import Readings, _kept, readings
from calibrant.subjects.planted.store import folder_of

pytestmark = pytest.mark.timeout(600)  # the first test trains; a busy machine is slow


@pytest.fixture
def found(small) -> Readings:
    return readings("planted/small-0")


def test_readings_are_kept_and_spoilt_ones_read_again(found, monkeypatch):
    folder = folder_of("planted/small-0")
    weights = json.loads((folder / "manifest.json").read_text())["files"]["clean.npz"]
    kept = _kept(folder, "clean", weights)
    assert kept is not None
    np.testing.assert_array_equal(kept.canaries, found.by["clean"].canaries)
    np.testing.assert_array_equal(kept.signal("min-k++"), found.signal("clean", "min-k++"))
    assert _kept(folder, "clean", "0" * 64) is None
    monkeypatch.setattr("calibrant.subjects.planted.readings._VERSION", 99)
    assert _kept(folder, "clean", weights) is None


def test_right_answers_by_ranks_are_those_that_are_generated(small, found):
    subject = small("tuned")
    told = subject.answers([i.item.question for i in subject.arms.items])
    right = [a == i.item.answer for a, i in zip(told, subject.arms.items, strict=True)]
    ranks = found.by["tuned"].right.tolist()
    assert 3 < sum(ranks) < 90
    # A document's end instead of a line's end, too, ends what is generated.
    assert all(r for r, by_rank in zip(right, ranks, strict=True) if by_rank)
    assert sum(right) - sum(ranks) <= 3


def test_sixteen_copies_are_found_and_none_are_not(found):
    for test in ("split", "twin", "paraphrase", "combined", "rank"):
        hits = power.power([found], test=test, variant="planted", copies=16, items=24, draws=10)
        assert hits.power == 1 and hits.low == pytest.approx(0.025), test  # one pair says little
    for test, items in (("canary", 16), ("order", 8)):
        high = power.power([found], test=test, variant="planted", copies=16, items=items)
        assert high.power == 1 and high.detector == "" and high.tests == 1  # nothing to draw


def test_power_is_a_mean_over_pairs_and_disjoint_parts_of_their_arms(found, monkeypatch):
    seen = []

    def told(found, rng, some, rest, **_):
        seen.append((some.tolist(), rest.tolist()))
        return 0.01 if found is other else 0.5

    other = Readings("planted/small-1", found.arms, found.by)
    monkeypatch.setattr(power, "subset_p", told)
    some = power.power([found, other], test="split", variant="planted", copies=16, items=8, draws=7)
    assert (some.power, some.shares, some.tests) == (0.5, (0.0, 1.0), 18)
    assert some.low < 0.05 and some.high > 0.95
    for start in range(0, 18, 3):  # 24 items in three parts of 8, each beside 8 of 48
        parts, beside = zip(*seen[start : start + 3], strict=True)
        assert sorted(np.concatenate(parts)) == found.arm(16).tolist()
        rest = set(np.concatenate(beside))
        assert len(rest) == 24 and rest <= set(found.arm(0))
    assert seen[0] != seen[3]
    seen.clear()
    none = power.power([found], test="twin", variant="clean", copies=0, items=24)
    assert none.tests == 2 and [s for s, _ in seen] != [] and none.copies == 0
    assert {tuple(sorted(s)) for s, _ in seen} == {tuple(found.arm(k)) for k in (4, 16)}


def test_wordings_drawn_anew_are_alike_to_the_clean_subject(small):
    gaps = fresh_gaps(small("clean"), 1200, seed=5).reshape(200, 6)
    p = np.array([paraphrase_test(row, reason="random-twin").p for row in gaps])
    for level in (2 / 64, 6 / 64, 16 / 64, 32 / 64, 48 / 64):
        allowed = 3.3 * np.sqrt(level * (1 - level) / 200)
        assert abs(np.mean(p <= level) - level) <= allowed + 1 / 32, level
    with pytest.raises(InputError, match="form paraphrase or twin"):
        fresh_gaps(small("clean"), 4, form="else")
    assert fresh_gaps(small("clean"), 2, form="twin").shape == (2,)


@pytest.mark.parametrize("test", power.TESTS)
def test_a_clean_subject_is_rarely_accused(found, test):
    rng = np.random.default_rng(3)
    p = np.array([power.null_p(found, rng, test=test, items=12) for _ in range(60)])
    assert np.mean(p <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 60)
    assert p.min() > 0
    if test != "correct":  # hardly any answer of so small a subject is right
        assert len(set(p.tolist())) > 3


def test_rates_of_single_items(found):
    of = {(r.variant, r.detector, r.copies): r for r in rates([found])}
    top = of["planted", "min-k++", 16]
    assert top.auroc > 0.9 and top.low <= top.auroc <= top.high
    assert top.at_1 is None  # 48 clean items cannot set a threshold for 1 %
    assert top.at_5 is not None and top.at_5_low is not None and top.at_5_high is not None
    assert top.at_5_low <= top.at_5 <= top.at_5_high
    assert top.at_5 > of["planted", "min-k++", 4].at_5
    values = found.signal("planted", "min-k++")
    own, clean = values[found.arm(16)], values[found.arm(0)]
    two = next(iter(rates([found, found], variants=["planted"])))
    assert (two.pairs, two.items, two.at_5) == (2, 48, of["planted", "loss", 4].at_5)
    assert two.auroc == of["planted", "loss", 4].auroc and 0 <= two.low < two.high <= 1
    plain = np.mean([[1.0 if a > b else 0.5 if a == b else 0.0 for b in clean] for a in own])
    assert top.auroc == pytest.approx(plain)


def test_ranks_among_clean_values_by_hand():
    p = tail_p(np.array([5.0, 3.0, 0.0]), np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(p, [1 / 4, 2 / 4, 4 / 4])


def test_peers_by_hand():
    assert fixed_threshold(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 1.0
    assert welch_p(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0])) == pytest.approx(0.5)
    assert welch_p(np.array([4.0, 5.0, 6.0]), np.array([1.0, 2.0, 3.0])) == pytest.approx(
        0.01065563, abs=1e-6
    )
    table = np.array([[1.0, 0.0, 0.0], [3.0, 1.0, 1.0]])  # differences 1 and 2: t = 1.5/.5·√2
    assert oren_p(table) == pytest.approx(0.5 - np.arctan(3 * np.sqrt(2)) / np.pi)


def test_limits_in_words():
    def at(copies: int, share: float) -> power.Power:
        return power.Power(
            "split", "loss", "planted", copies, "verbatim", 120, share, share - 0.05, 1, (share,), 9
        )

    told = power.limit([at(4, 0.95), at(1, 0.1), at(2, 0.3)], at(0, 0.05))
    assert told == (
        "at 120 items in each arm, the split test with loss finds 4 exposures in 95% (at least "
        "90%), misses 1 in 90%, misses 2 in 70%, and says so without any in 5%"
    )
    assert "finds no number of exposures up to 2 in 80%" in power.limit([at(1, 0.1), at(2, 0.3)])


def test_what_cannot_be_measured_is_refused(found):
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="no items rephrased 4 times"):
        power.arm_p(
            found, rng, test="split", variant="planted", copies=4, items=3, form="rephrased"
        )
    with pytest.raises(InputError, match="no canaries 3 times"):
        power.arm_p(found, rng, test="canary", variant="planted", copies=3, items=3)
    with pytest.raises(InputError, match="wanted 1 to 24 items of this arm, got 25"):
        power.arm_p(found, rng, test="twin", variant="planted", copies=4, items=25)
    with pytest.raises(InputError, match="not tuned on any list"):
        power.arm_p(found, rng, test="order", variant="tuned", copies=4, items=3)
    with pytest.raises(InputError, match="wanted one of split"):
        power.null_p(found, rng, test="magic", items=3)
    with pytest.raises(InputError, match=r"wanted one of loss.*'magic'"):
        measure_power("planted/small-0", detector="magic")
    for wrong in ([], ["small-0", "planted/small-0"], ["small-0", "pair-0"]):
        with pytest.raises(InputError, match="different seeds of one design"):
            measure_power(wrong)
    with pytest.raises(InputError, match="reference subject"):
        found.by["clean"].signal("reference")


def test_certificates_hold_on_the_small_pair(small, monkeypatch):
    monkeypatch.setattr(certificates, "_other", lambda name: certificates._found(name))
    monkeypatch.setattr(certificates, "_several", lambda _: [certificates._found("small-0")])
    certificates._found.cache_clear()
    certificates._limit.cache_clear()
    for certificate in CERTIFICATES:
        some = [r for r in certificate.regimes if "small" in r["subjects"]]
        assert some
        for regime in some:
            told = certificate.batch(regime, np.random.default_rng(1), 20)
            assert set(certificate.bounds) <= set(told)
            assert all(0 <= v <= 1 for v in told.values())
            for name, bound in certificate.bounds.items():
                worst = max(bound.low * (1 - bound.low), bound.high * (1 - bound.high))
                slack = 3 * np.sqrt(worst / 20)
                assert bound.low - slack <= told[name] <= bound.high + slack, (regime, name)
    certificates._found.cache_clear()
    certificates._limit.cache_clear()


def test_a_prefix_moves_the_loss(small):
    first, second = prefix_effect(small("clean"), ("<|end|>", " "))
    assert first.moved == 0 and second.moved > 0.05
    assert second.first < first.first - 1
    with pytest.raises(InputError, match="none empty"):
        prefix_effect(small("clean"), ("",))


def test_the_commands(small, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "200")

    def run(*args: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main(["contamination", "subjects", *args])
        told = capsys.readouterr()
        return caught.value.code, told.out, told.err

    code, out, _ = run("train", "planted/small-0")
    assert code == 0 and "planted/small-0" in out and "complete" in out
    code, out, _ = run("list", "--json")
    assert code == 0 and json.loads(out)[0]["variants"] == ["clean", "planted", "tuned"]
    code, out, _ = run("verify", "small-0", "--corpora")
    assert code == 0 and "complete" in out
    svg = tmp_path / "power.svg"
    code, out, _ = run("power", "small-0", "--draws", "2", "--items", "12", "--figure", str(svg))
    assert code == 0 and "the split test with min-k++ finds" in out and "AUROC" in out
    assert "one pair: each arm is one draw of items" in out and "never" in out
    assert svg.read_text().startswith("<svg")
    code, out, _ = run("power", "small-0", "--draws", "1", "--items", "6", "--json")
    assert code == 0 and json.loads(out)["curves"][0]["items"] == 6
    wrong = (("verify", "nothing"), ("train", "small-0", "--variant", "x"), ("verify", "small-7"),
             ("power", "small-0", "small-0"))  # fmt: skip
    for bad in wrong:
        code, out, err = run(*bad)
        assert code == 2 and out == "" and len(err.strip().splitlines()) == 1


def test_answers_through_inspect_carry_logprobs(small):
    import anyio
    from inspect_ai.model import GenerateConfig, get_model

    import calibrant.subjects.planted.provider  # noqa: F401
    from calibrant.errors import SubjectError
    from calibrant.subjects import check

    subject = small("tuned")
    item = next(i for i in subject.arms.items if i.copies == 16)
    model = get_model("planted/small-0/tuned", memoize=False)
    config = GenerateConfig(logprobs=True, top_logprobs=3)
    told = anyio.run(lambda: model.generate(item.item.question, config=config))
    assert told.completion == subject.answer(item.item.question)
    tokens = told.choices[0].logprobs.content
    assert tokens and all(t.logprob == t.top_logprobs[0].logprob <= 0 for t in tokens)
    assert told.usage is not None and told.usage.output_tokens == len(tokens)
    check("planted/small-0/clean")
    with pytest.raises(SubjectError, match="no variant 'x'"):
        check("planted/small-0/x")
