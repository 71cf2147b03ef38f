import os

import pytest
import torch

from lab.engine import device as module
from lab.engine.device import (
    bytes_text,
    check_memory,
    free_memory,
    pick_device,
    pick_dtype,
    thread_count,
    threads,
)

CPU = torch.device("cpu")


@pytest.fixture
def cuda(monkeypatch):
    """A machine with two CUDA devices, as far as asking goes."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.fixture
def plain(monkeypatch):
    """A machine with a processor and nothing else."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def test_without_an_accelerator_all_is_on_the_processor(plain):
    assert pick_device("auto") == CPU
    assert pick_device("cpu") == CPU


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cuda", "device = 'cuda': this machine has no CUDA device"),
        ("cuda:1", "device = 'cuda': this machine has no CUDA device"),
        ("mps", "device = 'mps': this machine has no Metal device"),
        ("gpu", "device = 'gpu' is not known .*; allowed: auto, cpu, cuda, mps"),
        ("CPU", r"device = 'CPU' is not known \(did you mean 'cpu'\?\)"),
        ("", "device = '' is not known"),
        ("cpu:1", "device = 'cpu:1': only cuda devices have numbers"),
        ("auto:0", "device = 'auto:0': only cuda devices have numbers"),
    ],
)
def test_devices_that_are_not_there(plain, name, words):
    with pytest.raises(ValueError, match=words):
        pick_device(name)


def test_an_accelerator_is_taken_where_there_is_one(cuda):
    assert pick_device("auto") == torch.device("cuda", 0)
    assert pick_device("cuda") == torch.device("cuda", 0)
    assert pick_device("cuda:1") == torch.device("cuda", 1)
    assert pick_device("cpu") == CPU


@pytest.mark.parametrize("name", ["cuda:2", "cuda:x", "cuda:-1", "cuda:", "cuda:1:1"])
def test_numbers_of_devices(cuda, name):
    with pytest.raises(ValueError, match=rf"device = '{name}': this machine has cuda:0 to cuda:1"):
        pick_device(name)


def test_metal(plain, monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device("auto") == torch.device("mps")
    assert pick_dtype("float32", torch.device("mps")) is torch.float32
    with pytest.raises(ValueError, match="Metal has no double precision"):
        pick_dtype("float64", torch.device("mps"))


def test_precision():
    assert pick_dtype("float64", CPU) is torch.float64
    with pytest.raises(ValueError, match="dtype = 'float16' is not known"):
        pick_dtype("float16", CPU)


def test_toys_take_one_thread_and_networks_leave_one_core(monkeypatch):
    for cores, expected in ((1, 1), (2, 1), (8, 7), (None, 1)):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        assert thread_count("surface") == 1
        assert thread_count("function") == 1
        assert thread_count("network") == expected


def test_threads_are_given_back():
    before = torch.get_num_threads()
    with threads(3):
        assert torch.get_num_threads() == 3
    assert torch.get_num_threads() == before
    with pytest.raises(KeyError), threads(3):
        raise KeyError
    assert torch.get_num_threads() == before


def test_memory_that_is_not_there_is_refused_before_any_work():
    free = free_memory(CPU)
    assert free > 1 << 20
    check_memory(1000, CPU, "nothing much")
    with pytest.raises(ValueError, match=r"^a surface would need .*B, but .* are free on cpu; use"):
        check_memory(100 * free, CPU, "a surface")


def test_free_memory_of_other_systems(monkeypatch):
    monkeypatch.setattr(module.torch.cuda, "mem_get_info", lambda device: (123, 456))
    assert free_memory(torch.device("cuda", 0)) == 123
    monkeypatch.setattr(os, "sysconf_names", {})
    assert free_memory(CPU) == 4 << 30


def test_bytes_as_people_write_them():
    texts = [bytes_text(count) for count in (0, 999, 1000, 3_140_000, 2.5e9, 7e15)]
    assert texts == ["0 B", "999 B", "1 kB", "3.14 MB", "2.5 GB", "7e+03 TB"]
