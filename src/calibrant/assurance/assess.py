"""Is the claim true of this subject? The main job: from a suite to verdicts with evidence."""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio

from calibrant.assurance.assessment import Assessment
from calibrant.assurance.conclude import Session, conclude, trials_table
from calibrant.assurance.evidence import Evidence
from calibrant.assurance.exposed import ExposureEvidence, evidence_of
from calibrant.assurance.grading import check_card, held_card, study_of
from calibrant.assurance.plan import Plan, make_plan
from calibrant.assurance.progress import ClaimProgress, Display, NoDisplay, Progress
from calibrant.assurance.suite import Suite, read_suite
from calibrant.bench.administer import Subject, administer
from calibrant.bench.folder import RunFolder, choose_folder
from calibrant.bench.streams import Stream, open_stream
from calibrant.bench.trial import Trial
from calibrant.errors import CalibrantError, InputError
from calibrant.judges.gold import Study
from calibrant.records import write_parquet


def plan_suite(path: str | Path, **overrides: Any) -> Plan:
    """What assessing a suite would do and cost; calls nothing.

    Args:
        path: the suite's YAML file.
        overrides: top-level keys that replace the file's, such as `subject`.

    Raises:
        InputError: if the suite is wrong, or an instrument or score is not known.
        SubjectError: if the subject could not be called.
    """
    return _prepare(Path(path), overrides, plan_only=True).plan


def assess(
    path: str | Path,
    *,
    out: str | Path | None = None,
    fresh: bool = False,
    display: Display | None = None,
    command: str | None = None,
    **overrides: Any,
) -> Assessment:
    """Assess the claims of a suite: administer trials until the evidence decides each of them.

    A run that was interrupted resumes: no finished trial is repeated, and the verdicts are those
    of an undisturbed run.

    Args:
        path: the suite's YAML file.
        out: the run folder; by default runs/SUITE-TIME, or the latest unfinished one of this
            suite.
        fresh: begin anew even if an unfinished run is there.
        display: shows progress; by default nothing is shown.
        command: how the user would repeat this, for the record.
        overrides: top-level keys that replace the suite's, such as `subject`, `seed` or
            `max_connections` (None: keep).

    Raises:
        InputError: if the suite, the folder, or a score is wrong.
        SubjectError: if the subject cannot be called.
        RunError: if the run cannot go on; what had finished is kept.
    """
    prepared = _prepare(Path(path), overrides)
    folder = choose_folder(
        prepared.suite.name, prepared.suite.fingerprint(), None if out is None else Path(out),
        "its suite, seed or subject differ", fresh=fresh,
    )  # fmt: skip
    with RunFolder(folder) as run:
        job = _Job(prepared, run, display or NoDisplay(), command or f"calibrant assess {path}")
        return job.run()


class _Prepared:
    """A suite with its instruments opened, its designs made and its subject checked."""

    def __init__(self, suite: Suite, text: str, base: Path) -> None:
        self.suite, self.text = suite, text
        self.studies: dict[str, Study] = {}
        self.exposure: dict[str, ExposureEvidence] = {}
        self.cards = {score: held_card(score, base / file) for score, file in suite.graders.items()}
        self.streams: dict[str, Stream] = {}
        self.keys: dict[str, str] = {}
        for claim in suite.claims:
            try:
                stream = open_stream(claim.instrument, claim.args, suite.seed, base)
            except InputError as e:
                raise InputError(f"claim {claim.name!r}: {e}") from e
            if stream.scores is not None and claim.score not in stream.scores:
                raise InputError(
                    f"claim {claim.name!r}: rate: {stream.key} has no score {claim.score!r}; "
                    f"it gives {', '.join(stream.scores)}"
                )
            self.streams.setdefault(stream.key, stream)
            self.keys[claim.name] = stream.key
            if (study := study_of(claim, base)) is not None:
                self.studies[claim.name] = study
            if (seen := evidence_of(claim, base, suite.subject)) is not None:
                self.exposure[claim.name] = seen
            if (held := self.cards.get(claim.score)) is not None:
                check_card(claim, held)
        self.plan = make_plan(suite, self.streams, self.keys, self.studies)


def _prepare(path: Path, overrides: dict[str, Any], *, plan_only: bool = False) -> _Prepared:
    from calibrant.subjects import KNOWN, check

    suite, text = read_suite(path, **overrides)
    _check_generate(suite, path)
    prepared = _Prepared(suite, text, path.resolve().parent)
    # The check may fetch the embedded model's weights; a plan needs none.
    if not (plan_only and suite.subject.removeprefix("local/") in KNOWN):
        check(suite.subject, dict(suite.model_args))
    return prepared


def _check_generate(suite: Suite, path: Path) -> None:
    from inspect_ai.model import GenerateConfig
    from pydantic import ValidationError

    try:
        GenerateConfig(**suite.generate)
    except ValidationError as e:
        message = e.errors()[0]["msg"].removeprefix("Value error, ")
        raise InputError(f"{path}: generate: {message}") from e
    for key in ("max_connections", "num_choices"):
        if key in suite.generate:
            raise InputError(f"{path}: generate: {key} is not set here")


class _Shared:
    """The claims that share an instrument, and so its trials."""

    def __init__(self, job: _Job, claims: list[Evidence]) -> None:
        self.job, self.claims = job, claims

    def take(self, trial: Trial) -> None:
        for claim in self.claims:
            claim.take(trial)

    def reach(self) -> int:
        return max(c.reach() for c in self.claims)

    def enough(self) -> bool:
        return not any(c.open for c in self.claims)

    def finished_out_of_order(self, trial: Trial) -> None:
        self.job.finished(trial)


class _Job:
    """One session of a run."""

    def __init__(self, prepared: _Prepared, run: RunFolder, display: Display, command: str) -> None:
        self.suite, self.streams, self.keys = prepared.suite, prepared.streams, prepared.keys
        self.text, self.plan = prepared.text, prepared.plan
        self.folder, self.display, self.command = run, display, command
        self.claims = [Evidence(p.claim, p.design, p.study) for p in prepared.plan.claims]
        self.cards, self.exposure = prepared.cards, prepared.exposure
        self.began = time.monotonic()
        self.input_tokens = self.output_tokens = 0
        self.stopped_by: str | None = None
        self.limit: anyio.CancelScope | None = None
        self.shown = 0.0

    def run(self) -> Assessment:
        self._open_session()
        for claim in self.plan.claims:
            power = claim.design.power
            if power is not None and power < 1 - claim.claim.beta - 1e-9:
                self.display.note(
                    f"{claim.claim.name}: with at most {claim.design.at_most} trials the chance of "
                    f"support at {claim.claim.if_really:g} is {power:.2f}, not "
                    f"{1 - claim.claim.beta:.2f}"
                )
        try:
            _run_async(self._administer)
        except BaseException:
            # What was learnt becomes a table on disk, if it can; what went wrong is raised on.
            with suppress(CalibrantError):
                self._save_trials()
            raise
        return self._close_session()

    def _open_session(self) -> None:
        from calibrant.subjects import describe

        described = describe(self.suite.subject)
        manifest = self.folder.manifest
        before = manifest.get("subject", {}).get("sha256")
        if before is not None and described.get("sha256") != before:
            raise InputError(
                f"{self.folder.path}: the subject's file is not the one this run began with"
            )
        graders = self._graders()
        if manifest.get("graders", graders) != graders:
            raise InputError(
                f"{self.folder.path}: gold labels or cards are not those this run began with"
            )
        exposure = {name: e.model_dump(mode="json") for name, e in self.exposure.items()}
        if manifest.get("exposure", exposure) != exposure:
            raise InputError(
                f"{self.folder.path}: evidence of exposure is not that this run began with"
            )
        now = datetime.now(UTC).isoformat(timespec="seconds")
        sessions = int(manifest.get("sessions", 0))
        if sessions and not manifest.get("finished"):
            self.display.note(
                f"resuming {self.folder.path}: {len(self.folder.trials)} trials had finished"
            )
        self.folder.save_manifest(
            fingerprint=self.suite.fingerprint(),
            suite=self.suite.model_dump(mode="json"),
            subject=described,
            graders=graders,
            **({"exposure": exposure} if exposure else {}),
            started=manifest.get("started", now),
            sessions=sessions + (not manifest.get("finished")),
            finished=None,
        )

    def _graders(self) -> dict[str, Any]:
        """What is known of graders, for the facts of the run: verdicts can be followed from it."""
        return {
            "gold": {c.claim.name: c.study.model_dump(mode="json") for c in self.claims if c.study},
            "cards": {score: held.model_dump(mode="json") for score, held in self.cards.items()},
        }

    async def _administer(self) -> None:
        subject = Subject(
            self.suite.subject,
            args=self.suite.model_args,
            generate={"seed": self.suite.seed % 2**31, **self.suite.generate},
            max_connections=self.suite.max_connections,
            price=(self.suite.price.input, self.suite.price.output) if self.suite.price else None,
        )
        self._check_cost()
        seconds = self.suite.max_time if self.suite.max_time is not None else float("inf")
        with anyio.move_on_after(seconds) as self.limit:
            for key, stream in self.streams.items():
                if self.stopped_by is not None:
                    break
                await administer(stream, subject, self.folder, _Shared(self, self._of(key)))
                self._show(force=True)
        if self.limit.cancelled_caught and self.stopped_by is None:
            self.stopped_by = "max_time"
        for key, stream in self.streams.items():
            # A limit can end the session before a later instrument's old trials were looked at.
            _replay(self.folder, stream, _Shared(self, self._of(key)))

    def finished(self, trial: Trial) -> None:
        """A trial finished, in order of arrival."""
        self.input_tokens += trial.input_tokens
        self.output_tokens += trial.output_tokens
        self._check_cost()
        self._show()

    def _check_cost(self) -> None:
        limit, spent = self.suite.max_cost, self._cost()
        if limit is not None and spent is not None and spent >= limit:
            self.stopped_by = "max_cost"
            if self.limit is not None:
                self.limit.cancel()

    def _cost(self) -> float | None:
        costs = [t.cost for t in self.folder.trials.values() if t.cost is not None]
        return sum(costs) if costs else None

    def _show(self, *, force: bool = False) -> None:
        now = time.monotonic()
        # Expected trials to go are exact and cost milliseconds; people read slower than that.
        if force or now - self.shown > 0.5:
            self.shown = now
            self.display.update(self._progress())

    def _progress(self) -> Progress:
        active = next((k for k in self.streams if any(c.open for c in self._of(k))), None)
        return Progress(
            subject=self.suite.subject,
            claims=tuple(
                _claim_progress(c, self.keys[c.claim.name] == active) for c in self.claims
            ),
            finished=len(self.folder.trials),
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            seconds=time.monotonic() - self.began,
            cost=self._cost(),
        )

    def _of(self, key: str) -> list[Evidence]:
        return [c for c in self.claims if self.keys[c.claim.name] == key]

    def _save_trials(self) -> None:
        table = trials_table(self.suite, self.streams, self.keys, self.claims, self.folder)
        write_parquet(table, self.folder.path / "trials.parquet")

    def _close_session(self) -> Assessment:
        self._save_trials()
        session = Session(
            suite=self.suite,
            text=self.text,
            sha256=hashlib.sha256(self.text.encode()).hexdigest(),
            plan=self.plan,
            streams=self.streams,
            keys=self.keys,
            stopped_by=self.stopped_by,
            command=self.command,
            cards=self.cards,
            exposure=self.exposure,
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        assessment = conclude(session, self.claims, self.folder)
        self.folder.write("assessment.json", assessment.to_json() + "\n")
        # A run that a limit ended can go on from there: the same command resumes it.
        self.folder.save_manifest(
            finished=None if self.stopped_by else session.finished, stopped_by=self.stopped_by
        )
        return assessment


def _replay(folder: RunFolder, stream: Stream, taker: _Shared) -> None:
    start = max(len(c.trials) for c in taker.claims)
    while not taker.enough():
        trial = folder.trials.get((stream.key, start))
        if trial is None:
            return
        taker.take(trial)
        start += 1


def _claim_progress(evidence: Evidence, active: bool) -> ClaimProgress:
    rate = evidence.counted / evidence.observed if evidence.observed else None
    follower = evidence.against
    to_go = None
    if evidence.open and evidence.observed:
        # A run without events so far is not a run without events for ever.
        event_rate = (evidence.events + 0.5) / (evidence.observed + 1)
        to_go = max(f.expected_to_go(event_rate) for f in (evidence.against, evidence.favour))
    state = evidence.verdict if not evidence.open else "running" if active else "waiting"
    return ClaimProgress(
        name=evidence.claim.name,
        state=state,
        trials=len(evidence.trials),
        at_most=evidence.design.at_most,
        missing=evidence.missing,
        rate=rate,
        to_support=follower.trials_to_support if evidence.open else None,
        to_refute=evidence.favour.events_to_refute if evidence.open else None,
        to_go=to_go,
    )


def _run_async(main: Any) -> None:
    """Run an async function to its end, also from a notebook whose loop is running already."""
    import asyncio
    import threading

    # Not inside an `except` block: the innermost cause that Inspect reports for a failed sample
    # would then be the error caught here.
    if asyncio._get_running_loop() is None:
        anyio.run(main)
        return
    failure: list[BaseException] = []

    def run() -> None:
        try:
            anyio.run(main)
        except BaseException as e:
            # Carried over to the calling thread.
            failure.append(e)

    thread = threading.Thread(target=run, name="calibrant-assess")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
