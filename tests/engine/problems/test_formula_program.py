import pytest
import torch

from lab.engine.problems.formula_program import Program
from lab.engine.problems.formula_terms import Tape
from lab.engine.problems.formula_text import read_formula


def test_places_are_used_again():
    nested = read_formula("sin(" * 50 + "x" + ")" * 50)
    program = Program(nested.tape, [nested], 1)
    assert len(program._steps) == 50
    assert program._size <= 3
    x = torch.linspace(-1, 1, 5, dtype=torch.float64)
    expected = x
    for _ in range(50):
        expected = expected.sin()
    assert torch.equal(program(x)[0], expected)


def test_a_shared_part_is_computed_once():
    term = read_formula("exp(x*y) + 3*exp(x*y)")
    assert len(Program(term.tape, [term], 2)._steps) == 4


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_precision_is_that_of_the_coordinates(dtype):
    term = read_formula("where(x > 0.1, 1, 2) + atan2(0.1, y)**2 + max(x, 0.3) % 0.7")
    x = torch.rand(3, dtype=dtype)
    assert Program(term.tape, [term], 2)(x, x)[0].dtype == dtype


def test_one_program_serves_both_precisions():
    term = read_formula("x/3")
    program = Program(term.tape, [term], 1)
    for dtype in (torch.float32, torch.float64, torch.float32):
        x = torch.ones(2, dtype=dtype)
        assert torch.equal(program(x)[0], x / 3)


def test_constants_take_the_shape_of_the_coordinates():
    tape = Tape()
    x = tape.variable(0)
    results = Program(tape, [x, tape.constant(2.5)], 1)(torch.zeros(4))
    assert results[1].tolist() == [2.5] * 4
