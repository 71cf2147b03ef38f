import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lab import assets
from lab.engine.device import threads
from lab.engine.experiment import Experiment
from lab.engine.session import Session

ROOT = Path(__file__).resolve().parents[1]
GUIDED = assets.guided_experiments()


def test_there_are_guided_experiments():
    assert {"himmelblau", "rosenbrock-valley", "digits-sgd-adam"} <= GUIDED.keys()
    himmelblau = Experiment.load(GUIDED["himmelblau"])
    assert himmelblau.title == "Himmelblau, three rules"
    assert [lane.name for lane in himmelblau.lanes] == ["SGD", "Momentum", "Adam"]


@pytest.mark.parametrize("name", GUIDED)
def test_a_guided_experiment_loads_and_runs(name):
    """A few steps of each, with whatever is measured at the start."""
    experiment = Experiment.load(GUIDED[name])
    assert experiment.title
    session = Session(experiment)
    with threads(1):
        session.advance(3)
        session.jobs.work()
    assert session.head == 3
    assert not [event for event in session.recording.events if event.kind == "failed"]
    assert {result.name for result in session.recording.results} <= {
        plan.name for plan in experiment.probes
    }


def test_a_built_package_carries_its_assets(tmp_path):
    """What goes into a wheel: the assets are found there, not in the checkout."""
    for name in ("lab", "assets"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tmp_path / "source" / name, ignore=ignored)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, tmp_path / "source")
    built = tmp_path / "built"
    command = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(built)]
    subprocess.run(command, cwd=tmp_path / "source", check=True, capture_output=True)
    shutil.rmtree(tmp_path / "source")
    code = "from lab.assets import guided_experiments; print(*guided_experiments().values())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=built, check=True, capture_output=True, text=True
    )
    found = [Path(path) for path in done.stdout.split()]
    assert len(found) == len(GUIDED)
    assert all(path.is_file() and path.is_relative_to(built / "lab") for path in found)
    assert (built / "lab" / "_assets" / "icons" / "play.svg").is_file()
