"""What torch allocates while work is done, against the profiler."""

import platform
import subprocess
import sys

import pytest
import torch
from profiled import peak_bytes

import lab
from lab.engine.memory import PeakMemory


def test_tensors_count_until_nothing_holds_them():
    before = torch.ones(1000)
    with PeakMemory() as memory:
        one = torch.zeros(1000, dtype=torch.float64)
        before.add_(1)  # not made here
        view = one[10:]
        del one
        assert memory.live == memory.peak == 8000
        del view
        assert memory.live == 0
        two = torch.zeros(500) + 1
        assert memory.live == 2000
        assert memory.peak == 8000
    del two


def test_torch_does_not_load_its_compiler():
    code = (
        "import sys, torch, lab.engine.memory as m\n"
        "with m.PeakMemory(): torch.zeros(3) + 1\n"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries differ")
def test_freed_pieces_are_not_asked_of_the_system_again():
    code = """
import resource, torch, lab.engine.memory as m
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        pieces = [torch.ones(100_000) for _ in range(8)]
        del pieces
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
first = faults()
m.keep_freed_memory()
faults()
print(first, faults())
"""
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    first, then = map(int, output.stdout.split())
    assert then < 0.1 * first, (first, then)


@pytest.mark.parametrize("name", ["moons_mlp", "digits_mlp"])
def test_products_on_a_graph_are_seen_as_the_profiler_sees_them(name):
    problem = lab.problem(name)
    theta = problem.start([torch.Generator().manual_seed(0)]).float()

    def work():
        product = problem.products(theta)
        product(theta)
        product(theta)

    work()
    with PeakMemory() as memory:
        work()
    assert memory.peak == pytest.approx(peak_bytes(work), rel=0.05)
