"""Are two releases of a benchmark on one scale, and do their shared items still hold?"""

from calibrant.quality.linking.link import Link, link_banks
from calibrant.quality.linking.verb import link

__all__ = ["Link", "link", "link_banks"]
