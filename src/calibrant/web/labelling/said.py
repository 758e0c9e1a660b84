"""How is a text shown that anybody may have written? As itself, and so that it can do nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass

from calibrant._text import shown

CUT = 20_000
"""Characters of a text that the page for labelling shows; all of it has a page of its own."""

_CODE = re.compile(r"```|^(?: {4}|\t)\S|\S(?: {3,}|\t)\S|^\s*[|+].*[|+]\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Said:
    """A text as it is shown.

    Attributes:
        text: with control and direction marks as visible codes; white space is kept.
        characters: how many it has in all.
        left_out: how many are not shown.
        code: whether its columns matter, so that it needs letters of one width.
    """

    text: str
    characters: int
    left_out: int
    code: bool


def said(text: str, limit: int | None = CUT) -> Said:
    """A text for the page; at most `limit` characters of it, None for all."""
    text = text.replace("\r\n", "\n")
    part = text if limit is None else text[:limit]
    return Said(
        shown(part, len(part)), len(text), len(text) - len(part),
        _CODE.search(part[:CUT]) is not None,
    )  # fmt: skip


def markdown(text: str) -> str:
    """Instructions as HTML: CommonMark without HTML of its own, pictures, or large headings."""
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).disable("image")
    tokens = reader.parse(shown(text, len(text)))
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            # The page has its own first heading.
            token.tag = f"h{min(int(token.tag[1]) + 1, 6)}"
    return str(reader.renderer.render(tokens, reader.options, {}))
