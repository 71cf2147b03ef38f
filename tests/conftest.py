"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")  # before anything imports Qt


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of reference numbers, which lies beside the checkout."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "golden"
    folder = Path(os.environ.get("LANDSCAPE_LAB_GOLDEN", beside))
    if not folder.is_dir():
        pytest.skip(f"no reference numbers at {folder} (set LANDSCAPE_LAB_GOLDEN)")
    return folder


@pytest.fixture(autouse=True)
def one_thread():
    """Tiny tensors are slower with more, and the test machine has two cores."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
