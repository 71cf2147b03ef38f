import numpy as np
import pytest

import lab
from lab import analysis
from lab.engine.probes import Topology


def test_himmelblau(see, measured, golden):
    probe = Topology(points=401, widen=1.2)  # [-6, 6]²
    found, slices = measured(probe, lab.problem("himmelblau"), see([0.0, 0.0]))
    wanted = np.load(golden / "analyses.npz")[
        "R5_unionfind_conn8_cols_birth_death_iymin_ixmin_iysad_ixsad"
    ]
    arrays, info = found.arrays, found.info
    order = np.argsort(arrays["birth"])
    np.testing.assert_allclose(arrays["birth"][order], wanted[:, 0], rtol=1e-9)
    np.testing.assert_allclose(arrays["death"][order], wanted[:, 1], rtol=1e-9)
    axis = np.linspace(-6, 6, 401)
    places = axis[wanted[:, [3, 2]].astype(int)]
    np.testing.assert_allclose(arrays["minimum"][order], places, atol=1e-12)
    assert np.isnan(arrays["saddle"][order][0]).all()
    np.testing.assert_allclose(arrays["holes"], [[178.33555361, 181.61612642]], rtol=1e-9)
    assert info["smad"] == pytest.approx(61.67313, abs=1e-5)
    assert (info["basins"], info["holes_found"], info["nx"], info["ny"]) == (4, 1, 401, 401)
    assert arrays["area"].sum() == info["inside"] == 401 * 401
    assert info["refined"]
    assert np.bincount(arrays["point_index"]).tolist() == [4, 4, 1]
    assert slices > 3


def test_of_a_network_it_is_a_random_plane_through_the_first_run(see, measured):
    problem = lab.problem("moons_mlp", samples=40, widths=(4,))
    theta = np.random.default_rng(0).normal(size=(2, problem.dim))
    probe = Topology(plane_points=15, span=0.7)
    found, _ = measured(probe, problem, see(theta, seed=3, diverged=[0]))
    assert found.info["run"] == 1
    surface = analysis.surface(problem, theta[1], span=0.7, points=15, seed=3)
    pairs = analysis.persistence(surface.loss)
    mine = np.stack([found.arrays["birth"], found.arrays["death"]], axis=1)
    np.testing.assert_allclose(mine, pairs, rtol=1e-9)
    assert found.info["kind"] == "random"


def test_a_line_has_no_plane():
    assert "at least 2 parameters" in Topology.unfit(lab.problem(lambda x: (x**2).sum(), dim=1))
    assert Topology.unfit(lab.problem("himmelblau")) == ""


def test_of_very_many_basins_the_most_persistent_are_kept(see, measured, monkeypatch):
    monkeypatch.setattr("lab.engine.probes.topology.MOST", 20)
    found, _ = measured(Topology(points=129), lab.problem("rastrigin"), see([0.0, 0.0]))
    assert found.info["basins"] == 121
    assert len(found.arrays["birth"]) == 20
    assert found.arrays["elder"].max() < 20
    assert found.arrays["area"].sum() == found.info["inside"]
    depth = found.arrays["death"] - found.arrays["birth"]
    assert (np.diff(depth[1:]) <= 0).all()
