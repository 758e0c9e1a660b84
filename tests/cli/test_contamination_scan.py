"""`calibrant contamination scan`: one JSON document, readable tables, faults in one line."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from calibrant.cli import main
from calibrant.cli.contamination.progress import said
from calibrant.contamination.corpora.plan import bytes_of, plan_scan, seconds_of
from calibrant.contamination.corpora.run import At
from calibrant.errors import InputError

QUESTION = (
    "A train of seven green wagons leaves the old harbour at noon and meets nine sheep on a "
    "narrow bridge near the mill; how many legs cross the river before evening falls?"
)
OTHER = (
    "Eleven bakers share forty loaves among five quiet villages so that nobody gets more than "
    "a third of what the miller keeps; which village must wait until the second morning?"
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    pl.DataFrame(
        {"id": ["=1+1", "b", "c"], "question": [QUESTION, OTHER, "Too short?"],
         "answer": ["36", "4", "yes"]}
    ).write_csv("test.csv")  # fmt: skip
    rows = [f"Nothing here. {'word ' * 30}", f"\x1b[31mred {QUESTION} <script>"]
    Path("corpus.jsonl").write_text("".join(json.dumps({"text": r}) + "\n" for r in rows))
    Path("image.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return tmp_path


def run(*args: str) -> int:
    with pytest.raises(SystemExit) as e:
        main(["contamination", "scan", *args])
    return int(e.value.code or 0)


def test_json_is_one_document_with_what_was_asked(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("test.csv", "corpus.jsonl", "image.png", "--n", "13", "--json") == 0
    out = capsys.readouterr().out
    found = json.loads(out)
    assert found["documents"] == 2
    assert {"bytes", "seconds", "problems"} <= set(found)
    first = found["items"][0]
    assert {"item", "ngrams", "matched", "containment", "exposures", "where"} <= set(first)
    assert (first["item"], first["exposures"]) == ("=1+1", 1)
    assert first["matched"] == first["question"]["ngrams"]
    assert first["where"][0]["document"] == 1
    assert found["items"][1]["exposures"] == 0
    assert set(found["not_scannable"]) == {"c"}
    assert found["items"][2]["item"] == "c"
    assert found["items"][2]["containment"] is None
    assert found["problems"] == [
        {"file": "image.png", "where": "",
         "what": "a PNG image, not text: not scanned (--force-binary scans it)"}
    ]  # fmt: skip
    assert "\x1b" not in out


def test_the_table_is_harmless_and_names_what_was_not_scanned(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("\x1b[2Jodd.bin").write_bytes(b"\0\0")
    assert run("test.csv", "corpus.jsonl", "image.png", "\x1b[2Jodd.bin") == 0
    out = capsys.readouterr().out
    assert "1 of 2 items stand in 1 of 2 documents" in out
    assert "1 verbatim" in out
    assert "not scannable: c (" in out
    assert "image.png" in out
    assert "\x1b" not in out


def test_tables_and_figures_are_written(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("test.csv", "corpus.jsonl", "--out", "o.csv", "--figure", "f.svg", "--json") == 0
    captured = capsys.readouterr()
    json.loads(captured.out)
    assert "table written to o.csv" in captured.err
    frame = pl.read_csv("o.csv")
    assert frame["item"].to_list() == ["'=1+1", "b", "c"]  # no formula for a spreadsheet
    assert frame["exposures"].to_list() == [1, 0, None]
    assert "\x1b" not in Path("o.csv").read_text()
    assert Path("f.svg").read_text().startswith("<svg")
    for name in ("o.parquet", "o.jsonl"):
        assert run("test.csv", "corpus.jsonl", "--out", name) == 0
        assert Path(name).stat().st_size


def test_a_state_folder_is_gone_on_with(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("test.csv", "corpus.jsonl", "--state", "state") == 0
    capsys.readouterr()
    assert run("test.csv", "corpus.jsonl", "--state", "state") == 0
    assert "files: 1; shards: 1, 1 kept from before" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("test.csv",), "wanted ITEMS and CORPUS, or --plan SIZE"),
        (("test.csv", "nowhere"), "no corpus to scan: nowhere: no such file or folder"),
        (("nowhere.csv", "corpus.jsonl"), "nowhere.csv: no such file"),
        (("test.csv", "corpus.jsonl", "--n", "x"), "wanted whole numbers"),
        (("test.csv", "corpus.jsonl", "--n", "0"), "widths of n-grams"),
        (("test.csv", "corpus.jsonl", "--n", "500"), "no item has 500 words"),
        (("test.csv", "corpus.jsonl", "--out", "o.xlsx"), "to end in .csv, .jsonl or .parquet"),
        (("test.csv", "corpus.jsonl", "--out", "no/o.csv"), "there is no folder no"),
        (("test.csv", "corpus.jsonl", "--state", "test.csv"), "cannot be used"),
        (("test.csv", "corpus.jsonl", "--ray-address", "127.0.0.1:1"), "cannot be reached"),
        (("pkg/none", "corpus.jsonl"), "no such installed Inspect task"),
        (("--plan", "10XB"), "wanted a size such as 10TB, got '10XB'"),
        (("--plan", "1TB", "--deadline", "soon"), "wanted a time such as 6h"),
        (("--plan", "1TB", "--format", "doc"), "wanted a format of"),
        (("--plan", "1TB", "--price-per-core-hour", "-1"), "wanted a number > 0, got -1"),
    ],
)
def test_faults_are_said_in_one_line(
    place: Path, args: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if "--ray-address" in args:
        pytest.importorskip("ray", reason="Ray (extra cluster) is not installed")
    assert run(*args) == 2
    captured = capsys.readouterr()
    assert not captured.out
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_a_plan_by_format_and_by_a_sample(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("--plan", "10TB", "--price-per-core-hour", "0.04", "--deadline", "6h", "--json") == 0
    plan = json.loads(capsys.readouterr().out)
    hours = 10e12 / plan["rate"] * 1.15 / 3600
    assert plan["core_hours"] == pytest.approx(hours)
    assert plan["cost"] == pytest.approx(0.04 * hours)
    assert plan["hours"] <= 6 < hours / (plan["cores"] - 1)
    assert run("test.csv", "corpus.jsonl", "--plan", "1GB") == 2
    assert "no speed to plan by" in capsys.readouterr().err
    monkeypatch.setattr("calibrant.cli.contamination.scan._NOTHING", 0)
    assert run("test.csv", "corpus.jsonl", "--plan", "1GB") == 0
    captured = capsys.readouterr()
    assert "a sample of" in captured.out
    assert "take a larger one" in captured.err


def test_a_result_is_printed_before_its_table_fails(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("taken.csv").mkdir()
    assert run("test.csv", "corpus.jsonl", "--out", "taken.csv") == 2
    captured = capsys.readouterr()
    assert "1 of 2 items stand in 1 of 2 documents" in captured.out
    assert captured.err.startswith("calibrant: taken.csv: cannot be written")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("test.csv", "corpus.jsonl", "--deadline", "6h"), "for --plan"),
        (("--plan", "1TB", "--out", "x.csv"), "of a scan"),
        (("test.csv", ""), "a path is empty"),
        (("test.csv", "image.png"), "nothing could be scanned: image.png: a PNG image"),
    ],
)
def test_what_would_say_nothing_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str], args: tuple[str, ...], message: str
) -> None:
    assert run(*args) == 2
    captured = capsys.readouterr()
    assert not captured.out
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_plans_in_numbers() -> None:
    plan = plan_scan("1 TB", rate=100e6, cores=8, deadline="10min", machine_cores=4)
    assert (plan.machines, plan.cores) == (2, 8)
    assert plan.hours == pytest.approx(1e12 / 1e8 * 1.15 / 8 / 3600)
    assert plan.notes[0].startswith("8 cores miss the deadline; 20 would")
    assert "Gbit/s, more than" in plan_scan("1TB", rate=1e9, cores=32).notes[0]
    assert [bytes_of(t) for t in ("10TB", "1.5 GiB", "300", "2k")] == [1e13, 1.5 * 2**30, 300, 2e3]
    assert [seconds_of(t) for t in ("6h", "90min", "2d")] == [21600, 5400, 172800]
    for wrong in ("", "TB", "-1GB", "0"):
        with pytest.raises(InputError):
            bytes_of(wrong)


def test_progress_in_words() -> None:
    at = At(done=250_000_000, total=1_000_000_000, seconds=10.0, resumed=50_000_000)
    assert said(at) == "25% of 1,000 MB, 20 MB/s of files, 38 s left"
    # Before any speed is known nothing is said of the time that is left.
    assert said(At(9_000, 10**9, 5.0)) == "0% of 1,000 MB, 0.0018 MB/s of files"
    assert said(At(0, 0, 0.0)) == "100% of 0 MB, 0 MB/s of files"
