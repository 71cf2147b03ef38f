"""Probes: what is measured along a session."""

from lab.engine.probes.barriers import Barriers
from lab.engine.probes.base import Measurement, Probe, Series, Sight
from lab.engine.probes.collapse import NeuralCollapseProbe
from lab.engine.probes.connectivity import Connectivity
from lab.engine.probes.critical_points import CriticalPointSearch
from lab.engine.probes.evaluation import Evaluation
from lab.engine.probes.expressivity import FunctionalDimensionProbe, ModelComplexityProbe
from lab.engine.probes.function_distance import FunctionDistanceProbe
from lab.engine.probes.gradient_alignment import GradientAlignmentProbe
from lab.engine.probes.inside import InsideStep
from lab.engine.probes.layer_spectra import LayerSpectraProbe
from lab.engine.probes.lazy_rich import LazyRichProbe
from lab.engine.probes.roughness import RoughnessIndex
from lab.engine.probes.sharpness import SharpnessProbe
from lab.engine.probes.slices import SlicesThroughThePoint
from lab.engine.probes.spectrum import HessianSpectrum
from lab.engine.probes.stability import StabilityProbe
from lab.engine.probes.topology import Topology
from lab.engine.probes.weight_norms import WeightNormsProbe

__all__ = [
    "Barriers",
    "Connectivity",
    "CriticalPointSearch",
    "Evaluation",
    "FunctionDistanceProbe",
    "FunctionalDimensionProbe",
    "GradientAlignmentProbe",
    "HessianSpectrum",
    "InsideStep",
    "LayerSpectraProbe",
    "LazyRichProbe",
    "Measurement",
    "ModelComplexityProbe",
    "NeuralCollapseProbe",
    "Probe",
    "RoughnessIndex",
    "Series",
    "SharpnessProbe",
    "Sight",
    "SlicesThroughThePoint",
    "StabilityProbe",
    "Topology",
    "WeightNormsProbe",
]
