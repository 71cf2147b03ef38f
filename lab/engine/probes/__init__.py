"""Probes: what is measured along a session."""

from lab.engine.probes.base import Measurement, Probe, Series, Sight
from lab.engine.probes.connectivity import Connectivity
from lab.engine.probes.evaluation import Evaluation
from lab.engine.probes.inside import InsideStep
from lab.engine.probes.roughness import RoughnessIndex
from lab.engine.probes.spectrum import HessianSpectrum

__all__ = [
    "Connectivity",
    "Evaluation",
    "HessianSpectrum",
    "InsideStep",
    "Measurement",
    "Probe",
    "RoughnessIndex",
    "Series",
    "Sight",
]
