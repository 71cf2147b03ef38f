"""Device, precision, thread counts, and what memory a piece of work will take."""

import contextlib
import os
from collections.abc import Iterator

import torch

from lab.engine.knobs import check_name

DEVICES = ("auto", "cpu", "cuda", "mps")
DTYPES = {"float32": torch.float32, "float64": torch.float64}


def pick_device(name: str) -> torch.device:
    """Turn "auto", "cpu", "cuda", "cuda:1" or "mps" into a device that is present.

    Raises:
        ValueError: an unknown name, or a device this machine does not have.
    """
    kind, colon, index = name.partition(":")
    check_name(kind, DEVICES, "device")
    if colon and kind != "cuda":
        raise ValueError(f"device = {name!r}: only cuda devices have numbers")
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "mps" if _has_mps() else "cpu"
    if kind == "cuda" and not torch.cuda.is_available():
        raise ValueError("device = 'cuda': this machine has no CUDA device (allowed here: 'cpu')")
    if kind == "mps" and not _has_mps():
        raise ValueError("device = 'mps': this machine has no Metal device (allowed here: 'cpu')")
    if kind == "cuda":
        known = [str(number) for number in range(torch.cuda.device_count())]
        if colon and index not in known:
            raise ValueError(f"device = {name!r}: this machine has cuda:0 to cuda:{known[-1]}")
        return torch.device("cuda", int(index or 0))
    return torch.device(kind)


def pick_dtype(name: str, device: torch.device) -> torch.dtype:
    """Turn "float32" or "float64" into a torch dtype.

    Raises:
        ValueError: an unknown name, or double precision on a device without it.
    """
    dtype = DTYPES[check_name(name, DTYPES, "dtype")]
    if dtype is torch.float64 and device.type == "mps":
        raise ValueError("dtype = 'float64': Metal has no double precision (use 'float32')")
    return dtype


def thread_count(family: str) -> int:
    """Torch threads for a family of problems: one for toys, all cores but one for networks.

    Tiny tensors are ten times slower with two busy OpenMP threads than with one; and one core is
    left for the window. The number is part of what makes a run repeatable, so it is a fixed rule.
    """
    return max(1, (os.cpu_count() or 1) - 1) if family == "network" else 1


def use_threads(count: int) -> None:
    """Compute with this many torch threads from now on."""
    if torch.get_num_threads() != count:
        torch.set_num_threads(count)


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """Use this many torch threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def free_memory(device: torch.device) -> int:
    """Bytes that can still be taken on a device."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if hasattr(os, "sysconf") and "SC_AVPHYS_PAGES" in os.sysconf_names:
        return _available_bytes()
    return 4 << 30  # no way to ask: assume a small machine


def check_memory(needed: int, device: torch.device, what: str) -> None:
    """Refuse work that would not fit, before any of it is done.

    Args:
        needed: forecast in bytes.
        device: where the memory would be taken.
        what: the work, as the subject of a sentence.

    Raises:
        ValueError: the forecast is above nine tenths of what is free.
    """
    free = free_memory(device)
    if needed > 0.9 * free:
        raise ValueError(
            f"{what} would need {bytes_text(needed)}, but {bytes_text(free)} are free on {device}; "
            "use fewer runs, fewer points or float32"
        )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out, on a GPU or in the machine itself."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def bytes_text(count: float) -> str:
    """A number of bytes as people write it, for example '3.1 MB'."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def _available_bytes() -> int:
    """What the kernel says is available, counting caches it would give up."""
    try:
        with open("/proc/meminfo") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _has_mps() -> bool:
    return bool(getattr(torch.backends, "mps", None)) and torch.backends.mps.is_available()
