"""Topology: tree, bars and table of the surface that is shown, and what is said of them."""

from types import SimpleNamespace

import numpy as np
import pytest

import lab
from lab.engine.messages import JobState, Partial, Trouble
from lab.gui.views.asking import STALE
from lab.gui.views.topology import MODES, Topology
from lab.palette import DARK, LIGHT, basin


@pytest.fixture(scope="module")
def measured() -> lab.Recording:
    lanes = [lab.Lane("sgd", lr=0.0035), lab.Lane("adam", lr=0.06)]
    plans = [lab.ProbePlan("topology", 20, {"points": 65})]
    return lab.run(lab.Experiment("himmelblau", lanes=lanes, steps=20, probes=plans, device="cpu"))


def said(desk) -> str:
    return desk.view._words.toolTip()


def items(drawing, kind: str) -> dict:
    return {key[1]: item for key, item in drawing._items.items() if key[0] == kind}


def mode(desk, word: str) -> None:
    desk.view._modes._buttons[word].click()


def test_the_tree_has_a_line_for_each_basin(desk, measured):
    on = desk(Topology)
    on.show(measured, 20)
    (found, *_) = measured.probe("topology")
    lines = items(on.view._tree._drawing, "line")
    for row, (birth, death) in enumerate(zip(found.birth, found.death, strict=True)):
        x, y = lines[basin(row)].getData()
        assert y[0] == pytest.approx(birth)
        if np.isfinite(death):
            assert y[1:3] == pytest.approx([death] * 2)
            assert x[2] == lines[basin(found.elder[row])].getData()[0][0]
    assert "4 basins" in said(on)
    assert "mean depth 61" in said(on)
    assert "coarse, 65 × 65 points" in said(on)


def test_the_bars_are_basins_and_holes_in_two_colours(desk, measured):
    on = desk(Topology)
    mode(on, "bars")
    on.show(measured, 20)
    (found, *_) = measured.probe("topology")
    bars = on.view._bars._bars
    assert [bar.hole for bar in bars] == [False] * 4 + [True]
    assert bars[4][:2] == pytest.approx(found.holes[0])
    x, y = items(on.view._bars._drawing, "line")[True].getData()
    assert x[:2] == pytest.approx(found.holes[0])
    assert set(y[:2]) == {4}
    assert on.has(DARK.lanes[0])
    on.view._bars._read(50.0, 0.0)
    assert "never" in on.view._bars._reading.text()
    on.view._bars._read(50.0, 4.1)
    assert "a hole" in on.view._bars._reading.text()


def test_the_table_has_depths_and_shares(desk, measured):
    on = desk(Topology)
    mode(on, "table")
    on.show(measured, 20)
    rows = on.view._table.rows
    assert sum(row.numbers[3] for row in rows) == pytest.approx(100)
    assert rows[1].numbers[2] == pytest.approx(104, abs=1)
    lines = on.view._table.as_tsv().split("\n")
    assert len(lines) == 5
    assert lines[0].split("\t")[-2:] == ["drains %", "below %"]


def test_the_slider_hides_what_is_less_persistent(desk, measured):
    on = desk(Topology)
    on.show(measured, 20)
    on.view._slider.setValue(85)  # 10^-0.6 of 104
    on.show(measured, 20)
    assert len(on.view._tree._branches) == 3
    assert "3 of 4 basins" in said(on)
    assert "least 26" in said(on)
    mode(on, "table")
    on.show(measured, 20)
    assert sum(row.numbers[3] for row in on.view._table.rows) == pytest.approx(100)


def test_readings_of_the_tree(desk, measured):
    on = desk(Topology)
    on.show(measured, 20)
    tree = on.view._tree
    (branch, *_) = [b for b in tree._branches if np.isfinite(b.elder)]
    tree._read(branch.x, branch.low)
    assert "drains" in tree._reading.text()
    assert "depth" in tree._reading.text()
    tree._read(branch.x, 1e9)
    assert tree._reading.text() == ""


def test_follows_the_surface_of_the_landscape(desk, network):
    on = desk(Topology)
    on.show(network, 20)
    assert "open the landscape" in on.view._note._note.text()
    x = np.linspace(-1, 1, 9)
    plane = SimpleNamespace(kind="random")
    surface = SimpleNamespace(x=x, y=x, loss=np.add.outer(x**2, x**2), plane=plane)
    on.show(network, 20, partials={("surface",): Partial(0.5, surface)})
    assert not on.bridge.posts
    whole = {("surface",): Partial(1.0, surface)}
    on.show(network, 20, partials=whole)
    ((command, name, key, options),) = on.bridge.posts
    assert (command, name, key) == ("ask", "topology", ("topology",))
    assert options["surface"] is surface
    trouble = {**whole, ("topology",): Partial(1.0, Trouble("no such luck", ""))}
    on.show(network, 20, partials=trouble)
    assert on.view._note._note.text() == "no such luck"
    assert len(on.bridge.posts) == 1  # what failed is not asked for again by itself


def test_of_a_recording_that_cannot_go_on_the_surface_on_record_is_asked_for(desk, bare, result):
    on = desk(Topology)
    on.show(bare, readonly=True)
    assert not on.bridge.posts
    kept = lab.Recording(bare.experiment, bare.header)
    kept.records = bare.records
    kept.results = [result("surface", "sgd", 0)]
    on.show(kept, readonly=True)
    ((command, name, _, options),) = on.bridge.posts
    assert (command, name) == ("ask", "topology")
    assert "surface" not in options


def test_what_is_under_way_can_be_given_up_and_begun_again(desk, network):
    on = desk(Topology)
    x = np.linspace(-1, 1, 9)
    loss = np.add.outer(x**2, x**2)
    surface = SimpleNamespace(x=x, y=x, loss=loss, plane=SimpleNamespace(kind="random"))
    whole = {("surface",): Partial(1.0, surface)}
    on.show(network, 20, partials=whole)
    job, chip = JobState("topology", "", 0.3, 1, 8.0), on.view._chip
    on.show(network, 20, partials=whole, asked={("topology",): job})
    assert (chip.words, chip._button.text()) == ("30 % · 8 s left", "cancel")
    chip._button.click()
    assert on.bridge.posts[-1] == ("cancel", ("topology",))
    on.show(network, 20, partials=whole)
    assert chip.words == "given up"
    assert len(on.bridge.posts) == 2  # nobody asks again by itself
    chip._button.click()
    on.show(network, 20, partials=whole)
    assert on.bridge.posts[-1][:2] == ("ask", "topology")
    assert not chip.isVisible()


def test_what_was_measured_elsewhere_fades(desk, measured):
    on = desk(Topology)
    on.show(measured, 10)
    line = next(iter(items(on.view._tree._drawing, "line").values()))
    assert line.opacity() == pytest.approx(STALE, abs=0.01)


def test_says_how_to_get_one(desk, bare):
    on = desk(Topology)
    on.show(bare)
    assert "Measure while running" in on.view._note._note.text()
    assert not on.view._slider.isVisible()


def test_takes_the_colours_of_a_theme(desk, measured):
    on = desk(Topology)
    for theme in (DARK, LIGHT):
        on.dress(theme.name)
        for word in MODES:
            mode(on, word)
            on.show(measured, 20)
            assert on.has(theme.card, near=4)


def test_nothing_is_left(survivors, measured):
    assert not survivors(Topology, measured)
