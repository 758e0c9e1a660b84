"""A store of many runs: each trial once, SQL that reads and does nothing else."""

import multiprocessing

import polars as pl
import pytest

from calibrant.errors import InputError
from calibrant.records import read, trials_frame
from calibrant.records.store import Store, is_store, query


def trials(run, scores):
    return trials_frame(
        {
            "run": run,
            "subject": "s",
            "instrument": "i",
            "item": f"q{i}",
            "epoch": 1,
            "grader": "g",
            "score": score,
            "error": "timed out" if score is None else None,
        }
        for i, score in enumerate(scores)
    )


def test_adding_twice_adds_nothing_and_a_retry_replaces_a_missing_trial(tmp_path):
    store = Store(tmp_path / "store", create=True)
    assert store.add(trials("a", [1.0, None])).new == 2
    assert store.add(trials("a", [1.0, None])).new == 0
    assert store.add(trials("a", [1.0, 0.0, 1.0])).new == 1
    assert store.add(trials("../../b", [0.5])).new == 1
    assert store.add(trials("a", [0.0, 0.0, 1.0])) == (0, 1)
    assert store.size == 4
    assert store.trials(runs=["a"])["score"].to_list() == [1.0, 0.0, 1.0]
    assert {p.parent.name for p in (tmp_path / "store").rglob("*.parquet")} == {"trials"}
    assert not list(tmp_path.glob("b*"))


def test_a_store_is_read_like_any_folder(tmp_path):
    store = Store(tmp_path / "store", create=True)
    for run in "abc":
        store.add(trials(run, [1.0, 0.0]))
    found = read(tmp_path / "store").trials
    assert found.sort("run", "item").equals(store.trials().sort("run", "item"))
    assert is_store(tmp_path / "store")
    assert not is_store(tmp_path)


def test_sql_over_a_store_and_over_a_table(tmp_path):
    store = Store(tmp_path / "it's", create=True)
    store.add(trials("a", [1.0, 0.0]))
    store.add(trials("b", [1.0, 1.0]))
    sql = "select run, avg(score) as mean from trials group by run order by run"
    assert store.query(sql).rows() == [("a", 0.5), ("b", 1.0)]
    assert query(store.trials(), sql).rows() == [("a", 0.5), ("b", 1.0)]


@pytest.mark.parametrize(
    "sql",
    [
        "drop view trials",
        "copy trials to 'x.csv'",
        "select 1; select 2",
        "selec",
        "",
        "select * from read_text('pyproject.toml')",
        "select * from 'nowhere.parquet'",
        "select * from comparisons",
        "set enable_external_access = true",
        "install httpfs",
        "select cast('x' as int) from trials",
    ],
)
def test_a_query_reads_the_tables_and_does_nothing_else(tmp_path, monkeypatch, sql):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text("secret")
    store = Store(tmp_path / "store", create=True)
    store.add(trials("a", [1.0]))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=r"^query: [^\n]+$"):
        store.query(sql)
    with pytest.raises(InputError, match=r"^query: [^\n]+$"):
        query(store.trials(), sql)
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_no_store_is_refused(tmp_path):
    with pytest.raises(InputError, match="no store of trials"):
        Store(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="empty or new folder"):
        Store(tmp_path, create=True)
    store = Store(tmp_path / "new", create=True)
    assert store.trials().is_empty()
    with pytest.raises(InputError, match="no run 'z'"):
        store.trials(runs=["z"])
    (tmp_path / "new" / "trials" / "x.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(InputError, match="cannot be read"):
        store.trials()
    (tmp_path / "new" / "calibrant-store.json").write_text('{"version": 9}')
    with pytest.raises(InputError, match="wanted version 1, got 9"):
        Store(tmp_path / "new")


def _add(path, start):
    for i in range(start, start + 20):
        Store(path, create=True).add(trials("same run", [1.0]).with_columns(item=pl.lit(f"q{i}")))


def test_two_processes_lose_nothing(tmp_path):
    Store(tmp_path / "store", create=True)
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_add, args=(tmp_path / "store", k * 20)) for k in range(2)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert Store(tmp_path / "store").size == 40
