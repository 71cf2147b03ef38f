import numpy as np
import pytest

import lab
from lab.engine.experiment import Experiment
from lab.engine.headless import run
from lab.engine.plan import Lane
from lab.engine.recorder import open_recording

EXPERIMENT = Experiment(
    "rosenbrock", [Lane("adam", lr=1e-2, start=[[-1.5, 2.0]])], steps=30, device="cpu"
)


def test_the_contract():
    experiment = lab.Experiment(
        problem="rosenbrock",
        lanes=[lab.Lane("adam", lr=1e-2, start=[[-1.5, 2.0]]), lab.Lane("adam", runs=3)],
        steps=30,
        seed=0,
        device="cpu",
        dtype="float64",
    )
    recording = lab.run(experiment)
    assert recording.lanes == ["adam", "adam-2"]
    assert recording.theta("adam").shape == (31, 1, 2)
    assert recording.theta("adam-2").shape == (31, 3, 2)
    assert recording.theta("adam").dtype == np.float64
    names = ("loss", "grad_norm", "gradient_evaluations", "value_evaluations", "seconds")
    for name in (*names, "hessian_products"):
        assert recording.scalar("adam-2", name).shape == (31, 3)
    assert recording.probe("hessian_spectrum") == []
    assert recording.header["device"] == "cpu"
    assert recording.header["dtype"] == "float64"
    assert recording.header["threads"] == 1


def test_a_file_is_run_and_recorded(tmp_path):
    (tmp_path / "x.toml").write_text(EXPERIMENT.to_toml())
    whole = run(EXPERIMENT)
    for path in (tmp_path / "x.toml", str(tmp_path / "x.toml")):
        recording = run(path, to=tmp_path / "x.lab")
        np.testing.assert_array_equal(recording.theta("adam"), whole.theta("adam"))
        opened = lab.open(tmp_path / "x.lab")
        np.testing.assert_array_equal(opened.theta("adam"), whole.theta("adam"))
        opened.close()
        recording.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.lab", "x.toml"]


def test_what_cannot_be_run_is_a_value_error(tmp_path):
    with pytest.raises(ValueError, match=r"^none\.toml: cannot be read: No such file"):
        run(tmp_path / "none.toml", to=tmp_path / "x.lab")
    with pytest.raises(ValueError, match="this machine has no"):
        run(Experiment("rosenbrock", device="mps"), to=tmp_path / "x.lab")
    with pytest.raises(ValueError, match="start has 1 numbers in a row"):
        run(Experiment("rosenbrock", [Lane("sgd", start=[1.0])]), to=tmp_path / "x.lab")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_experiment_is_a_value_error():
    with pytest.raises(ValueError, match="experiment = None: an Experiment or a file is needed"):
        run(None)
    with pytest.raises(ValueError, match=r"path = 3: the name of a \.lab file"):
        open_recording(3)


def test_an_experiment_without_lanes_or_steps_is_one():
    assert run(Experiment("rosenbrock", device="cpu")).lanes == []
    assert run(Experiment("rosenbrock", "sgd", steps=0, device="cpu")).theta("sgd").shape[0] == 1
