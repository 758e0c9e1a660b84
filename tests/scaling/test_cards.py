"""Forecasts registered, altered, revealed and settled."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calibrant.errors import InputError
from calibrant.scaling.cards.documents import canonical, parse
from calibrant.scaling.cards.log import check_heads, opened, read_log
from calibrant.scaling.cards.register import (
    Registered,
    opening_of,
    read_registered,
    register,
    write_revealed,
)
from calibrant.scaling.cards.settle import read_settled, settle
from calibrant.scaling.cards.track import track
from calibrant.scaling.families import share_interval
from calibrant.scaling.predictive import Predictive
from calibrant.stats.estimates.intervals import clopper_pearson

from .documents import document, withheld


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    register(document(), out=tmp_path / "one.json", log=tmp_path / "log.jsonl")
    register(document(2, "GSM"), out=tmp_path / "two.json", log=tmp_path / "log.jsonl")
    return tmp_path


def outcomes(*rows: tuple[str, str, float], **columns: Any) -> pl.DataFrame:
    subject, measure, score = zip(*rows, strict=True)
    return pl.DataFrame({"subject": subject, "measure": measure, "score": score, **columns})


GOOD = outcomes(("next-0", "MMLU", 0.5), ("next-1", "MMLU", 0.3), ("next-2", "MMLU", 0.62))


def test_a_registration_says_what_it_must(folder: Path) -> None:
    made = read_registered(folder / "one.json")
    assert made.publish == f"calibrant forecast {made.time} sha256:{made.seal}"
    assert made.document == document()
    assert made.time.endswith("Z")
    assert made.previous == "0" * 64
    log = read_log(folder / "log.jsonl")
    assert (log.registered, log.settled) == (2, 0)
    assert log.lines[1].previous == log.lines[0].hash


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_byte_altered_is_caught(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "altered"
    if not folder.exists():
        folder.mkdir()
        register(document(), out=folder / "one.json", log=folder / "log.jsonl")
        made = register(document(), out=folder / "hidden.json", hidden=True)
        assert made.hidden
        settle(read_registered(folder / "one.json"), GOOD, out=folder / "settled.json")
    name = data.draw(
        st.sampled_from(
            ["one.json", "log.jsonl", "hidden.json", "hidden.opening.json", "settled.json"]
        )
    )
    whole = (folder / name).read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    kind = data.draw(st.sampled_from(["other", "gone", "more"]))
    byte = bytes([data.draw(st.integers(0, 255).filter(lambda b: b != whole[place]))])
    rest = whole[place + 1 :]
    changed = whole[:place] + {"other": byte + rest, "gone": rest,
                               "more": byte + whole[place:]}[kind]  # fmt: skip
    if changed == whole:  # one of two equal bytes put in or taken out
        return
    path = folder / f"changed-{name}"
    path.write_bytes(changed)
    with pytest.raises(InputError):
        if name == "log.jsonl":
            read_log(path)
        elif name == "settled.json":
            read_settled(path)
        elif name == "hidden.opening.json":
            read_registered(folder / "hidden.json", path)
        else:
            read_registered(path)


def test_a_log_without_a_line_or_with_lines_exchanged_is_broken(folder: Path) -> None:
    lines = (folder / "log.jsonl").read_bytes().splitlines(keepends=True)
    for left, says in ((lines[1:], "line 1: the chain is broken"),
                       (lines[::-1], "line 1: the chain is broken"),
                       ([lines[0], lines[0]], "line 2: the chain is broken")):  # fmt: skip
        (folder / "bad.jsonl").write_bytes(b"".join(left))
        with pytest.raises(InputError, match=says):
            read_log(folder / "bad.jsonl")
    # What no chain can show: that its end was cut off.
    (folder / "bad.jsonl").write_bytes(lines[0])
    assert read_log(folder / "bad.jsonl").registered == 1


def test_the_same_forecast_is_registered_once(folder: Path) -> None:
    with pytest.raises(InputError, match="registered already, by line 1"):
        register(document(), log=folder / "log.jsonl")
    with pytest.raises(InputError, match="never written over"):
        register(document(4), out=folder / "one.json")
    assert read_log(folder / "log.jsonl").registered == 2


def test_scores_are_exact(folder: Path) -> None:
    found = settle(read_registered(folder / "one.json"), GOOD, log=folder / "log.jsonl")
    told = [Predictive.from_dict(r["density"]) for r in document()["forecast"]]
    for row, t, y in zip(found.rows, told, (0.5, 0.3, 0.62), strict=True):
        at = np.array([y])
        assert row.log_score == pytest.approx(float(t.log_density(at)[0]), abs=1e-12)
        assert row.crps == pytest.approx(float(t.crps(at)[0]))
        assert row.pit == pytest.approx(float(t.cdf(at)[0]))
    assert [r.covered for r in found.rows] == [True, False, True]
    assert found.track is not None
    assert (found.track.covered, found.track.n) == (2, 3)
    exact = clopper_pearson(2, 3, level=0.9)
    assert found.track.coverage_interval == pytest.approx((exact.low, exact.high))
    assert "too few" in repr(found)
    assert found.log is not None
    assert found.log["registered"] == 2


def test_a_forecast_is_settled_once(folder: Path) -> None:
    one, log = read_registered(folder / "one.json"), folder / "log.jsonl"
    first = settle(one, GOOD.head(1), log=log, out=folder / "settled.json")
    assert len(first.open) == 2
    assert read_settled(folder / "settled.json")["rows"][0]["subject"] == "next-0"
    with pytest.raises(InputError, match="settled already, at .*; nothing new"):
        settle(one, GOOD.head(1), log=log)
    with pytest.raises(InputError, match="with 0.5, now 0.9"):
        settle(one, outcomes(("next-0", "MMLU", 0.9)), log=log)
    rest = settle(one, GOOD, log=log)
    assert [r.subject for r in rest.rows] == ["next-1", "next-2"]
    assert rest.open == ()
    with pytest.raises(InputError, match="settled already"):
        settle(one, GOOD, log=log)
    # The other forecast is not touched by this.
    settle(read_registered(folder / "two.json"), outcomes(("next-0", "GSM", 0.5)), log=log)
    assert read_log(log).settled == 2


def test_what_cannot_be_written_settles_nothing(folder: Path) -> None:
    one, log = read_registered(folder / "one.json"), folder / "log.jsonl"
    with pytest.raises(InputError, match="cannot be written"):
        settle(one, GOOD, log=log, out=folder / "none" / "settled.json")
    with pytest.raises(InputError, match="never written over"):
        settle(one, GOOD, log=log, out=folder / "two.json")
    assert read_log(log).settled == 0


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (
            outcomes(("other", "MMLU", 0.5)),
            "none is of a subject with a forecast; wanted such as next-0",
        ),
        (outcomes(("next-0", "ARC", 0.5)), "a column for each measure, such as 'MMLU'"),
        (outcomes(("next-0", "MMLU", 56.0)), "wanted a score from 0 to 1, got 56; in percent"),
        (outcomes(("next-0", "MMLU", 0.5), family=["F9"]), "family 'F9', the forecast of 'F0'"),
        (outcomes(("next-0", "MMLU", 0.5), scale=[1e25]), "scale 25, the forecast 23.2"),
        (outcomes(("next-0", "MMLU", 0.5), date=["2020-01-01"]), "before the forecast was"),
        (outcomes(("next-0", "MMLU", 0.5), ("next-0", "MMLU", 0.6)), "there twice"),
        (outcomes(("next-0", "MMLU", 0.5)).drop("subject"), "no column of subjects"),
        (outcomes(("next-0", "MMLU", float("nan"))), "no score is known yet"),
    ],
)
def test_outcomes_that_do_not_fit_are_refused(folder: Path, table: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        settle(read_registered(folder / "one.json"), table, log=folder / "log.jsonl")
    assert read_log(folder / "log.jsonl").settled == 0


def test_outcomes_are_joined_by_name_by_scale_or_as_told(folder: Path) -> None:
    one = read_registered(folder / "one.json")
    wide = pl.DataFrame({"Model": ["next-0"], "MMLU": [0.5], "ARC": [0.1]})
    assert settle(one, wide).rows[0].outcome == 0.5
    dated = outcomes(("next-0", "MMLU", 0.5), date=[str(datetime.now(UTC).date())])
    assert not any("on trust" in n for n in settle(one, dated).notes)
    other = outcomes(("Llama-9", "MMLU", 0.5), family=["F1"], scale=[10**23.62])
    found = settle(one, other)
    assert (found.rows[0].subject, found.rows[0].observed) == ("next-1", "Llama-9")
    assert any("the only one of its family and scale" in n for n in found.notes)
    named = settle(one, outcomes(("Llama-9", "MMLU", 0.5)), same={"next-2": "Llama-9"})
    assert named.rows[0].subject == "next-2"
    with pytest.raises(InputError, match="no forecast is of 'next-7'"):
        settle(one, GOOD, same={"next-7": "Llama-9"})
    with pytest.raises(InputError, match="the outcome of two forecasts"):
        settle(one, GOOD, same={"next-2": "next-1"})


def test_hidden_until_revealed(tmp_path: Path) -> None:
    path, log = tmp_path / "r.json", tmp_path / "log.jsonl"
    register(document(), hidden=True, out=path, log=log)
    assert opening_of(path).stat().st_mode & 0o077 == 0
    assert b"next-0" not in path.read_bytes()
    hidden = read_registered(path)
    assert hidden.document is None
    with pytest.raises(InputError, match="its opening is needed"):
        settle(hidden, GOOD)
    shown = read_registered(path, opening_of(path))
    assert shown.document == document()
    assert shown.seal == hidden.seal
    write_revealed(shown, tmp_path / "shown.json")
    again = read_registered(tmp_path / "shown.json")
    assert settle(again, GOOD, log=log).log is not None
    other = tmp_path / "other.json"
    register(document(2), hidden=True, out=other)
    with pytest.raises(InputError, match="it opens another forecast"):
        read_registered(path, opening_of(other))
    # Two salts hide that two forecasts are the same.
    one, two = (register(document(), hidden=True).commitment for _ in range(2))
    assert one != two


def test_an_opening_with_another_forecast_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    register(document(), hidden=True, out=path)
    opening = json.loads(opening_of(path).read_bytes())
    opening["forecast"] = document(2)
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(opening, indent=1, sort_keys=True) + "\n")
    with pytest.raises(InputError, match="altered"):
        read_registered(path, bad)


def test_rows_that_are_withheld_are_said() -> None:
    found = settle(register(_with(withheld_rows=withheld()["withheld_rows"])), GOOD)
    assert any(n.endswith("not scored: 1 of the forecasts") for n in found.notes)


def test_a_withheld_forecast_settles_as_withheld(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    made = register(withheld(), log=log)
    found = settle(made, None, log=log)
    assert found.rows == ()
    assert repr(found) == "settled as withheld: the past is too short"
    with pytest.raises(InputError, match="settled already, as withheld"):
        settle(made, None, log=log)


def _with(**changes: Any) -> dict[str, Any]:
    return document() | changes


def _row(**changes: Any) -> dict[str, Any]:
    made = document()
    made["forecast"][0] |= changes
    return made


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ({"a": 1}, "it has no 'target', 'level'"),
        (_with(level=2), "level: Input should be less than 1, got 2"),
        (_with(forecast=[1]), "forecast: 1: .*got 1"),
        (_row(outcome=0.5), "the outcome of next-0 on MMLU is known already"),
        (_row(subject="old-3") | {"intervals": None}, "outcome of old-3 on MMLU is known already"),
        (_row(median=0.9), "its median is 0.9, its density's is 0.5"),
        (_row(density={"location": [0.5]}), "density: spread: missing"),
        (_row(density={**document()["forecast"][0]["density"], "weight": [1.5, -0.5]}), "weights"),
        (_row(density=3), "density: Input should be"),
        (_row(subject=""), "subject: String should have at least 1"),
        (_row(scale="big"), "scale: Input should be a valid number, got 'big'"),
        (_row(date="soon"), "wanted one such as 2026-01-31"),
        (_with(forecast=document()["forecast"][:1] * 2), "forecasts 1 and 2 are both next-0"),
        (
            _with(intervals=[{"subject": "a", "measure": "b", "low": 0, "high": 1}] * 3),
            "interval 1: wanted 0.4",
        ),
        (_with(intervals=document()["intervals"][:1]), "wanted one for each of 3"),
        (_with(intervals=[{}]), "intervals: 1: subject: missing"),
        (_with(models="none"), "models: Input should be"),
        (_with(models=[{"says": 1}]), "models: 1: name: missing"),
        (_with(notes=[float("nan")]), "notes: 1: "),
        (_with(mine=float("nan")), "not plain data"),
    ],
)
def test_what_is_no_forecast_is_not_registered(made: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=says):
        register(made, log=tmp_path / "log.jsonl", out=tmp_path / "r.json")
    assert not (tmp_path / "r.json").exists()


def test_data_is_hashed_and_looked_into(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("Model,MMLU\nold-1,0.3\nnext-0,\n")
    made = register(document(), data=[path])
    assert made.data[0]["file"] == "data.csv"
    assert not any("no hash" in w for w in made.warnings)
    path.write_text("Model,MMLU\nold-1,0.3\nnext-0,0.5\n")
    with pytest.raises(InputError, match="next-0 on MMLU is known already"):
        register(document(), data=[path])
    path.write_text("subject,measure,score\nnext-2,MMLU,0.5\n")
    with pytest.raises(InputError, match="next-2 on MMLU is known already"):
        register(document(), data=[path])


def test_a_subject_already_released_is_doubted() -> None:
    made = register(_row(date=str(datetime.now(UTC).date() - timedelta(days=30))))
    assert any("released before the registration" in w for w in made.warnings)


def test_baselines_that_were_registered_are_compared() -> None:
    made = document()
    rows = document(12)["forecast"]
    made |= {"forecast": rows, "intervals": None}
    worse = [r | {"density": {**r["density"], "location": [0.1, 0.1]}} for r in rows]
    made["baselines"] = [{"name": "persistence", "forecast": worse}]
    few = [(f"next-{i}", "MMLU", 0.52 + 0.008 * i) for i in range(12)]
    assert settle(register(made), outcomes(*few[:9])).baselines["persistence"].gain_interval is None
    found = settle(register(made), outcomes(*few))
    assert found.baselines["persistence"].says == "the forecast was better"
    assert found.baselines["persistence"].gain is not None
    assert found.baselines["persistence"].gain > 5


def test_canonical_bytes_do_not_depend_on_order_and_names_stand_once() -> None:
    assert canonical({"b": 1, "a": [1.5, None]}) == b'{"a":[1.5,null],"b":1}'
    assert canonical({"a": "\ud800"}) != canonical({"a": "\ufffd"})
    for text, says in ((b'{"a":1,"a":2}', "stands twice"), (b'{"a":NaN}', "not a number"),
                       (b"[1]", "as a JSON object"), (b"\xff", "as JSON"),
                       (b"[" * 100_000, "as JSON")):  # fmt: skip
        with pytest.raises(InputError, match=says):
            parse(text, "x", "a thing")


def test_two_writers_do_not_break_the_chain(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    for i in range(3):
        with opened(path) as (_, writer):
            writer.add(writer.line("registered", f"{i}" * 64, "t", []))
    assert read_log(path).registered == 3
    assert "3 registered" in repr(read_log(path))


def test_a_track_says_only_what_it_can() -> None:
    one = track([1.0] * 5, [0.1] * 5, ["a"] * 5, 0.9, pit=[0.5] * 5, inside=[True] * 5)
    assert one.coverage_interval is None
    assert "one family" in one.says
    many = [str(i) for i in range(40)]
    kept = track([1.0, 2.0] * 20, [0.1] * 40, many, 0.9, pit=[0.5] * 40,
                 inside=[True] * 36 + [False] * 4)  # fmt: skip
    assert "was kept" in kept.says
    lost = track([1.0, None] * 20, [0.1] * 40, many, 0.9, pit=[0.5] * 40,
                 inside=[True] * 20 + [False] * 20)  # fmt: skip
    assert "fewer than the promised 90%" in lost.says
    assert lost.log_score == pytest.approx((1 - 20) / 2)
    wide = track([1.0, 2.0] * 20, [0.1] * 40, many, 0.5, pit=[0.5] * 40, inside=[True] * 40)
    assert "wider than need be" in wide.says


def test_families_widen_the_interval_for_coverage() -> None:
    inside = np.array([True] * 20 + [False] * 4)
    alone = share_interval(inside, [str(i) for i in range(24)])
    together = share_interval(inside, [str(i // 4) for i in range(24)], draws=300)
    assert alone is not None
    assert together is not None
    assert together[0] < alone[0]
    assert together[1] > alone[1]


def test_registered_says_what_it_is() -> None:
    made = register(document())
    assert isinstance(made, Registered)
    assert repr(made).startswith("forecast registered 20")


def test_the_certificate_holds_in_short() -> None:
    from calibrant.scaling.cards.certificates import CERTIFICATES
    from calibrant.stats.certificates import measure_certificate

    kept, beyond = CERTIFICATES[0].regimes, CERTIFICATES[0].beyond
    short = replace(CERTIFICATES[0], regimes=kept[:1] + kept[2:3], beyond=beyond[2:3])
    found = measure_certificate(short, draws=50)
    assert [m.broken for m in found if m.broken] == []
    families = {tuple(m.regime.values()): m.statistics for m in found}
    assert families[12, 4, 0.5, 2.0]["blamed"] > 0.8


def test_a_log_that_was_cut_is_seen_against_its_head(tmp_path: Path) -> None:
    log, anchor = tmp_path / "log.jsonl", tmp_path / "anchor.json"
    one = register(document(), log=log, anchor=anchor)
    assert one.line is not None and one.line.hash == read_log(log).head
    two = register(document(2, "GSM"), log=log, anchor=anchor, heads=[read_log(log).publish])
    published = read_log(log).publish
    assert published.endswith(two.line.hash) and two.line.hash in anchor.read_text()
    whole = log.read_bytes()
    log.write_bytes(whole.splitlines(keepends=True)[0])
    # The chain holds: only what was kept elsewhere shows that a forecast is gone.
    assert read_log(log).registered == 1
    for how in ({"anchor": anchor}, {"heads": [published]}):
        with pytest.raises(InputError, match="lines were cut off or it is another log"):
            settle(one, GOOD, log=log, **how)
    with pytest.raises(InputError, match="lines were cut off"):
        read_log(log, [two.line.hash])
    log.write_bytes(whole)
    settle(one, GOOD, log=log, anchor=anchor, heads=[published])
    assert read_log(log).head in anchor.read_text()
    with pytest.raises(InputError, match="64 hexadecimal digits"):
        check_heads(read_log(log), ["abc"], log)


def test_an_anchor_is_of_a_log_and_no_other_file(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    register(document(), log=log)
    with pytest.raises(InputError, match="wanted the log, too"):
        register(document(), anchor=tmp_path / "a.json")
    for other in (log, tmp_path / "mine.json"):
        if other != log:
            other.write_text('{"mine": 1}')
        before = other.read_bytes()
        with pytest.raises(InputError, match="wanted an anchor"):
            register(document(2), log=log, anchor=other)
        assert other.read_bytes() == before


def test_what_is_left_of_outcomes_without_a_date(tmp_path: Path) -> None:
    made = register(document(), out=tmp_path / "one.json")
    day = datetime.now(UTC).date().isoformat()
    some = GOOD.with_columns(date=pl.Series([day, None, None]))
    said = " ".join(settle(made, some, date="date").notes)
    assert "2 of 3 outcomes have no date" in said and "1 would be left, of which" in said
    assert "nothing would be left" in " ".join(settle(made, GOOD).notes)
