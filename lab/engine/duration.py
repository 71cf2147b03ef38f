"""Seconds in words."""

_MOST = 99.5  # of a unit, before the next one


def duration(seconds: float) -> str:
    """Seconds as people say them: '40 ms', '2.5 s', '12 s', '3 min', '2.5 h'."""
    if seconds < 0.9995:
        return f"{max(1, round(1000 * seconds))} ms"
    count, unit = seconds, "s"
    for larger in ("min", "h"):
        if count >= _MOST:
            count, unit = count / 60, larger
    return f"{count:.2g} {unit}" if count < _MOST / 10 else f"{count:.0f} {unit}"
