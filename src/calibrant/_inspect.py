"""What Inspect finds under the name calibrant: instruments as tasks, and model providers."""

from calibrant.instruments.fresh_tasks import fresh
from calibrant.instruments.tasks import (
    arithmetic,
    false_premise,
    order_bias,
    secret_keeping,
    sycophancy,
)
from calibrant.subjects import local, standards
from calibrant.subjects.planted import provider as planted

__all__ = [
    "arithmetic",
    "false_premise",
    "fresh",
    "local",
    "order_bias",
    "planted",
    "secret_keeping",
    "standards",
    "sycophancy",
]
