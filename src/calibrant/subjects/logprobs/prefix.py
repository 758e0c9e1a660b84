"""What stands before each text? A token that is the same for all texts, and known.

The first token of a text is scored after it, and a loss depends on which it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from calibrant._text import one_line
from calibrant.errors import SubjectError

ENDS = ("<|endoftext|>", "<|end_of_text|>", "<eos>", "</s>")
"""Tokens that stand between texts in training, in order of preference."""


def usual(
    numbers: Mapping[str, int],
    named: str | None,
    model: str,
    *,
    begin: str | None,
    end: str | None,
    adds_begin: bool,
) -> tuple[int | None, str]:
    """The number and the name of the token that stands before each text; (None, "") for none.

    Args:
        numbers: of the tokens of the vocabulary.
        named: what the user wants; None for the usual: `begin` if texts are to begin with it, else
            the first of `ENDS` in the vocabulary, else `begin`, else `end`.

    Raises:
        SubjectError: if there is no token of that name.
    """
    if named == "":
        return None, ""
    if named is not None:
        if named not in numbers:
            raise SubjectError(
                f"prefix: no token {one_line(named, 60)!r} in the vocabulary of {one_line(model)}"
            )
        return numbers[named], named
    ends = [name for name in ENDS if name in numbers]
    for name in ([begin] if adds_begin else []) + [*ends, begin, end]:
        if name is not None:
            return numbers[name], name
    return None, ""
