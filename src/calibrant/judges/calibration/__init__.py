"""What does a judge's score say about the gold label? Calibration, its measures, its use."""

from calibrant.judges.calibration.crossfit import calibrated, calibration_map
from calibrant.judges.calibration.isotonic import Isotonic, isotonic
from calibrant.judges.calibration.measures import Calibration, calibration
from calibrant.judges.calibration.platt import Platt, platt
from calibrant.judges.calibration.ppi import calibrated_ppi
from calibrant.judges.calibration.venn_abers import VennAbers, cross_venn_abers, venn_abers

__all__ = [
    "Calibration",
    "Isotonic",
    "Platt",
    "VennAbers",
    "calibrated",
    "calibrated_ppi",
    "calibration",
    "calibration_map",
    "cross_venn_abers",
    "isotonic",
    "platt",
    "venn_abers",
]
