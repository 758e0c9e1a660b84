"""`calibrant contamination generate`, `commit` and `refresh`: as a user types them."""

import json
import os

import numpy as np
import pytest

from calibrant.cli import main
from calibrant.contamination.fresh.files import read_fresh
from calibrant.records.trials import trials_frame, write_parquet

KEY = "correct horse battery staple 7421"
TEMPLATES = """
templates:
  - name: sum
    text: ["{a} + {b} = ?", "Soma de {a} e {b}, são?"]
    variables: {a: {from: 10, to: 99}, b: {from: 10, to: 99}}
    answer: a + b
    strata: ["carries(a, b)"]
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "t.yaml").write_text(TEMPLATES, encoding="utf-8")
    (tmp_path / "s").write_text(KEY)
    (tmp_path / "s").chmod(0o600)
    return tmp_path


@pytest.fixture
def run(capsys):
    def call(*args):
        with pytest.raises(SystemExit) as caught:
            main(["contamination", *map(str, args)])
        out, err = capsys.readouterr()
        assert KEY not in out + err
        assert "Traceback" not in err
        return caught.value.code, out, err

    return call


GENERATE = ("generate", "t.yaml", "--secret-file", "s", "--count", "40")


def test_items_and_twins_are_made_and_committed_to(place, run, monkeypatch):
    code, out, err = run(*GENERATE, "-o", "i.jsonl", "--twins", "w.jsonl", "--canary")
    assert code == 0
    assert "40 items of 1 templates, each with a secret twin (unchecked)" in out
    assert "canary: calibrant canary:" in out
    assert "secret twins written to w.jsonl" in err
    monkeypatch.setenv("SEED", KEY)
    first = (place / "i.jsonl").read_bytes()
    run("generate", "t.yaml", "--secret-env", "SEED", "--count", "40", "-o", "j.jsonl", "--twins",
        "v.jsonl", "--canary")  # fmt: skip
    assert (place / "j.jsonl").read_bytes() == first
    code, out, _ = run("commit", "i.jsonl", "-o", "c.json", "--secret-file", "s", "--templates",
                       "t.yaml")  # fmt: skip
    assert code == 0
    assert json.loads((place / "c.json").read_text())["digest"] in out
    assert "It proves no date" in out
    code, out, _ = run("commit", "i.jsonl", "--verify", "c.json", "--secret-file", "s")
    assert (code, out) == (0, "as committed: 40 items\n")
    (place / "i.jsonl").write_bytes(first.replace(b"Soma", b"Some", 1))
    code, out, _ = run("commit", "i.jsonl", "--verify", "c.json", "--secret-file", "s", "--json")
    assert code == 1
    assert len(json.loads(out)["changed"]) == 1
    (place / "i.jsonl").write_bytes(first)
    verify = ("commit", "i.jsonl", "--verify", "c.json", "--secret-file", "s", "--templates")
    assert run(*verify, "t.yaml")[0] == 0
    (place / "u.yaml").write_text(TEMPLATES.replace("to: 99", "to: 98"), encoding="utf-8")
    code, out, _ = run(*verify, "u.yaml")
    assert (code, "templates not as committed: sum" in out) == (1, True)
    name = read_fresh("i.jsonl")[3].id
    run("commit", "i.jsonl", "--open", name, "--of", "c.json", "--secret-file", "s", "-o", "o.json")
    code, out, _ = run("commit", "o.json", "--verify", "c.json")
    assert (code, "is in the commitment" in out) == (0, True)
    data = json.loads((place / "o.json").read_text())
    data["item"]["answer"] = "0"
    (place / "o.json").write_text(json.dumps(data))
    code, out, _ = run("commit", "o.json", "--verify", "c.json")
    assert (code, "is NOT in" in out) == (1, True)


def test_without_a_secret_a_key_is_made(place, run):
    run(*GENERATE, "-o", "i.jsonl")
    code, _, err = run("commit", "i.jsonl", "-o", "c.json")
    assert (code, "key written to c.json.key" in err) == (0, True)
    if os.name == "posix":
        assert (place / "c.json.key").stat().st_mode & 0o077 == 0
    assert run("commit", "i.jsonl", "--verify", "c.json")[0] == 0


def test_spoilt_items_are_replaced(place, run):
    run(*GENERATE, "-o", "i.jsonl")
    old = read_fresh("i.jsonl")
    scan = {"items": [{"item": i.id, "containment": n / 40} for n, i in enumerate(old)]}
    (place / "scan.json").write_text(json.dumps(scan))
    args = ("refresh", "i.jsonl", "--spoilt", "scan.json", "--templates", "t.yaml",
            "--secret-file", "s")  # fmt: skip
    code, out, err = run(*args, "--containment", "0.9", "-o", "n.jsonl", "--report", "r.json",
                         "--commitment", "c.json")  # fmt: skip
    assert (code, "release 2: 4 of 40 items replaced, 36 kept" in out) == (0, True)
    new = read_fresh("n.jsonl")
    assert [a.id == b.id for a, b in zip(old, new, strict=True)].count(False) == 4
    assert run("commit", "n.jsonl", "--verify", "c.json", "--secret-file", "s")[0] == 0
    rng = np.random.default_rng(4)
    rows = [
        {"subject": f"m{k}", "instrument": "t", "item": i.id, "epoch": 1, "grader": "g",
         "score": float(rng.random() < 0.2 + 0.025 * k)}
        for k in range(25) for i in (*old, *new)
    ]  # fmt: skip
    for name, items in (("a", old), ("b", new)):
        ids = {i.id for i in items}
        seen = {(r["subject"], r["item"]): r for r in rows if r["item"] in ids}
        write_parquet(trials_frame(seen.values()), place / f"{name}.parquet")
    code, out, err = run("refresh", "r.json", "--link", "a.parquet", "b.parquet")
    assert code == 0, err
    assert (code, "old ability = 1.000" in out, "on the old scale" in out) == (0, True, True)
    code, out, _ = run("refresh", "r.json", "--link", "a.parquet", "b.parquet", "--json")
    assert len(json.loads(out)["offered"]) == 36
    code, _, err = run("refresh", "r.json", "--link", "a.parquet", "b.parquet", "--anchors", 37)
    assert (code, "wanted at least 37 unspoilt items" in err) == (2, True)


def test_twins_are_checked(place, run):
    run(*GENERATE, "-o", "i.jsonl", "--twins", "w.jsonl")
    rows = [{"subject": "m", "instrument": "t", "item": i.id, "epoch": 1, "grader": "g",
             "score": 1.0} for f in ("i.jsonl", "w.jsonl") for i in read_fresh(f)]  # fmt: skip
    write_parquet(trials_frame(rows), place / "a.parquet")
    check = ("generate", "--check-twins", "a.parquet", "--twins", "w.jsonl", "--margin")
    code, out, _ = run(*check, "0.1", "--figure", "f.svg")
    assert (code, out.startswith("twins equivalent: ")) == (0, True)
    assert (place / "f.svg").read_text().startswith("<svg")
    code, out, _ = run(*check, "0.01", "--json")
    found = json.loads(out)
    assert (found["verdict"], found["pairs_needed"]) == ("undetermined", 299)


def test_items_are_made_again_to_check_them(place, run):
    run(*GENERATE, "-o", "i.jsonl", "--twins", "w.jsonl", "--canary")
    check = ("generate", "t.yaml", "--secret-file", "s", "--check")
    for name in ("i.jsonl", "w.jsonl"):
        assert run(*check, name)[:2] == (0, "40 items are those that the secret makes\n")
    lines = (place / "i.jsonl").read_text().splitlines(keepends=True)
    (place / "i.jsonl").write_text("".join(lines[:5] + lines[6:]))
    assert run(*check, "i.jsonl")[:2] == (1, "1 of sum left out\n")
    (place / "i.jsonl").write_text("".join(lines).replace('"answer": "1', '"answer": "2', 1))
    code, out, _ = run(*check, "i.jsonl", "--json")
    assert (code, json.loads(out)["same"], len(json.loads(out)["others"])) == (1, 39, 1)


def test_spaces_are_counted(place, run):
    _, out, _ = run("generate", "t.yaml", "--space", "--json")
    assert json.loads(out)["templates"][0]["distinct"] == 8100
    assert "8,100" in run("generate", "t.yaml", "--space")[1]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("generate",), "at least one file of templates"),
        (("generate", "t.yaml"), "wanted -o"),
        (("generate", "t.yaml", "-o", "x"), "--secret-env, got neither"),
        (("generate", "t.yaml", "-o", "x", "--secret-file", "none"), "none: the secret"),
        (("generate", "t.yaml", "-o", "x", "--secret-file", "s", "--secret-env", "A"), "secret"),
        (("generate", "none.yaml", "-o", "x", "--secret-file", "s"), "none.yaml"),
        (("generate", "t.yaml", "-o", "x", "--twins", "x", "--secret-file", "s"), "one file"),
        (("generate", "t.yaml", "-o", "no/x", "--secret-file", "s"), "cannot be written"),
        (("generate", "few.yaml", "-o", "x", "--secret-file", "s"), "9 distinct items in all"),
        (("generate", "t.yaml", "--new-secret", "s"), "never written over"),
        (("generate", "--check-twins", "x"), "wanted --twins"),
        (("generate", "t.yaml", "--secret-file", "s", "-o", "i.jsonl"), "other items stand there"),
        ((*GENERATE, "-o", "i.jsonl", "--twins", "t.jsonl"), "cannot be given them later"),
        ((*GENERATE, "-o", "x", "--figure", "f.svg"), "goes with --check-twins"),
        ((*GENERATE, "-o", "x", "--mark", "t.yaml"), "--mark goes with --canary"),
        ((*GENERATE, "-o", "x", "--canary", "--mark", "t.yaml"), "wanted .jsonl, .csv, .html or"),
        (("commit", "none.jsonl", "-o", "c.json"), "cannot be read"),
        (("commit", "i.jsonl"), "wanted -o"),
        (("commit", "i.jsonl", "--open", "x"), "go together"),
        (("commit", "i.jsonl", "-o", "i.jsonl"), "never written over"),
        (("commit", "i.jsonl", "--verify", "i.jsonl"), "commitment"),
        (("refresh", "i.jsonl"), "wanted --spoilt"),
        (("refresh", "i.jsonl", "--spoilt", "none", "-o", "x"), "none: cannot be read"),
        (("refresh", "i.jsonl", "--spoilt", "ids.txt", "-o", "x", "--secret-file", "s"), "'zz'"),
        (("refresh", "i.jsonl", "--spoilt", "ids.txt", "-o", "i.jsonl"), "not written over"),
        (("refresh", "i.jsonl", "--link", "a", "b"), "report of a refresh"),
    ],
)  # fmt: skip
def test_bad_input_ends_in_one_line(place, run, args, said):
    run(*GENERATE, "-o", "i.jsonl")
    (place / "ids.txt").write_text("zz\n")
    (place / "few.yaml").write_text("templates: [{name: f, text: '{a}', answer: a, variables: "
                                    "{a: {from: 1, to: 9}}}]")  # fmt: skip
    code, _, err = run(*args)
    assert code == 2
    assert said in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.skipif(os.name != "posix", reason="files have no such modes here")
def test_a_secret_others_can_read_is_warned_of(place, run):
    (place / "s").chmod(0o644)
    code, _, err = run(*GENERATE, "-o", "i.jsonl")
    assert (code, "warning: s: others on this machine" in err) == (0, True)
