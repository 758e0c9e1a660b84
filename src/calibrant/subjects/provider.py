"""Can this subject be used, and what is it exactly: a check before paying, a record after."""

from __future__ import annotations

import importlib.metadata
import re
from typing import Any

from calibrant._text import one_line
from calibrant.errors import CalibrantError, SubjectError
from calibrant.subjects import weights

_MARKUP = re.compile(r"\[/?[a-z][a-z0-9 _#.=-]*\]|\[/\]")


def describe(subject: str) -> dict[str, Any]:
    """Return what identifies `subject` (`provider/model`), for a record of provenance.

    A local model is identified by file, SHA-256, licence, source and the version of the library
    that runs it; of any other subject only the name is known. Downloads nothing: of weights not yet
    fetched, `file` is None.
    """
    provider, _, name = subject.partition("/")
    if provider != "local":
        return {"subject": subject}
    known = weights.KNOWN.get(name)
    if known is not None:
        file = weights.ready(known)
        found = weights.Weights(
            known.name, file or weights.cache_dir(), known.sha256, known.licence, known.source
        )
    else:
        found = weights.locate(name)
        file = found.path
    return {
        "subject": subject,
        "name": found.name,
        "file": None if file is None else str(file),
        "sha256": found.sha256,
        "licence": found.licence,
        "source": found.source,
        "xllamacpp": _version("xllamacpp"),
    }


def check(subject: str, model_args: dict[str, Any] | None = None) -> None:
    """Raise SubjectError, in one line, if Inspect cannot build `subject`; asks the model nothing.

    Finds an unknown provider, a missing Python package, a missing key, a licence not accepted, and
    arguments the provider does not take. The weights of a known local model are fetched if need be.
    """
    if "/" not in subject:
        raise SubjectError(
            f"{one_line(subject)!r} names no subject: wanted provider/model, such as "
            "local/smollm2-135m or openai/gpt-4o-mini"
        )
    from inspect_ai.model import get_model

    import calibrant.subjects.local
    import calibrant.subjects.planted.provider
    import calibrant.subjects.standards  # noqa: F401

    try:
        get_model(subject, memoize=False, **(model_args or {}))
    except CalibrantError:
        raise
    except Exception as error:
        # Providers raise whatever their client libraries raise: there is no common type.
        raise SubjectError(f"{one_line(subject)}: {_plain(error)}") from error


def _plain(error: Exception) -> str:
    """Return the message of `error` on one line, without Rich's markup."""
    text = str(getattr(error, "message", "") or error)
    return one_line(_MARKUP.sub("", text), 400) or type(error).__name__


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
