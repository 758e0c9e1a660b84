"""What does a web page say? Its text without markup, by a few fixed rules.

The same page always gives the same text; no network, no scripts, no page layout. In this order:
comments, and `script`, `style`, `template` and `svg` with all that is in them, go; tags of
blocks (`p`, `div`, `li`, `td`, `br`, `h1`, …) become line ends; other tags go without a trace, so
that a word with a letter in bold stays one word; character references are read once; lines
without text go. Menus and footers stay: a scan for test items has no use for a guess which
part of a page is its body.
"""

from __future__ import annotations

import html
import re

_MARKUP = re.compile(
    r"<(?:!--.*?(?:-->|\Z)|(script|style|template|svg)\b[^<>]*>.*?(?:</\1\s*>|\Z)|[!?][^<>]*>|"
    r"/?([a-zA-Z][a-zA-Z0-9:-]*)(?:[\s/][^<>]*)?>)",
    re.IGNORECASE | re.DOTALL,
)
_BLOCKS = frozenset(
    name
    for names in (
        "address article aside blockquote body br button caption center dd details dialog div dl",
        "dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 head header hr html iframe",
        "legend li main menu meta nav noscript ol optgroup option p pre section select summary",
        "table tbody td textarea tfoot th thead title tr ul",
    )
    for name in names.split()
)
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.I)


def html_text(page: str) -> str:
    """The text of a page, by the rules above."""
    text = _MARKUP.sub(_instead, page)
    if "&" in text:
        text = html.unescape(text)
    return "\n".join(line for line in map(str.strip, text.splitlines()) if line)


def _instead(found: re.Match[str]) -> str:
    """What stands in the text for a piece of markup."""
    name = found[2]
    return "\n" if name is None or name.lower() in _BLOCKS else ""


def charset_of(page: bytes, header: str | None) -> str:
    """The encoding of a page, by its mark, its HTTP header or its first 4 kB; else UTF-8."""
    if page.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    if page.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    for part in (header or "").split(";")[1:]:
        name, _, value = part.strip().partition("=")
        if name.lower() == "charset" and value.strip("\"' "):
            return value.strip("\"' ")
    found = _CHARSET.search(page[:4096])
    return found[1].decode("ascii") if found else "utf-8"


def decoded(page: bytes, charset: str) -> tuple[str, bool]:
    """A page's characters, and whether all its bytes were sound in its encoding.

    An encoding that Python does not know is read as UTF-8; what is no UTF-8 either becomes U+FFFD.
    """
    for name in dict.fromkeys((charset, "utf-8")):
        try:
            return page.decode(name), True
        except (LookupError, UnicodeError):
            continue
    return page.decode("utf-8", "replace"), False
