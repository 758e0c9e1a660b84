"""Were these items made by that secret, and none picked by hand? They are made again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from calibrant._text import one_line
from calibrant.contamination.fresh.generate import FreshItem, Maker
from calibrant.contamination.fresh.language.template import Template
from calibrant.contamination.fresh.stream import Secret


@dataclass(frozen=True)
class Made:
    """What making items again found.

    Attributes:
        same: how many came out as they are.
        others: ids of those that did not: another secret, another template, or changed by hand.
        skipped: ids of those made for a later release, or by generators of another package, which
            depend on more than templates and secret.
        left_out: by template, numbers up to the highest that occurs that are not among the items.
    """

    same: int
    others: tuple[str, ...]
    skipped: tuple[str, ...]
    left_out: tuple[tuple[str, int], ...]

    @property
    def holds(self) -> bool:
        """Whether all that could be made again came out the same, and none is left out."""
        return self.same > 0 and not self.others and not self.left_out

    def __repr__(self) -> str:
        if self.holds:
            more = f"; {len(self.skipped):,} were not checked" if self.skipped else ""
            return f"{self.same:,} items are those that the secret makes{more}"
        said = []
        if self.others:
            shown = ", ".join(one_line(x, 60) for x in self.others[:5])
            said.append(f"{len(self.others):,} are not what the secret makes, such as {shown}")
        said += [f"{n:,} of {one_line(name, 60)} left out" for name, n in self.left_out]
        return "; ".join(said) or "none of the items could be checked"


def check_made(items: Sequence[FreshItem], templates: Sequence[Template], secret: Secret) -> Made:
    """Make items again and compare.

    Args:
        items: a whole release that `generate` made, of published items or of twins.

    Raises:
        TemplateError: if a template cannot give so many.
    """
    named = {t.name: t for t in templates}
    same, others, skipped, left = 0, [], [], []
    for name in dict.fromkeys(i.cluster for i in items):
        mine = [i for i in items if i.cluster == name]
        known = [i for i in mine if i.purpose in ("single", "first", "second")]
        skipped += [i.id for i in mine if i.purpose not in ("single", "first", "second")]
        if name not in named:
            others += [i.id for i in known]
            continue
        if not known:
            continue
        count = max(i.index for i in known) + 1
        maker = Maker(named[name], secret)
        made = maker.singles(count, "single") if known[0].purpose == "single" \
            else maker.pairs(count)  # fmt: skip
        again = {i.id: i for pair in made for i in pair}
        for item in known:
            if again.get(item.id) == replace(item, canary=""):
                same += 1
            else:
                others.append(item.id)
        if gaps := count - len({i.index for i in known}):
            left.append((name, gaps))
    return Made(same, tuple(others), tuple(skipped), tuple(left))
