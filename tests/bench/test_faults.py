"""When the machine or the provider fails: kills, full disks, servers that misbehave."""

import errno
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import polars as pl
import pytest

from calibrant import assess, read_assessment
from calibrant.bench import folder as folder_module
from calibrant.bench.folder import RunFolder
from calibrant.bench.trial import Trial
from calibrant.errors import InputError, RunFolderError
from calibrant.records import read_parquet


def journal(path):
    lines = (path / "journal.jsonl").read_text().splitlines()
    return [(t["instrument"], t["position"]) for t in map(json.loads, lines)]


def essence(path):
    return read_parquet(path / "trials.parquet").drop("run", "seconds", "time").to_dicts()


@pytest.mark.slow
def test_a_run_killed_at_random_points_resumes_to_the_same_verdict(suite_file, tmp_path):
    file = suite_file(
        "- {name: a, instrument: task.py@yes, rate: includes, below: 0.20, if_really: 0.10}",
        head="model_args: {delay_ms: 60}\nmax_connections: 3",
    )
    calm = assess(file, out=tmp_path / "calm", model_args={"delay_ms": 0})
    # The delay is an argument of the subject, so the calm run needs the same identity: compare
    # trials, which do not depend on it.
    rng, out = random.Random(11), tmp_path / "killed"
    command = [sys.executable, "-m", "calibrant", "assess", str(file), "-q", "--out", str(out)]
    kills = 0
    for _ in range(12):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        before = len(journal(out)) if (out / "journal.jsonl").exists() else 0
        deadline = time.monotonic() + 60
        grown = before + rng.randint(1, 9)
        # Kill once a few more trials are in the journal, in the middle of whatever goes on.
        while process.poll() is None and time.monotonic() < deadline and kills < 2:
            if (out / "journal.jsonl").exists():
                size = (out / "journal.jsonl").read_bytes().count(b"\n")
                if size >= grown:
                    time.sleep(rng.random() * 0.2)
                    process.send_signal(signal.SIGKILL)
                    break
            time.sleep(0.02)
        stderr = process.communicate()[1]
        if process.returncode == -signal.SIGKILL:
            kills += 1
            continue
        assert process.returncode in (0, 1, 3), stderr
        break
    assert kills == 2
    result = read_assessment(out)
    assert [c.verdict for c in result.claims] == [c.verdict for c in calm.claims]
    assert essence(out) == essence(tmp_path / "calm")
    assert result.provenance.sessions == 3
    done = journal(out)
    assert len(done) == len(set(done))


def test_a_torn_last_line_is_a_trial_that_did_not_finish(tmp_path):
    with RunFolder(tmp_path / "r") as run:
        run.record(Trial("x", 0, "h", scores={"s": 1}))
        run.record(Trial("x", 1, "h", scores={"s": 0}))
    file = tmp_path / "r" / "journal.jsonl"
    file.write_bytes(file.read_bytes()[:-7])
    with RunFolder(tmp_path / "r") as run:
        assert set(run.trials) == {("x", 0)}
        run.record(Trial("x", 1, "h", scores={"s": 0}))
    with RunFolder(tmp_path / "r") as run:
        assert set(run.trials) == {("x", 0), ("x", 1)}


def test_a_damaged_journal_is_refused_with_its_line(tmp_path):
    folder = tmp_path / "r"
    folder.mkdir()
    (folder / "journal.jsonl").write_text("{}\n")
    with (
        pytest.raises(InputError, match=r"journal\.jsonl: line 1 is not a finished trial"),
        RunFolder(folder),
    ):
        pass


def test_two_processes_cannot_share_a_folder(tmp_path):
    with (
        RunFolder(tmp_path / "r"),
        pytest.raises(RunFolderError, match="another process is running"),
        RunFolder(tmp_path / "r"),
    ):
        pass


def test_an_unwritable_folder_is_one_clear_error(suite_file, tmp_path, below):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="cannot be used"):
        assess(suite_file(below), out=tmp_path / "file" / "run")


def test_a_full_disk_is_a_clear_error_and_keeps_finished_trials(
    suite_file, tmp_path, below, monkeypatch
):
    file = suite_file(below, head="max_connections: 2")
    real, written = os.write, []

    def write(handle, data):
        if b'"instrument"' in bytes(data[:20]):
            if len(written) >= 4:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            written.append(1)
        return real(handle, data)

    monkeypatch.setattr(folder_module.os, "write", write)
    with pytest.raises(RunFolderError, match="No space left on device.*4 finished trials are kept"):
        assess(file, out=tmp_path / "run")
    monkeypatch.undo()
    assert len(journal(tmp_path / "run")) == 4
    result = assess(file, out=tmp_path / "run")
    assert result.verdict == "supported"
    assert result.provenance.sessions == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
@pytest.mark.parametrize("name", ["trials.parquet", "assessment.json"])
def test_a_disk_that_fills_up_at_the_end_is_a_clear_error(
    suite_file, tmp_path, below, name, monkeypatch
):
    """Writing to /dev/full fails as on a full disk, also inside Polars."""
    file, out = suite_file(below), tmp_path / "run"
    real = RunFolder.__enter__

    def enter(self):
        found = real(self)
        (out / f"{name}.part").symlink_to("/dev/full")
        return found

    monkeypatch.setattr(RunFolder, "__enter__", enter)
    with pytest.raises(RunFolderError, match=f"{name}: cannot be written .*[Nn]o space left") as e:
        assess(file, out=out)
    assert "\n" not in str(e.value)
    monkeypatch.undo()
    kept = len(journal(out))
    assert assess(file, out=out).verdict == "supported"
    assert len(journal(out)) == kept


def test_a_report_that_cannot_be_written_says_how_to_make_it_again(suite_file, tmp_path, below):
    from calibrant.report import write_html

    result = assess(suite_file(below), out=tmp_path / "run")
    with pytest.raises(RunFolderError, match="'calibrant report .*run' makes it again"):
        write_html(result, tmp_path / "nowhere" / "report.html")


class Misbehaving(BaseHTTPRequestHandler):
    """An OpenAI-compatible server whose every answer follows a schedule."""

    protocol_version = "HTTP/1.1"
    schedule: list[str]
    asked: list[str]
    lock = threading.Lock()

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        with self.lock:
            turn = self.schedule[len(self.asked) % len(self.schedule)]
            self.asked.append(turn)
        getattr(self, turn)()

    def reply(self, status, body, headers=()):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for key, value in headers:
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def good(self):
        message = {"role": "assistant", "content": "negative"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
        body = {"id": "x", "object": "chat.completion", "created": 1, "model": "m",
                "choices": [choice], "usage": usage}  # fmt: skip
        self.reply(200, json.dumps(body).encode())

    def busy(self):
        self.reply(429, b'{"error": {"message": "slow down"}}', [("Retry-After", "0")])

    def broken(self):
        self.reply(500, b'{"error": {"message": "oh no"}}')

    def cut(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b'{"id": ')
        self.close_connection = True

    def nonsense(self):
        self.reply(200, b"<html>not json")

    def nothing(self):
        self.reply(200, b'{"id": "x", "object": "chat.completion", "model": "m", "choices": []}')

    def silent(self):
        time.sleep(4)
        self.close_connection = True

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    servers = []

    def start(*schedule):
        handler = type("H", (Misbehaving,), {"schedule": list(schedule), "asked": []})
        httpd = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        httpd.daemon_threads = True
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        servers.append(httpd)
        monkeypatch.setenv("FAULTY_API_KEY", "x")
        monkeypatch.setenv("FAULTY_BASE_URL", f"http://127.0.0.1:{httpd.server_port}/v1")
        return handler

    yield start
    for httpd in servers:
        httpd.shutdown()
        httpd.server_close()


SMALL = "- {name: a, instrument: task.py@yes, rate: includes, below: 0.30, at_most: 32}"
"""So many trials that every fault of a schedule of eight comes four times."""

HEAD = "generate: {max_retries: 1, timeout: 20, attempt_timeout: 2}\nmax_connections: 4"


@pytest.mark.slow
def test_a_provider_that_misbehaves_ends_in_failed_trials_never_in_a_hang(
    suite_file, tmp_path, server
):
    handler = server("good", "nonsense", "good", "cut", "good", "nothing", "good", "silent")
    file = suite_file(SMALL, subject="openai-api/faulty/m", head=HEAD)
    result = assess(file, out=tmp_path / "run")
    finding = result.claims[0]
    assert finding.missing > 0
    table = read_parquet(tmp_path / "run" / "trials.parquet")
    assert table.filter(pl.col("score").is_null())["error"].null_count() == 0
    assert table.filter(pl.col("score").is_not_null()).height > 0
    assert set(handler.asked) == {"good", "nonsense", "cut", "nothing", "silent"}


def test_a_provider_that_recovers_is_retried_and_no_trial_is_lost(
    suite_file, tmp_path, below, server
):
    handler = server("good", "busy", "good", "good", "broken", "good", "good", "good")
    file = suite_file(
        below, subject="openai-api/faulty/m", head=HEAD.replace("max_retries: 1", "max_retries: 4")
    )
    result = assess(file, out=tmp_path / "run")
    assert result.verdict == "supported"
    assert result.claims[0].missing == 0
    assert {"busy", "broken"} <= set(handler.asked)


@pytest.mark.slow
def test_a_provider_that_only_fails_is_undetermined_and_says_why(suite_file, tmp_path, server):
    server("broken")
    head = HEAD.replace("max_retries: 1", "max_retries: 0")
    # A busy machine must not be slower than the provider is broken.
    head = head.replace("attempt_timeout: 2", "attempt_timeout: 20")
    file = suite_file(SMALL, subject="openai-api/faulty/m", head=head)
    result = assess(file, out=tmp_path / "run")
    assert result.verdict == "undetermined"
    assert "failed, and their outcomes could flip the verdict" in result.claims[0].reason
    assert "oh no" in str(result.claims[0].transcripts[0].error)
