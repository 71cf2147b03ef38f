"""The strip's words for a plane through a network."""

from types import SimpleNamespace

import torch

import lab
from lab import analysis
from lab.gui.state import ViewState
from lab.gui.views.facts import facts
from lab.gui.views.ground import PlaneGround


def test_a_plane_is_beside_the_run_even_where_no_lane_is_visible(network):
    point = torch.tensor(network.theta("sgd")[20, 0])
    plane = analysis.random_plane(lab.problem("moons_mlp"), point)
    state = ViewState()
    state.cursor, state.lane, state.run = 20, "sgd", 0
    ground = PlaneGround("random", "sgd", 0, 20, scaling="filter", bias="zero").on(plane)
    survey = SimpleNamespace(ground=ground, surface=None)
    for lanes in ([], ["sgd", "adam"]):
        told = dict(facts(network, state, survey, lanes))
        assert told["off-plane"].startswith("0") or float(told["off-plane"].split()[0]) < 1e-4
        assert ("all" in told["off-plane"]) == bool(lanes)
        assert told["scaling"].startswith("by filter")
        assert told["on the plane"] == "–"  # no surface yet
