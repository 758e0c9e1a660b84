"""Twins: equivalence is shown, not assumed; and the certificates of this part."""

import numpy as np
import pytest

from calibrant.contamination.fresh.certificates import CERTIFICATES, draw_pairs
from calibrant.contamination.fresh.twins import check_twins
from calibrant.errors import InputError
from calibrant.records.trials import trials_frame
from calibrant.stats.certificates import measure_certificate
from calibrant.stats.comparisons.paired import compare_items

REGIME = {"pairs": 300, "subjects": 4, "rate": 0.6, "spread": 1.0, "own": 0.2}
PAIRS = [(f"a{i}", f"b{i}") for i in range(300)]


def trials(rows):
    return trials_frame(
        {"subject": s, "instrument": "t", "item": i, "epoch": e, "grader": "g", "score": x,
         "error": "failed" if x is None else None}
        for s, i, e, x in rows
    )  # fmt: skip


def test_equal_sets_are_equivalent_and_unequal_ones_not():
    rng = np.random.default_rng(2)
    same = check_twins(draw_pairs(REGIME, rng, 0.0), PAIRS, 0.08)
    assert same.verdict == "equivalent"
    assert -0.08 < same.low < same.difference < same.high < 0.08
    assert len(same.subjects) == 4
    assert same.power > 0.9
    apart = check_twins(draw_pairs(REGIME, rng, 0.25), PAIRS, 0.05)
    assert apart.verdict == "not equivalent"
    assert "did better on the published items" in " ".join(apart.notes)
    near = check_twins(draw_pairs(REGIME, np.random.default_rng(2), 0.05), PAIRS, 0.08)
    assert "these may not be" in repr(near)
    few = check_twins(draw_pairs(REGIME, rng, 0.0), PAIRS[:40], 0.05)
    assert few.verdict == "undetermined"
    assert few.pairs_needed > 40
    assert f"it would take about {few.pairs_needed:,} pairs" in repr(few)


def test_the_interval_is_that_of_paired_scores():
    rng = np.random.default_rng(3)
    x, y = rng.integers(0, 2, (2, 50)).astype(float)
    table = trials([("m", f"a{i}", 1, v) for i, v in enumerate(x)]
                   + [("m", f"b{i}:0123456789abcdef", 1, v) for i, v in enumerate(y)])  # fmt: skip
    found = check_twins(table, PAIRS[:50], 0.1)
    plain = compare_items(x, y, margin=0.1)
    assert (found.low, found.high) == (plain.narrow.low, plain.narrow.high)
    assert found.difference == pytest.approx(x.mean() - y.mean())
    assert found.subjects_needed is None


def test_identical_answers_take_the_exact_bound():
    rows = [("m", f"{s}{i}", 1, 1.0) for s in "ab" for i in range(30)]
    found = check_twins(trials(rows), PAIRS[:30], 0.05)
    assert found.verdict == "undetermined"
    assert found.high == pytest.approx(1 - 0.05 ** (1 / 30))
    assert found.pairs_needed == 59  # 0.95^59 < 0.05 < 0.95^58
    rows = [("m", f"{s}{i}", 1, 1.0) for s in "ab" for i in range(59)]
    assert check_twins(trials(rows), PAIRS[:59], 0.05).verdict == "equivalent"


def test_missing_scores_are_counted():
    rows = [("m", f"{s}{i}", e, float(i % 3 == 0)) for s in "ab" for i in range(40) for e in (1, 2)]
    rows = [r for r in rows if r[1] not in ("a1", "b2")] + [("m", "a1", 1, None)]
    found = check_twins(trials(rows), PAIRS[:40], 0.2)
    assert (found.pairs, found.missing) == (38, 2)


def test_bad_input_is_refused(tmp_path):
    rows = [("m", f"{s}{i}", 1, 1.0) for s in "ab" for i in range(30)]
    table = trials(rows)
    for bad, said in (
        ({"margin": 0}, "margin"), ({"alpha": 0.5}, "alpha"), ({"subjects": ["x"]}, "no 'x'"),
        ({"pairs": [("a0", "b0")]}, "at least 10 pairs"),
        ({"pairs": [("a0", "b0"), ("a0", "b1")]}, "'a0' twice"),
        ({"trials": trials([("m", "a0", 1, 3.0)])}, "from 0 to 1"),
        ({"trials": trials([("m", "a0", 1, None)])}, "none has a score"),
    ):  # fmt: skip
        given = {"trials": table, "pairs": PAIRS[:30], "margin": 0.1, **bad}
        with pytest.raises(InputError, match=said):
            check_twins(given.pop("trials"), given.pop("pairs"), given.pop("margin"), **given)
    path = tmp_path / "t.jsonl"
    path.write_text('{"id": "x"}\n')
    with pytest.raises(InputError, match="wanted a key twin_of"):
        check_twins(table, path, 0.1)


def test_a_figure_is_drawn():
    found = check_twins(draw_pairs(REGIME, np.random.default_rng(2), 0.0), PAIRS, 0.08)
    assert found.plot().svg().startswith("<svg")


@pytest.mark.parametrize("certificate", CERTIFICATES, ids=lambda c: c.name)
def test_certificates_hold_in_short(certificate, monkeypatch):
    from dataclasses import replace

    # Fewer pairs to take draws from: making them is what takes time.
    monkeypatch.setattr("calibrant.contamination.fresh.certificates.POOL", 64)
    some = {"fresh-twins": slice(0, 1), "fresh-matched": slice(0, 1)}
    use = certificate.regimes[some.get(certificate.name, slice(0, 2))]
    short = replace(certificate, batch_draws=20, regimes=use)
    for found in measure_certificate(short, draws=20):
        assert not found.broken, found
    peers = {s for name in found.statistics if (s := certificate.peer_of(name))}
    assert peers == set(certificate.peers)
