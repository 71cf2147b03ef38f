"""Claims of speed: each a ratio to a peer measured in the same run, listed at the end."""

import pytest

_CLAIMS: list[tuple[str, float, str, float]] = []


class Claims:
    """Collects what was measured."""

    def at_least(self, what: str, ratio: float, target: float) -> None:
        """Claim that a ratio is at least a target."""
        _CLAIMS.append((what, ratio, "≥", target))
        assert ratio >= target, f"{what}: {ratio:.3g}, claimed ≥ {target:g}"

    def at_most(self, what: str, ratio: float, target: float) -> None:
        """Claim that a ratio (or a difference to a peer) is at most a target."""
        _CLAIMS.append((what, ratio, "≤", target))
        assert ratio <= target, f"{what}: {ratio:.3g}, claimed ≤ {target:g}"


@pytest.fixture
def claims() -> Claims:
    return Claims()


def pytest_terminal_summary(terminalreporter) -> None:
    if _CLAIMS:
        terminalreporter.section("claims")
        for what, ratio, sign, target in _CLAIMS:
            terminalreporter.write_line(f"{what:<78} {ratio:>10.3g}   (claimed {sign} {target:g})")
