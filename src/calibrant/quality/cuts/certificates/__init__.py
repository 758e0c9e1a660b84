"""Where does good enough begin? How often intervals of cuts hold, and decisions at them err."""

from __future__ import annotations

from calibrant.quality.cuts.certificates.decisions import CERTIFICATES as DECISIONS
from calibrant.quality.cuts.certificates.groups import CERTIFICATES as GROUPS
from calibrant.quality.cuts.certificates.panels import CERTIFICATES as PANELS

CERTIFICATES = PANELS + GROUPS + DECISIONS
