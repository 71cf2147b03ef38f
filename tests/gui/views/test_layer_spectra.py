"""Layer spectra: a column for each layer, the sign by shape, numbers at the mouse, asking."""

import numpy as np
import pytest

import lab
from lab.engine.messages import JobState
from lab.gui.views.layer_spectra import LayerSpectra
from lab.gui.views.layer_spectra_plot import names_of


@pytest.fixture(scope="module")
def recording():
    plans = [lab.ProbePlan("layer_spectra", 5, {"k": 4, "probes": 2})]
    problem = {"name": "moons_mlp", "widths": [5, 4], "samples": 60}
    lanes = [lab.Lane("sgd", lr=0.1, name="a"), lab.Lane("adam", lr=0.01, name="b")]
    return lab.run(lab.Experiment(problem, lanes=lanes, steps=10, probes=plans, device="cpu"))


def spots(on) -> dict:
    """Height of each mark, by lane and whether it is a triangle."""
    items = on.view._plots["layers"]._drawing._items.items()
    return {key: [y for _, y, _ in item.spots] for (kind, key), item in items if kind == "dots"}


def ticks(on) -> list[str]:
    (level,) = on.view._plots["layers"].getPlotItem().getAxis("bottom")._tickLevels
    return [word for _, word in level]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_disc_for_what_is_above_zero_and_a_triangle_for_what_is_below(desk, recording, theme):
    on = desk(LayerSpectra, theme=theme)
    on.state.lane = "b"
    on.show(recording, 7)
    found = {r.lane: r for r in recording.probe("layer_spectra") if r.step == 5}
    for number, lane in enumerate(["b", "a"]):
        values = found[lane].eigenvalues.astype(float)
        for down, there in ((False, values > 0), (True, values < 0)):
            wanted = np.log10(np.abs(values[there]))
            assert spots(on)[number, down] == pytest.approx(wanted.tolist(), rel=1e-6)
    assert ticks(on) == ["0", "2", "4", "all"]
    assert on.said.startswith("Adam, step 5" if "Adam" in on.said else "b, step 5")
    assert "measured at step 5" in on.view._asking.words
    on.show(recording, 5)  # nothing fades
    assert all(on.has(on.view.theme.lane(place)) for place in (0, 1))


def test_the_cursor_decides_what_is_shown(desk, recording):
    on = desk(LayerSpectra)
    for step in (0, 5, 10):
        on.show(recording, step)
        first = next(r for r in recording.probe("layer_spectra") if (r.step, r.lane) == (step, "a"))
        values = first.eigenvalues.astype(float)
        assert spots(on)[0, False] == pytest.approx(np.log10(values[values > 0]).tolist(), rel=1e-6)
        assert f"step {step}" in on.said
        assert not on.view._asking.isVisible()


def test_numbers_at_the_mouse(desk, recording):
    on = desk(LayerSpectra)
    on.show(recording, 10)
    found = next(r for r in recording.probe("layer_spectra") if (r.step, r.lane) == (10, "a"))
    plot = on.view._plots["layers"]
    plot.pointed.emit(1.0 + plot._offset(0), 0.0)
    text = plot._reading.text()
    assert f"layer {names_of(found)[1]}, {found.sizes[1]} eigenvalues" in text
    assert f"{found.eigenvalues[1, 0]:.3g}"[:4] in text
    assert "±" in text
    assert "trace" in text
    plot.pointed.emit(9.0, 0.0)
    assert "all parameters" in plot._reading.text()


def test_long_names_and_many_layers_have_room(desk, result):
    count = 40
    rng = np.random.default_rng(0)
    arrays = {
        "eigenvalues": rng.normal(size=(count + 1, 3)),
        "residuals": np.full((count + 1, 3), 1e-6),
        "sizes": np.full(count + 1, 100),
        "converged": np.ones(count + 1, dtype=bool),
    }
    names = [f"encoder.layers.{i}.self_attention.in_projection" for i in range(count)]
    arrays["layer_largest"] = arrays["eigenvalues"][:-1].max(axis=1)
    info = {"names": ", ".join(names), "operator": "hessian", "by": "layer"}
    info |= {"lambda_max": 3.0, "layer_lambda_max": 2.0, "products": 9}
    made = lab.run(lab.Experiment("deep_linear", lanes=[lab.Lane("sgd", name="a")], steps=0))
    made.results.append(result("layer_spectra", "a", 0, arrays, **info))
    on = desk(LayerSpectra)
    on.show(made)
    assert 4 < len(ticks(on)) < 10
    assert ticks(on)[-1] == "all"
    assert all(len(word) < 30 for word in ticks(on))
    assert len(spots(on)[0, False]) + len(spots(on)[0, True]) == 3 * (count + 1)


def test_other_matrices_are_not_mixed(desk, recording, result):
    first = next(r for r in recording.probe("layer_spectra") if (r.step, r.lane) == (10, "a"))
    other = result("layer_spectra", "a", 10, first.arrays, **{**first.info, "operator": "ggn"})
    recording.results.append(other)
    try:
        on = desk(LayerSpectra)
        on.show(recording, 10)
        assert "GGN" in on.said
        assert {key[0] for key in spots(on)} == {0}  # the other lane's are of the Hessian
    finally:
        recording.results.remove(other)


def test_asked_for_and_given_up(desk, network):
    on = desk(LayerSpectra)
    on.show(network)
    assert "tick “Layer spectra”" in on.view._plots["layers"]._note.text()
    on.view._ask()
    options = {"name": "layer_spectra", "step": network.head, "lane": "sgd"}
    assert on.bridge.posts == [("ask", "probe", ("probe", "layer_spectra"), options)]
    job = JobState("layer_spectra", "sgd", 0.1, 1, 9.0, "120 products · about 9 s · 3 MB")
    on.show(network, asked={("probe", "layer_spectra"): job})
    assert "120 products" in on.said + on.view._asking.words
    on.view._asking._button.click()
    assert on.bridge.posts[-1] == ("cancel", ("probe", "layer_spectra"))


def test_densities_of_all_layers(desk, recording, network):
    on = desk(LayerSpectra)
    on.show(recording, 10)
    on.view._modes._buttons["densities"].click()
    on.show(recording, 10)
    found = next(r for r in recording.probe("layer_spectra") if (r.step, r.lane) == (10, "a"))
    plot = on.view._plots["densities"]
    lines = {key: item for (kind, key), item in plot._drawing._items.items() if kind == "line"}
    assert list(lines) == names_of(found)
    for row, item in enumerate(lines.values()):
        x, y = item.getData()
        np.testing.assert_allclose(x, found.grid[row])
        seen = np.isfinite(y)
        assert seen.any()
        np.testing.assert_allclose(10 ** y[seen], found.density[row][seen], rtol=1e-4)
    plot.pointed.emit(float(found.eigenvalues[-1, 0]), 0.0)
    assert all(name in plot._reading.text() for name in names_of(found))
    on.show(network)
    assert "set “probes”" in plot._note.text()
    on.view._ask()
    assert on.bridge.posts[-1][3]["knobs"] == {"probes": 4}


def test_problems_without_layers_say_so(desk, surface):
    on = desk(LayerSpectra)
    on.show(surface)
    assert "no layers" in on.view._plots["layers"]._note.text()
    assert on.view.wish() is None


def test_nothing_survives(survivors, recording):
    assert survivors(LayerSpectra, recording) == []
