"""`calibrant read`: what a person sees, what a script gets, and what goes wrong."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from calibrant.cli import main
from calibrant.records import read_parquet, trials_frame, write_parquet

CSV = "model,question_id,correct\nm,q1,1\nm,q2,0\n"


def call(*args):
    with pytest.raises(SystemExit) as caught:
        main(["read", *map(str, args)])
    return caught.value.code or 0


def test_it_prints_what_it_understood_and_writes_it(tmp_path, capsys):
    (tmp_path / "quiz.csv").write_text(CSV)
    out = tmp_path / "trials.parquet"
    assert call(tmp_path / "quiz.csv", "-o", out) == 0
    shown = capsys.readouterr()
    assert "2 trials of m on quiz: 2 items, 0 missing" in shown.out
    assert "columns guessed: subject = model" in shown.out.replace("\n", " ")
    assert "2 trials added, 2 in all" in shown.out.replace("\n", " ")
    assert read_parquet(out).height == 2
    assert call(tmp_path / "quiz.csv", "-o", out) == 0
    assert "0 trials added, 2 in all" in capsys.readouterr().out.replace("\n", " ")


def test_json_is_one_document(tmp_path, capsys):
    (tmp_path / "quiz.csv").write_text(CSV)
    (tmp_path / "cut.eval").write_bytes(b"PK\x03\x04")
    assert call(tmp_path, "-o", tmp_path / "t.parquet", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["trials"] == 2
    assert document["summary"] == [
        {"subject": "m", "instrument": "quiz", "grader": "correct", "items": 2, "clusters": 0,
         "epochs": 1, "trials": 2, "missing": 0, "mean": 0.5}
    ]  # fmt: skip
    assert "cut.eval" in document["left_out"][0]
    assert document["written"]["added"] == 2
    assert document["sources"][0]["kind"] == "csv"


def test_columns_by_flags(tmp_path, capsys):
    (tmp_path / "t.csv").write_text("who,what,mark\na,1,C\n")
    flags = ["--map", "score=mark", "--map", "item=what", "--map", "subject=who"]
    assert call(tmp_path / "t.csv", *flags, "--set", "instrument=exam", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)["summary"]
    assert (row["instrument"], row["grader"], row["mean"]) == ("exam", "mark", 1.0)


def test_what_is_left_out_is_said_on_stderr_and_strict_stops(tmp_path, capsys):
    (tmp_path / "quiz.csv").write_text(CSV)
    (tmp_path / "cut.eval").write_bytes(b"PK\x03\x04")
    assert call(tmp_path) == 0
    assert "left out: " in capsys.readouterr().err
    assert call(tmp_path, "--strict") == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("calibrant: ")
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["nowhere"], "no such file or folder"),
        (["t.csv", "--map", "score"], "wanted COLUMN=NAME"),
        (["t.csv", "--map", "score=x"], "no column 'x'"),
        (["t.csv", "--max-member", "much"], "wanted a size such as 500M"),
        (["t.csv", "--max-member", "1"], "over the limit of 1 bytes"),
        (["t.csv", "-o", "t.xlsx"], "wanted .parquet, .csv, or a folder"),
        (["t.csv", "-o", "gone/t.parquet"], "cannot be written"),
        (["t.csv", "--watch"], "--watch needs -o FILE"),
        ([], "Missing argument"),
    ],
)
def test_wrong_input_is_a_line_and_exit_code_2(tmp_path, monkeypatch, capsys, args, why):
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text(CSV)
    assert call(*args) == 2
    err = capsys.readouterr().err
    assert why in err
    assert "Traceback" not in err


def test_hostile_names_cannot_move_the_cursor(tmp_path, capsys):
    (tmp_path / "t.csv").write_text("model,id,correct\n\x1b[2J\x1b]0;x\x07[red]m,1,1\n")
    assert call(tmp_path / "t.csv") == 0
    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err
    assert "[red]m" in shown.out.replace("\n", "")


def a_table(path, n):
    rows = ({"subject": "m", "instrument": "q", "item": str(i), "epoch": 1, "grader": "g",
             "score": 1.0} for i in range(n))  # fmt: skip
    write_parquet(trials_frame(rows), path)


def test_watching_ends_after_quiet_and_prints_one_document(tmp_path, capsys):
    a_table(tmp_path / "a.parquet", 3)
    out = tmp_path / "all.parquet"
    args = ["--watch", "--every", "0.05", "--idle", "0.1", "--json"]
    assert call(tmp_path / "a.parquet", "-o", out, *args) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["written"]["added"] == 3
    assert "3 trials added" in shown.err.replace("\n", " ")


def test_watching_adds_what_a_run_writes_until_ctrl_c(tmp_path):
    logs, out = tmp_path / "logs", tmp_path / "all.parquet"
    logs.mkdir()
    command = [sys.executable, "-m", "calibrant", "read", str(logs), "-o", str(out),
               "--watch", "--every", "0.1"]  # fmt: skip
    watching = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    )
    said = ""
    try:
        for n in (2, 5):
            a_table(logs / "new.part", n)
            (logs / "new.part").replace(logs / "run.parquet")
            # A line may be wrapped; it is there as a whole before the next look.
            while f"{n} in all" not in said:
                line = watching.stdout.readline()
                assert line, said
                said += " " + line.strip()
            assert pl.read_parquet(out).height == n
        watching.send_signal(signal.SIGINT)
        _, err = watching.communicate(timeout=60)
    finally:
        watching.kill()
        watching.wait()
    assert watching.returncode == 0, err
    assert "2 trials added, 2 in all" in said
    assert "3 trials added, 5 in all" in said
    assert "stopped" in err


def test_several_processes(tmp_path, capsys):
    for i in range(3):
        (tmp_path / f"{i}.csv").write_text(CSV.replace("m,", f"m{i},"))
    command = [sys.executable, "-m", "calibrant", "read", str(tmp_path), "--workers", "2", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    assert json.loads(done.stdout)["trials"] == 6
