"""How good is a subject, from as few items as will do? The verb `adapt`, run through Inspect.

Items are chosen batch by batch. A batch follows from the answers to all batches before it and from
nothing else: not from who answered first, nor from a limit. A run therefore gives the same result
for any number of connections, resumes where it was cut off, and goes on when it may ask more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from calibrant.bench.adaptive.conclude import Conclusion, conclude, table
from calibrant.bench.adaptive.config import AdaptFile, parse_adapt, read_adapt
from calibrant.bench.adaptive.items import places
from calibrant.bench.adaptive.result import Adapted
from calibrant.bench.adaptive.test import Progress, Test
from calibrant.bench.administer import Subject, administer, seed_for
from calibrant.bench.folder import RunFolder, choose_folder
from calibrant.bench.streams import Stream, open_stream
from calibrant.errors import CalibrantError, InputError
from calibrant.quality.shorter.engine import Engine, read_engine
from calibrant.quality.shorter.policy import Policy, ScoreClaim, Stop
from calibrant.records.trials import write_parquet

Watch = Callable[[Progress], None]


def adapt(
    source: str | Path | Mapping[str, Any] | AdaptFile,
    *,
    out: str | Path | None = None,
    fresh: bool = False,
    watch: Watch | None = None,
    **overrides: Any,
) -> Adapted:
    """Ask a subject those items of a benchmark that tell most of its score on the whole of it.

    A run that was interrupted resumes: no finished trial is repeated. The same run goes on when
    `at_most` is raised.

    Args:
        source: the test's YAML file, or its keys; see `AdaptFile`.
        out: the run folder; by default runs/NAME-TIME, or the latest unfinished one of this test.
        fresh: begin anew even if an unfinished run is there.
        watch: called after each batch.
        overrides: keys that replace the file's, such as `subject` (None: keep).

    Raises:
        InputError: if the file, the engine, the instrument or the folder is wrong, or the engine's
            items are not fit for adaptive tests and `force` is not set.
        SubjectError: if the subject cannot be called.
        RunError: if the run cannot go on; what had finished is kept.
    """
    from anyio.from_thread import start_blocking_portal

    from calibrant.subjects import check

    given, base = _opened(source, overrides)
    engine, sha256 = _engine(base / given.engine)
    stream = open_stream(given.instrument, given.args, given.seed, base)
    score = _score(stream, given.score)
    found = places(stream, engine.items)
    session = engine.session(
        seed=given.seed,
        stop=_stop(given),
        absent=found.absent,
        force=given.force,
        policy=Policy(given.pick, given.among, given.exposure, given.balance),
    )
    check(given.subject, dict(given.model_args))
    folder = choose_folder(
        given.name, given.fingerprint(sha256), None if out is None else Path(out),
        "its engine, instrument, subject, batch or seed differ", fresh=fresh,
    )  # fmt: skip
    test = Test(session, stream, found.at, score, given, watch or (lambda _: None))
    with RunFolder(folder) as run:
        _open(run, given, sha256)
        try:
            # A thread of its own: a notebook's loop is running already.
            with start_blocking_portal() as portal:
                portal.call(administer, test.stream, _subject(given), run, test)
        except BaseException:
            # What was learnt becomes a table on disk, if it can; what went wrong is raised on.
            with suppress(CalibrantError):
                write_parquet(table(test, given, run.path.name), run.path / "trials.parquet")
            raise
        return _close(run, Conclusion(given, engine, sha256, test, found, dict(run.manifest)))


def _opened(
    source: str | Path | Mapping[str, Any] | AdaptFile, overrides: dict[str, Any]
) -> tuple[AdaptFile, Path]:
    if isinstance(source, str | Path):
        return read_adapt(source, **overrides), Path(source).resolve().parent
    plain = source.model_dump() if isinstance(source, AdaptFile) else dict(source)
    plain |= {k: v for k, v in overrides.items() if v is not None}
    return parse_adapt(plain, "adapt"), Path.cwd()


def _engine(path: Path) -> tuple[Engine, str]:
    engine = read_engine(path)
    return engine, hashlib.sha256(path.read_bytes()).hexdigest()


def _score(stream: Stream, wanted: str | None) -> str | None:
    """The score that is meant; None if the instrument gives one whose name is not known yet.

    Raises:
        InputError: if there is no such score, or several and none is named.
    """
    if stream.scores is None:
        return wanted
    if wanted is None and len(stream.scores) == 1:
        return stream.scores[0]
    if wanted not in stream.scores:
        raise InputError(
            f"score: {stream.key} gives {', '.join(stream.scores) or 'none'}; "
            + ("name one" if wanted is None else f"got {wanted!r}")
        )
    return wanted


def _stop(given: AdaptFile) -> Stop:
    """When the session is done; how many items may be asked is for the test to see to."""
    claim = None
    if given.claim is not None:
        level = 1 - given.claim.alpha
        if given.claim.above is not None:
            claim = ScoreClaim("above", given.claim.above, level)
        elif given.claim.below is not None:
            claim = ScoreClaim("below", given.claim.below, level)
    return Stop(items=None, standard_error=given.standard_error, claim=claim)


def _subject(given: AdaptFile) -> Subject:
    return Subject(
        given.subject,
        args=given.model_args,
        generate={"seed": seed_for(given.seed, "answers"), **given.generate},
        max_connections=given.max_connections,
        price=(given.price.input, given.price.output) if given.price else None,
    )


def _open(run: RunFolder, given: AdaptFile, engine: str) -> None:
    """Note in the folder what this run is."""
    from calibrant.subjects import describe

    described = describe(given.subject)
    before = run.manifest.get("subject", {}).get("sha256")
    if before is not None and described.get("sha256") != before:
        raise InputError(f"{run.path}: the subject's file is not the one this run began with")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    run.save_manifest(
        kind="adaptive test", fingerprint=given.fingerprint(engine), engine=engine,
        test=given.model_dump(mode="json"), subject=described,
        started=run.manifest.get("started", now), finished=None,
    )  # fmt: skip


def _close(run: RunFolder, found: Conclusion) -> Adapted:
    """Write everything, and say what came of it."""
    result = conclude(found, str(run.path))
    write_parquet(table(found.test, found.given, run.path.name), run.path / "trials.parquet")
    run.write("adapted.json", result.to_json() + "\n")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    # A run that a limit ended can go on from there: the same command resumes it.
    run.save_manifest(finished=now if found.test.settled else None)
    return result
