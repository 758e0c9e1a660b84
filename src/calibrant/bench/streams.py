"""Which items, in which order? A stream is an instrument's items in one fixed, seeded order."""

from __future__ import annotations

import importlib.util
import random
import sys
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from calibrant.bench.trial import shown_to_subject
from calibrant.errors import InputError

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.dataset import Sample
    from inspect_ai.scorer import Scorer


FRESH = "calibrant/fresh"
"""The task over a file of made items: a data set, unlike the instruments that make their items."""


@dataclass(frozen=True)
class Stream:
    """An instrument ready to be administered item by item.

    Attributes:
        key: the instrument's name, with its arguments where it has any.
        title: what it measures, in words.
        size: number of items of a finite data set, or None for a generator without end.
        scores: names a claim may count, or None if they cannot be known before running.
        task: the Inspect task, whose data set is replaced.
        sample: the sample at a position; its id is unique in the stream.
        item: the content hash of the item at a position.
    """

    key: str
    title: str
    size: int | None
    scores: tuple[str, ...] | None
    task: Callable[[], Task]
    sample: Callable[[int], Sample]
    item: Callable[[int], str]
    calls: int = 1

    def expected_tokens(
        self, max_tokens: int | None = None, look_at: int = 20
    ) -> tuple[float, float]:
        """A guess at the input and output tokens of a trial: (from text length, upper bound).

        Args:
            max_tokens: a cap on a generation that replaces the task's own.
            look_at: items whose length is looked at.
        """
        from inspect_ai.model import GenerateConfig

        count = min(look_at, self.size or look_at)
        shown = [self.sample(i) for i in range(count)]
        characters = sum(
            len(s.input) if isinstance(s.input, str) else sum(len(m.text) for m in s.input)
            for s in shown
        )
        config: GenerateConfig = self.task().config
        # About four characters a token in English, and a few tokens of chat template.
        given = characters / count / 4 + 12
        return given * self.calls, float(max_tokens or config.max_tokens or 0) * self.calls


def open_stream(name: str, args: Mapping[str, Any], seed: int, base: Path) -> Stream:
    """Open an instrument by name.

    Args:
        name: `calibrant/NAME`, an installed Inspect task `package/task`, or `file.py@task`
            relative to `base`.
        args: arguments of the Inspect task.
        seed: fixes the items (generators) or their order (data sets).

    Raises:
        InputError: if there is no such instrument, it cannot be built, or it has no items.
    """
    if name == FRESH:
        # Its items stand in a file, whose place is told from where the suite is.
        file = {"items": str(base / str(args["items"]))} if "items" in args else {}
        return _data_set(name, args, _from_registry(name, {**args, **file}), seed)
    if name.startswith("calibrant/"):
        return _generator(name, args, seed)
    task = _from_file(name, args, base) if ".py" in name else _from_registry(name, args)
    return _data_set(name, args, task, seed)


def stream_key(name: str, args: Mapping[str, Any]) -> str:
    """The key of an instrument's stream: its name, with its arguments where it has any."""
    given = ", ".join(f"{k}={args[k]!r}" for k in sorted(args))
    return f"{name}({given})" if given else name


def _generator(name: str, args: Mapping[str, Any], seed: int) -> Stream:
    from calibrant.instruments import load

    if args:
        raise InputError(f"instrument {name}: takes no args, got {sorted(args)[0]!r}")
    instrument = load(name.removeprefix("calibrant/"))
    return Stream(
        key=name,
        title=instrument.measures,
        size=None,
        scores=instrument.scores,
        task=instrument.task,
        sample=lambda i: instrument.sample(seed, i),
        item=lambda i: instrument.item(seed, i).hash,
        calls=instrument.asks,
    )


def _from_registry(name: str, args: Mapping[str, Any]) -> Task:
    from inspect_ai.util import registry_create

    try:
        return registry_create("task", name, **args)
    except LookupError as e:
        known = _installed_tasks(name.split("/")[0])
        near = get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise InputError(f"instrument {name}: no such installed Inspect task{hint}") from e
    except Exception as e:
        # The task is the user's code: whatever it raises, building it is what failed.
        raise InputError(f"instrument {name}: the task cannot be built ({_first_line(e)})") from e


def _installed_tasks(package: str) -> list[str]:
    from importlib.metadata import entry_points

    if not any(e.name == package for e in entry_points(group="inspect_ai")):
        return []
    module = next(iter(entry_points(group="inspect_ai", name=package))).load()
    return [f"{package}/{n}" for n in dir(module) if not n.startswith("_")]


def _from_file(name: str, args: Mapping[str, Any], base: Path) -> Task:
    from inspect_ai import Task

    file, _, wanted = name.partition("@")
    path = (base / file).resolve()
    if not path.is_file():
        raise InputError(f"instrument {name}: no such file {path}")
    module_name = f"_calibrant_task_{path.stem}_{abs(hash(str(path)))}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"instrument {name}: {path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
        makers = {n: o for n, o in vars(module).items() if _is_task_maker(o)}
        maker = _choose(name, wanted, makers)
        task = maker(**args)
    except InputError:
        raise
    except Exception as e:
        raise InputError(f"instrument {name}: the task cannot be built ({_first_line(e)})") from e
    finally:
        sys.path.remove(str(path.parent))
    if not isinstance(task, Task):
        raise InputError(f"instrument {name}: wanted an Inspect Task, got {type(task).__name__}")
    return task


def _choose(name: str, wanted: str, makers: dict[str, Callable[..., Any]]) -> Callable[..., Any]:
    if not makers:
        raise InputError(f"instrument {name}: the file defines no Inspect @task")
    if not wanted and len(makers) == 1:
        return next(iter(makers.values()))
    if wanted not in makers:
        choice = ", ".join(sorted(makers))
        raise InputError(f"instrument {name}: wanted one of the file's tasks ({choice})")
    return makers[wanted]


def _is_task_maker(value: Any) -> bool:
    from inspect_ai.util import registry_info

    try:
        return callable(value) and registry_info(value).type == "task"
    except (ValueError, AttributeError):
        return False


def _first_line(e: BaseException) -> str:
    text = str(e).strip() or type(e).__name__
    return text.splitlines()[0]


def _data_set(name: str, args: Mapping[str, Any], task: Task, seed: int) -> Stream:
    if task.sample_source is not None:
        raise InputError(f"instrument {name}: its data set is a SampleSource; wanted fixed samples")
    samples = list(task.dataset)
    if not samples:
        raise InputError(f"instrument {name}: the data set is empty")
    ids = [s.id for s in samples]
    own_ids = None not in ids and len(set(map(str, ids))) == len(ids)
    order = list(range(len(samples)))
    key = stream_key(name, args)
    random.Random(int(np.random.SeedSequence([seed, *key.encode()]).generate_state(1)[0])).shuffle(
        order
    )

    def sample(position: int) -> Sample:
        chosen = copy(samples[order[position]])
        chosen.id = str(chosen.id) if own_ids else f"{order[position] + 1:06d}"
        return chosen

    return Stream(
        key=key,
        title=task.name,
        size=len(samples),
        scores=_score_names(task.scorer),
        task=lambda: task,
        sample=sample,
        item=lambda position: shown_to_subject(samples[order[position]]),
    )


def _score_names(scorers: list[Scorer] | None) -> tuple[str, ...] | None:
    """Names of a task's scores; None if a scorer decides on its keys only when it runs."""
    from inspect_ai.util import registry_info

    names: list[str] = []
    for scorer in scorers or []:
        try:
            info = registry_info(scorer)
        except ValueError:
            return None
        metrics = info.metadata.get("metrics")
        several = isinstance(metrics, dict) or (
            isinstance(metrics, list) and any(isinstance(m, dict) for m in metrics)
        )
        if several:
            return None
        names.append(info.name.split("/")[-1])
    return tuple(names)
