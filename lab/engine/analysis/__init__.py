"""Analyses: questions to a problem at a point, or to numbers that came out of it.

Each is one function. It takes numpy arrays or tensors, single or double precision, and returns the
same kind; `progress=` is called along the way and may raise `Cancelled`; `.steps` is the generator
behind it, for who wants to run it a slice at a time.
"""

from lab.engine.analysis.base import Cancelled, Progress
from lab.engine.analysis.basin_map import basin_map
from lab.engine.analysis.collapse import neural_collapse
from lab.engine.analysis.connectivity import bezier_path, linear_path
from lab.engine.analysis.curvature import hessian, top_eigenvalues
from lab.engine.analysis.density import spectral_density
from lab.engine.analysis.expressivity import functional_dimension
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
from lab.engine.analysis.roughness import roughness_index
from lab.engine.analysis.surface import native_surface, profile, surface
from lab.engine.analysis.topology import basins, persistence

__all__ = [
    "Cancelled",
    "Plane",
    "Progress",
    "basin_map",
    "basins",
    "best_permutation",
    "bezier_path",
    "eigen_plane",
    "functional_dimension",
    "given_plane",
    "gradient_plane",
    "hessian",
    "linear_path",
    "match_permutation",
    "native_plane",
    "native_surface",
    "neural_collapse",
    "pca_plane",
    "persistence",
    "plane_through",
    "profile",
    "random_plane",
    "roughness_index",
    "spectral_density",
    "surface",
    "top_eigenvalues",
]
