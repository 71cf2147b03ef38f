"""The problem's own knobs, and formulas that are typed."""

import numpy as np
import pytest

import lab


def formula(user):
    return user.panel.problem.form.row("text")._box


def text_of(user) -> str:
    return user.experiment.problem.knobs["text"]


@pytest.fixture
def typed(user):
    """Somebody who chose to type a formula."""
    user.problem("formula")
    return user


def test_a_typed_formula_is_drawn_and_run(typed):
    typed.type_into(formula(typed), "x**2 + 3*y**2 + sin(5*x)")
    typed.settle()
    assert text_of(typed) == "x**2 + 3*y**2 + sin(5*x)"
    surface = typed.landscape._survey.surface
    x, y = np.meshgrid(surface.x, surface.y)
    assert np.allclose(surface.loss, x**2 + 3 * y**2 + np.sin(5 * x), rtol=1e-4, atol=1e-4)
    typed.go(5)
    expected = lab.run(typed.experiment)
    assert np.array_equal(typed.recording.theta("Adam")[:6], expected.theta("Adam")[:6])
    typed.undo()  # the steps that were gone on with are no change; the formula is
    assert text_of(typed) == "sin(3*x)*y**2 + abs(x - y)"
    assert formula(typed).text() == text_of(typed)


NONSENSE = {
    "x +* y": "column",
    "__import__('os').system('true')": "column",
    "x.real": "column",
    "open(x)": "open",
    "x + z": "z",
    " ": "formula",
    "lambda: 0": "column",
    "[x for x in y]": "column",
    "(" * 500: "nested",
}


def test_nonsense_and_forbidden_names_are_marked_and_change_nothing(typed):
    before, count = typed.experiment, typed.window.document.stack.count()
    for text, word in NONSENSE.items():
        typed.type_into(formula(typed), text)
        assert typed.experiment == before
        assert typed.window.document.stack.count() == count
        assert formula(typed).wrong
        assert formula(typed).text() == text  # to be put right
        assert word in typed.notices[-1]
        assert "\n" not in typed.notices[-1]
        assert formula(typed).toolTip() == typed.notices[-1]
    typed.type_into(formula(typed), "x**2 + y**2")
    typed.settle()
    assert text_of(typed) == "x**2 + y**2"
    assert not formula(typed).wrong


def test_a_division_by_zero_inside_the_window_is_said(typed):
    typed.type_into(formula(typed), "1/x + y**2")
    typed.settle()
    assert text_of(typed) == "1/x + y**2"
    (sentence,) = [s for s in typed.notices if "left out" not in s]
    assert "window" in sentence
    assert ("note", sentence) in typed.landscape._strip.facts
    typed.run_to_end()
    assert typed.frame.head == typed.frame.target


def test_a_slider_of_the_problem_is_one_step_of_undo(user):
    user.problem("rosenbrock")
    row = user.panel.problem.form.row("b")
    before = user.experiment
    row._slider.setSliderDown(True)
    for notch in (300, 500, 650):
        row._slider.setValue(notch)
        user.look(2)
    row._slider.setSliderDown(False)
    user.settle()
    assert user.experiment.problem.knobs["b"] != before.problem.knobs["b"]
    value = user.experiment.problem.knobs["b"]
    at = np.array([[0.3, -0.7]])
    surface = lab.problem("rosenbrock", b=value).value(at)
    assert user.landscape._survey.surface is not None
    assert surface == pytest.approx((1 - 0.3) ** 2 + value * (-0.7 - 0.09) ** 2)
    user.undo()
    assert user.experiment == before


def test_a_value_out_of_range_is_one_sentence(user):
    user.problem("rosenbrock")
    before = user.experiment
    for text in ("nan", "inf", "1e400", "ten"):
        user.type_into(user.panel.problem.form.row("b")._box, text)
    assert user.experiment == before
    assert all("b = " in sentence for sentence in user.notices)
    assert user.panel.problem.form.row("b")._box.wrong


def test_a_knob_of_a_network_rebuilds_it(user):
    user.problem("moons")
    dim = user.recording.header["problem"]["dim"]
    user.type_into(user.panel.problem.form.row("widths")._box, "3, 4")
    user.settle()
    assert user.recording.header["problem"]["dim"] == 2 * 3 + 3 + 3 * 4 + 4 + 4 * 2 + 2
    assert f"{2 * 3 + 3 + 3 * 4 + 4 + 4 * 2 + 2} parameters" in user.panel.problem.button.text()
    user.undo()
    assert user.recording.header["problem"]["dim"] == dim
