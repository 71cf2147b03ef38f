"""Memory: what a piece of work takes at its peak, and how freed pieces are kept for the next."""

import functools
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_PIECE = 31 << 20  # bytes; the C library learns from pieces of at most 32 MiB


@functools.cache
def keep_freed_memory() -> None:
    """Let the C library keep what is freed for what comes next.

    At first glibc gives every larger piece back to the system as soon as it is freed, and each page
    of the next one has to be asked for and cleared again, which can double the time of a short
    analysis. From the size of freed pieces it learns how much to keep (mallopt(3),
    M_MMAP_THRESHOLD). So one large piece is taken and freed, without ever being touched. Other C
    libraries do not mind.
    """
    torch.empty(_PIECE, dtype=torch.uint8)


class PeakMemory(TorchDispatchMode):
    """Follows the tensors that are made inside the context, until nothing holds them any more.

    What was there before does not count, nor what a kernel takes for itself alone.

    Attributes:
        live: bytes of the tensors that are alive.
        peak: the most there were at once.
    """

    def __init__(self):
        """Begin with nothing."""
        super().__init__()
        self.live = self.peak = 0
        self._known: dict[int, weakref.ref] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Torch asks; a yes would make it load its compiler, which takes a second."""
        return False

    def __torch_dispatch__(
        self,
        func: Callable,
        types: Sequence[type],
        args: tuple = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run an operation and look at what came in and what came out."""
        for tensor in tree_leaves((args, kwargs)):
            self._note(tensor, counts=False)
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            self._note(tensor, counts=True)
        return result

    def _note(self, tensor: Any, *, counts: bool) -> None:
        """Remember a tensor's storage; one that is new counts until it is freed."""
        if not isinstance(tensor, torch.Tensor):
            return
        storage = tensor.untyped_storage()
        key = storage._cdata
        known = self._known.get(key)
        if known is not None and known() is not None:
            return
        size = storage.nbytes() if counts else 0

        def freed(_: weakref.ref) -> None:
            self.live -= size
            self._known.pop(key, None)

        self._known[key] = weakref.ref(storage, freed)
        self.live += size
        self.peak = max(self.peak, self.live)
