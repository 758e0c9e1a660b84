"""Which trials does an Inspect log hold? `.eval` and `.json`, sample by sample, without Inspect."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from calibrant.errors import InputError
from calibrant.records.readers.archive import Archive
from calibrant.records.readers.batch import Batch, Options, number
from calibrant.records.readers.files import File
from calibrant.records.readers.inspect_chunks import whole
from calibrant.records.readers.inspect_model import Header, Sample, Spec, Whole
from calibrant.records.readers.inspect_rows import Rows
from calibrant.records.readers.jsondata import decode, encode

_MONOLITH = re.compile(r"_epoch_\d+\.json$")
_SHELL = re.compile(r"_epoch_\d+/sample\.json$")

NEWEST = 3
"""The newest version of the log format that this reader was tested with."""


def read_eval(file: File, options: Options) -> Batch:
    """Read an `.eval` log: a zip archive with one member per sample, read one at a time.

    Raises:
        InputError: naming the file and the member, if something in it is not as it should be.
    """
    with file.open() as f:
        archive = Archive(f, file.path, options.max_member)
        for name in ("header.json", "_journal/start.json"):
            if name in archive:
                header = decode(archive.read(name), Header, f"{file.path}: {name}")
                break
        else:
            raise InputError(f"{file.path}: an archive without header.json: not an Inspect log")

        def samples() -> Iterator[tuple[str, Sample, bytes]]:
            for member in archive.names("samples/"):
                where = f"{file.path}: {member[:100]}"
                if _SHELL.search(member):
                    data = archive.read(member)
                    yield where, *whole(archive, member, decode(data, Sample, where), data)
                elif _MONOLITH.search(member):
                    data = archive.read(member)
                    yield where, decode(data, Sample, where), data

        return _batch(file, header, samples(), options)


def read_json(file: File, options: Options) -> Batch:
    """Read a `.json` log. The file is held in memory, its samples are taken apart one at a time.

    Raises:
        InputError: naming the file and the place, if something in it is not as it should be.
    """
    log = decode(file.read(options.max_member), Whole, file.path)

    def samples() -> Iterator[tuple[str, Sample, bytes]]:
        for i, raw in enumerate(log.samples or []):
            where = f"{file.path}: $.samples[{i}]"
            yield where, decode(raw, Sample, where), bytes(raw)

    return _batch(file, log, samples(), options)


def _batch(
    file: File, header: Header, samples: Iterator[tuple[str, Sample, bytes]], options: Options
) -> Batch:
    if header.version > NEWEST:
        raise InputError(
            f"{file.path}: $.version: wanted at most {NEWEST}, got {header.version}:"
            " written by an Inspect newer than this calibrant knows"
        )
    rows = Rows(header, options)
    for where, sample, data in samples:
        rows.add(sample, data, where)
    rows.finish()
    batch = rows.batch
    batch.expected = _expected(header.eval)
    if header.status != "success":
        why = f": {header.error.message}" if header.error and header.error.message else ""
        batch.notes.append(f"status {header.status}{why}"[:200])
    if header.invalidated:
        batch.notes.append("declared invalid")
    if not batch.samples:
        batch.aggregates = list(_aggregates(header))
    return batch


def _expected(spec: Spec) -> int:
    dataset, epochs = spec.dataset, spec.config.epochs if spec.config else None
    if dataset is None:
        return 0
    return (len(dataset.sample_ids or []) or dataset.samples or 0) * (epochs or 1)


def _aggregates(header: Header) -> Iterator[dict[str, Any]]:
    for result in header.results.scores if header.results else []:
        for name, metric in result.metrics.items():
            yield {
                "run": header.eval.task_id or header.eval.eval_id or header.eval.run_id,
                "subject": header.eval.model,
                "instrument": header.eval.task,
                "grader": result.name or result.scorer,
                "statistic": name,
                "value": number(metric.value),
                "n": result.scored_samples,
                "metadata": encode({"source": "inspect", "reducer": result.reducer}),
            }
