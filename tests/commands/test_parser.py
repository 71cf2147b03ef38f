import pytest

from lab.commands.parser import complete, parser, value_of
from lab.engine.experiment import Experiment
from lab.engine.knobs import knob_fields


def parse(*words):
    return parser().parse_args(complete(list(words)))


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ([], "gui"),
        (["x.toml"], "gui"),
        (["gui", "x.toml"], "gui"),
        (["run", "x.toml", "--out", "d"], "run"),
        (["doctor"], "doctor"),
    ],
)
def test_the_window_is_the_default(words, command):
    assert parse(*words).command == command


def test_every_knob_of_an_experiment_is_a_flag():
    words = ["run", "x.toml", "--out", "d"]
    empty = parse(*words)
    values = {"steps": "7", "seed": "3", "device": "cpu", "dtype": "float64", "title": "2"}
    assert set(values) == {field.name for field in knob_fields(Experiment)}
    for name in values:
        assert getattr(empty, name) is None
    for name, value in values.items():
        words += [f"--{name}", value]
    given = parse(*words)
    assert (given.steps, given.seed, given.device) == (7, 3, "cpu")
    assert (given.dtype, given.title) == ("float64", "2")  # a title stays text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1", 0.1),
        ("3", 3),
        ("true", True),
        ("[0.1, 0.2]", [0.1, 0.2]),
        ('"text"', "text"),
        ("relu", "relu"),
        ('{name = "focal", gamma = 2.0}', {"name": "focal", "gamma": 2.0}),
        ("", ""),
        ("1\nseed = 3", "1\nseed = 3"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_values_mean_what_they_mean_in_toml(text, value):
    assert value_of(text) == value


def test_set_takes_keys_and_values_in_order():
    given = parse("run", "x", "--out", "d", "--set", "a.b=1", "--set", "title = x=y")
    assert given.set == [("a.b", 1), ("title", "x=y")]


def test_formats_are_a_list():
    assert parse("export", "x.lab", "--out", "d").formats == ["csv", "npz", "png"]
    assert parse("export", "x.lab", "--out", "d", "--formats", "png, svg,").formats == [
        "png",
        "svg",
    ]


@pytest.mark.parametrize("kind", ["optimizers", "optimizer", "losses", "loss", "probes", "problem"])
def test_kinds_in_singular_and_plural(kind):
    assert parse("list", kind).kind in ("optimizers", "problems", "losses", "probes")
