"""What is left of an experiment on a problem that does not allow all of it."""

import lab
from lab.engine.catalogue import find
from lab.engine.fitting import fitting


def experiment(problem, *lanes, probes=()) -> lab.Experiment:
    return lab.Experiment(problem, [lab.Lane(name) for name in lanes], probes=probes)


def test_what_fits_stays_as_it_is():
    given = experiment("himmelblau", "adam", "newton", probes=("hessian_spectrum",))
    assert fitting(given) == (given, "")


def test_measurements_that_are_not_possible_are_left_out(monkeypatch):
    factory = find("probe", "evaluation").factory
    monkeypatch.setattr(factory, "unfit", classmethod(lambda cls, problem: "it needs data"))
    given = experiment("himmelblau", "adam", probes=("evaluation", "hessian_spectrum"))
    left, note = fitting(given)
    assert [plan.name for plan in left.probes] == ["hessian_spectrum"]
    assert left.lanes == given.lanes
    assert note == "left out on this problem: evaluation (it needs data)"


def test_rules_that_cannot_run_are_left_out():
    left, note = fitting(experiment("digits_mlp", "newton", "sgd", "torch.optim.SGD"))
    assert [lane.name for lane in left.lanes] == ["sgd", "SGD"]
    assert "newton (" in note
    lab.run(lab.Experiment(left.problem, left.lanes, steps=1))
