"""A user's module as a function of many parameter vectors."""

from typing import Any

import torch
from torch import nn

from lab.engine.layout import Layout
from lab.engine.problems.network import wants_graph
from lab.engine.seeds import generator

_SAMPLE_BLOCK = 256  # samples evaluated together by convolutions on a CPU
_CONVOLUTIONS = nn.modules.conv._ConvNd


class ModuleCall:
    """Calls a module with given parameters in place of its own.

    How is settled once, on a few samples: several runs by `torch.func.vmap` if that works and gives
    the same numbers, run by run if not. Convolutions on a CPU go run by run too: they gain nothing
    there. A module whose constants let it work in only one precision is called in that one.

    On a CPU and without a graph, convolutions of samples in blocks that stay in cache, with their
    channels last, take less than half the time of one call. A module is called so where the trial
    shows that what it gives for a sample does not depend on the others.
    """

    def __init__(self, module: nn.Module, inputs: torch.Tensor):
        """Try a module.

        Args:
            module: a copy of the user's, in the mode in which it is to be evaluated.
            inputs: (samples, ...), a few to try it on.

        Raises:
            ValueError: a module without trainable parameters, that cannot be called, that returns
                no row for each sample, or another one at every call.
        """
        self.module = module
        self._names = _holders(module)
        trained = {k: v for k, v in module.named_parameters() if v.requires_grad}
        if not trained:
            raise ValueError("the module has no trainable parameters")
        self.layout = Layout.of({name: part.shape for name, part in trained.items()})
        self._fixed = {
            name: part.detach().clone()
            for name, part in (*module.named_parameters(), *module.named_buffers())
            if name not in trained
        }
        self._kept: dict[tuple, dict[str, torch.Tensor]] = {}
        own = torch.cat([part.detach().reshape(-1).double() for part in trained.values()]).cpu()
        with torch.random.fork_rng(devices=[]):
            self._dtypes, self.trial = self._try(own, inputs.cpu())
            self._at_once = self._can_be_batched(own, inputs.cpu())
            self._by_samples = self._can_be_split(own, inputs.cpu())
        self._convolves = any(isinstance(part, _CONVOLUTIONS) for part in module.modules())

    def __call__(self, theta: torch.Tensor, inputs: torch.Tensor, own: bool) -> torch.Tensor:
        """The module's outputs.

        Args:
            theta: (runs, dim).
            inputs: (N, ...), or (runs, N, ...) where each run has its own.
            own: which of the two.

        Returns:
            (runs, N, outputs), all axes after the samples in one.
        """
        dtype = theta.dtype if theta.dtype in self._dtypes else self._dtypes[0]
        points = theta.to(dtype)
        inputs = inputs.to(dtype) if inputs.is_floating_point() else inputs
        slow = self._convolves and theta.device.type == "cpu"
        if len(theta) > 1 and self._at_once and not slow:
            outputs = torch.func.vmap(self._one, in_dims=(0, 0 if own else None))(points, inputs)
        else:
            each = inputs if own else [inputs] * len(points)
            split = slow and self._by_samples and not wants_graph(theta)
            call = self._in_blocks if split else self._one
            outputs = torch.stack([call(*pair) for pair in zip(points, each, strict=True)])
        return outputs.flatten(2).to(theta.dtype) if outputs.ndim > 2 else outputs[..., None]

    def inside(self, part: nn.Module, theta: torch.Tensor, inputs: torch.Tensor) -> Any:
        """What another module gives that holds tensors of this one under their names.

        Args:
            part: the other.
            theta: (dim,).
            inputs: (N, ...).
        """
        kinds = part.named_parameters, part.named_buffers
        held = {name for kind in kinds for name, _ in kind(remove_duplicate=False)}
        dtype = theta.dtype if theta.dtype in self._dtypes else self._dtypes[0]
        inputs = inputs.to(dtype) if inputs.is_floating_point() else inputs
        given = self._parts(theta.to(dtype))
        own = {name: tensor for name, tensor in given.items() if name in held}
        return torch.func.functional_call(part, own, (inputs,), tie_weights=False)

    def _one(self, theta: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        """Outputs (N, ...) for one vector (dim,)."""
        # The ties are in the names; functional_call's own leave a layer used twice changed.
        call = torch.func.functional_call
        return call(self.module, self._parts(theta), (inputs,), tie_weights=False)

    def _parts(self, theta: torch.Tensor) -> dict[str, torch.Tensor]:
        """All parameters and buffers for one vector (dim,), under every name they have."""
        fixed = self._fixed_like(theta)
        if self.module.training:  # what a forward pass writes into its buffers is thrown away
            fixed = {name: part.clone() for name, part in fixed.items()}
        given = {**fixed, **self.layout.split(theta)}
        return {name: part for key, part in given.items() for name in self._names[key]}

    def _in_blocks(
        self, theta: torch.Tensor, inputs: torch.Tensor, size: int = _SAMPLE_BLOCK
    ) -> torch.Tensor:
        """The same, some samples after the others, in the layout that suits a CPU's caches."""
        given = {**self._fixed_like(theta), **self.layout.split(theta)}
        parts = {
            name: _channels_last(part) for key, part in given.items() for name in self._names[key]
        }
        blocks = inputs.split(size)
        call = torch.func.functional_call
        return torch.cat([call(self.module, parts, (x,), tie_weights=False) for x in blocks])

    def _fixed_like(self, theta: torch.Tensor) -> dict[str, torch.Tensor]:
        """Buffers and fixed parameters on a tensor's device, in its precision."""
        key = (theta.device, theta.dtype)
        if key not in self._kept:
            self._kept[key] = {
                name: part.to(theta.device, theta.dtype if part.is_floating_point() else None)
                for name, part in self._fixed.items()
            }
        return self._kept[key]

    def _try(
        self, own: torch.Tensor, inputs: torch.Tensor
    ) -> tuple[list[torch.dtype], torch.Tensor]:
        """In which precisions the module works, double first, and what it gives."""
        found: dict[torch.dtype, torch.Tensor] = {}
        for dtype in (torch.float64, torch.float32):
            cast = inputs.to(dtype) if inputs.is_floating_point() else inputs
            try:
                found[dtype] = self._one(own.to(dtype), cast)
                again = self._one(own.to(dtype), cast)
            except Exception as error:
                trouble = error
        if not found:
            line = f"{type(trouble).__name__}: {trouble}".splitlines()[0]
            raise ValueError(
                f"the module cannot be called with inputs of shape {tuple(inputs.shape)}: {line}"
            ) from trouble
        outputs = next(iter(found.values()))
        if not isinstance(outputs, torch.Tensor) or outputs.shape[:1] != inputs.shape[:1]:
            shape = f"shape {tuple(getattr(outputs, 'shape', ()))}"
            what = shape if isinstance(outputs, torch.Tensor) else type(outputs).__name__
            raise ValueError(
                f"the module returned {what} for {len(inputs)} samples; "
                "a tensor with one row for each sample is needed"
            )
        if not torch.allclose(list(found.values())[-1], again, rtol=1e-4, equal_nan=True):
            raise ValueError(
                "the module returns other values at every call (dropout in training mode?): "
                "call its eval() first"
            )
        return list(found), outputs.detach()

    def _can_be_batched(self, own: torch.Tensor, inputs: torch.Tensor) -> bool:
        """Whether vmap works on the module and gives the numbers of separate calls."""
        dtype = self._dtypes[0]
        noise = torch.randn(3, len(own), generator=generator(0, "trial"), dtype=torch.float64)
        rows = (own + 0.1 * noise).to(dtype)
        cast = inputs.to(dtype) if inputs.is_floating_point() else inputs
        try:
            single = torch.stack([self._one(row, cast) for row in rows])
            together = torch.func.vmap(self._one, in_dims=(0, None))(rows, cast)
        except Exception:  # vmap refuses with several kinds of error
            return False
        tolerance = 1e-9 if dtype is torch.float64 else 1e-4
        return torch.allclose(single, together, rtol=tolerance, atol=tolerance, equal_nan=True)

    def _can_be_split(self, own: torch.Tensor, inputs: torch.Tensor) -> bool:
        """Whether a few samples give what they give among others, and change nothing."""
        if self.module.training and self._fixed:
            return False
        dtype = self._dtypes[0]
        cast = inputs.to(dtype) if inputs.is_floating_point() else inputs
        try:
            whole = self._one(own.to(dtype), cast)
            split = self._in_blocks(own.to(dtype), cast, -(-len(cast) // 2))
        except Exception:  # a module may insist on a number of samples, or on a layout in memory
            return False
        tolerance = 1e-9 if dtype is torch.float64 else 1e-4
        return torch.allclose(whole, split, rtol=tolerance, atol=tolerance, equal_nan=True)


def _channels_last(part: torch.Tensor) -> torch.Tensor:
    """Images and kernels (.., channels, height, width) with their channels last in memory."""
    if part.ndim != 4:
        return part
    return part.contiguous(memory_format=torch.channels_last)


def _holders(module: nn.Module) -> dict[str, list[str]]:
    """Under which names each parameter and buffer is held: one for each part that shares it."""
    names: dict[int, list[str]] = {}
    for prefix, part in module.named_modules():  # each part once, however often it is used
        for key, tensor in (*part._parameters.items(), *part._buffers.items()):
            if tensor is not None:
                names.setdefault(id(tensor), []).append(f"{prefix}.{key}" if prefix else key)
    return {held[0]: held for held in names.values()}
