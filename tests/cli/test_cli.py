"""The command line as a person uses it: help, exit codes, one JSON document, one-line errors."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import calibrant.cli
from calibrant.cli import COMMANDS, main


def call(*args):
    with pytest.raises(SystemExit) as caught:
        main(list(map(str, args)))
    return caught.value.code or 0


def test_help_is_cheap_and_names_every_command(capsys):
    code = "import sys; from calibrant.cli import main\n"
    code += "try: main(['--help'])\nexcept SystemExit: pass\n"
    code += "heavy = {'inspect_ai', 'numpy', 'polars', 'scipy', 'rich'} & set(sys.modules)\n"
    code += "assert not heavy, heavy"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name in COMMANDS:
        assert name in done.stdout


def test_importing_calibrant_does_not_import_inspect():
    code = (
        "import sys, calibrant, calibrant.stats, calibrant.records, calibrant.assurance.suite\n"
        "import calibrant.instruments, calibrant.subjects, calibrant.report\n"
        "assert calibrant.sprt and 'inspect_ai' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name, capsys):
    assert call(name, "--help") == 0
    assert "Usage: calibrant" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("subject", "code"),
    [("standard/rate-0.0", 0), ("standard/rate-1.0", 1), ("standard/rate-0.3", 3)],
)
def test_exit_codes_follow_the_verdicts(suite_file, tmp_path, subject, code, capsys):
    claim = "- {name: a, instrument: task.py@yes, rate: includes, below: 0.30, at_most: 20}"
    file = suite_file(claim, subject=subject)
    assert call("assess", file, "-q", "--out", tmp_path / "run") == code
    shown = capsys.readouterr()
    assert {0: "supported", 1: "refuted", 3: "undetermined"}[code] in shown.out
    assert (tmp_path / "run" / "report.html").stat().st_size > 5000


def test_json_is_one_document_on_stdout_and_nothing_else(suite_file, tmp_path, below, capsys):
    assert call("assess", suite_file(below), "--json", "--out", tmp_path / "run") == 0
    shown = capsys.readouterr()
    data = json.loads(shown.out)
    assert data["claims"][0]["verdict"] == "supported"
    assert data == json.loads((tmp_path / "run" / "assessment.json").read_text())


def test_a_plan_prints_a_table_or_json_and_makes_no_folder(suite_file, tmp_path, below, capsys):
    file = suite_file(below)
    before = set(tmp_path.iterdir())
    assert call("assess", file, "--plan") == 0
    assert "tokens in" in capsys.readouterr().out
    assert call("assess", file, "--plan", "--json") == 0
    assert json.loads(capsys.readouterr().out)["claims"][0]["design"] == "sprt"
    assert set(tmp_path.iterdir()) - before <= {tmp_path / "__pycache__"}


def test_bad_input_is_one_line_on_stderr_and_exit_code_two(tmp_path, capsys):
    file = tmp_path / "s.yaml"
    file.write_text("subjct: x")
    for args in (("assess", file), ("assess", tmp_path), ("report", tmp_path), ("asess", file)):
        assert call(*args) == 2
        shown = capsys.readouterr()
        assert shown.out == ""
        assert "Traceback" not in shown.err
    assert call("assess", file) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_report_is_made_again_from_its_folder(suite_file, tmp_path, below, capsys):
    assert call("assess", suite_file(below), "-q", "--out", tmp_path / "run") == 0
    first = (tmp_path / "run" / "report.html").read_text()
    capsys.readouterr()
    assert call("report", tmp_path / "run", "-o", tmp_path / "again.html") == 0
    assert (tmp_path / "again.html").read_text() == first


def test_the_published_schema_is_the_one_in_the_docs(capsys):
    assert call("schema") == 0
    printed = capsys.readouterr().out
    docs = Path(calibrant.cli.__file__).parents[3] / "docs" / "assessment.schema.json"
    if not docs.exists():
        pytest.skip("the docs are not beside an installed package")
    assert json.loads(printed) == json.loads(docs.read_text())


def test_progress_is_plain_lines_when_not_on_a_terminal(suite_file, tmp_path, below):
    command = [sys.executable, "-m", "calibrant", "assess", str(suite_file(below)),
               "--out", str(tmp_path / "run")]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "a: supported after" in done.stderr
    assert "\x1b" not in done.stderr + done.stdout


def test_an_interrupt_says_how_to_go_on_and_is_no_verdict(suite_file, tmp_path, below):
    file = suite_file(below, head="model_args: {delay_ms: 500}\nmax_connections: 1")
    command = [sys.executable, "-m", "calibrant", "assess", str(file), "-q",
               "--out", str(tmp_path / "run")]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    journal = tmp_path / "run" / "journal.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (journal.exists() and journal.stat().st_size):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (
        err.splitlines()[-1]
        == "calibrant: interrupted; the same command goes on from what was kept"
    )
    assert out == ""
    assert journal.stat().st_size > 0


def test_an_interrupt_in_a_finaliser_is_not_lost():
    """Python prints and forgets what is raised there; the command line is told again."""
    code = """
import os, signal, time
import calibrant.cli as cli
class Ends:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        [i for i in range(10)]
def work(**_):
    Ends()
    time.sleep(100)
    print("went on")
cli.cli.main = work
cli.main([])
"""
    # Half of what the work sleeps: the signal ends the sleep too.
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr.startswith("calibrant: interrupted") and done.stderr.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_output_that_cannot_be_written_is_said_in_a_line():
    command = [sys.executable, "-m", "calibrant", "schema"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr == ("calibrant: the output could not be written (No space left on device)\n")


def test_who_closes_the_pipe_has_not_refuted_anything():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        command = [sys.executable, "-m", "calibrant", "schema"]
        done = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr == ""


def test_a_fault_of_ours_never_exits_as_a_verdict(suite_file, below, monkeypatch, capsys):
    from calibrant.assurance import assess as module

    def broken(*args, **kwargs):
        raise KeyError("a bug")

    monkeypatch.setattr(module, "choose_folder", broken)
    assert call("assess", suite_file(below), "-q") == 2
    assert "this should not happen" in capsys.readouterr().err


def test_the_certify_command_measures_and_lists(capsys):
    assert call("certify", "--list") == 0
    assert "cluster-upper: " in capsys.readouterr().out
    assert call("certify", "rate-exact", "--draws", "250", "--json", "--workers", "1") == 0
    one = json.loads(capsys.readouterr().out)
    assert call("certify", "rate-exact", "--draws", "250", "--json", "--workers", "2") == 0
    assert json.loads(capsys.readouterr().out) == one
    assert {m["certificate"] for m in one} == {"rate-exact"}
    assert call("certify", "nothing-like-it") == 2


def test_certify_writes_tables_and_keeps_the_sections_it_did_not_measure(capsys, tmp_path):
    folder = tmp_path / "tables"
    run = ("--draws", "1000", "--workers", "1", "--tables", str(folder))
    assert call("certify", "rate-exact", "cluster-no-events", *run) == 0
    said = capsys.readouterr()
    assert "rate-exact: The Clopper" in said.err  # one line each, as this is no terminal
    first = (folder / "rates.md").read_text(encoding="utf-8")
    assert first.startswith("# Certificates: rates\n")
    assert "| **clopper-pearson covered** | ≥ 0.95 |" in first
    assert call("certify", "rate-finite-set", *run) == 0
    both = (folder / "rates.md").read_text(encoding="utf-8")
    assert both.startswith(first.rstrip("\n"))
    assert "## rate-finite-set-on-average" in both
    assert (folder / "clusters.md").exists()
    capsys.readouterr()
    (folder / "clusters.md").unlink()
    (folder / "clusters.md").mkdir()
    assert call("certify", "cluster-no-events", *run) == 2
    err = capsys.readouterr().err
    assert "cannot write clusters.md" in err
    assert "Traceback" not in err
    file = str(folder / "rates.md")
    assert call("certify", "rate-exact", "--draws", "250", "--tables", file) == 2


def test_certify_shows_a_bar_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert call("certify", "cluster-no-events", "--draws", "500", "--workers", "1", "--json") == 0
    said = capsys.readouterr()
    assert json.loads(said.out)[0]["certificate"] == "cluster-no-events"
    assert "If no outcomes differ" not in said.err


def test_the_live_display_draws_every_claim():
    from io import StringIO

    from rich.console import Console

    from calibrant.assurance.progress import ClaimProgress, Progress
    from calibrant.cli.display import LiveDisplay, PlainDisplay

    claim = ClaimProgress("[red]x", "running", 5, 40, 1, 0.2, 9, None, 12.0)
    progress = Progress("s", (claim,), 5, 10, 20, 2.0, 0.5)
    console = Console(file=StringIO(), width=120)

    class Live:
        def update(self, table):
            console.print(table)

    LiveDisplay(Live(), console).update(progress)
    drawn = console.file.getvalue()
    assert "[red]x" in drawn
    assert "9 clean / out of reach" in drawn
    assert "≈12" in drawn
    assert "$0.5000" in drawn
    assert "5 of at most 40 trials, rate 20.0%" in PlainDisplay()._line(claim, progress)
