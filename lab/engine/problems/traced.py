"""The hidden units of a user's module, read from its operations.

The module is traced by `torch.fx`, and its graph is run once on a few samples. Beside each tensor
goes another one of its shape with the number of the unit that each element belongs to. What only
rearranges elements is done to these numbers as it is to the values; elementwise operations tie the
units that they join, which is how residual streams and projection shortcuts come to share one
permutation; affine maps end one set of units and begin another.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn

from lab.engine.layout import Layout
from lab.engine.problems import operations
from lab.engine.problems.unit_tensors import UnitTensors, spread
from lab.engine.wiring import FIXED, NOTHING, HiddenLayer, UnitAxis, Wiring

_NORMS = nn.modules.batchnorm._NormBase


@dataclass(frozen=True)
class Traced:
    """A module's hidden units, and modules that give what is inside it.

    Attributes:
        wiring: see `Wiring`.
        states: inputs -> what goes into affine maps, units along axis 1: (N, units, ...) each.
        sums: inputs -> what each hidden layer's affine map gives, likewise.
    """

    wiring: Wiring
    states: nn.Module
    sums: nn.Module


def trace_module(module: nn.Module, layout: Layout, inputs: torch.Tensor) -> Traced:
    """Read a module.

    Args:
        module: any whose operations are known.
        layout: its trainable parameters.
        inputs: (samples, ...), a few that it can be called with.

    Raises:
        ValueError: a module that cannot be traced, or an operation that is not known to leave
            units free; it is named.
    """
    tracer = _Tracer()
    try:
        whole = fx.GraphModule(module, tracer.trace(module))
    except Exception as error:
        line = f"{error}".strip().splitlines()[0]
        raise ValueError(
            f"units cannot be permuted, because torch.fx cannot trace {tracer.where}: {line}"
        ) from error
    reader = _Reader(whole, module, layout)
    if inputs.is_floating_point():
        inputs = inputs.to(next(module.parameters()).dtype)
    with torch.no_grad():
        reader.run(inputs)
    wiring = Wiring.of(
        layout,
        reader.ties,
        list(reader.axes()),
        [reader.along(node, axis) for node, axis in reader.states],
        [layer for _, _, layer in reader.layers],
        reader.seen(),
    )
    sums = [(node, axis) for node, axis, _ in reader.layers]
    return Traced(wiring, _giving(whole, reader.states), _giving(whole, sums))


class _Tracer(fx.Tracer):
    """Goes into all modules but batch and instance normalisation; knows where it is."""

    def __init__(self) -> None:
        super().__init__()
        self.where = "the module"

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, _NORMS)

    def call_module(
        self, m: nn.Module, forward: Callable, args: tuple, kwargs: dict[str, Any]
    ) -> Any:
        before, self.where = self.where, f"{self.path_of_module(m)!r} ({type(m).__name__})"
        found = super().call_module(m, forward, args, kwargs)
        self.where = before
        return found


@dataclass(frozen=True)
class _Parameter:
    """A trainable parameter as it is, in place of its units."""

    name: str


class _Reader(fx.Interpreter):
    """Runs a graph and finds the units of each node.

    They are a tensor of the shape of its value, a tuple of such, a `_Parameter`, or None for what
    is no tensor.

    Attributes:
        states: nodes that affine maps and reductions of units take, and the axis of their units.
        layers: nodes of affine maps, the axis of their units and what they are, without those that
            give the outputs.
    """

    def __init__(self, whole: fx.GraphModule, module: nn.Module, layout: Layout):
        super().__init__(whole)
        self.extra_traceback = False
        self._shapes = dict(zip(layout.names, layout.shapes, strict=True))
        names = {id(p): name for name, p in module.named_parameters() if name in self._shapes}
        every = module.named_parameters(remove_duplicate=False)
        self._names = {name: names[id(p)] for name, p in every if id(p) in names}
        self._tensors = UnitTensors()
        self._units: dict[fx.Node, Any] = {}
        self._axes: dict[tuple[str, int], torch.Tensor] = {}  # of weights of affine maps
        self._elements: dict[str, torch.Tensor] = {}  # of parameters in elementwise use
        self._fed: dict[fx.Node, int] = {}
        self.layers: list[tuple[fx.Node, int, HiddenLayer]] = []
        self.ties = self._tensors.ties

    @property
    def states(self) -> list[tuple[fx.Node, int]]:
        """See the class."""
        return [(n, axis) for n, axis in self._fed.items() if self._tensors.can_move(self._of(n))]

    def along(self, node: fx.Node, axis: int) -> torch.Tensor:
        """The units (length,) along an axis of a node's value."""
        return self._tensors.along(self._of(node), axis)

    def axes(self) -> Iterator[UnitAxis]:
        """The units along the axes of all parameters that have some."""
        for (name, axis), units in self._axes.items():
            yield UnitAxis(name, axis, units)
        for name, units in self._elements.items():
            axes = [axis for axis in range(units.ndim) if self._tensors.varies(units, axis)]
            if len(axes) == 1:
                yield UnitAxis(name, axes[0], self._tensors.along(units, axes[0]))

    def seen(self) -> Iterator[torch.Tensor]:
        """The units of all nodes."""
        for units in self._units.values():
            yield from _tensors(units)

    def run_node(self, n: fx.Node) -> Any:
        """The value of a node; its units are found."""
        if n.op == "output":
            self._end([units for m in n.all_input_nodes for units in _flat(self._of(m))])
            return None
        value = super().run_node(n)
        try:
            self._units[n] = self._units_of(n, value) if _tensors(value) else None
        except ValueError as error:
            raise ValueError(
                f"units cannot be permuted through {operations.name_of(n)!r} of this module: "
                f"{error}"
            ) from error
        return value

    def _end(self, outputs: list[torch.Tensor]) -> None:
        """The outputs stay where they are; layers that give them are not hidden."""
        tensors = self._tensors
        given = torch.cat([tensors.ties.roots(units).reshape(-1) for units in outputs]).unique()
        self.layers = [
            layer
            for layer in self.layers
            if not torch.isin(self.ties.roots(self._units[layer[0]]), given).any()
        ]
        for units in outputs:
            tensors.hold(units)

    def _units_of(self, n: fx.Node, value: Any) -> Any:
        """See the class.

        Raises:
            ValueError: an operation that does not leave units free, or is not known to.
        """
        if n.op == "placeholder":
            return _held(value)
        if n.op == "get_attr":
            return self._parameter(n.target, value)
        if n.op == "call_module":
            return self._batch_norm(n)
        name = operations.name_of(n)
        if name in operations.AFFINE:
            return self._affine(n, name, value)
        if name in operations.REARRANGING:
            return self._rearranged(n, name)
        found = self._found(n)
        if name in operations.ELEMENTWISE:
            if name == "prelu":
                found[1] = _along_channels(found[1], found[0].ndim)
            return self._tensors.joined(found)
        if name in operations.SPATIAL and isinstance(value, torch.Tensor):
            return spread(self._tensors.along(found[0], 1), 1, value.shape)
        if name in operations.REDUCING:
            return self._reduced(n, found[0])
        if name in operations.NORMALISING:
            return self._normalised(n, name, found)
        if any(self._tensors.can_move(units) for units in found):
            raise ValueError("what it does to single units is not known here")
        return fx.node.map_aggregate(value, _held)

    def _found(self, n: fx.Node) -> list[torch.Tensor]:
        """The units of all tensors that a node takes, in their order."""
        parts: list[torch.Tensor] = []

        def note(m: fx.Node) -> fx.Node:
            parts.extend(_flat(self._of(m)))
            return m

        fx.node.map_arg((n.args, n.kwargs), note)
        return parts

    def _of(self, n: fx.Node) -> Any:
        """The units of a node; where it is a parameter, of its elements."""
        return self._elementwise(self._units[n])

    def _elementwise(self, units: Any) -> Any:
        """Units of the elements of a parameter; all others as they are."""
        if not isinstance(units, _Parameter):
            return units
        if units.name not in self._elements:
            self._elements[units.name] = self._tensors.fresh(*self._shapes[units.name])
        return self._elements[units.name]

    def _rearranged(self, n: fx.Node, name: str) -> Any:
        """What the operation does to its first argument, done to the units."""
        first = fx.node.map_arg(n.args[0], self._of)
        rest, options = fx.node.map_arg((n.args[1:], dict(n.kwargs)), lambda m: self.env[m])
        if name == "pad":
            rest, options = rest[:2], {**options, "value": float(NOTHING)}
        if n.op == "call_method":
            return getattr(first, n.target)(*rest, **options)
        return n.target(first, *rest, **options)

    def _reduced(self, n: fx.Node, units: torch.Tensor) -> torch.Tensor:
        """Units after a reduction."""
        given = operations.arguments_of(n)
        dims = _axes(given.get("dim"), units.ndim)
        self._tensors.reduced(units, dims, keepdim=False)
        mixed = [axis for axis in dims if self._tensors.varies(units, axis)]
        if len(mixed) == 1:
            self._fed.setdefault(given["input"], mixed[0])
        return self._tensors.reduced(units, dims, given.get("keepdim", False))

    def _normalised(self, n: fx.Node, name: str, found: list[torch.Tensor]) -> torch.Tensor:
        """Units after a normalisation along some axes, with elementwise scale and shift."""
        units, *parameters = found
        given = operations.arguments_of(n)
        if name == "group_norm":
            groups = units.unflatten(1, (given["num_groups"], -1)).flatten(2)
            self._tensors.reduced(groups, [2], keepdim=False)
            parameters = [_along_channels(part, units.ndim) for part in parameters]
        else:
            last = list(range(-len(given.get("normalized_shape", ())), 0))
            dims = last or _axes(given.get("dim", 1), units.ndim)
            self._tensors.reduced(units, dims, keepdim=False)
        return self._tensors.joined([units, *parameters])

    def _batch_norm(self, n: fx.Node) -> torch.Tensor:
        """Units after batch or instance normalisation.

        Raises:
            ValueError: stored statistics that are not the same for all units.
        """
        part: Any = self.module.get_submodule(n.target)
        stored = [] if _uses_batch(part) else [part.running_mean, part.running_var]
        if any(self._tensors.constant(buffer).any() for buffer in stored):
            raise ValueError("in evaluation mode it has other statistics for each unit")
        units = self._units[n.all_input_nodes[0]]
        scale = [self._parameter(f"{n.target}.{key}", p) for key, p in part.named_parameters()]
        scale = [_along_channels(self._elementwise(found), units.ndim) for found in scale]
        return self._tensors.joined([units, *scale])

    def _parameter(self, name: str, value: torch.Tensor) -> Any:
        """A trainable parameter, or the units of another tensor that the module holds."""
        return (
            _Parameter(self._names[name]) if name in self._names else self._tensors.constant(value)
        )

    def _affine(self, n: fx.Node, name: str, value: torch.Tensor) -> torch.Tensor:
        """Units after a linear map or a convolution, whose weight and bias are noted."""
        given = operations.arguments_of(n)
        enters, leaves, axis = operations.AFFINE[name]
        weight, bias = (self._units.get(given.get(key)) for key in ("weight", "bias"))
        units, groups = self._of(given["input"]), given.get("groups", 1)
        if not isinstance(weight, _Parameter):
            if self._tensors.can_move(weight):
                raise ValueError("its weight is computed")
            self._tensors.hold(units)
            return _held(value)
        units = self._tensors.along(units, axis)
        if groups not in (1, len(units)):
            raise ValueError(f"it has {groups} groups of channels")
        if groups == 1:
            self._lies(weight.name, enters, units)
            made = self._axes.get((weight.name, leaves))
            made = self._tensors.fresh(value.shape[axis]) if made is None else made
        else:
            made = units.repeat_interleave(value.shape[axis] // len(units))
        self._lies(weight.name, leaves, made)
        if isinstance(bias, _Parameter):
            self._lies(bias.name, 0, made)
        elif bias is not None:
            self._tensors.joined([made, bias])
        self._fed.setdefault(given["input"], axis)
        is_normalised = bool(n.users) and all(
            m.op == "call_module" and _uses_batch(self.module.get_submodule(m.target))
            for m in n.users
        )
        held = bias.name if isinstance(bias, _Parameter) else ""
        layer = HiddenLayer(weight.name, held, is_normalised, leaves)
        self.layers.append((n, axis, layer))
        return spread(made, axis, value.shape)

    def _lies(self, name: str, axis: int, units: torch.Tensor) -> None:
        """Note units along an axis of a weight or bias, which may be in use more than once."""
        held = self._axes.setdefault((name, axis), units)
        if name in self._elements:
            raise ValueError(f"{name!r} is in use in two ways")
        self._tensors.joined([held, units])


def _giving(whole: fx.GraphModule, wanted: list[tuple[fx.Node, int]]) -> fx.GraphModule:
    """A module that gives what nodes give, their units along axis 1."""
    graph, copies, given = fx.Graph(), {}, []
    graph.graph_copy(whole.graph, copies)
    for node, axis in wanted:
        with graph.inserting_after(copies[node]):
            turned = graph.call_method("movedim", (copies[node], axis, 1))
        with graph.inserting_after(turned):  # what follows may work in place
            given.append(graph.call_method("clone", (turned,)))
    graph.output(tuple(given))
    return fx.GraphModule(whole, graph)


def _uses_batch(part: nn.Module) -> bool:
    """Whether a normalisation takes its statistics from what is evaluated."""
    return isinstance(part, _NORMS) and (part.training or part.running_mean is None)


def _along_channels(units: torch.Tensor, ndim: int) -> torch.Tensor:
    """Units (channels,) broadcast along all axes but the second."""
    return units.reshape(-1, *[1] * (ndim - 2))


def _axes(dim: int | Sequence[int] | None, ndim: int) -> list[int]:
    """The axes that an argument `dim` means."""
    if dim is None:
        return list(range(ndim))
    return [dim] if isinstance(dim, int) else list(dim)


def _flat(tree: Any) -> list:
    """The leaves of nested tuples and lists that are not None."""
    if isinstance(tree, tuple | list):
        return [leaf for branch in tree for leaf in _flat(branch)]
    return [] if tree is None else [tree]


def _tensors(tree: Any) -> list[torch.Tensor]:
    """The tensors among them."""
    return [leaf for leaf in _flat(tree) if isinstance(leaf, torch.Tensor)]


def _held(value: Any) -> Any:
    """Units, none of which may move, of a tensor."""
    if not isinstance(value, torch.Tensor):
        return None
    return torch.full(value.shape, float(FIXED), dtype=torch.float64)
