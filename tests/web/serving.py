"""A labelling server in a process of its own, and raters who talk to it over loopback."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from .conftest import Inputs


class Server:
    """`calibrant judge label serve` in a process of its own."""

    def __init__(self, *args: object) -> None:
        command = [sys.executable, "-m", "calibrant", "judge", "label", "serve", *map(str, args)]
        self.process = subprocess.Popen(
            [*command, "--port", "0", "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        said = ""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said += line
            if line == "}\n":
                break
        if not said.endswith("}\n"):
            _, problem = self.process.communicate(timeout=60)
            raise AssertionError(f"the server did not start: {said}{problem}")
        self.about = json.loads(said)
        self.url: str = self.about["url"]

    def path(self, rater: str | None = None, kind: str = "rater") -> str:
        """The path of a link."""
        (found,) = [k for k in self.about["links"] if (k["rater"], k["kind"]) == (rater, kind)]
        return str(found["path"])

    def kill(self) -> None:
        """End it with no chance to do anything."""
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=60)

    def stop(self) -> tuple[int, str]:
        """Ctrl-C; exit code and what it said."""
        self.process.send_signal(signal.SIGINT)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()


class Remote:
    """A rater over HTTP, who notes what the server acknowledged."""

    def __init__(self, url: str, path: str, name: str = "") -> None:
        self.http = httpx.Client(base_url=url, timeout=60, trust_env=False, verify=False)
        self.saved: list[tuple[int, str]] = []
        assert self.http.post(path, data={"name": name}).status_code == 303

    def label(self, choose) -> bool:
        """Label the next item; False if there is none. `choose` gets the position."""
        there = self.http.get("/next")
        if there.headers["location"].startswith("/labels"):
            return False
        path = there.headers["location"].partition("?")[0]
        position = int(path.rpartition("/")[2])
        kept = Inputs(self.http.get(path).text).hidden
        said = choose(position)
        form = {"form": kept["form"], "nonce": kept["nonce"], "label": said}
        answer = self.http.post(path, data=form)
        assert answer.status_code == 303, answer.text
        self.saved.append((position, said))
        return True

    def close(self) -> None:
        self.http.close()


def write_answers(path: Path, n: int) -> Path:
    """A CSV of answers."""
    from .conftest import answers

    answers(n).write_csv(path)
    return path
