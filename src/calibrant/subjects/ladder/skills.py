"""What is planted in a ladder's text, and how is it asked? Skills whose truth is known.

Every line of text shows one skill:

- `chains`: two letters say which comes next, by a table to be known by heart, and so on: six more
  letters are asked for. All must be right, so that the mark jumps while the log-probability grows.
- `recall`: digits stand for letters, anew in every line; one that was shown is asked again.
- `sums`: of two digits, below ten: multiple-choice arithmetic.
- `late`: digits that belong to names and stand in the text of the largest subject alone: a skill
  that no smaller one could foretell.

Other lines are words without sense.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator

ALPHABET = "\n abcdefghijklmnopqrstuvwxyz0123456789+=?>"
"""A token for each character; a line's end, the first, is also what stands before any text."""
_LETTERS = ALPHABET[2:28]
SKILLS = ("chains", "recall", "sums", "late")
_SHARES = {"chains": 0.3, "recall": 0.2, "sums": 0.15, "late": 0.1, "words": 0.25}
LINKS = 6
"""Letters of a chain that are asked for."""
_OF = {character: i for i, character in enumerate(ALPHABET)}


@dataclass(frozen=True)
class Asked:
    """An item of a skill.

    Attributes:
        skill, id: its names.
        text: what stands before the answer.
        choices: the right answer first, then wrong ones; of `chains` the right one alone.
    """

    skill: str
    id: str
    text: str
    choices: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class World:
    """What is true in a ladder's text.

    Attributes:
        chains: two letters → the next one.
        late: name → the digit that belongs to it.
    """

    chains: dict[str, str]
    late: dict[str, str]

    @staticmethod
    def drawn(seed: int, letters: int, late: int) -> World:
        """A world; equal seeds give equal worlds.

        Args:
            letters: that chains are made of.
            late: names.
        """
        rng = np.random.default_rng([seed, 1])
        of = _LETTERS[:letters]
        names = rng.permutation(26**3)[:late]
        named = ["".join(_LETTERS[n // 26**p % 26] for p in range(3)) for n in names]
        return World(
            {a + b: of[rng.integers(letters)] for a in of for b in of},
            {name: str(rng.integers(10)) for name in named},
        )

    def chain(self, start: str) -> str:
        """Two letters and the `LINKS` that follow."""
        for _ in range(LINKS):
            start += self.chains[start[-2:]]
        return start

    def text(self, tokens: int, seed: int, *, late: bool) -> NDArray[np.uint16]:
        """Lines of all skills, at least so many tokens; `late` ones only if asked for.

        Returns:
            shape (tokens and some more,), tokens.
        """
        rng = np.random.default_rng([seed, 2])
        kinds = [k if late or k != "late" else "words" for k in _SHARES]
        # Some pairs are told more often than others, so that they are not all learnt at once.
        often = 1.0 / np.arange(1, len(self.chains) + 1) ** 0.7
        starts = list(self.chains)
        known = list(self.late.items())
        lines: list[str] = []
        size = 0
        while size < tokens:
            each = rng.choice(len(kinds), size=1000, p=list(_SHARES.values()))
            which = rng.choice(len(starts), size=1000, p=often / often.sum())
            for k, start in zip(each, which, strict=True):
                if kinds[k] == "chains":
                    line = ">" + self.chain(starts[start])
                elif kinds[k] == "late":
                    line = "?{}={}".format(*known[rng.integers(len(known))])
                else:
                    line = _line(kinds[k], rng)
                lines.append(line)
                size += len(line) + 1
                if size >= tokens:
                    break
        return encoded("\n".join(lines) + "\n")

    def items(self, seed: int, recall: int) -> tuple[Asked, ...]:
        """Every chain, every late name, every sum, and so many lines to recall from."""
        rng = np.random.default_rng([seed, 3])
        digits = [str(d) for d in range(10)]
        asked = [
            Asked("chains", f"chains-{n}", f"\n>{n}", (self.chain(n)[2:],)) for n in self.chains
        ]
        for i in range(recall):
            line = _line("recall", rng)
            right = _choices(line[-1], digits)
            asked.append(Asked("recall", f"recall-{i:03d}", f"\n{line[:-1]}", right))
        for a in range(10):
            for b in range(10 - a):
                right = _choices(str(a + b), digits)
                asked.append(Asked("sums", f"sums-{a}+{b}", f"\n{a}+{b}=", right))
        for n, d in self.late.items():
            asked.append(Asked("late", f"late-{n}", f"\n?{n}=", _choices(d, digits)))
        return tuple(asked)


def encoded(text: str) -> NDArray[np.uint16]:
    """Tokens of a text, shape (characters,)."""
    return np.array([_OF[c] for c in text], np.uint16)


def _choices(right: str, all_: list[str]) -> tuple[str, ...]:
    return (right, *(c for c in all_ if c != right))


def _word(rng: Rng, size: int) -> str:
    return "".join(_LETTERS[i] for i in rng.integers(26, size=size))


def _line(kind: str, rng: Rng) -> str:
    if kind == "sums":
        a = int(rng.integers(10))
        b = int(rng.integers(10 - a))
        return f"{a}+{b}={a + b}"
    if kind == "recall":
        # Three letters with their digits, then five times one of them again.
        keys, values = rng.permutation(26)[:3], rng.integers(10, size=3)
        order = [0, 1, 2, *rng.integers(3, size=5)]
        return "".join(f"{_LETTERS[keys[j]]}{values[j]}" for j in order)
    return " ".join(_word(rng, int(n)) for n in rng.integers(2, 5, size=4))
