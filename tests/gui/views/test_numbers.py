"""The table of numbers."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

import lab
from lab.gui.views.lane_numbers import COLUMNS
from lab.gui.views.numbers import Numbers
from lab.palette import DARK, LIGHT

SIZE = (800, 150)
ROLE = Qt.ItemDataRole


def cells(desk) -> list[dict[str, str]]:
    """What is read in the columns that are there."""
    table, model = desk.view._table, desk.view._model
    return [
        {
            column.key: model.data(model.index(row, place))
            for place, column in enumerate(COLUMNS)
            if not table.isColumnHidden(place)
        }
        for row in range(model.rowCount())
    ]


def numbers(desk) -> dict[str, dict[str, float]]:
    return {row.lane: row.values for row in desk.view._model.rows}


def test_every_lane_at_the_cursor(desk, surface):
    on = desk(Numbers, size=SIZE)
    on.show(surface, 33)
    found = numbers(on)
    assert list(found) == ["sgd", "momentum", "adam"]
    for lane in ("sgd", "momentum"):
        loss = surface.scalar(lane, "loss")[:, 0]
        assert found[lane]["loss"] == loss[33]
        assert found[lane]["best"] == loss[:34].min()
        assert found[lane]["grad_norm"] == surface.scalar(lane, "grad_norm")[33, 0]
        assert found[lane]["gradient_evaluations"] == 33
        (spectrum,) = [
            r for r in surface.probe("hessian_spectrum") if (r.lane, r.step) == (lane, 30)
        ]
        assert found[lane]["lambda_max"] == spectrum.lambda_max
    assert found["sgd"]["limit"] == pytest.approx(2 / 0.0035)
    assert found["momentum"]["limit"] == pytest.approx(2 * 1.9 / 0.0016)
    first = cells(on)[0]
    assert first["lane"] == "SGD"
    assert first["step"] == "33"
    assert first["limit"] == "571"
    assert "metric" not in first  # a surface has none
    assert "state" not in first


def test_several_runs_become_one_number(desk, surface):
    on = desk(Numbers, size=SIZE)
    loss = surface.scalar("adam", "loss")[40]
    lowest = surface.scalar("adam", "loss")[:41].min(axis=0)
    on.show(surface, 40)
    assert numbers(on)["adam"]["loss"] == np.median(loss)
    assert cells(on)[2]["lane"] == "Adam · 5 runs"
    on.view._ways._buttons["best"].click()
    on.show(surface, 40)
    assert numbers(on)["adam"]["best"] == lowest.min()
    assert numbers(on)["adam"]["loss"] == loss[lowest.argmin()]
    on.view._ways._buttons["run"].click()
    on.state.run = 3
    on.show(surface, 40)
    assert numbers(on)["adam"]["loss"] == loss[3]
    assert cells(on)[2]["lane"] == "Adam · run 4"
    assert numbers(on)["sgd"]["loss"] == surface.scalar("sgd", "loss")[40, 0]


def test_the_metric_of_the_newest_evaluation(desk, network):
    on = desk(Numbers, size=SIZE)
    on.show(network, 15)
    (found,) = [r for r in network.probe("evaluation") if (r.lane, r.step) == ("adam", 10)]
    assert numbers(on)["adam"]["metric"] == found.accuracy[0]
    place = [column.key for column in COLUMNS].index("metric")
    assert on.view._model.headerData(place, Qt.Orientation.Horizontal) == "accuracy"
    assert "accuracy at step 10" in on.view._model.data(
        on.view._model.index(1, place), ROLE.ToolTipRole
    )


def test_what_diverged_is_said_in_the_warning_colour(desk, diverging):
    on = desk(Numbers, size=SIZE)
    steps = {
        lane: {r: d.step for r, d in diverging.diverged(lane).items()} for lane in diverging.lanes
    }
    on.show(diverging, 40)
    state = [row["state"] for row in cells(on)]
    assert state == [f"diverged at {steps['sgd'][0]}", "1 of 2 diverged", ""]
    assert cells(on)[0]["loss"] == "–"
    assert np.isfinite(numbers(on)["sgd-2"]["loss"])  # the median of those that go on
    place = [column.key for column in COLUMNS].index("state")
    brush = on.view._model.data(on.view._model.index(0, place), ROLE.ForegroundRole)
    assert brush.color().name() == DARK.warning
    on.state.lane = "sgd"  # the same where the row is selected
    on.show(diverging, 40)
    assert on.has(DARK.warning, near=60)
    on.show(diverging, 0)
    assert "state" not in cells(on)[0]


def test_curvature_above_the_limit_is_alarming(desk, diverging):
    on = desk(Numbers, size=SIZE)
    on.show(diverging, 0)
    rows = {row.lane: row for row in on.view._model.rows}
    assert rows["sgd"].values["lambda_max"] > 2 / 1.0
    assert "lambda_max" in rows["sgd"].alarm
    assert rows["adam"].values["lambda_max"] > rows["adam"].values["limit"]
    assert "lambda_max" not in rows["adam"].alarm  # that line is not its limit


def test_a_click_selects_the_lane(desk, surface):
    on = desk(Numbers, size=SIZE)
    on.show(surface)
    table = on.view._table
    where = table.visualRect(on.view._model.index(1, 2)).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(where))
    assert on.state.lane == "momentum"
    on.show(surface)
    assert [index.row() for index in table.selectionModel().selectedRows()] == [1]
    on.state.lane = ""
    on.show(surface)
    assert not table.selectionModel().hasSelection()


def test_copy_puts_the_table_on_the_clipboard(desk, surface):
    on = desk(Numbers, size=SIZE)
    on.show(surface, 33)
    QTest.keyClick(on.view._table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = [line.split("\t") for line in QGuiApplication.clipboard().text().split("\n")]
    assert lines[0][:5] == ["lane", "step", "loss", "|grad|", "best loss"]
    assert {len(line) for line in lines} == {len(COLUMNS)}
    assert float(lines[1][2]) == pytest.approx(surface.scalar("sgd", "loss")[33, 0], rel=1e-8)


def test_hidden_lanes_are_not_there(desk, surface):
    on = desk(Numbers, size=SIZE)
    on.state.hidden = frozenset({"momentum"})
    on.show(surface)
    assert [row.lane for row in on.view._model.rows] == ["sgd", "adam"]
    assert [row.place for row in on.view._model.rows] == [0, 2]


def test_nothing_is_told_where_nothing_changed(desk, surface, qtbot):
    on = desk(Numbers, size=SIZE)
    on.show(surface, 33)
    told = []
    on.view._model.dataChanged.connect(lambda *a: told.append("data"))
    on.view._model.modelReset.connect(lambda *a: told.append("reset"))
    on.view.outdated()
    on.show(surface, 33)
    assert told == []
    on.show(surface, 34)
    assert told == ["data"]  # the selection and the scroll bar stay


def test_columns_fill_the_table(desk, surface, network):
    on = desk(Numbers, size=SIZE)
    for recording in (surface, network):
        on.show(recording)
        table = on.view._table
        width = sum(table.columnWidth(place) for place in range(len(COLUMNS)))
        assert width == table.viewport().width()
    on.window.resize(500, 150)
    on.show(surface)
    assert on.view._table.columnWidth(0) == COLUMNS[0].width  # and it scrolls


def test_before_anything_was_run(desk, bare):
    on = desk(Numbers, size=SIZE)
    on.view.refresh()
    on.show(bare)
    (row,) = cells(on)
    assert row["step"] == "0"
    assert "lambda_max" not in row


def test_many_runs(desk):
    many = lab.run(lab.Experiment("booth", lanes=[lab.Lane("adam", lr=0.1, runs=500)], steps=20))
    on = desk(Numbers, size=SIZE)
    on.show(many)
    assert numbers(on)["adam"]["loss"] == pytest.approx(np.median(many.scalar("adam", "loss")[20]))


def test_a_lane_run_again_begins_anew(desk, surface):
    on = desk(Numbers, size=SIZE)
    on.show(surface)
    again = lab.run(replace(surface.experiment, seed=5, probes=()))
    on.show(again)
    assert numbers(on)["adam"]["best"] == np.median(again.scalar("adam", "loss").min(axis=0))


def test_an_opened_file(desk, surface, tmp_path):
    surface.save(tmp_path / "x.lab")
    opened = lab.open(tmp_path / "x.lab")
    tables = []
    for recording in (surface, opened):
        on = desk(Numbers, size=SIZE)
        on.show(recording, 47)
        tables.append(on.view._model.as_tsv())
    opened.close()
    assert tables[0] == tables[1]


def test_takes_the_colours_of_a_theme(desk, surface):
    on = desk(Numbers, size=SIZE)
    for theme in (DARK, LIGHT):
        on.dress(theme.name)
        on.show(surface)
        for place in range(3):
            assert on.has(theme.lanes[place])


def test_nothing_is_left_of_it(survivors, surface):
    assert survivors(Numbers, surface) == []
