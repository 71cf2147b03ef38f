import ast
import os
import subprocess
import sys

import numpy as np
import pytest

from lab.engine.experiment import Experiment
from lab.engine.export import Options, export, script
from lab.engine.export.contents import results_of
from lab.engine.headless import run
from lab.engine.plan import Lane
from lab.engine.session import Session

SMALL = Options(step=30, dpi=50)


def run_script(folder):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "reproduce.py"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_script_gives_the_same_numbers_and_figures(valley, tmp_path):
    """Bit for bit, with a sweep, a lost run, a turned knob and a branch; only clocks differ."""
    export(valley, tmp_path / "here", ["npz", "svg", "py"], options=SMALL)
    there = tmp_path / "there"
    there.mkdir()
    (there / "reproduce.py").write_bytes((tmp_path / "here" / "reproduce.py").read_bytes())
    run_script(there)
    with (
        np.load(tmp_path / "here" / "recording.npz") as ours,
        np.load(there / "recording.npz") as theirs,
    ):
        arrays = [name for name in ours.files if name.startswith(("lanes/", "results/"))]
        assert arrays == [n for n in theirs.files if n.startswith(("lanes/", "results/"))]
        assert len(arrays) > 30
        for name in arrays:
            assert ours[name].dtype == theirs[name].dtype
            if not name.endswith("/seconds"):
                np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    for name in ("landscape.svg", "loss.svg", "spectrum-Adam.svg", "eigenvalues.svg"):
        assert (there / name).read_bytes() == (tmp_path / "here" / name).read_bytes()


def test_the_script_of_a_network_on_mini_batches(network, tmp_path):
    export(network, tmp_path, ["py"])
    text = (tmp_path / "reproduce.py").read_text().replace("'npz', 'png'", "'npz'")
    (tmp_path / "reproduce.py").write_text(text)
    run_script(tmp_path)
    with np.load(tmp_path / "recording.npz") as theirs:
        for lane in ("SGD", "Adam"):
            np.testing.assert_array_equal(theirs[f"lanes/{lane}/theta"], network.theta(lane))
        for path, result in results_of(network):
            for name, array in result.arrays.items():
                np.testing.assert_array_equal(theirs[f"{path}/{name}"], array)


@pytest.mark.parametrize("title", ['""" quotes', "a\\b", "new\nline", "η → ∞", "{braces}", ""])
def test_any_title_makes_a_script(title):
    experiment = Experiment("rosenbrock", [Lane("sgd")], steps=3, title=title)
    text = script(run(experiment))
    tree = ast.parse(text)
    (value,) = [n.value for n in tree.body if isinstance(n, ast.Assign)]
    held = Experiment.from_toml(ast.literal_eval(value))
    assert held.title == title
    assert held.lanes == experiment.lanes
    assert held.device == "cpu"  # where it was made, not "auto"


def test_a_removed_lane_lends_its_past_but_is_not_exported(tmp_path):
    session = Session(Experiment("booth", [Lane("sgd", lr=0.02)], steps=6))
    session.advance()
    session.branch("sgd", 3, {"lr": 0.05})
    session.advance()
    session.remove_lane("sgd")
    assert session.recording.lanes == ["sgd~2"]
    export(session.recording, tmp_path, ["py"], options=Options(panels=["loss"]))
    assert "lanes=['sgd~2']" in (tmp_path / "reproduce.py").read_text()
    run_script(tmp_path)
    with np.load(tmp_path / "recording.npz") as theirs:
        found = {name.split("/")[1] for name in theirs.files if name.startswith("lanes/")}
        assert found == {"sgd~2"}
        ours = session.recording.theta("sgd~2")
        np.testing.assert_array_equal(theirs["lanes/sgd~2/theta"], ours)


def test_the_script_runs_as_far_as_the_record_goes():
    session = Session(Experiment("rosenbrock", [Lane("sgd")], steps=1000))
    session.advance(7)
    assert "steps = 7\n" in script(session.recording)
