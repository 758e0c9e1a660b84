"""What Inspect finds under the name calibrant: instruments as tasks, and two model providers."""

from calibrant.instruments.tasks import (
    arithmetic,
    false_premise,
    order_bias,
    secret_keeping,
    sycophancy,
)
from calibrant.subjects import local, standards

__all__ = [
    "arithmetic",
    "false_premise",
    "local",
    "order_bias",
    "secret_keeping",
    "standards",
    "sycophancy",
]
