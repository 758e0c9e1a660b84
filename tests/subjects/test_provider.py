"""Is an unusable subject found before anything is paid for, and a usable one identified?"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from calibrant.errors import SubjectError
from calibrant.subjects import KNOWN, check, describe


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        ("gpt-4o", "provider/model"),
        ("nosuch/model", "not recognized"),
        ("openai/gpt-4o", "OPENAI_API_KEY"),
        ("local/smollm", "did you mean smollm2-135m"),
        ("local/gemma3-270m", "accept_license=gemma"),
        ("standard/rate-7", "from 0 to 1"),
    ],
)
def test_what_cannot_be_built_is_said_in_one_plain_line(
    subject: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CALIBRANT_CACHE", str(tmp_path))
    for variable in ("OPENAI_API_KEY", "CALIBRANT_ACCEPT_LICENSE"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(SubjectError) as caught:
        check(subject)
    message = str(caught.value)
    assert said in message
    assert "\n" not in message
    assert "[/" not in message and "[bold" not in message


@pytest.mark.skipif(importlib.util.find_spec("groq") is not None, reason="the package is here")
def test_a_missing_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "x")
    with pytest.raises(SubjectError, match="pip install groq"):
        check("groq/some-model")


def test_arguments_the_provider_does_not_take_are_said() -> None:
    check("standard/rate-0.5", {"positive": "x"})
    with pytest.raises(SubjectError, match="colour"):
        check("standard/rate-0.5", {"colour": "red"})


def test_describe_identifies_without_downloading(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CALIBRANT_CACHE", str(tmp_path))
    found = describe("local/gemma3-270m")
    assert found["sha256"] == KNOWN["gemma3-270m"].sha256
    assert found["file"] is None
    assert describe("openai/gpt-4o") == {"subject": "openai/gpt-4o"}
    with pytest.raises(SubjectError):
        describe("local/nothing")
