"""What holds for every analysis: kinds and precision of numbers, progress, cancelling."""

import dataclasses
import gc
import weakref

import numpy as np
import pytest
import torch

import lab
from lab import analysis
from lab.engine.analysis.base import Cancelled
from lab.engine.memory import PeakMemory
from lab.engine.problem import Problem
from lab.engine.problems.roperator import ROperator
from lab.engine.userarrays import as_tensor

RNG = np.random.default_rng(0)
SURFACE = lab.problem("himmelblau")
MOONS = lab.problem("moons_mlp", samples=40, widths=(5, 4))
A, B = RNG.normal(size=(2, MOONS.dim))
C, THREE = RNG.normal(size=MOONS.dim), RNG.normal(size=(3, MOONS.dim))
POINT = RNG.normal(size=2)
WINDOW = np.array([[-6.0, 6.0], [-6.0, 6.0]])
AXIS, STARTS = np.linspace(-6, 6, 21), RNG.uniform(-5, 5, size=(9, 2))
GRID = SURFACE.value(np.stack(np.meshgrid(AXIS, AXIS), axis=-1).reshape(-1, 2)).reshape(21, 21)
FEATURES, LABELS = RNG.normal(size=(12, 4)), np.arange(12) % 3

CASES = {
    "surface": (analysis.surface, (SURFACE, POINT), {"points": 9}),
    "surface_network": (analysis.surface, (MOONS, A), {"points": 9}),
    "surface_eigen": (analysis.surface, (MOONS, A, "eigen"), {"points": 17}),
    "eigen_plane": (analysis.eigen_plane, (MOONS, A), {}),
    "curvature_map": (analysis.curvature_map, (MOONS, A), {"points": 5}),
    "curvature_map_exact": (analysis.curvature_map, (SURFACE, POINT), {"points": 5}),
    "slices": (analysis.slices, (MOONS, A, np.stack([A, B])), {"points": 9}),
    "profile": (analysis.profile, (MOONS, A), {"points": 9}),
    "hessian": (analysis.hessian, (SURFACE, POINT), {}),
    "hessian_network": (analysis.hessian, (MOONS, A), {}),
    "top_eigenvalues": (analysis.top_eigenvalues, (MOONS, A), {"k": 2}),
    "hessian_trace": (analysis.hessian_trace, (MOONS, A), {"products": 9}),
    "xtrace": (analysis.hessian_trace, (MOONS, A), {"products": 9, "method": "xtrace"}),
    "hessian_diagonal": (analysis.hessian_diagonal, (MOONS, A), {"products": 9}),
    "hessian_index": (analysis.hessian_index, (MOONS, A), {}),
    "top_eigenvalues_of_a_block": (
        analysis.top_eigenvalues,
        (MOONS, A),
        {"k": 1, "operator": "fisher", "layers": MOONS.layout.names[:1], "batch": [1, 2, 3]},
    ),
    "spectral_density": (analysis.spectral_density, (MOONS, A), {"probes": 3, "steps": 5}),
    "spectral_density_of_a_block": (
        analysis.spectral_density,
        (MOONS, A),
        {"probes": 3, "steps": 5, "operator": "ggn", "layers": ("2.weight",)},
    ),
    "layer_spectra": (analysis.layer_spectra, (MOONS, A), {"k": 2, "probes": 2, "steps": 5}),
    "batch_eigenvalues": (
        analysis.batch_eigenvalues,
        (MOONS, A),
        {"batch_size": 20, "batches": 2, "k": 2},
    ),
    "outliers": (analysis.outliers, (np.array([3.0, 9.0, 0.1, -1.0]),), {}),
    "roughness_index": (analysis.roughness_index, (MOONS, A, 4), {"points": 9}),
    "linear_path": (analysis.linear_path, (MOONS, A, B), {"points": 5}),
    "bezier_path": (analysis.bezier_path, (MOONS, A, B), {"steps": 5, "points": 5}),
    "polygon": (
        analysis.bezier_path,
        (MOONS, A, B),
        {"steps": 30, "points": 5, "shape": "polygon"},
    ),
    "repaired": (analysis.linear_path, (MOONS, A, B), {"points": 5, "repair": True}),
    "layer_paths": (analysis.layer_paths, (MOONS, A, B), {}),
    "barrier_predictor": (analysis.barrier_predictor, (MOONS, A, B), {"nodes": 2}),
    "barrier_matrix": (
        analysis.barrier_matrix,
        (MOONS, THREE),
        {"points": 5, "matched": "weights"},
    ),
    "ridge": (analysis.ridge, (MOONS, A, B, C), {"points": 9}),
    "match_permutation": (analysis.match_permutation, (MOONS, A, B), {}),
    "by_activations": (analysis.best_permutation, (MOONS, A, B, "activations"), {}),
    "best_permutation": (analysis.best_permutation, (MOONS, A, B), {}),
    "functional_dimension": (analysis.functional_dimension, (MOONS, A), {"points": 30}),
    "effective_model_complexity": (
        analysis.effective_model_complexity,
        (MOONS, A),
        {"counts": [4, 6], "steps": 40},
    ),
    "function_distance": (analysis.function_distance, (MOONS, A, B), {}),
    "lazy_rich": (analysis.lazy_rich, (MOONS, A, B), {"samples": 9}),
    "gradient_alignment": (analysis.gradient_alignment, (MOONS, A), {"batch": 6}),
    "weight_norms": (analysis.weight_norms, (MOONS, A, B), {}),
    "basin_map": (analysis.basin_map, (SURFACE, "sgd", WINDOW), {"points": 12, "steps": 9}),
    "sgd_stability": (analysis.sgd_stability, (MOONS, A), {"samples": 5}),
    "batch_rates": (analysis.batch_rates, (MOONS, A), {"pairs": 3}),
    "ritz_rates": (analysis.ritz_rates, (MOONS, A), {"steps": 4}),
    "noise_scale": (analysis.noise_scale, (MOONS, A), {"samples": 9, "hessian": True}),
    "worst_rise": (analysis.worst_rise, (MOONS, A), {"group": 10}),
    "mean_rise": (analysis.mean_rise, (MOONS, A), {"pairs": 4}),
    "stability": (analysis.stability, (MOONS, A), {"divisor": np.ones(MOONS.dim)}),
    "neural_collapse": (analysis.neural_collapse, (FEATURES, LABELS, FEATURES[:3]), {}),
    "persistence": (analysis.persistence, (RNG.normal(size=(9, 9)),), {}),
    "barcode": (analysis.barcode, (RNG.normal(size=(9, 9)),), {}),
    "merge_tree": (analysis.merge_tree, (RNG.normal(size=(9, 9)),), {}),
    "critical_points": (analysis.critical_points, (GRID, AXIS, AXIS, SURFACE), {}),
    "find_critical_points": (analysis.find_critical_points, (SURFACE, STARTS), {}),
    "basins": (analysis.basins, (RNG.normal(size=(9, 9)),), {}),
}


def arrays(result):
    """All arrays of a result, at whatever depth."""
    if isinstance(result, np.ndarray | torch.Tensor):
        yield result
    elif dataclasses.is_dataclass(result):
        for item in dataclasses.fields(result):
            yield from arrays(getattr(result, item.name))
    elif isinstance(result, tuple):
        for item in result:
            yield from arrays(item)
    elif isinstance(result, dict):
        yield from arrays(tuple(result.values()))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("make", [np.asarray, torch.as_tensor])
@pytest.mark.parametrize("name", CASES)
def test_kind_and_precision_are_those_given(name, make, dtype):
    function, given, options = CASES[name]
    cast = [
        make(item.astype(dtype if item.dtype.kind == "f" else item.dtype))
        if isinstance(item, np.ndarray)
        else item
        for item in given
    ]
    for item in cast:
        if isinstance(item, np.ndarray):
            item.setflags(write=False)  # as the arrays of a recording
    before = [as_tensor(item).clone() for item in cast if not isinstance(item, Problem | int | str)]
    result = function(*cast, **options)
    found = list(arrays(result))
    kind = np.ndarray if make is np.asarray else torch.Tensor
    assert all(isinstance(array, kind) for array in found)
    floating = [str(array.dtype).removeprefix("torch.") for array in found]
    assert set(floating) <= {dtype, "int64", "bool"}
    after = [as_tensor(item).clone() for item in cast if not isinstance(item, Problem | int | str)]
    for one, two in zip(before, after, strict=True):
        assert torch.equal(one, two)
    if isinstance(result, np.ndarray | torch.Tensor):
        result = (result,)
    else:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(result, dataclasses.fields(result)[0].name, None)


@pytest.mark.parametrize("name", CASES)
def test_progress_runs_from_0_to_1(name):
    function, given, options = CASES[name]
    seen = []
    function(*given, **options, progress=lambda report: seen.append(report.done))
    assert seen
    assert seen == sorted(seen)
    assert seen[0] > 0
    assert seen[-1] <= 1 + 1e-9


@pytest.mark.parametrize("name", CASES)
def test_a_callback_can_cancel(name):
    function, given, options = CASES[name]

    def cancel(report):
        raise Cancelled

    with pytest.raises(Cancelled):
        function(*given, **options, progress=cancel)


@pytest.mark.parametrize("name", CASES)
def test_the_same_call_gives_the_same_numbers(name):
    function, given, options = CASES[name]
    one, two = (list(arrays(function(*given, **options))) for _ in range(2))
    for first, second in zip(one, two, strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", CASES)
def test_the_state_of_torch_is_left_alone_between_slices(name):
    function, given, options = CASES[name]
    before = torch.random.get_rng_state()
    steps = function.steps(*given, **options)
    try:
        while True:
            next(steps)
            assert torch.is_grad_enabled()
    except StopIteration:
        pass
    assert (torch.random.get_rng_state() == before).all()


def test_every_public_analysis_is_in_the_table():
    functions = {getattr(analysis, name) for name in analysis.__all__}
    wanted = {f for f in functions if hasattr(f, "steps")}
    assert wanted - {case[0] for case in CASES.values()} == {analysis.native_surface}


@pytest.mark.parametrize("name", CASES)
def test_what_is_no_problem_is_refused(name):
    function, given, options = CASES[name]
    if isinstance(given[0], Problem):
        with pytest.raises(ValueError, match=r"problem = 'moons': a problem is needed"):
            function("moons", *given[1:], **options)


def test_where_nothing_is_finite_no_number_is_made_up():
    nowhere = np.full(MOONS.dim, np.nan)
    assert np.isnan(analysis.worst_rise(MOONS, nowhere).value)
    assert np.isnan(analysis.noise_scale(MOONS, nowhere).simple)
    for function in (analysis.sgd_stability, analysis.functional_dimension):
        with pytest.raises(ValueError, match="finite"):
            function(MOONS, nowhere)


def graphs():
    """Shapes of all tensors there are that hang on a graph."""
    there = (item for item in gc.get_objects() if type(item) is torch.Tensor)
    return [tuple(item.shape) for item in there if item.grad_fn is not None]


@pytest.fixture
def no_collection():
    """Without the collector: what only it would free counts as kept."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.usefixtures("no_collection")
def test_no_graph_and_no_memory_outlive_a_call(name):
    function, given, options = CASES[name]
    cast = [torch.as_tensor(item) if isinstance(item, np.ndarray) else item for item in given]
    with PeakMemory() as memory:
        function(*cast, **options)  # the first time, tables and caches are made
        before = memory.live
        result = function(*cast, **options)
        stays = memory.live - before
    assert not graphs()
    storages = {item.untyped_storage() for item in arrays(result)}
    assert stays <= sum(storage.nbytes() for storage in storages)


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name][1][0] is MOONS])
def test_one_graph_makes_room_for_the_next(monkeypatch, name):
    function, given, options = CASES[name]
    alive, make = weakref.WeakSet(), ROperator.__init__

    def counted(self, *args):
        assert not alive
        make(self, *args)
        alive.add(self)

    monkeypatch.setattr(ROperator, "__init__", counted)
    function(*given, **options)
    assert not alive
