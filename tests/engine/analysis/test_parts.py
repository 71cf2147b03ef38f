import pytest

from lab.engine.analysis.base import Progress, finish
from lab.engine.analysis.parts import part_of


def work():
    yield Progress(0.5, partial="half")
    yield Progress(1.0)
    return "done"


def test_a_part_reports_its_share_of_the_whole():
    def whole():
        return (yield from part_of(work(), 0.2, 0.6))

    seen = []
    assert finish(whole(), seen.append) == "done"
    assert [report.done for report in seen] == [0.5, pytest.approx(0.8)]
    assert all(report.partial is None for report in seen)


def test_a_part_may_show_its_partial_results():
    assert next(part_of(work(), 0.0, 1.0, shows=True)) == Progress(0.5, "half")
