"""The score without exposure: twins by hand, curves by simulation, items by planted exposure."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant import contamination
from calibrant.contamination import (
    Inflation,
    benchmark_inflation,
    inflation_bound,
    item_inflation,
    read_inflation,
    twin_inflation,
)
from calibrant.contamination.inflation.benchmarks import Panel, predict
from calibrant.contamination.inflation.certificates import CERTIFICATES, panel
from calibrant.contamination.inflation.curve import fit_curve, logits, noise, score_at
from calibrant.contamination.inflation.data import families_of
from calibrant.contamination.inflation.items import fit_items
from calibrant.contamination.inflation.result import REASONS, write_inflation
from calibrant.contamination.inflation.twins import p_value
from calibrant.errors import InputError
from calibrant.records import trials_frame
from calibrant.stats.certificates import measure_certificate
from calibrant.stats.comparisons.two_rates import matched_difference, mcnemar
from calibrant.stats.estimates.intervals import clopper_pearson


def rows(subject, instrument, scores, cluster=None, prefix="q"):
    return [
        {"run": "r", "subject": subject, "instrument": instrument, "item": f"{prefix}{i}",
         "cluster": None if cluster is None else f"c{cluster[i]}", "epoch": 1, "grader": "right",
         "score": None if s is None else float(s), "error": "lost" if s is None else None}
        for i, s in enumerate(scores)
    ]  # fmt: skip


def pairs_table(both=20, only=14, twin=4, neither=12):
    x = [1] * (both + only) + [0] * (twin + neither)
    y = [1] * both + [0] * only + [1] * twin + [0] * neither
    return trials_frame(rows("m", "bench", x) + rows("m", "twins", y))


def twins(table, **more):
    return twin_inflation(table, subject="m", instrument="bench", twins="twins", **more)


def test_pairs_stand_in_the_file_of_twins_and_clusters_may_be_fixed(tmp_path):
    x, y = [1, 1, 1, 1, 0, 1, 1, 1], [0, 1, 0, 0, 0, 1, 0, 0]
    group = [0, 0, 0, 1, 1, 1, 2, 2]
    hashed = ":0123456789abcdef"
    table = trials_frame(
        rows("m", "bench", x, group) + rows("m", "twins", y, group, prefix="t")
    ).with_columns(pl.col("item") + hashed)  # as readers of logs name items
    file = tmp_path / "twins.jsonl"
    file.write_text("".join(json.dumps({"id": f"t{i}", "twin_of": f"q{i}"}) + "\n"
                            for i in range(8)))  # fmt: skip
    found = twins(table, pairs=file, reason="random-twin", fixed_clusters=True)
    assert (found.items, found.detail["units"]) == (8, 8)
    assert found.p == pytest.approx(mcnemar(5, 0, alternative="greater"))
    sampled = twins(table, pairs=file, reason="random-twin")
    assert sampled.detail["units"] == 3 and sampled.p > found.p
    assert any("3 clusters are taken as a sample" in note for note in sampled.notes)
    file.write_text('{"twin_of": "q1"}\n')
    with pytest.raises(InputError, match="lacks 'id'"):
        twins(table, pairs=file)


def test_twins_one_to_one_are_the_exact_paired_test():
    found = twins(pairs_table(), reason="random-twin")
    assert found.value == pytest.approx(10 / 50)
    assert (found.observed, found.without) == (pytest.approx(0.68), pytest.approx(0.48))
    exact = matched_difference(14, 4, 50)
    assert found.interval == pytest.approx((exact.low, exact.high))
    alone = clopper_pearson(24, 50)
    assert found.without_interval == pytest.approx((alone.low, alone.high))
    assert found.p == pytest.approx(mcnemar(14, 4, alternative="greater"))
    assert "drawn at random" in repr(found) and found.detail["higher_published"] == 14


def test_no_p_value_without_a_reason_and_mismatch_widens_both_ends():
    plain = twins(pairs_table())
    assert plain.p is None and any("No p-value" in n for n in plain.notes)
    wide = twins(pairs_table(), mismatch=0.05, reason="matched-twin")
    assert wide.interval == pytest.approx((plain.interval[0] - 0.05, plain.interval[1] + 0.05))
    assert wide.standard_error == pytest.approx((plain.standard_error**2 + 0.05**2 / 3) ** 0.5)
    assert wide.terms[1]["half_width"] == 0.05 and wide.terms[1]["type"] == "B"
    strict = twins(pairs_table(), reason="random-twin")
    assert wide.p > strict.p
    # The p-value goes with the interval: at its level the lower limit touches the mismatch.
    x, y, unit = np.array([1.0] * 14 + [0.0] * 36), np.zeros(50), np.arange(50)
    y[14:18] = 1
    p = p_value(x, y, unit, 0.05)
    assert matched_difference(14, 4, 50, level=1 - 2 * p).low == pytest.approx(0.05, abs=1e-4)
    # The limits for another error keep what is bounded, and stretch the rest.
    assert wide.limit(0.025, upper=True) == pytest.approx(wide.interval[1])
    assert wide.interval[1] < wide.limit(0.005, upper=True) < wide.interval[1] + 0.1


def test_several_twins_an_item_and_clusters_are_units(tmp_path):
    rng = np.random.default_rng(1)
    x, y = (rng.random(40) < 0.7).astype(float), (rng.random(80) < 0.4).astype(float)
    table = trials_frame(rows("m", "bench", x) + rows("m", "twins", y, prefix="t"))
    with pytest.raises(InputError, match="share neither ids nor clusters"):
        twins(table)
    lines = "".join(f"q{i},t{2 * i}\nq{i},t{2 * i + 1}\n" for i in range(39))
    (tmp_path / "pairs.csv").write_text("published,twin\n" + lines)
    found = twins(table, pairs=str(tmp_path / "pairs.csv"))
    assert found.items == 39 and any("1 published items without a twin" in n for n in found.notes)
    assert found.without == pytest.approx(float(y[:78].mean()))
    assert found.value == pytest.approx(float(x[:39].mean() - y[:78].mean()))
    # Items of one template, and all its twins, are one unit.
    group = np.arange(40) // 4
    table = trials_frame(
        rows("m", "bench", x, group) + rows("m", "twins", y, np.arange(80) // 8, prefix="t")
    )
    grouped = twins(table)
    assert grouped.detail["units"] == 10 and "of clusters" in grouped.method
    assert grouped.value == pytest.approx(float(x.mean() - y.mean()))


def test_failed_trials_and_too_few_pairs_are_said():
    x = [1, 0] * 10 + [None]
    table = trials_frame(rows("m", "bench", x) + rows("m", "twins", [1] * 21))
    assert any("1 of 21 trials on bench failed" in n for n in twins(table).notes)
    few = trials_frame(rows("m", "bench", [1] * 3) + rows("m", "twins", [0] * 3))
    with pytest.raises(InputError, match="at least 5 published items with twins, got 3"):
        twins(few)
    with pytest.raises(InputError, match="subject: no scores of 'n' on bench"):
        twin_inflation(table, subject="n", instrument="bench", twins="twins")
    with pytest.raises(InputError, match="wanted matched-twin"):
        twins(table, reason="random-twin", mismatch=0.1)
    outside = trials_frame(rows("m", "bench", [7.0] * 9) + rows("m", "twins", [1] * 9))
    with pytest.raises(InputError, match=r"scores in 0–1, got 7"):
        twins(outside)


REGIME = {"families": 20, "size": 1, "items": 200, "reference": 200, "spread": 0.2,
          "curve": "line", "ability": 0.3}  # fmt: skip


def table_of(data: Panel, here=None):
    found = []
    for j, name in enumerate(data.names):
        found += rows(name, "bench", (data.here if here is None else here)[j])
        found += rows(name, "ref", data.there[j])
    return trials_frame(found)


def test_planted_inflation_is_found_by_other_benchmarks_and_nothing_else_is():
    data = panel(REGIME, np.random.default_rng(4))
    clean = float(data.here[0].mean())
    here = data.here.copy()
    here[0, np.flatnonzero(here[0] == 0)[:50]] = 1.0
    here[7, np.flatnonzero(here[7] == 0)[:70]] = 1.0  # a reference subject is inflated, too
    ask = {"subject": "s", "instrument": "bench", "reference": "ref"}
    found = benchmark_inflation(table_of(data, here), reason="unexposed-reference", **ask)
    low, high = found.without_interval
    assert low <= clean <= high and found.p < 0.05
    assert found.observed - clean == pytest.approx(0.25)
    assert found.interval == pytest.approx((found.observed - high, found.observed - low))
    suspects = [r["subject"] for r in found.detail["references"] if r["suspicious"]]
    assert suspects == [data.names[7]]
    trimmed = found.detail["without_suspicious"]
    assert trimmed["interval"][1] - trimmed["interval"][0] < high - low
    # Left out, it no longer hides how far the subject is off.
    again = benchmark_inflation(table_of(data, here), without=[data.names[7]], **ask)
    assert again.value == pytest.approx(trimmed["value"]) and again.p is None
    assert again.interval[0] > 0.08
    honest = benchmark_inflation(table_of(data), reason="unexposed-reference", **ask)
    assert honest.p > 0.05 and honest.interval[0] < 0 < honest.interval[1]
    assert found.plot().svg().startswith("<svg")


def test_predictions_are_refused_where_there_are_none():
    data = panel(REGIME, np.random.default_rng(4))
    table = table_of(data)
    ask = {"instrument": "bench", "reference": "ref"}
    best = data.names[1 + int(np.argmax(data.there[1:].mean(1)))]
    with pytest.raises(InputError, match="outside the range of the reference subjects"):
        benchmark_inflation(table, subject=best, **ask)
    with pytest.raises(InputError, match="at least 8 families"):
        benchmark_inflation(table, subject="s", families="^(r)", **ask)
    with pytest.raises(InputError, match="wanted a group"):
        benchmark_inflation(table, subject="s", families="^r", **ask)
    with pytest.raises(InputError, match="wanted other instruments"):
        benchmark_inflation(table, subject="s", instrument="ref", reference="ref")
    with pytest.raises(InputError, match="reason: wanted one of unexposed-reference"):
        benchmark_inflation(table, subject="s", reason="random-twin", **ask)
    with pytest.raises(InputError, match="wanted one of bench, ref, got 'x'"):
        benchmark_inflation(table, subject="s", instrument="x", reference="ref")
    alike = Panel(data.names, data.family, data.here, np.tile(data.there[:1], (21, 1)))
    with pytest.raises(InputError, match="differ by little more than noise"):
        predict(alike)


def test_relatives_take_no_part_and_weigh_as_one():
    data = panel(REGIME | {"families": 9, "size": 3}, np.random.default_rng(9))
    kin = dict(zip(data.names, data.family, strict=True))
    kin["r0"] = "own"
    ask = {"subject": "s", "instrument": "bench", "reference": "ref"}
    found = benchmark_inflation(table_of(data), families=kin, **ask)
    assert found.references == 26 and found.detail["families"] == 9
    assert any("1 relatives of the subject" in n for n in found.notes)
    assert found.df < 7
    # Twenty copies of one reference subject add nothing but itself.
    x, y = data.there.mean(1)[1:], data.here.mean(1)[1:]
    lx, ly = logits(x, 200), logits(y, 200)
    v = np.full(lx.size, 0.02)
    one = fit_curve(lx, ly, v, v, np.ones(lx.size))
    more = np.r_[np.arange(lx.size), [0] * 19]
    weight = np.where(more == 0, 1 / 20, 1.0)
    many = fit_curve(lx[more], ly[more], v[more], v[more], weight)
    assert many.beta == pytest.approx(one.beta) and many.spread == pytest.approx(one.spread)
    assert families_of(["qwen-1", "phi"], "^([a-z]+)-") == ("qwen", "phi")


def test_the_slope_is_freed_of_noise_where_least_squares_is_not():
    rng = np.random.default_rng(2)
    slopes = []
    for _ in range(60):
        theta = rng.normal(size=40)
        v = np.full(40, 0.25)
        x = theta + 0.5 * rng.normal(size=40)
        y = 0.3 + theta + 0.1 * rng.normal(size=40)
        curve = fit_curve(x, y, v, np.full(40, 1e-4), np.ones(40))
        slopes.append((curve.beta[1] / curve.scale, np.polyfit(x, y, 1)[0]))
    free, plain = np.mean(slopes, axis=0)
    assert abs(free - 1) < 0.06 and plain < 0.87


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 60), st.integers(20, 60))
def test_logits_return_to_scores_and_noise_is_at_most_binomial(k, n):
    k = min(k, n)
    assert score_at(float(logits(np.array([k / n]), n)[0]), n) == pytest.approx(k / n, abs=1e-9)
    scores = np.zeros((1, n))
    scores[0, :k] = 1
    p = (k + 0.5) / (n + 1)
    flat = noise(scores, np.zeros(n))[0]
    assert flat == pytest.approx(1 / (n * p * (1 - p)), rel=1e-6)
    assert noise(scores, np.linspace(-2, 2, n))[0] <= flat * (1 + 1e-9)


def scan_of(seen, times=None):
    return {"items": [
        {"item": f"q{i}", "ngrams": 9, "matched": 9 * int(s), "containment": float(s),
         "exposures": int(times[i]) if times is not None else int(s)}
        for i, s in enumerate(seen)
    ]}  # fmt: skip


def item_table(rng, n=300, plant=0.5, gap=0.7, many=15):
    seen = rng.random(n) < 0.4
    hard = rng.normal(0, 1.2, n) - gap * seen
    theta = np.r_[0.2, rng.normal(0, 0.7, many)]
    scores = (rng.random((many + 1, n)) < 1 / (1 + np.exp(hard - theta[:, None]))).astype(float)
    clean = float(scores[0].mean())
    scores[0] = np.maximum(scores[0], seen & (rng.random(n) < plant))
    found = [r for j, s in enumerate(scores) for r in rows(f"m{j}" if j else "m", "bench", s)]
    return trials_frame(found), seen, clean


def test_exposed_items_are_compared_at_their_difficulty(tmp_path):
    rng = np.random.default_rng(6)
    table, seen, clean = item_table(rng, plant=0.8)
    times = seen * 2 ** rng.integers(0, 4, seen.size)
    scan = tmp_path / "scan.json"
    scan.write_text(json.dumps(scan_of(seen, times)))
    ask = {"subject": "m", "instrument": "bench", "scan": scan}
    found = item_inflation(table, reason="unexposed-reference", **ask)
    assert found.p < 0.01 and found.without_interval[0] <= clean <= found.without_interval[1]
    assert abs(found.without - clean) < 0.06 < found.value
    subset = found.detail["clean_subset"]
    assert subset["easier_by"] > 0.05 and "harder test" in subset["said"]
    assert subset["score"] < clean  # the rule "drop the exposed items" is biased here
    assert [d["exposures"] for d in found.detail["doses"]] == ["0", "1", "2–3", "4–7", "8–15"]
    assert sum(d["items"] for d in found.detail["doses"]) == 300
    assert len(found.detail["placebos"]) == 15 == found.references
    # A hidden difference as large as the tipping point brings the lower limit to 0.
    tip = found.detail["tipping_point"]
    hidden = item_inflation(table, hidden=tip, reason="unexposed-reference", **ask)
    assert hidden.interval[0] == pytest.approx(0.0, abs=1e-12) and hidden.p == pytest.approx(0.025)
    assert found.plot().svg().startswith("<svg")
    with pytest.raises(InputError, match="at least 5 subjects"):
        item_inflation(table, references=["m1", "m2"], **ask)
    with pytest.raises(InputError, match="unexposed items: wanted at least 10"):
        item_inflation(table, **(ask | {"scan": scan_of(np.ones(300))}))
    other = {"items": [{"item": "x", "containment": 1.0, "exposures": 1}]}
    with pytest.raises(InputError, match="scan: none of its items is one of bench"):
        item_inflation(table, **(ask | {"scan": other}))
    for wrong in ({"items": []}, {"items": [{"item": "q0", "containment": "x"}]}, {"items": [3]}):
        with pytest.raises(InputError, match=r"wanted (a list|a containment|an object)"):
            item_inflation(table, **(ask | {"scan": wrong}))


def test_an_item_found_in_part_or_in_pieces_is_neither_exposed_nor_unexposed():
    from calibrant.contamination.inflation.scans import read_scan

    kinds = (
        (1.0, 1.0, 2, "exposed"), (0.1, 0.1, 0, "unexposed"), (0.5, 0.5, 1, "neither"),
        (1.0, 0.3, 0, "neither"),  # its n-grams stand in many places, it in none
        (0.1, 0.1, 1, "neither"),
    )  # fmt: skip
    rows_ = [{"item": f"q{i}", "containment": c, "best": b, "exposures": n}
             for i, (c, b, n, _) in enumerate(kinds)]  # fmt: skip
    for dose, kind in zip(read_scan({"items": rows_}).values(), kinds, strict=True):
        said = "exposed" if dose.exposed(0.8) else "unexposed" if dose.unexposed(0.2) else "neither"
        assert said == kind[-1]


def test_exposed_items_by_hand_with_no_noise():
    """Reference means without spread: the slope is least squares', the effect a difference."""
    m = np.array([0.2, 0.4, 0.6, 0.8] * 2)
    y = 0.1 + 0.5 * m + np.array([0.02, -0.02, -0.02, 0.02] * 2)
    seen = np.arange(8) >= 4
    y[seen] += 0.3
    fit = fit_items(y, seen, np.arange(8), np.tile(m, (6, 1)))
    assert (fit.slope, fit.effect, fit.gap) == pytest.approx((0.5, 0.3, 0.0))
    assert fit.without == pytest.approx(y.mean() - 0.15)


def test_a_bound_needs_no_reference_subjects():
    table = trials_frame(rows("m", "bench", [1, 1, 1, 0, 0, 1, 1, 0, 1, 1]))
    scan = scan_of([1, 1, 0, 0, 1, 0, 0, 0, 0, 0])
    scan["items"].pop()  # not scanned: counts as exposed
    scan["items"][8]["containment"] = None
    found = inflation_bound(table, subject="m", instrument="bench", scan=scan)
    assert found.interval == pytest.approx((0, 0.4)) and found.design == "bound"
    assert found.standard_error == pytest.approx(0.2 / 3**0.5)
    assert found.limit(0.001, upper=True) == found.interval[1]
    low, high = found.without_interval
    assert low == pytest.approx(clopper_pearson(3, 10).low)
    assert high == pytest.approx(clopper_pearson(7, 10).high)
    assert "at most 0.4" in repr(found) and any("2 items that were not" in n for n in found.notes)


def test_an_inflation_is_the_same_when_read_again(tmp_path):
    found = twins(pairs_table(), mismatch=0.05, reason="matched-twin")
    path = tmp_path / "inflation.json"
    write_inflation(found, path)
    assert read_inflation(path) == found
    assert isinstance(found, contamination.Inflation) and Inflation is contamination.Inflation
    assert set(REASONS) == {"random-twin", "matched-twin", "unexposed-reference"}
    plain = json.loads(path.read_text())
    for change, text in (
        ({"kind": "cut"}, "not an inflation"), ({"value": "x"}, "not an inflation: value"),
        ({"interval": [1, 0]}, "low ≤ high"), ({"level": 2}, "a level inside"),
        ({"value": float("inf")}, "finite"),
    ):  # fmt: skip
        path.write_text(json.dumps(plain | change))
        with pytest.raises(InputError, match=text):
            read_inflation(path)
    with pytest.raises(InputError, match="no such file"):
        read_inflation(tmp_path / "none.json")


@pytest.mark.parametrize("certificate", CERTIFICATES, ids=lambda c: c.name)
def test_certificates_in_short(certificate):
    from dataclasses import replace

    short = replace(certificate, regimes=certificate.regimes[:2], beyond=(), batch_draws=40)
    for measured in measure_certificate(short, draws=40, seed=1):
        assert not measured.broken, measured


def test_frames_of_other_libraries_and_paths_are_read(tmp_path: Path):
    table = pairs_table()
    path = tmp_path / "t.parquet"
    table.write_parquet(path)
    assert twins(str(path)) == twins(table) == twins(pl.read_parquet(path))
