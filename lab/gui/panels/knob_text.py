"""Numbers of knobs as people read and type them. Qt-free."""

import math
from typing import Any

from lab.engine.knobs import KnobField

MOST_VALUES = 256  # of a sweep


def number_text(value: float) -> str:
    """Three significant digits, as short as they can be said."""
    if value == 0:
        return "0"
    if isinstance(value, int):
        return str(value)
    if 1e-4 <= abs(value) < 1e5:
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.6g}"
    mantissa, exponent = f"{value:.3g}".split("e")
    return f"{mantissa}e{int(exponent)}"


def read_number(text: str, field: KnobField, *, sweeps: bool) -> Any:
    """A number as people type it; with `sweeps` also a list "0.01, 0.1" or "0.001..1 x4".

    Raises:
        ValueError: text that is none of these, or a value that is not allowed.
    """
    text = text.strip().replace("−", "-")
    if sweeps and ".." in text:
        return _read_range(text, field)
    if sweeps and "," in text:
        return tuple(_read_one(part, field) for part in text.split(",") if part.strip())
    return _read_one(text, field)


def _read_one(text: str, field: KnobField) -> Any:
    try:
        number = float(text)
    except ValueError:
        raise ValueError(
            f"{field.name} = {text!r}: a number is needed, {field.knob.range_text()}"
        ) from None
    whole = field.type is int and math.isfinite(number) and number == int(number)
    return field.check(int(number) if whole else number)


def _read_range(text: str, field: KnobField) -> tuple:
    """A range such as 0.001..1 x4: that many values, evenly spaced on the knob's own scale."""
    ends, times, count_text = text.partition("x")
    low_text, _, high_text = ends.partition("..")
    low, high = _read_one(low_text, field), _read_one(high_text, field)
    count = 5
    if times:
        count = int(count_text) if count_text.strip().isdecimal() else 0
    if not 2 <= count <= MOST_VALUES:
        raise ValueError(
            f"{field.name} = {text!r}: a range of 2 to {MOST_VALUES} values is needed, as in "
            "0.001..0.1 x4"
        )
    parts = [i / (count - 1) for i in range(count)]
    if field.knob.scale == "log" and low > 0 and high > 0:
        values = [low * (high / low) ** part for part in parts]
    else:
        values = [low + (high - low) * part for part in parts]
    return tuple(field.check(_rounded(value, field)) for value in values)


def _rounded(value: float, field: KnobField) -> float:
    return round(value) if field.type is int else float(f"{value:.6g}")
