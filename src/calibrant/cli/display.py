"""What does a person see while an assessment runs? Live on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from calibrant._text import one_line
from calibrant.assurance.progress import ClaimProgress, Display, NoDisplay, Progress

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live


@contextmanager
def display_for(*, quiet: bool) -> Iterator[Display]:
    """The display that fits: none if quiet, live on a terminal, else a line now and then."""
    if quiet:
        yield NoDisplay()
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.live import Live

        console = Console(file=sys.__stderr__)
        with Live(console=console, refresh_per_second=4, transient=True) as live:
            yield LiveDisplay(live, console)
    else:
        yield PlainDisplay()


def _usage(progress: Progress) -> str:
    parts = [f"{progress.finished:,} trials", f"{progress.output_tokens:,} tokens out"]
    if progress.tokens_per_second is not None:
        parts.append(f"{progress.tokens_per_second:.0f} tokens/s")
    if progress.cost is not None:
        parts.append(f"${progress.cost:.4f}")
    parts.append(f"{progress.seconds:.0f} s")
    return ", ".join(parts)


def _distance(claim: ClaimProgress) -> str:
    if claim.state != "running":
        return ""
    support = "out of reach" if claim.to_support is None else f"{claim.to_support} clean"
    refute = "out of reach" if claim.to_refute is None else f"{claim.to_refute} against"
    return f"{support} / {refute}"


class LiveDisplay:
    """A table that is redrawn in place."""

    def __init__(self, live: Live, console: Console) -> None:
        self.live, self.console = live, console

    def update(self, progress: Progress) -> None:
        """Redraw."""
        self.live.update(self._table(progress))

    def note(self, text: str) -> None:
        """Print a line above the table."""
        from rich.text import Text

        self.console.print(Text(one_line(text, 500)))

    def _table(self, progress: Progress) -> RenderableType:
        from rich.table import Table
        from rich.text import Text

        table = Table(
            title=Text(one_line(progress.subject)), caption=_usage(progress), title_justify="left"
        )
        table.add_column("claim")
        for name in ("trials", "rate", "to support / refute", "to go"):
            table.add_column(name, justify="right")
        table.add_column("state")
        for claim in progress.claims:
            table.add_row(
                Text(one_line(claim.name, 60)),
                f"{claim.trials}/{claim.at_most}",
                "" if claim.rate is None else f"{claim.rate:.1%}",
                _distance(claim),
                "" if claim.to_go is None or claim.state != "running" else f"≈{claim.to_go:.0f}",
                Text(claim.state, style=_STYLES.get(claim.state, "")),
            )
        return table


_STYLES = {"supported": "green", "refuted": "red", "undetermined": "yellow", "waiting": "dim"}


class PlainDisplay:
    """Lines on stderr: every ten seconds while running, and each decision."""

    def __init__(self, every: float = 10.0) -> None:
        self.every, self.last = every, float("-inf")
        self.states: dict[str, str] = {}

    def update(self, progress: Progress) -> None:
        """Print what is new."""
        for claim in progress.claims:
            before = self.states.get(claim.name)
            self.states[claim.name] = claim.state
            if claim.state not in ("waiting", "running") and before != claim.state:
                rate = "" if claim.rate is None else f", rate {claim.rate:.1%}"
                self.note(f"{claim.name}: {claim.state} after {claim.trials} trials{rate}")
        now = time.monotonic()
        if now - self.last >= self.every:
            self.last = now
            for claim in progress.claims:
                if claim.state == "running":
                    self.note(self._line(claim, progress))

    def _line(self, claim: ClaimProgress, progress: Progress) -> str:
        rate = "no rate yet" if claim.rate is None else f"rate {claim.rate:.1%}"
        to_go = "" if claim.to_go is None else f", about {claim.to_go:.0f} to go"
        return (
            f"{claim.name}: {claim.trials} of at most {claim.at_most} trials, {rate}; "
            f"to support / refute: {_distance(claim)}{to_go} ({_usage(progress)})"
        )

    def note(self, text: str) -> None:
        """Print a line."""
        print(one_line(text, 500), file=sys.__stderr__, flush=True)
