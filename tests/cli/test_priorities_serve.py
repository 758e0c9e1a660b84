"""`calibrant priorities serve`: begins a survey, goes on with it, and refuses what is wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from calibrant.cli import main
from calibrant.web.survey.kept import people
from calibrant.web.survey.kept.store import open_survey

SURVEY = """
id: small
title: What should be tested?
taxonomy: areas.yaml
questions:
- id: importance
  text: Solving this would reduce harm.
  labels: ["no", "somewhat", "yes"]
invitations: {open_link: true}
"""

AREAS = """
id: areas
version: "1"
title: Areas
categories:
- id: "1"
  name: Evaluation
  description: How models are tested.
  areas:
  - {id: 1a, name: Test design, description: Which tests there should be.}
"""


@pytest.fixture
def files(tmp_path) -> Path:
    (tmp_path / "survey.yaml").write_text(SURVEY, encoding="utf-8")
    (tmp_path / "areas.yaml").write_text(AREAS, encoding="utf-8")
    return tmp_path


def run(*args: object) -> int:
    try:
        main(["priorities", *map(str, args)])
    except SystemExit as e:
        return int(e.code or 0)
    return 0


def serve(*args: object) -> tuple[subprocess.Popen, dict]:
    """The command in a process of its own, and what it says."""
    process = subprocess.Popen(
        [sys.executable, "-m", "calibrant", "priorities", "serve", *map(str, args),
         "--port", "0", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ,
    )  # fmt: skip
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if line == "}\n":
            return process, json.loads(said)
    raise AssertionError(process.communicate(timeout=60)[1])


def test_a_survey_is_begun_and_killed_and_goes_on(files):
    process, about = serve(files / "survey.yaml")
    try:
        assert (about["state"], about["invited"]) == ("open", 0)
        assert about["answers"] == str(files / "survey.db")
        assert about["people"] == str(files / "survey.people.db")
        with open_survey(files / "survey.db") as store:
            (ana,) = people.invite(store, [people.Invitee("Ana")])
        with httpx.Client(base_url=about["url"], trust_env=False, timeout=60) as http:
            assert http.post(ana.path).headers["location"] == "/return-link"
            assert http.get("/choose").status_code == 200
            cookies = dict(http.cookies)
            assert http.get(about["open_link"]).status_code == 303
    finally:
        process.kill()
        process.communicate(timeout=60)
    process, about = serve(files / "survey.yaml")
    try:
        assert about["invited"] == 1
        with httpx.Client(base_url=about["url"], trust_env=False, timeout=60) as http:
            http.cookies.update(cookies)
            assert http.get("/choose").status_code == 200
    finally:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0 and "the same command goes on" in said


def test_wrong_input_in_a_line(files, capsys):
    (files / "no.yaml").write_text("id: x\ntitle: y\n", encoding="utf-8")
    (files / "other.db").write_text("not a database at all, and long enough")
    wrong = [
        ("serve", files / "nothing.yaml"),
        ("serve", files / "no.yaml"),
        ("serve", files / "survey.yaml", "--db", "mysql://me:secret@h/x"),
        ("serve", files / "survey.yaml", "--db", files / "other.db"),
        ("serve", files / "survey.yaml", "--host", "no.such.host.invalid"),
        ("serve", files / "survey.yaml", "--public-url", "ftp://x"),
    ]
    for args in wrong:
        assert run(*args) != 0, args
        said = capsys.readouterr()
        assert said.out == "" and said.err.count("\n") == 1 and "secret" not in said.err, args
    # Another survey in the same file is no reason to lose the first.
    changed = SURVEY.replace("reduce harm", "reduce severe harm")
    (files / "survey.yaml").write_text(changed, encoding="utf-8")
    assert run("serve", files / "survey.yaml", "--port", "0", "--public-url", "x") == 2
    assert "questions differ" in capsys.readouterr().err
