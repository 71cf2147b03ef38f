"""What is measured while it runs."""

from types import SimpleNamespace

import pytest

from lab.engine.catalogue import catalogue
from lab.engine.messages import JobState
from lab.engine.probe_plan import GROUPS, ProbePlan
from lab.gui.panels.measures import Measures, share_text
from lab.gui.panels.probe_row import CADENCE, grouped


def entry(name, title, family="", error="", by_hand=False):
    known = catalogue("probe").get(name)
    return SimpleNamespace(
        name=name,
        title=title,
        summary=f"About {title}.",
        error=error,
        family=family,
        knobs=() if known is None else known.knobs,
        factory=None if error else SimpleNamespace(by_hand=by_hand),
    )


@pytest.fixture
def measures(qtbot, dressed):
    entries = {
        "plugin.broken": entry("plugin.broken", "Broken", error="it failed to load"),
        "roughness": entry("roughness", "Roughness index", "Geometry"),
        "hessian_spectrum": entry("hessian_spectrum", "Hessian spectrum", "Curvature"),
        "sharpness": entry("sharpness", "Takes long", "Geometry", by_hand=True),
    }
    made = Measures(entries, None)
    qtbot.addWidget(made)
    made.told, made.heard, made.asked_for = [], [], []
    made.planned.connect(made.told.append)
    made.complained.connect(made.heard.append)
    made.asked.connect(lambda *given: made.asked_for.append(given))
    made.stopped.connect(made.asked_for.append)
    made.show_plans((ProbePlan("roughness", 10, {"points": 11}),), {})
    return made


def write(measures, name, text):
    line = measures.rows[name].cadence
    line.setText(text)
    line.setModified(True)
    line.editingFinished.emit()


def test_plans_are_shown(measures):
    assert measures.rows["roughness"].box.isChecked()
    assert measures.rows["roughness"].cadence.text() == "10"
    assert not measures.rows["hessian_spectrum"].box.isChecked()
    assert not measures.rows["plugin.broken"].box.isEnabled()
    assert measures.rows["plugin.broken"].box.toolTip() == "it failed to load"
    assert measures.told == []


def test_a_tick_and_a_cadence_are_plans_that_keep_their_knobs(measures):
    measures.rows["hessian_spectrum"].box.click()
    spectrum = ProbePlan("hessian_spectrum", 20, {})
    assert measures.told[-1] == (ProbePlan("roughness", 10, {"points": 11}), spectrum)
    measures.show_plans(measures.told[-1], {})
    write(measures, "roughness", "5")
    assert measures.told[-1] == (ProbePlan("roughness", 5, {"points": 11}), spectrum)
    measures.show_plans(measures.told[-1], {})
    measures.rows["roughness"].box.click()
    assert measures.told[-1] == (spectrum,)


@pytest.mark.parametrize("text", ["0", "-3", "many", "2.5", ""])
def test_a_cadence_that_is_none_is_one_sentence(measures, text):
    write(measures, "roughness", text)
    assert measures.told == []
    assert measures.heard == [f"every = {text!r}: a whole number of at least 1 is needed"]
    assert measures.rows["roughness"].cadence.wrong
    write(measures, "roughness", "7")
    assert not measures.rows["roughness"].cadence.wrong
    assert [plan.every for plan in measures.told[-1]] == [7]
    measures.show_plans(measures.told[-1], {})
    assert measures.rows["roughness"].cadence.toolTip() == CADENCE


def test_what_a_problem_does_not_allow_is_grey_and_says_why(measures):
    measures.show_plans((), {"roughness": "the formula has one variable"})
    box = measures.rows["roughness"].box
    assert not box.isEnabled()
    assert box.toolTip() == "the formula has one variable"
    measures.show_plans((), {})
    assert box.isEnabled()


def test_costs_are_shares_of_all_that_was_done(measures):
    measures.show_costs({"steps": 1.0, "roughness": 3.0, "hessian_spectrum": 1.0})
    texts = {name: row.cost.text() for name, row in measures.rows.items()}
    assert texts.pop("roughness") == "60 %"
    assert set(texts.values()) == {""}
    measures.show_costs({})
    assert measures.rows["roughness"].cost.text() == ""


def test_groups_are_in_order_and_others_come_last(measures):
    assert list(measures.rows) == ["hessian_spectrum", "roughness", "sharpness", "plugin.broken"]
    groups = list(grouped(measures._entries, GROUPS))
    assert groups == ["Curvature", "Geometry", "Other"]


def test_every_probe_of_the_lab_is_in_a_group():
    known = [e for e in catalogue("probe").values() if e.factory and "lab." in e.factory.__module__]
    assert {entry.family for entry in known} <= set(GROUPS)


def test_cadence_and_cost_are_there_for_what_is_measured(measures):
    for name, row in measures.rows.items():
        assert row.cadence.isVisibleTo(row) == (name == "roughness")
    assert measures.rows["roughness"].more.isVisibleTo(measures)


def test_knobs_of_a_probe_are_plans(measures):
    row = measures.rows["roughness"]
    assert row.form is None
    row.more.click()
    assert row.form.isVisibleTo(measures)
    row.form.committed.emit("points", 11)  # as it is
    assert measures.told == []
    row.form.committed.emit("points", 21)
    (plan,) = measures.told[-1]
    assert (plan.every, plan.knobs["points"]) == (10, 21)
    measures.show_plans((ProbePlan("roughness", 10, {"points": 31}),), {})  # taken back
    assert row.form.row("points")._value == 31
    row.more.click()
    assert not row.form.isVisibleTo(measures)
    row.more.click()
    measures.show_plans((), {})
    assert not row.form.isVisibleTo(measures)


def test_what_takes_long_is_measured_when_it_is_asked_for(measures):
    row = measures.rows["sharpness"]
    assert not row.box.isVisibleTo(row)
    assert row.measure.isVisibleTo(row)
    row.more.click()
    row.form.committed.emit("radius", 0.1)
    assert measures.told == []
    row.measure.click()
    ((name, knobs),) = measures.asked_for
    assert (name, knobs["radius"]) == ("sharpness", 0.1)
    measures.show_costs({"steps": 1.0}, JobState("sharpness", "adam", 0.42, 1))
    assert (row.cost.text(), row.measure.text()) == ("42 %", "cancel")
    row.measure.click()
    assert measures.asked_for[-1] == "sharpness"
    measures.show_costs({"steps": 1.0, "sharpness": 1.0})
    assert (row.cost.text(), row.measure.text()) == ("50 %", "measure")
    measures.show_plans((), {"sharpness": "no"})
    assert not row.measure.isEnabled()


@pytest.mark.parametrize(("part", "text"), [(0, "0 %"), (0.001, "< 1 %"), (0.126, "13 %")])
def test_shares(part, text):
    assert share_text(part) == text


def test_in_the_window_a_knob_is_set_and_taken_back(user):
    user.panel.measures.rows["roughness"].more.click()
    row = user.panel.measures.rows["roughness"]
    before = row.knobs["points"]
    user.type_into(row.form.row("points")._box, "25")
    user.settle()
    (plan,) = [plan for plan in user.experiment.probes if plan.name == "roughness"]
    assert plan.knobs["points"] == 25
    assert user.undo_text == "Undo measurements"
    user.undo()
    (plan,) = [plan for plan in user.experiment.probes if plan.name == "roughness"]
    assert plan.knobs["points"] == before


def test_in_the_window_what_takes_long_is_asked_for_and_stopped(user):
    user.problem("moons")
    row = user.panel.measures.rows["model_complexity"]
    row.more.click()
    row.form.row("steps").released.emit(100_000)
    row.measure.click()
    user.look(4)
    assert user.frame.job.name == "model_complexity"
    assert (row.measure.text(), row.cost.text()) == ("cancel", "0 %")
    row.measure.click()
    user.settle()
    assert user.frame.job is None
    assert user.recording.probe("model_complexity") == []
    row.form.row("steps").released.emit(30)
    row.form.row("counts").released.emit(2)
    row.measure.click()
    user.settle()
    (found,) = user.recording.probe("model_complexity")
    assert found.counts[0] == 4
    assert "model_complexity" not in [plan.name for plan in user.experiment.probes]
    series = user.window.views["series"]
    user.window.docks["series"].raise_()
    user.look(3)
    assert "model_complexity" in series._choice.offered()


def test_in_the_window_a_tick_is_measured_and_taken_back(user):
    user.go(20)
    assert "evaluation" not in {result.name for result in user.recording.results}
    user.panel.measures.rows["evaluation"].box.click()
    user.settle()
    user.go(40)
    found = {result.step for result in user.recording.probe("evaluation")}
    assert 40 in found
    assert user.undo_text == "Undo measurements"
    user.undo()
    assert not user.panel.measures.rows["evaluation"].box.isChecked()
    assert "evaluation" not in {plan.name for plan in user.experiment.probes}
