"""The control that fits a knob."""

import pytest

import lab
from lab.engine.knobs import Knob, KnobField
from lab.gui.panels.knob_rows import ChoiceRow, NumberRow, SwitchRow, TextRow, row_of


@pytest.mark.parametrize(
    ("problem", "knob", "kind"),
    [
        ("rosenbrock", "b", NumberRow),
        ("digits_mlp", "widths", TextRow),
        ("digits_mlp", "activation", ChoiceRow),
        ("digits_mlp", "skip", SwitchRow),
        ("digits_mlp", "loss", ChoiceRow),
        ("formula", "text", TextRow),
    ],
)
def test_each_knob_has_the_control_that_fits(qtbot, dressed, problem, knob, kind):
    fields = {item.name: item for item in lab.catalogue("problem")[problem].knobs}
    row = row_of(fields[knob], None, sweeps=False)
    qtbot.addWidget(row)
    assert type(row) is kind
    row.show_value(fields[knob].default)
    assert fields[knob].knob.doc in row.help_text


def test_losses_are_those_of_the_catalogue(qtbot, dressed):
    fields = {item.name: item for item in lab.catalogue("problem")["digits_mlp"].knobs}
    row = row_of(fields["loss"], None, sweeps=False)
    qtbot.addWidget(row)
    words = [row._box.itemText(i) for i in range(row._box.count())]
    assert words == list(lab.catalogue("loss"))


def test_a_knob_without_ends_has_no_slider(qtbot, dressed):
    row = row_of(KnobField("size", float, 1.0, Knob(None, None)), None, sweeps=False)
    qtbot.addWidget(row)
    assert row._slider.isHidden()
    row.show_value(12345.678)
    assert row._box.text() == "12345.7"


@pytest.mark.parametrize("low", [0.5, 1e-6])
def test_slider_and_value_agree(qtbot, dressed, low):
    field = KnobField("lr", float, 1.0, Knob(low, 100.0, scale="log"))
    row = row_of(field, None, sweeps=False)
    qtbot.addWidget(row)
    for notch in range(0, 1001, 50):
        assert row._notch(row._at(notch)) == pytest.approx(notch, abs=1)
    assert row._at(0) == pytest.approx(low, rel=1e-2)
    assert row._at(1000) == 100.0
