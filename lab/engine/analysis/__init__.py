"""Analyses: questions to a problem at a point, or to numbers that came out of it.

Each is one function. It takes numpy arrays or tensors, single or double precision, and returns the
same kind; `progress=` is called along the way and may raise `Cancelled`; `.steps` is the generator
behind it, for who wants to run it a slice at a time.
"""

from lab.engine.analysis.barrier_matrix import barrier_matrix
from lab.engine.analysis.barrier_predictor import barrier_predictor
from lab.engine.analysis.base import Cancelled, Progress
from lab.engine.analysis.basin_map import basin_map
from lab.engine.analysis.collapse import neural_collapse
from lab.engine.analysis.connectivity import angle_between, linear_path
from lab.engine.analysis.critical_points import find_critical_points
from lab.engine.analysis.curvature import hessian, top_eigenvalues
from lab.engine.analysis.density import spectral_density
from lab.engine.analysis.expressivity import functional_dimension
from lab.engine.analysis.layer_paths import layer_paths
from lab.engine.analysis.matching import best_permutation, match_permutation
from lab.engine.analysis.plane import (
    Plane,
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
from lab.engine.analysis.surface import native_surface, profile, surface
from lab.engine.analysis.surface_points import critical_points
from lab.engine.analysis.topology import barcode, basins, merge_tree, persistence
from lab.engine.analysis.trained_paths import bezier_path

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
    "best_permutation",
    "bezier_path",
    "critical_points",
    "eigen_plane",
    "find_critical_points",
    "functional_dimension",
    "given_plane",
    "gradient_plane",
    "hessian",
    "layer_paths",
    "linear_path",
    "match_permutation",
    "merge_tree",
    "native_plane",
    "native_surface",
    "neural_collapse",
    "pca_plane",
    "persistence",
    "plane_through",
    "profile",
    "random_plane",
    "ridge",
    "roughness_index",
    "spectral_density",
    "surface",
    "top_eigenvalues",
]
