"""Where logs lie: folders, globs, links, URLs; and what is said about what is not read."""

import os
from pathlib import Path

import pytest

from calibrant import read
from calibrant.errors import InputError


def test_a_folder_is_read_whole_and_each_file_once(make, tmp_path):
    make.eval([make.sample(1)], make.header(task_id="A"), "one/a.eval")
    make.eval([make.sample(1)], make.header(task_id="B"), "two/deep/b.eval")
    make.helm("two/mmlu:subject=law,model=org_m")
    make.lm_eval("three")
    make.every_eval("four")
    make.text("model,id,correct\nm,1,1\n", "five/t.csv")
    make.text("hello", "README.md")
    make.text('{"some": "json"}', "other.json")
    make.text("name,size\nx,1\n", "inventory.csv")
    make.eval([make.sample(1)], name=".hidden/c.eval")
    found = read([tmp_path, tmp_path / "one", tmp_path / "one" / "a.eval"])
    kinds = sorted(s.kind for s in found.sources)
    assert kinds == ["csv", "eee", "eee-samples", "helm", "inspect", "inspect", "lm-eval",
                     "lm-eval-samples"]  # fmt: skip
    assert found.trials.height == 1 + 1 + 3 + 4 + 4 + 1
    names = sorted(Path(u).name for u in found.unknown)
    assert names == ["README.md", "inventory.csv", "other.json"]
    assert found.left_out == ()


def test_what_cannot_be_read_is_left_out_and_said(make, tmp_path):
    make.eval([make.sample(1)], name="good.eval")
    (tmp_path / "cut.eval").write_bytes((tmp_path / "good.eval").read_bytes()[:300])
    found = read(tmp_path)
    assert found.trials.height == 1
    (line,) = found.left_out
    assert "cut.eval: a zip archive that was cut at byte 300" in line
    with pytest.raises(InputError, match=r"cut\.eval"):
        read(tmp_path, strict=True)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("nowhere", "no such file or folder"),
        ("empty", "no logs and no tables of trials here"),
        ("*.nothing", "matches no file"),
        ("note.txt", "wanted an Inspect, lm-eval, HELM or Every Eval Ever log"),
        ("other.json", "wanted an Inspect, lm-eval, HELM or Every Eval Ever log"),
        ("folder", "1 files and no log or table of trials among them"),
        ("dangling", "a link that leads nowhere"),
        ("round", "a link that leads nowhere"),
        ("pipe", "neither a file nor a folder"),
        ("broken.eval", "not a zip archive"),
    ],
)
def test_nothing_to_read_is_said(make, tmp_path, path, why):
    (tmp_path / "empty").mkdir()
    make.text("x", "note.txt")
    make.text('{"a": 1}', "other.json")
    make.text("x", "folder/note.txt")
    make.text("what is this " * 9, "broken.eval")
    (tmp_path / "dangling").symlink_to("gone")
    (tmp_path / "round").symlink_to("round")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError) as caught:
        read(tmp_path / path)
    assert why in str(caught.value)
    assert path in str(caught.value)


def test_links_that_go_round_end(make, tmp_path):
    make.eval([make.sample(1)], name="logs/a.eval")
    (tmp_path / "logs" / "again").symlink_to(tmp_path / "logs")
    (tmp_path / "logs" / "b.eval").symlink_to(tmp_path / "logs" / "b.eval")
    os.mkfifo(tmp_path / "logs" / "pipe.eval")
    found = read(tmp_path / "logs")
    assert found.trials.height == 1
    assert found.repeated == 0
    assert len(found.left_out) == 1
    assert "b.eval: a link that leads nowhere" in found.left_out[0]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_no_permission_is_said(make, tmp_path):
    make.eval([make.sample(1)], name="a.eval")
    make.eval([make.sample(2)], name="b.eval").chmod(0)
    (tmp_path / "closed").mkdir(mode=0)
    found = read(tmp_path)
    (tmp_path / "closed").chmod(0o700)
    assert found.trials.height == 1
    assert sum("Permission denied" in line for line in found.left_out) == 2


def test_a_file_that_may_not_be_opened_is_said(make, tmp_path, monkeypatch):
    from calibrant.records.readers.files import File

    make.eval([make.sample(1)], name="a.eval")
    make.eval([make.sample(2)], name="b.eval")
    opened = File.open

    def refuse(self):
        if self.name == "b.eval":
            e = PermissionError(13, "Permission denied")
            raise InputError(f"{self.path}: cannot be read ({e.strerror})") from e
        return opened(self)

    monkeypatch.setattr(File, "open", refuse)
    found = read(tmp_path)
    assert found.trials.height == 1
    assert "b.eval: cannot be read (Permission denied)" in found.left_out[0]


def test_globs(make, tmp_path):
    for name in ("a.eval", "b.eval", "sub/c.eval"):
        make.eval([make.sample(1)], make.header(task_id=name), name)
    assert read(str(tmp_path / "[ab].eval")).trials.height == 2
    assert read(str(tmp_path / "**" / "*.eval")).trials.height == 3
    assert read(str(tmp_path / "s*")).trials.height == 1


def test_a_run_folder_is_read_by_its_table(make, tmp_path):
    make.eval([make.sample(1), make.sample(2)], name="run/logs/a.eval")
    read(tmp_path).trials.head(1).write_parquet(tmp_path / "run" / "trials.parquet")
    assert read(tmp_path).trials.height == 1
    assert read(tmp_path, exclude=[tmp_path / "run" / "trials.parquet"]).trials.height == 2


def test_urls_through_fsspec(make, tmp_path):
    import fsspec

    make.lm_eval("lm")
    make.eval([make.sample(1)], name="a.eval")
    memory = fsspec.filesystem("memory")
    for file in tmp_path.rglob("*"):
        if file.is_file():
            memory.pipe(f"/logs/{file.relative_to(tmp_path)}", file.read_bytes())
    memory.pipe("/logs/cut.eval", (tmp_path / "a.eval").read_bytes()[:200])
    found = read("memory://logs")
    assert found.trials.height == 5
    assert "memory:///logs/cut.eval" in found.left_out[0]
    assert read("memory://logs/a.eval").trials.height == 1
    assert read("memory://logs/*.eval").trials.height == 1
    for url, why in (("memory://gone", "no such file"), ("nonsense://x", "cannot be read")):
        with pytest.raises(InputError, match=why):
            read(url)


def test_several_processes_read_the_same(make, tmp_path):
    for i in range(4):
        make.eval([make.sample(1), make.sample(2)], make.header(task_id=f"{i}"), f"{i}.eval")
    (tmp_path / "5.eval").write_bytes(b"PK\x03\x04 cut")
    seen = []
    found = read(tmp_path, workers=2, progress=lambda done, total: seen.append((done, total)))
    assert found.trials.equals(read(tmp_path).trials)
    assert found.trials.height == 8
    assert len(found.left_out) == 1
    assert seen == [(i, 5) for i in range(1, 6)]
