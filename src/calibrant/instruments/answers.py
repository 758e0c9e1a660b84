"""What did the subject answer: which number, which word, which line?

Every function takes any text, looks at no more than `LIMIT` characters from each end, and runs in
time linear in what it looks at.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from fractions import Fraction

LIMIT = 100_000

# Letters of other alphabets that look like Latin ones, which NFKD leaves alone.
_LOOKALIKES = dict(
    zip(
        "авеёзкмнорстухіјѕԁԛԝАВЕЗКМНОРСТУХІЈЅԌαβεικνορτυχγΑΒΕΖΗΙΚΜΝΟΡΤΥΧıɡℓ∕−–—‐‑‒﹣ʼ’‘“”",
        "abee3kmhopctyxijsdqwABE3KMHOPCTYXIJSGabeiknoptuxyABEZHIKMNOPTYXigl/------" + "-'''\"\"",
        strict=True,
    )
)
_SQUARED = {chr(0x1F170 + i): chr(65 + i) for i in range(26)}
_CIRCLED = {chr(0x1F150 + i): chr(65 + i) for i in range(26)}
_REGIONAL = {chr(0x1F1E6 + i): chr(65 + i) for i in range(26)}
_SAME = _LOOKALIKES | _SQUARED | _CIRCLED | _REGIONAL
_GROUPED = r"[0-9]{1,3}(?:[,'_ ][0-9]{3}){1,12}(?![0-9])(?:\.[0-9]{1,20})?"
_COMMA = r"(?<![,.])[0-9]{1,20},[0-9]{1,2}(?![0-9,.])"
_PLAIN = r"[0-9]{1,40}(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,2}(?![0-9A-Za-z]))?"
_NUMBER = re.compile(
    rf"(?<![0-9])(?:(?<![0-9A-Za-z)])-)?(?:{_GROUPED}|{_COMMA}|{_PLAIN}|(?<![0-9])\.[0-9]{{1,20}})"
)
_MARKUP = re.compile(r"[*`$~]|\\boxed|\\text|\\[()\[\],;! ]")
_LABEL = re.compile(r"(?i)answer(?: is)? ?:")
_OPENED = re.compile(r"\s{0,3}(?:,? (?:because|since|as)\b|\.(?!\d)|\n|$)")
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")


def capped(text: str) -> str:
    """Return `text`, or its first and last `LIMIT` characters where it is longer than both."""
    return text if len(text) <= 2 * LIMIT else text[:LIMIT] + "\n" + text[-LIMIT:]


def folded(text: str) -> str:
    """Return `text` with compatibility forms, accents, look-alikes and invisibles undone.

    Full-width, mathematical and circled letters become plain ones (NFKD), combining marks and
    characters of the format class (zero-width spaces, direction marks) go, control characters
    become spaces. Characters are treated one by one: normalising the whole string takes quadratic
    time on long runs of combining marks.
    """
    if text.isascii() and text.isprintable():
        return text
    return text.translate({ord(c): _fold(c) for c in set(text) if not " " <= c <= "~"})


def _fold(char: str) -> str:
    if char in "\n\t":
        return char
    if char in "\r\v\f\x85\u2028\u2029":
        return "\n"
    if char in _SAME:
        return _SAME[char]
    kept = []
    for part in unicodedata.normalize("NFKD", char):
        part = _SAME.get(part, part)
        category = unicodedata.category(part)
        if category in ("Mn", "Me", "Cf") or part in "\u115f\u1160\u3164\uffa0":
            continue
        kept.append(" " if category == "Cc" or part.isspace() else part)
    # One character may stand for a whole Arabic phrase; four cover all that stand for Latin text.
    return "".join(kept[:4])


def spoken(answer: str) -> str:
    """Return the part of `answer` that speaks to the user, folded: after any `</think>`."""
    text = capped(answer)
    text = text[text.rfind("</think>") + len("</think>") :] if "</think>" in text else text
    return folded(text)


def unmarked(text: str) -> str:
    """Return `text` without Markdown emphasis and the LaTeX around a boxed answer."""
    return _MARKUP.sub("", text.replace("{,}", ","))


def form_line(text: str) -> str | None:
    """Return what follows the last `Answer:` in `text` (spoken, unmarked), or None.

    `Final answer:`, `The answer is:` and other beginnings are the same. The rest of that line
    counts, or the next line with content if the rest is blank. A label followed by nothing, or by
    an echo of the placeholder (`<number>`), is passed over for the one before it, up to 20 times.
    """
    ends = [match.end() for match in _LABEL.finditer(text)]
    for end in reversed(ends[-20:]):
        line = text[end : end + 2000].lstrip().split("\n", 1)[0].strip()
        # A later label that follows on blank lines is not the content of this one.
        if line and not line.startswith("<") and not _LABEL.match(line):
            return line
    return None


def numbers(text: str) -> list[tuple[Fraction, int, int]]:
    """Return the numbers in `text` with their places, in order, with grouping marks undone.

    `1,234`, `1 234`, `1'234` and `1_234` are one thousand two hundred and thirty-four; `3,5` is
    three and a half; a minus counts when it touches the number and nothing stands before it;
    `3/4` is two numbers.
    """
    return [(_value(m[0]), m.start(), m.end()) for m in _NUMBER.finditer(text)]


def _value(written: str) -> Fraction:
    if re.fullmatch(r"-?[0-9]+,[0-9]{1,2}", written):
        return Fraction(written.replace(",", "."))
    return Fraction(re.sub(r"[,'_ ]", "", written))


def final_number(answer: str) -> tuple[Fraction | None, str]:
    """Return the number that `answer` ends on and the way it was found.

    The last `Answer:` line decides: the number after its last `=` if it has one, otherwise its
    first number; a line without a number in digits, or one that offers two different numbers
    joined by `or`, gives none. Without such a line the last number of the whole text counts.
    Ways: `form`, `hedged`, `last number`, `no number`.
    """
    text = unmarked(spoken(answer))
    line = form_line(text)
    if line is not None:
        line = re.sub(r"\bnot\s+-?[0-9][0-9,.]{0,40}", "", line)
        line = re.sub(r"^([^0-9]{0,20})-\s+(?=[0-9])", r"\1-", line.rpartition("=")[2].strip())
        found = numbers(line)
        if found:
            first = found[0]
            for other in found[1:]:
                between = line[first[2] : other[1]].lower()
                if other[0] != first[0] and re.search(r"\bor\b", between):
                    return None, "hedged"
            value = first[0]
            if len(found) > 1 and line[first[2] : found[1][1]].strip() == "/" and found[1][0]:
                value = first[0] / found[1][0]
            return value, "form"
        return None, "no number"
    found = numbers(text)
    return (found[-1][0], "last number") if found else (None, "no number")


def sentences(text: str) -> list[str]:
    """Return the sentences and lines of `text` that are not blank."""
    return [part.strip() for part in _SENTENCE.split(text) if part.strip()]


def mentioned(text: str, options: Iterable[str]) -> list[str]:
    """Return the `options` named as whole words in `text` and not right after `not`, in order."""
    names = {option.lower(): option for option in options}
    if not names:
        return []
    listed = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    found = re.finditer(rf"(?<!\w)(not (?:the )?)?({listed})(?!\w)", text.lower())
    seen = [names[m[2]] for m in found if not m[1]]
    return list(dict.fromkeys(seen))


def opens(text: str, end: int) -> bool:
    """Whether the word of `text` that ends at `end` stands for itself: `Ben.`, `Ben, because`."""
    return _OPENED.match(text, end) is not None


def final_option(answer: str, options: Sequence[str]) -> str | None:
    """Return the one of `options` that `answer` settles on, or None.

    The last `Answer:` line decides by the first option it names (None if it names none). Without
    such a line, an option that opens the text and stands for itself decides; otherwise the last
    sentence that names an option, if it names exactly one.
    """
    text = unmarked(spoken(answer))
    line = form_line(text)
    if line is not None:
        named = mentioned(line, options)
        return named[0] if named else None
    for option in options:
        if text.lstrip().lower().startswith(option.lower()) and opens(text.lstrip(), len(option)):
            return option
    for sentence in reversed(sentences(text)):
        named = mentioned(sentence, options)
        if named:
            return named[0] if len(named) == 1 else None
    return None


def plain(value: Fraction) -> str:
    """Return `value` in decimal digits, exact where that ends within twelve places."""
    if value.denominator == 1:
        return str(value.numerator)
    scaled = value * 10**12
    if scaled.denominator != 1:
        return f"{value.numerator}/{value.denominator}"
    sign, digits = ("-" if scaled < 0 else ""), f"{abs(scaled.numerator):013d}"
    return f"{sign}{digits[:-12]}.{digits[-12:]}".rstrip("0")
