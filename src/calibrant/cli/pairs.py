"""Options that are given as NAME=VALUE, and may be given again."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import click

T = TypeVar("T")


def pairs(
    value: Callable[[str], T], wanted: str
) -> Callable[[click.Context, click.Parameter, tuple[str, ...]], dict[str, T]]:
    """A callback that makes a mapping of such options.

    Args:
        value: from the text after the sign; a ValueError refuses it.
        wanted: what a pair should be, for the error.
    """

    def read(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> dict[str, T]:
        found = {}
        for text in given:
            # What a number stands for may hold a sign of its own, and so may a foreign column.
            name, sign, rest = text.partition("=") if value is column else text.rpartition("=")
            try:
                if not (sign and name.strip()):
                    raise ValueError(text)
                found[name.strip()] = value(rest)
            except ValueError:
                raise click.BadParameter(f"wanted {wanted}, got {text!r}") from None
        return found

    return read


def column(text: str) -> str:
    """The name of a column, or another text that is not empty."""
    if not text:
        raise ValueError(text)
    return text


def amount(text: str) -> float:
    """A finite number, 0 or more."""
    number = float(text)
    if not 0 <= number < math.inf:
        raise ValueError(text)
    return number


def natural(text: str) -> int:
    """A whole number, 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(text)
    return int(text)


def names(_: click.Context, __: click.Parameter, given: str | None) -> list[str] | None:
    """A callback for names with commas between them."""
    return None if given is None else [name.strip() for name in given.split(",")]
