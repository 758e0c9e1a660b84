"""Was Ctrl-C pressed? A flag for work that may only stop between its steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stopping() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed since, which at the end is raised; a second one acts at once.

    The exception that Ctrl-C raises is lost where native code calls back into Python, as JAX does
    when arrays are freed, and elsewhere it cuts a step in two. Outside the main thread, and where
    Ctrl-C is ignored, nothing is changed and the answer is no.
    """
    pressed = False
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = signal.getsignal(signal.SIGINT)
    if before is None or before == signal.SIG_IGN:
        yield lambda: False
        return

    def press(*_: object) -> None:
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, press)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt
