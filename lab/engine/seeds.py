"""Random streams: one integer seed and a purpose give one generator, the same on every machine."""

import zlib

import numpy as np
import torch


def generator(seed: int, *stream: str | int) -> torch.Generator:
    """Make the generator of a stream, for example `generator(0, "start", run)`.

    Draws are made on the CPU and moved afterwards, so that a GPU run starts where a CPU run does.

    Args:
        seed: the experiment's seed, 0 or more.
        stream: words and numbers that name the purpose; other streams are independent of it.

    Returns:
        A CPU generator owned by the caller.
    """
    words = [zlib.crc32(part.encode()) if isinstance(part, str) else part for part in stream]
    state = np.random.SeedSequence([seed, *words]).generate_state(2, np.uint32)
    return torch.Generator().manual_seed(int(state[0]) << 31 ^ int(state[1]))
