"""Which Inspect task is meant? One of an installed package, or of a Python file."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calibrant.errors import InputError

if TYPE_CHECKING:
    from inspect_ai import Task


def load_task(name: str, args: Mapping[str, Any], base: Path, what: str = "instrument") -> Task:
    """The Inspect task of a name.

    Args:
        name: an installed Inspect task `package/task`, or `file.py@task` relative to `base`.
        args: arguments of the task.
        what: what it is called in errors.

    Raises:
        InputError: if there is no such task, or it cannot be built.
    """
    if ".py" in name:
        return _from_file(name, args, base, what)
    return _from_registry(name, args, what)


def _from_registry(name: str, args: Mapping[str, Any], what: str) -> Task:
    from inspect_ai.util import registry_create

    try:
        return registry_create("task", name, **args)
    except LookupError as e:
        known = _installed_tasks(name.split("/")[0])
        near = get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise InputError(f"{what} {name}: no such installed Inspect task{hint}") from e
    except Exception as e:
        # The task is the user's code: whatever it raises, building it is what failed.
        raise InputError(f"{what} {name}: the task cannot be built ({_first_line(e)})") from e


def _installed_tasks(package: str) -> list[str]:
    from importlib.metadata import entry_points

    if not any(e.name == package for e in entry_points(group="inspect_ai")):
        return []
    module = next(iter(entry_points(group="inspect_ai", name=package))).load()
    return [f"{package}/{n}" for n in dir(module) if not n.startswith("_")]


def _from_file(name: str, args: Mapping[str, Any], base: Path, what: str) -> Task:
    from inspect_ai import Task

    file, _, wanted = name.partition("@")
    path = (base / file).resolve()
    if not path.is_file():
        raise InputError(f"{what} {name}: no such file {path}")
    module_name = f"_calibrant_task_{path.stem}_{abs(hash(str(path)))}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{what} {name}: {path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
        makers = {n: o for n, o in vars(module).items() if _is_task_maker(o)}
        maker = _choose(name, wanted, makers, what)
        task = maker(**args)
    except InputError:
        raise
    except Exception as e:
        raise InputError(f"{what} {name}: the task cannot be built ({_first_line(e)})") from e
    finally:
        sys.path.remove(str(path.parent))
    if not isinstance(task, Task):
        raise InputError(f"{what} {name}: wanted an Inspect Task, got {type(task).__name__}")
    return task


def _choose(
    name: str, wanted: str, makers: dict[str, Callable[..., Any]], what: str
) -> Callable[..., Any]:
    if not makers:
        raise InputError(f"{what} {name}: the file defines no Inspect @task")
    if not wanted and len(makers) == 1:
        return next(iter(makers.values()))
    if wanted not in makers:
        choice = ", ".join(sorted(makers))
        raise InputError(f"{what} {name}: wanted one of the file's tasks ({choice})")
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
