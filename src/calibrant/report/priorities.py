"""What should be tested, on one page: ranks, map, gaps, coverage, money; prints, opens offline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from calibrant._version import __version__
from calibrant.errors import InputError, RunFolderError
from calibrant.quality.datasheet.model import Part
from calibrant.report import words
from calibrant.report.datasheet import part_view
from calibrant.report.page import environment, policy_for, style_sheet, write_whole


@dataclass(frozen=True, eq=False)
class PriorityPage:
    """Everything the page shows.

    Attributes:
        facts: labels and texts below the title.
        findings: the weightiest sentence of every part.
        sources: files with their SHA-256.
        command: what makes it again.
    """

    name: str
    facts: tuple[tuple[str, str], ...]
    findings: tuple[str, ...]
    parts: tuple[Part, ...]
    sources: tuple[tuple[str, str], ...] = ()
    command: str = ""
    notes: tuple[str, ...] = field(default=())

    def __repr__(self) -> str:
        return f"{self.name}: {len(self.parts)} parts"

    def to_dict(self) -> dict[str, Any]:
        """Plain data, without figures."""
        return {
            "name": self.name,
            "findings": list(self.findings),
            "parts": [p.to_dict() for p in self.parts],
            "sources": [{"file": f, "sha256": h} for f, h in self.sources],
            "notes": list(self.notes),
        }


def priorities_html(page: PriorityPage) -> str:
    """The page as an HTML document without scripts, under a policy that allows none."""
    style = style_sheet()
    return environment().get_template("priorities.html.j2").render(
        policy=policy_for(style), style=style,
        name=words.line(page.name, 200),
        facts=[(words.line(a, 60), words.line(b, 200)) for a, b in page.facts],
        findings=[words.line(f, 600) for f in page.findings],
        parts=[part_view(p) for p in page.parts],
        sources=[(words.line(f, 200), h) for f, h in page.sources],
        command=words.line(page.command, 1000),
        notes=[words.line(n, 600) for n in page.notes],
    )  # fmt: skip


def write_priorities(page: PriorityPage, path: str | Path) -> Path:
    """Write the page, whole or not at all.

    Raises:
        RunFolderError: if it cannot be written; an OSError.
    """
    path = Path(path)
    try:
        write_whole(path, priorities_html(page).encode("utf-8"))
    except OSError as e:
        raise RunFolderError(f"{path}: cannot be written ({e.strerror or e})") from e
    return path


def priority_page(
    source: Any,
    *,
    title: str | None = None,
    budget: float | None = None,
    grant: float = 10e6,
    long_term: float = 0.0,
    top: int = 10,
    own: Sequence[tuple[str, str]] | None = None,
    instruments: Any = None,
    assessments: Sequence[str | Path] = (),
    published: Any = None,
    survey: Any = None,
    taxonomy: str | Path | None = None,
    scale: str | int | None = None,
    seed: int = 0,
    command: str = "",
) -> PriorityPage:
    """Join ranks, map, gaps, consensus, integrity, coverage, portfolio and the published table.

    Args:
        source: ratings, or a published table of means.
        budget, grant, long_term: of the portfolio, in money; no budget, no portfolio.
        top: areas to be funded, and watched.
        own: pairs of a respondent and an area they work in.
        instruments, assessments: see `coverage_of`.
        survey, taxonomy, scale: of the ratings; see `believed`.
        published: a table to compare the ranking with; the source itself if it is one.

    Raises:
        InputError: for wrong input.
    """
    from calibrant.priorities.ranks.believed import believed
    from calibrant.report import priorities_parts as parts

    known = believed(
        source, survey=survey, taxonomy=taxonomy, scale=scale, own=own, seed=seed
    )  # fmt: skip
    ranked = parts.ranked(known, top, seed)
    made: list[Part] = [parts.ranking(ranked), *parts.strategies(known)]
    if known.ratings is not None:
        made += [parts.agreement(known, seed), parts.integrity(known, own, top, seed)]
    made.append(parts.coverage(known, instruments, assessments, top, seed))
    if budget is not None:
        made.append(parts.portfolio(known, budget, grant, long_term, seed))
    table = source if known.ratings is None and published is None else published
    if table is not None:
        made.append(parts.comparison(ranked, table, known.settings.most))
        made.append(parts.audit(table, known.settings.most))
    findings = tuple(p.said[0] for p in made if p.said)
    made.append(parts.every_area(ranked))
    files = [x for x in (source, instruments, published) if isinstance(x, str | Path)]
    name = title or (Path(source).stem if isinstance(source, str | Path) else "Priorities")
    facts = (
        ("Made", words.moment(datetime.now(UTC).isoformat(timespec="seconds"))),
        ("By", f"calibrant {__version__}"),
        ("From", "a published table of means" if known.ratings is None else repr(known.ratings)),
        ("Seed", str(seed)),
    )  # fmt: skip
    return PriorityPage(
        name, facts, findings, tuple(made),
        tuple((Path(f).name, _digest(Path(f))) for f in files), command,
        tuple(dict.fromkeys((*ranked.notes, *known.posterior.notes))),
    )  # fmt: skip


def _digest(path: Path) -> str:
    import hashlib

    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as e:
        raise InputError(f"{path}: cannot be read: {e.strerror or e}") from e
