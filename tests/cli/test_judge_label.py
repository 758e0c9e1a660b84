"""`calibrant judge label …` as a person uses it: links, one JSON document, one-line errors."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from calibrant.cli import main
from calibrant.web.labelling import people
from calibrant.web.labelling.store import Store

KINDS = ("--categories", "yes,no")


@pytest.fixture
def table(tmp_path) -> Path:
    rows = [{"item": f"q{i}", "subject": s, "question": f"Q{i}?", "answer": f"{s} says {i}"}
            for i in range(5) for s in ("a", "b")]  # fmt: skip
    pl.DataFrame(rows).write_csv(tmp_path / "answers.csv")
    return tmp_path / "answers.csv"


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*args):
        with pytest.raises(SystemExit) as caught:
            main(["judge", "label", *map(str, args)])
        out, err = capsys.readouterr()
        return caught.value.code or 0, out, err

    return call


def give(store: Path, rater: int, *said: str) -> None:
    """Labels as a rater would give them, in the rater's order."""
    with Store(store) as opened:
        for position, value in enumerate(said, 1):
            task = opened.task(rater, position)
            assert task is not None
            nonce = opened.show(rater, task.unit)
            assert opened.record(rater, position, nonce, "label", value, "") == "saved"


def test_start_prints_a_link_for_each(run, table):
    code, out, _ = run("start", table, *KINDS, "--raters", "ana,ben")
    assert code == 0 and "10 items, each for 2 of 2 raters, in labels.db" in out
    assert re.search(r"^  ana +\(server\)/enter/\S+$", out, re.M)
    assert re.search(r"^  you +\(server\)/admin/enter/\S+$", out, re.M)
    assert Path("labels.db").stat().st_mode & 0o077 == 0


def test_start_again_is_the_same_labelling(run, table):
    _, first, _ = run("start", table, *KINDS, "--raters", "ana,ben", "--json")
    _, second, _ = run("start", table, *KINDS, "--raters", "ana,ben", "--json")
    one, two = json.loads(first), json.loads(second)
    assert one["links"] == two["links"] and one["units"] == 10
    code, out, err = run("start", table, "--scale", "1-5", "--raters", "ana,ben")
    assert (code, out) == (2, "") and "about other answers or labels" in err


def test_the_same_seed_is_the_same_design(run, table):
    for name, seed in (("a.db", 5), ("b.db", 5), ("c.db", 6)):
        run(
            "start", table, *KINDS, "--raters", "x,y,z", "--per-item", 2, "--seed", seed, "-o", name
        )
    orders = []
    for name in ("a.db", "b.db", "c.db"):
        with Store(Path(name)) as store:
            orders.append([[t.answers for t in store.tasks(r)] for r in (1, 2, 3)])
    assert orders[0] == orders[1] != orders[2]


def test_export_and_status(run, table):
    run("start", table, *KINDS, "--raters", "ana,ben", "-o", "l.db")
    give(Path("l.db"), 1, "yes", "no", "yes")
    give(Path("l.db"), 2, "yes", "yes")
    code, out, _ = run("export", "l.db", "-o", "l.csv")
    assert (code, out) == (0, "l.csv: 5 rows\n")
    assert sorted(pl.read_csv("l.csv")["label"]) == ["no", "yes", "yes", "yes", "yes"]
    code, out, _ = run("export", "l.db", "-o", "l.parquet", "--history", "--json")
    assert json.loads(out) == {"path": "l.parquet", "rows": 5}
    code, out, _ = run("status", "l.db", "--json")
    found = json.loads(out)
    assert (found["given"], found["wanted"], found["units"]) == (5, 20, 10)
    assert [r["progress"]["labelled"] for r in found["raters"]] == [3, 2]
    code, out, _ = run("status", "l.db")
    assert code == 0 and "5 of 20 labels by 2 raters" in out and "ana" in out


def test_agree_reads_what_is_exported(run, table, capsys):
    run("start", table, *KINDS, "--raters", "ana,ben", "-o", "l.db")
    give(Path("l.db"), 1, *["yes", "no"] * 5)
    give(Path("l.db"), 2, *["yes", "no"] * 5)
    run("export", "l.db", "-o", "l.csv")
    with pytest.raises(SystemExit) as caught:
        main(["judge", "agree", "l.csv", "--json"])
    assert not caught.value.code
    assert json.loads(capsys.readouterr().out)["labels"] == 20


def test_links_can_be_made_anew(run, table):
    run("start", table, *KINDS, "--raters", "ana,ben", "-o", "l.db")
    with Store(Path("l.db")) as store:
        (link,) = [k for k in people.links(store) if k.rater == "ana"]
        people.enter(store, link)
    _, out, _ = run("links", "l.db", "--url", "https://x.example/")
    assert re.search(r"ana +https://x.example/enter/\S+  \(used; ", out)
    _, out, _ = run("links", "l.db", "--new", "ana", "--json")
    (fresh,) = json.loads(out)
    assert fresh["used"] is None and fresh["path"] != link.path
    code, _, err = run("links", "l.db", "--new", "zoe")
    assert code == 2 and err.startswith("calibrant: no rater 'zoe'; there are ana, ben")


def test_close_and_reopen(run, table):
    run("start", table, *KINDS, "--open", "-o", "l.db")
    assert run("close", "l.db")[1] == "l.db: closed\n"
    assert json.loads(run("status", "l.db", "--json")[1])["closed"]
    assert run("close", "l.db", "--reopen")[1] == "l.db: open again\n"


def test_rubric_and_known_labels_from_files(run, table):
    Path("rubric.md").write_text("# Rules\nBe kind.")
    Path("gold.csv").write_text("item,label\nq1 · a,yes\n")
    code, _, _ = run("start", table, *KINDS, "--raters", "x,y,z", "--per-item", 1, "-o", "l.db",
                     "--rubric", "rubric.md", "--gold-checks", "gold.csv")  # fmt: skip
    assert code == 0
    with Store(Path("l.db")) as store:
        assert store.plan.rubric.startswith("# Rules")
        counts = [len(store.tasks(r)) for r in (1, 2, 3)]
    assert sum(counts) == 9 + 3 and max(counts) - min(counts) <= 1


@pytest.mark.parametrize(("args", "says"), [
    (["start", "T", "--raters", "a"], "exactly one of --categories, --scale"),
    (["start", "T", *KINDS, "--pairwise", "--raters", "a"], "exactly one of"),
    (["start", "T", *KINDS], "--raters A,B,… or --open"),
    (["start", "T", *KINDS, "--raters", "a", "--open"], "--raters A,B,… or --open"),
    (["start", "T", *KINDS, "--raters", "a,a"], "two have the same name"),
    (["start", "T", *KINDS, "--raters", "a,,b"], "wanted names"),
    (["start", "T", *KINDS, "--raters", "a,b", "--per-item", "3"], "--per-item: wanted 1 to 2"),
    (["start", "T", *KINDS, "--raters", "a", "--at-most", "3"], "--at-most goes with --open"),
    (["start", "T", *KINDS, "--raters", "a", "--no-ties"], "--no-ties goes with --pairwise"),
    (["start", "T", "--categories", "one", "--raters", "a"], "wanted 2 to 20 names"),
    (["start", "T", "--scale", "1 to 5", "--raters", "a"], "--scale: wanted LOW-HIGH"),
    (["start", "T", *KINDS, "--open", "--rubric", "no.md"], "no.md: cannot be read"),
    (["start", "T", *KINDS, "--open", "--gold-checks", "no.csv"], "no.csv: no such file"),
    (["start", "T", *KINDS, "--open", "--subjects", "zed"], "'zed' answered nothing"),
    (["start", "T", *KINDS, "--open", "--map", "answer=said"], "no column 'said'"),
    (["start", "T", *KINDS, "--open", "-o", "no/where.db"], "cannot be written"),
    (["start", "no.csv", *KINDS, "--open"], "no.csv: no such file"),
    (["start", "none", *KINDS, "--open"], "none"),
    (["serve", "T", *KINDS, "--open", "--host", "no such host"], "--host no such host"),
    (["serve", "T", *KINDS, "--open", "--public-url", "x"], "--public-url: wanted a URL"),
    (["serve", "T", *KINDS, "--open", "--public-url", "https://x/path"], "without a path"),
    (["export", "no.db", "-o", "l.csv"], "no.db: no such file"),
    (["export", "T", "-o", "l.csv"], "not a labelling store"),
    (["status", "T"], "not a labelling store"),
])  # fmt: skip
def test_mistakes_are_one_line(run, table, args, says):
    code, out, err = run(*[table if a == "T" else a for a in args])
    assert (code, out) == (2, "") and says in err
    assert err.startswith("calibrant: ") and err.count("\n") == 1


def test_wrong_endings_and_combinations(run, table):
    run("start", table, *KINDS, "--open", "-o", "l.db")
    for args in (["-o", "l.xlsx"], ["-o", "l.csv", "--comparisons"],
                 ["-o", "l.csv", "--comparisons", "--history"]):  # fmt: skip
        code, _, err = run("export", "l.db", *args)
        assert code == 2 and err.count("\n") == 1
    Path("half.db").write_bytes(Path("l.db").read_bytes()[:3000])
    code, _, err = run("status", "half.db")
    assert code == 2 and err.count("\n") == 1 and "Traceback" not in err


def test_without_the_extra_one_line_says_what_to_install(run, table, monkeypatch):
    import calibrant.web as web

    monkeypatch.setattr(web, "find_spec", lambda name: None if name == "fastapi" else True)
    code, out, err = run("serve", table, *KINDS, "--open")
    assert (code, out) == (2, "") and err.count("\n") == 1
    assert "fastapi" in err and "pip install 'calibrant[web]'" in err


def serve(*args):
    return subprocess.Popen(
        [sys.executable, "-m", "calibrant", "judge", "label", "serve", *map(str, args)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_ctrl_c_ends_in_order(table, tmp_path):
    db = tmp_path / "l.db"
    process = serve(table, *KINDS, "--raters", "ana,ben", "-o", db, "--port", "0")
    lines = [process.stdout.readline() for _ in range(4)]
    assert re.search(r"ana +http://127\.0\.0\.1:\d+/enter/", lines[2]), lines
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0 and "stopped; every label is in" in err
    assert "Traceback" not in err and "warning" not in err


def test_a_taken_port_and_an_open_address_are_told(table, tmp_path):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = serve(table, *KINDS, "--open", "-o", tmp_path / "l.db", "--port", port)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 2 and "--port 0 takes a free port" in err
        assert err.count("\n") == 1
    process = serve(tmp_path / "l.db", "--host", "0.0.0.0", "--port", 0)
    assert "whoever has the link" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert err.startswith("calibrant: warning: 0.0.0.0 is open to other machines, and nothing is ")
