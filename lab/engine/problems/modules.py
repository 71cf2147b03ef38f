"""A problem made of a user's torch.nn.Module and data.

The module is copied, never changed: its parameters are those of the lab's own vector, its buffers
copies. It is evaluated in the mode in which it was handed over (`train()` or `eval()`):

- Batch normalisation in training mode takes its statistics from the samples that are evaluated and
  keeps no running averages; in evaluation mode it takes the averages stored in the module.
- Dropout in training mode makes every value random, which no landscape can be: it is refused.

Parameters with `requires_grad = False` stay as they are and are no part of the vector.
"""

import copy
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from lab.engine.catalogue import choose
from lab.engine.layout import Layout
from lab.engine.loss import Loss, are_classes, check_classes, check_fit
from lab.engine.problems.datasets import Dataset
from lab.engine.problems.dense import Dense, DenseNetwork
from lab.engine.problems.modulecall import ModuleCall
from lab.engine.problems.network import MIXED, Network
from lab.engine.problems.sequential import dense_layers
from lab.engine.problems.traced import Traced, trace_module
from lab.engine.wiring import Wiring

TRIAL_SAMPLES = 16  # how many samples a module is tried on when the problem is made


def module_problem(
    module: nn.Module, data: Any = None, loss: Any = None, batch_size: Any = 0
) -> "ModuleNetwork":
    """Make a problem of a module and data.

    Args:
        module: any module that maps (samples, ...) to (samples, classes), or to the shape of y.
        data: a pair (X, y) of arrays, numpy or torch; y holds class numbers or values.
        loss: a loss by name, table or object; cross-entropy for class numbers and mean squared
            error for values, if not given.
        batch_size: samples of a mini-batch, 0 for all data at every step.

    Returns:
        The problem.

    Raises:
        ValueError: a module, data and loss that do not fit together.
    """
    inputs, targets = _check_data(data)
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 0:
        raise ValueError(f"batch_size = {batch_size!r}: a whole number is needed, 0 for all data")
    if loss is None:
        whole = not targets.is_floating_point() and targets.ndim == 1
        loss = "cross_entropy" if whole else "mse"
    criterion = choose("loss", loss).make()
    module = _own_copy(module)
    call = ModuleCall(module, inputs[:TRIAL_SAMPLES])
    trial = call.trial
    check_fit(criterion, trial, targets[:TRIAL_SAMPLES])
    if are_classes(criterion, targets, trial.shape):
        check_classes(targets, trial.shape[1])
        dataset = Dataset(inputs, targets.long(), classes=trial.shape[1])
    else:
        dataset = Dataset(inputs, targets.double().reshape(len(targets), -1))
    layers = dense_layers(module, inputs)
    parts = (module, call.layout, dataset, criterion, batch_size)
    if layers is not None:
        problem = SequentialNetwork(*parts, layers=layers)
    else:
        problem = CallableNetwork(*parts, call=call)
    _check_gradient(problem)
    return problem


class ModuleNetwork(Network):
    """What the problems of users' modules share; made by `module_problem`."""

    def __init__(
        self,
        module: nn.Module,
        layout: Layout,
        dataset: Dataset,
        criterion: Loss,
        batch_size: int,
    ):
        """Keep what has been checked.

        Args:
            module: a copy of the user's.
            layout: its trainable parameters.
            dataset: inputs and targets.
            criterion: the loss.
            batch_size: samples of a mini-batch, 0 for all data.
        """
        self.module, self._layout = module, layout
        self.dataset, self.criterion, self.batch_size = dataset, criterion, batch_size

    @property
    def title(self) -> str:
        """The name of the module's class."""
        return type(self.module).__name__

    @property
    def layout(self) -> Layout:
        """The trainable parameters, in the order of `.parameters()`."""
        return self._layout

    @property
    def norm_text(self) -> str:
        """See `Problem.norm_text`."""
        norms = [m for m in self.module.modules() if isinstance(m, _NORMS)]
        if not norms:
            return ""
        return "training mode, of these samples" if norms[0].training else "evaluation mode, stored"

    @property
    def data_text(self) -> str:
        """What a value is computed from."""
        norms = [m for m in self.module.modules() if isinstance(m, _NORMS)]
        if not norms:
            return super().data_text
        where = "of these samples" if norms[0].training else "stored in the module"
        return f"{super().data_text}; batch normalisation with the statistics {where}"

    @property
    def sample_trouble(self) -> str:
        """What batch normalisation in training mode does to single samples."""
        mixed = any(isinstance(m, _NORMS) and m.training for m in self.module.modules())
        return MIXED if mixed else ""

    def start(self, generators: Sequence[torch.Generator]) -> torch.Tensor:
        """Run 0 at the module's own parameters; the others where its layers would start anew.

        A layer that cannot draw its parameters itself (by `reset_parameters`) keeps them.

        Returns:
            (runs, dim), float64, on the CPU.
        """
        modules = [self.module, *(_drawn_anew(self.module, draws) for draws in generators[1:])]
        rows = []
        for module in modules:
            named = dict(module.named_parameters())
            parts = [named[name].detach().cpu().double() for name in self.layout.names]
            rows.append(torch.cat([part.reshape(-1) for part in parts]))
        return torch.stack(rows)


class SequentialNetwork(ModuleNetwork, DenseNetwork):
    """A plain chain of linear layers and activations, evaluated for all runs at once."""

    layers: tuple[Dense, ...] = ()

    def __init__(self, *args: Any, layers: tuple[Dense, ...]):
        """Keep the chain.

        Args:
            *args: see `ModuleNetwork`.
            layers: the chain.
        """
        super().__init__(*args)
        self.layers = layers


class CallableNetwork(ModuleNetwork):
    """Any other module, called with the lab's parameters in place of its own."""

    def __init__(self, *args: Any, call: ModuleCall):
        """Keep the way to call the module.

        Args:
            *args: see `ModuleNetwork`.
            call: evaluates the module for many parameter vectors.
        """
        super().__init__(*args)
        self._call = call

    def outputs(self, theta: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        """Outputs (runs, N, K) of inputs (N, ...) or (runs, N, ...)."""
        return self._call(theta, inputs, own=inputs.ndim > self.dataset.inputs.ndim)

    @property
    def wiring(self) -> Wiring:
        """See `Structure.wiring`; read from the module's operations.

        Raises:
            ValueError: a module that cannot be read.
        """
        return self._traced.wiring

    def hidden(self, theta: torch.Tensor) -> list[torch.Tensor]:
        """What goes into each affine map on all data: (runs, N, units, ...)."""
        return self._inside(self._traced.states, theta)

    def hidden_sums(self, theta: torch.Tensor) -> list[torch.Tensor]:
        """What each hidden layer's affine map gives on all data: (runs, N, units, ...)."""
        return self._inside(self._traced.sums, theta)

    def _inside(self, part: nn.Module, theta: torch.Tensor) -> list[torch.Tensor]:
        inputs = self.dataset.on(theta)[0]
        runs = [self._call.inside(part, row, inputs) for row in theta]
        return [torch.stack(found).to(theta) for found in zip(*runs, strict=True)]

    @cached_property
    def _traced(self) -> Traced:
        return trace_module(self.module, self.layout, self.dataset.inputs[:2])


_NORMS = nn.modules.batchnorm._BatchNorm


def _check_data(data: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and targets as tensors that are the problem's own.

    Raises:
        ValueError: anything but two arrays with the same number of samples.
    """
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise ValueError("data = (X, y) is needed with a module: its inputs and targets")
    tensors = []
    for name, part in zip("Xy", data, strict=True):
        try:
            is_tensor = isinstance(part, torch.Tensor)
            tensor = part.detach().cpu().clone() if is_tensor else torch.from_numpy(np.array(part))
        except (TypeError, ValueError) as error:
            raise ValueError(f"data: {name} must be an array of numbers") from error
        if not tensor.ndim or not len(tensor):
            raise ValueError(f"data: {name} holds no samples (shape {tuple(tensor.shape)})")
        tensors.append(tensor)
    if len(tensors[0]) != len(tensors[1]):
        raise ValueError(f"data: X has {len(tensors[0])} samples, y has {len(tensors[1])}")
    return tensors[0], tensors[1]


def _check_gradient(problem: ModuleNetwork) -> None:
    """Refuse a module that cannot be differentiated, and measure what memory it takes.

    Raises:
        ValueError: see above.
    """
    try:
        theta = problem.start([torch.Generator()])
        problem.evaluate_with_gradient(theta, torch.arange(min(8, len(problem.dataset)))[None])
        problem.forecast(1, theta.dtype)
    except Exception as error:
        line = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(f"the module's loss cannot be differentiated: {line}") from error


def _own_copy(module: nn.Module) -> nn.Module:
    """A copy whose batch normalisations in training mode keep no running averages.

    Raises:
        ValueError: a module that cannot be copied.
    """
    try:
        module = copy.deepcopy(module)
    except Exception as error:
        raise ValueError(
            f"the module cannot be copied: {type(error).__name__}: {error}".splitlines()[0]
        ) from error
    for part in module.modules():
        if isinstance(part, _NORMS) and part.training:
            part.running_mean = part.running_var = part.num_batches_tracked = None
            part.track_running_stats = False
    return module


def _drawn_anew(module: nn.Module, draws: torch.Generator) -> nn.Module:
    """A copy with the parameters of its layers drawn again, from a stream of its own."""
    module = copy.deepcopy(module)
    seed = int(torch.randint(2**62, (), generator=draws))
    with torch.random.fork_rng(devices=[]):  # layers draw from torch's global generator
        torch.default_generator.manual_seed(seed)
        for part in module.modules():
            if callable(getattr(part, "reset_parameters", None)):
                part.reset_parameters()
    return module
