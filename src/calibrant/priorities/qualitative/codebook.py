"""What do coders look for? A codebook: codes with definitions and examples, in a version."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from calibrant._settings import read_settings
from calibrant._text import dumps
from calibrant.errors import InputError
from calibrant.priorities.fields import Id, Line, Strict, keys_of, problem

Text = Annotated[str, Field(min_length=1, max_length=5000)]


class Code(Strict):
    """One thing that a comment may say."""

    id: Id
    name: Line
    definition: Text
    """When it applies, and when not."""
    include: tuple[Text, ...] = ()
    """Examples to which it applies."""
    exclude: tuple[Text, ...] = ()
    """Near misses, to which it does not."""


class Codebook(Strict):
    """All codes, in one version; a changed definition needs a new version."""

    id: Id
    version: Id
    title: Line | None = None
    codes: tuple[Code, ...] = Field(min_length=1)

    @property
    def ids(self) -> tuple[str, ...]:
        """The codes' ids, in order."""
        return tuple(c.id for c in self.codes)

    @property
    def mark(self) -> str:
        """Which codebook, which version, and the first digits of a hash of all it says: sheets
        carry it, so that a definition that changed under the same version is noticed."""
        digest = hashlib.sha256(dumps(self.model_dump(mode="json")).encode()).hexdigest()[:8]
        return f"{self.id} {self.version} {digest}"


def read_codebook(source: str | Path | Mapping[str, Any] | Codebook) -> Codebook:
    """The codebook of a YAML file.

    Raises:
        InputError: naming the file and the key, what was wanted and what was found.
    """
    if isinstance(source, Codebook):
        return source
    where = "codebook" if isinstance(source, Mapping) else str(source)
    keys = source if isinstance(source, Mapping) else read_settings(
        Path(source), "a codebook", "codes"
    )[0]  # fmt: skip
    try:
        found = Codebook.model_validate(keys)
    except ValidationError as e:
        raise InputError(f"{where}: {problem(e, keys_of(Codebook, Code))}") from e
    twice = {i for i in found.ids if found.ids.count(i) > 1}
    if twice:
        raise InputError(f"{where}: code {min(twice)} is there twice")
    return found


EXAMPLE = """\
# A codebook: what coders look for in the comments. Give a new version whenever a
# definition changes; sheets remember which version they were coded with.
id: obstacles
version: "1"
title: What stands in the way
codes:
- id: measurement
  name: Hard to measure
  definition: Progress cannot be told, as there is no measure, benchmark or ground truth.
  include:
  - We would not know if we had solved it.
  exclude:
  - There is not enough money to build benchmarks.   # funding
- id: funding
  name: Money
  definition: Too little money, or money that comes too late or for too short a time.
  include:
  - Nobody pays for this kind of work.
- id: people
  name: People and skills
  definition: Too few people who can or want to do it.
- id: access
  name: Access
  definition: Models, data or infrastructure are closed to those who would do the work.
- id: none
  name: Nothing of these
  definition: The comment names no obstacle.
"""
