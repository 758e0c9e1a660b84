"""`calibrant certify`: measure calibrant's own methods."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from calibrant.stats.certificates import Certificate, Measured

SCIENCES = {
    "ratings": "calibrant.ratings.certificates",
    "cycles": "calibrant.ratings.beyond.certificates",
    "arenas": "calibrant.ratings.pairing.certificates",
    "claims": "calibrant.assurance.certificates",
    "probes": "calibrant.judges.probes.certificates",
    "agreement": "calibrant.judges.agreement.certificates",
    "pressure": "calibrant.judges.pressure.certificates",
    "calibration": "calibrant.judges.calibration.certificates",
    "labels": "calibrant.judges.planning.certificates",
    "latent": "calibrant.judges.latent.certificates",
    "panels": "calibrant.judges.panels.certificates",
    "drift": "calibrant.judges.drift.certificates",
    "correction": "calibrant.judges.correction.certificates",
    "validity": "calibrant.quality.validity.certificates",
    "reliability": "calibrant.quality.reliability.certificates",
    "items": "calibrant.quality.models.certificates",
    "shorter": "calibrant.quality.shorter.certificates",
    "items-beyond": "calibrant.quality.manifold.certificates",
    "scoring": "calibrant.quality.scoring.certificates",
    "linking": "calibrant.quality.linking.certificates",
    "dif": "calibrant.quality.dif.certificates",
    "checks": "calibrant.quality.checks.certificates",
    "cuts": "calibrant.quality.cuts.certificates",
    "fresh": "calibrant.contamination.fresh.certificates",
    "exposure-probes": "calibrant.bench.exposure.certificates",
    "paraphrase": "calibrant.contamination.rewording.certificates",
    "exposure": "calibrant.contamination.exposure.certificates",
    "scan": "calibrant.contamination.matching.certificates",
    "planted": "calibrant.subjects.planted.certificates",
    "inflation": "calibrant.contamination.inflation.certificates",
    "priorities-integrity": "calibrant.priorities.integrity.certificates",
    "priorities-portfolio": "calibrant.priorities.portfolio.certificates",
    "published": "calibrant.priorities.audit.certificates",
    "priorities-model": "calibrant.priorities.model.certificates",
    "priorities-ranks": "calibrant.priorities.ranks.certificates",
    "priorities-asking": "calibrant.priorities.asking.certificates",
    "delphi": "calibrant.priorities.delphi.certificates",
    "trends": "calibrant.scaling.trends.certificates",
    "curves": "calibrant.scaling.curves.certificates",
    "forecast-cards": "calibrant.scaling.cards.certificates",
    "forecasts": "calibrant.scaling.backtests.certificates",
    "observed": "calibrant.scaling.observed.certificates",
    "axes": "calibrant.scaling.axes.certificates",
    "capability": "calibrant.scaling.capability.certificates",
    "families": "calibrant.scaling.hierarchical.certificates",
    "metrics": "calibrant.scaling.metrics.certificates",
    "rare": "calibrant.scaling.rare.certificates",
}
"""Rooms beside statistics, in the order of their pages, with the modules of their certificates."""


@click.command("certify")
@click.argument("names", nargs=-1)
@click.option("--draws", type=click.IntRange(1), default=2000, show_default=True,
              help="Data sets per regime.")  # fmt: skip
@click.option("--workers", type=click.IntRange(1), default=os.cpu_count() or 1, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--list", "only_list", is_flag=True, help="List the certificates.")
@click.option("--tables", type=click.Path(file_okay=False, path_type=Path),
              help="Write the tables into this folder, a Markdown page per room; "
              "sections that are not measured again stay.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(
    names: tuple[str, ...],
    draws: int,
    workers: int,
    seed: int,
    only_list: bool,
    tables: Path | None,
    as_json: bool,
) -> None:
    """Measure the error rates of calibrant's methods by simulation, over their declared regimes.

    NAMES restricts it to certificates whose names begin so. The numbers depend on the seed and
    the draws, not on the number of workers. Exit code 1 if a promise is broken.
    """
    from calibrant._text import dumps
    from calibrant.errors import InputError
    from calibrant.stats.certificates import measure_certificate

    every = [c for _, some in all_rooms().values() for c in some]
    chosen = [c for c in every if not names or c.name.startswith(names)]
    if not chosen:
        raise InputError(f"certify: no certificate begins with {' or '.join(map(repr, names))}")
    if only_list:
        for c in chosen:
            click.echo(f"{c.name}: {c.statement}")
        return
    found: list[Measured] = []
    with _progress(chosen) as tick:
        for certificate in chosen:
            if certificate.needs and find_spec(certificate.needs) is None:
                if names:
                    raise InputError(f"certify: {certificate.name} needs {certificate.needs}")
                click.echo(f"{certificate.name}: not measured, needs {certificate.needs}", err=True)
                continue
            measured = measure_certificate(
                certificate, draws=draws, seed=seed, workers=workers, tick=tick(certificate)
            )
            found += measured
            if tables is not None:
                _write(tables, certificate, measured, seed)
            if not as_json:
                _echo(measured)
    if as_json:
        click.echo(dumps([asdict(m) for m in found], indent=1))
    raise SystemExit(1 if any(m.broken for m in found) else 0)


def all_rooms() -> dict[str, tuple[str, tuple[Certificate, ...]]]:
    """Per room the question it answers, and its certificates: statistics first, then sciences."""
    from calibrant.stats.certificates.registry import rooms

    more = {}
    for name, home in SCIENCES.items():
        module = import_module(home)
        more[name] = (module.__doc__ or "").strip().split("\n")[0], tuple(module.CERTIFICATES)
    return rooms() | more


def _echo(measured: Sequence[Measured]) -> None:
    for m in measured:
        where = ", ".join(f"{k} {v}" for k, v in m.regime.items())
        values = ", ".join(f"{k} {v:.4g}" for k, v in m.statistics.items())
        note = "" if m.declared else "  (outside the promise)"
        note += f"  BROKEN: {'; '.join(m.broken)}" if m.broken else ""
        click.echo(f"{m.certificate} | {where} | {values}{note}")


def _write(folder: Path, certificate: Certificate, measured: Sequence[Measured], seed: int) -> None:
    """Put a certificate's section into the page of its room, at once: a long run may be stopped."""
    from calibrant._version import __version__
    from calibrant.errors import InputError
    from calibrant.stats.certificates.tables import page, section

    room, (question, every) = next(
        (room, found)
        for room, found in all_rooms().items()
        if any(c.name == certificate.name for c in found[1])
    )
    path = folder / f"{room}.md"
    new = {certificate.name: section(certificate, measured, seed=seed, version=__version__)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text(page(room, question, every, new, before), encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--tables {folder}: cannot write {path.name}: {error}") from error


@contextmanager
def _progress(
    chosen: Sequence[Certificate],
) -> Iterator[Callable[[Certificate], Callable[[float], None] | None]]:
    """A bar per run on stderr if it is a terminal, else one line per certificate."""
    import sys

    if not sys.stderr.isatty():

        def say(certificate: Certificate) -> None:
            click.echo(f"{certificate.name}: {certificate.statement}", err=True)

        yield say
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description:28}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=len(chosen))
        at = {c.name: i for i, c in enumerate(chosen)}

        def start(certificate: Certificate) -> Callable[[float], None]:
            bar.update(task, description=certificate.name)
            return lambda share: bar.update(task, completed=at[certificate.name] + share)

        yield start
