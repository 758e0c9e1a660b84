"""What do people answer in a browser? The server's generic parts, and a room for each use."""

from __future__ import annotations

from importlib.util import find_spec

from calibrant.errors import InputError

NEEDED = ("fastapi", "uvicorn", "markdown_it")
"""What the extra `web` brings."""


def need_extra(*more: str) -> None:
    """Refuse, in one line, where the packages of the extra `web` are not installed.

    Args:
        more: names of modules of the extra that only some pages need.

    Raises:
        InputError: naming what is missing and the extra.
    """
    missing = [name for name in (*NEEDED, *more) if find_spec(name) is None]
    if missing:
        raise InputError(
            f"the web pages need {', '.join(missing)}: pip install 'calibrant[web]' brings them"
        )
