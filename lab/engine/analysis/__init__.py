"""Analyses: questions to a problem at a point, or to numbers that came out of it.

Each is one function. It takes numpy arrays or tensors, single or double precision, and returns the
same kind; `progress=` is called along the way and may raise `Cancelled`; `.steps` is the generator
behind it, for who wants to run it a slice at a time.
"""

from lab.engine.analysis.barrier_matrix import barrier_matrix
from lab.engine.analysis.barrier_predictor import barrier_predictor
from lab.engine.analysis.base import Cancelled, Progress
from lab.engine.analysis.basin_map import basin_map
from lab.engine.analysis.batch_spectrum import batch_eigenvalues
from lab.engine.analysis.coherence import sgd_stability
from lab.engine.analysis.collapse import neural_collapse
from lab.engine.analysis.complexity import effective_model_complexity
from lab.engine.analysis.connectivity import angle_between, linear_path
from lab.engine.analysis.critical_points import find_critical_points
from lab.engine.analysis.curvature import hessian, top_eigenvalues
from lab.engine.analysis.curvature_map import curvature_map
from lab.engine.analysis.density import spectral_density
from lab.engine.analysis.expressivity import functional_dimension
from lab.engine.analysis.function_distance import function_distance
from lab.engine.analysis.gradient_alignment import gradient_alignment
from lab.engine.analysis.index import hessian_index
from lab.engine.analysis.layer_paths import layer_paths
from lab.engine.analysis.layer_spectra import layer_spectra
from lab.engine.analysis.learning_rates import batch_rates, ritz_rates
from lab.engine.analysis.matching import best_permutation, match_permutation
from lab.engine.analysis.noise_scale import noise_scale
from lab.engine.analysis.outliers import outliers
from lab.engine.analysis.plane import Plane
from lab.engine.analysis.planes import (
    eigen_plane,
    given_plane,
    gradient_plane,
    native_plane,
    pca_plane,
    plane_through,
    random_plane,
)
from lab.engine.analysis.ridge import ridge
from lab.engine.analysis.roughness import roughness_index
from lab.engine.analysis.sharpness import mean_rise, worst_rise
from lab.engine.analysis.slices import slices
from lab.engine.analysis.stability import stability
from lab.engine.analysis.surface import native_surface, profile, surface
from lab.engine.analysis.surface_points import critical_points
from lab.engine.analysis.tangent_kernel import lazy_rich
from lab.engine.analysis.topology import barcode, basins, merge_tree, persistence
from lab.engine.analysis.trace import hessian_diagonal, hessian_trace
from lab.engine.analysis.trained_paths import bezier_path
from lab.engine.analysis.weights import weight_norms

__all__ = [
    "Cancelled",
    "Plane",
    "Progress",
    "angle_between",
    "barcode",
    "barrier_matrix",
    "barrier_predictor",
    "basin_map",
    "basins",
    "batch_eigenvalues",
    "batch_rates",
    "best_permutation",
    "bezier_path",
    "critical_points",
    "curvature_map",
    "effective_model_complexity",
    "eigen_plane",
    "find_critical_points",
    "function_distance",
    "functional_dimension",
    "given_plane",
    "gradient_alignment",
    "gradient_plane",
    "hessian",
    "hessian_diagonal",
    "hessian_index",
    "hessian_trace",
    "layer_paths",
    "layer_spectra",
    "lazy_rich",
    "linear_path",
    "match_permutation",
    "mean_rise",
    "merge_tree",
    "native_plane",
    "native_surface",
    "neural_collapse",
    "noise_scale",
    "outliers",
    "pca_plane",
    "persistence",
    "plane_through",
    "profile",
    "random_plane",
    "ridge",
    "ritz_rates",
    "roughness_index",
    "sgd_stability",
    "slices",
    "spectral_density",
    "stability",
    "surface",
    "top_eigenvalues",
    "weight_norms",
    "worst_rise",
]
