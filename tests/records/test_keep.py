"""Trials that come in pieces: each is kept once, in Parquet, CSV, and while a run goes on."""

import polars as pl
import pytest

from calibrant import read
from calibrant.errors import InputError, RunFolderError
from calibrant.records import read_parquet
from calibrant.records.keep import Follower, keep
from calibrant.records.readers.batch import Options


def test_reading_twice_adds_nothing_and_later_trials_are_added(make, tmp_path):
    out = tmp_path / "out.parquet"
    make.eval([make.sample(1)])
    assert (keep(read(tmp_path, exclude=[out]), out).added) == 1
    before = out.stat().st_mtime_ns
    again = keep(read(tmp_path, exclude=[out]), out)
    assert (again.added, again.trials) == (0, 1)
    assert out.stat().st_mtime_ns == before
    make.eval([make.sample(1), make.sample(2)])
    kept = keep(read(tmp_path, exclude=[out]), out)
    assert (kept.added, kept.trials) == (1, 2)
    assert read_parquet(out)["item"].n_unique() == 2


def test_a_score_takes_the_place_of_a_failure(make, tmp_path):
    out = tmp_path / "out.parquet"
    keep(read(make.eval([make.sample(1, scores={}, error={"message": "x"})])), out)
    assert read_parquet(out)["score"].null_count() == 1
    assert keep(read(make.eval([make.sample(1)])), out).added == 0
    assert read_parquet(out)["score"].to_list() == [1.0]


def test_another_score_does_not_replace_the_one_that_is_kept(make, tmp_path):
    out = tmp_path / "out.parquet"
    keep(read(make.eval([make.sample(1), make.sample(2)])), out)
    kept = keep(read(make.eval([make.sample(1, value="I"), make.sample(2)])), out)
    assert (kept.added, kept.conflicts) == (0, 1)
    assert read_parquet(out)["score"].to_list() == [1.0, 1.0]


def test_csv_cannot_run_in_a_spreadsheet(make, tmp_path):
    answers = ["=cmd|' /C calc'!A0", "+1", "-1", "@x", "\tx", "fine = fine"]
    samples = [make.sample(i, output={"completion": a}) for i, a in enumerate(answers)]
    out = tmp_path / "out.csv"
    keep(read(make.eval(samples)), out)
    written = pl.read_csv(out, infer_schema_length=0)["answer"].to_list()
    assert written == ["'" + a for a in answers[:5]] + answers[5:]
    assert not [p for p in tmp_path.iterdir() if p.suffix == ".part"]


def test_where_trials_cannot_be_kept(make, tmp_path):
    found = read(make.eval([make.sample(1)]))
    with pytest.raises(InputError, match="wanted .parquet, .csv, or a folder"):
        keep(found, tmp_path / "out.xlsx")
    (tmp_path / "there.csv").write_text("x")
    with pytest.raises(InputError, match="only to .parquet can trials be added"):
        keep(found, tmp_path / "there.csv")
    (tmp_path / "there.parquet").write_text("x")
    with pytest.raises(InputError, match="not a Parquet file of trials"):
        keep(found, tmp_path / "there.parquet")
    for name in ("gone/out.parquet", "gone/out.csv"):
        with pytest.raises(RunFolderError, match="cannot be written"):
            keep(found, tmp_path / name)


def test_aggregates_are_kept_beside_and_once(make, tmp_path):
    out = tmp_path / "out" / "trials.parquet"
    out.parent.mkdir()
    found = read(make.lm_eval())
    for _ in range(2):
        kept = keep(found, out)
        assert kept.aggregates == out.parent / "trials.aggregates.parquet"
        assert pl.read_parquet(kept.aggregates).height == 1
    assert "instrument" in pl.read_parquet(kept.aggregates).columns
    assert read(out.parent).trials.height == 4


def test_a_run_is_followed_while_it_writes(make, tmp_path):
    logs = tmp_path / "logs"
    logs.mkdir()
    follower = Follower([logs], Options(), [logs / "out.parquet"])
    assert follower.step() is None
    whole = make.eval([make.sample(1)], name="logs/a.eval").read_bytes()
    found = follower.step()
    assert found is not None
    assert found.trials.height == 1
    assert follower.step() is None
    (logs / "b.eval").write_bytes(whole[:100])
    assert follower.step() is None  # being written: tried again when it has changed
    make.eval([make.sample(2)], make.header(task_id="B"), "logs/b.eval")
    found = follower.step()
    assert found is not None
    assert found.trials["run"].to_list() == ["B"]
    with pytest.raises(InputError, match="no such file or folder"):
        Follower([tmp_path / "gone"], Options()).step()
