"""Formulas at work: what some terms need of a tape, ready to run on tensors."""

from collections.abc import Callable, Iterable

import torch

from lab.engine.problems.formula_terms import PRIMITIVES, Tape, Term


class Program:
    """What some terms need, ready to run on coordinate tensors."""

    def __init__(self, tape: Tape, terms: Iterable[Term], dim: int):
        """Lay out the operations, reusing a place as soon as what it holds is not needed any more.

        Args:
            tape: where the terms are from.
            terms: what is wanted.
            dim: how many coordinates there are.
        """
        terms = list(terms)
        lines = tape.needed(terms)
        last_use = {arg: line for line in lines for arg in tape.operations[line].arguments}
        wanted = {term.line for term in terms}
        places: dict[int, int] = {}
        free: list[int] = []
        self._numbers: list[float] = []
        constants = [line for line in lines if tape.operations[line].name == "constant"]
        for place, line in enumerate(constants, start=dim):
            places[line] = place
            self._numbers.append(tape.operations[line].number)
        self._size = first_free = dim + len(constants)
        self._steps: list[tuple[Callable, tuple[int, ...], int]] = []
        for line in lines:
            name, arguments, number = tape.operations[line]
            if name == "variable":
                places[line] = int(number)
            elif name != "constant":
                at = tuple(places[argument] for argument in arguments)
                for argument in {*arguments} - wanted:
                    if last_use[argument] == line and places[argument] >= first_free:
                        free.append(places[argument])
                if not free:
                    free.append(self._size)
                    self._size += 1
                places[line] = free.pop()
                self._steps.append((PRIMITIVES[name].run, at, places[line]))
        self._results = [places[term.line] for term in terms]
        self._constants: dict[tuple, list[torch.Tensor]] = {}

    def __call__(self, *coordinates: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The terms at some points.

        Args:
            *coordinates: one tensor for each, all of one shape.

        Returns:
            A tensor of that shape for each term; NaN or infinite where a term is not defined.
        """
        first = coordinates[0]
        constants = self._constants.get((first.dtype, first.device))
        if constants is None:  # tensors without axes: cheaper in every operation than numbers
            place = {"dtype": first.dtype, "device": first.device}
            constants = [torch.tensor(number, **place) for number in self._numbers]
            self._constants[first.dtype, first.device] = constants
        held = [*coordinates, *constants]
        held += [first] * (self._size - len(held))
        for run, arguments, target in self._steps:
            held[target] = run(*[held[argument] for argument in arguments])
        return tuple(held[place].expand_as(first) for place in self._results)
