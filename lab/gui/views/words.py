"""Numbers as people read them: three significant digits, true minus signs. Qt-free."""

import math


def short(value: float, digits: int = 3) -> str:
    """A number in few characters: 0.0123, −4.57, 12300, 1.20e−6; a dash where there is none."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    power = int(exponent)
    text = f"{value:.{max(0, digits - 1 - power)}f}" if -3 <= power < 6 else f"{mantissa}e{power}"
    return text.replace("-", "−")


def dot(colour: str) -> str:
    """A lane's disc in rich text."""
    return f'<span style="color:{colour}">●</span>'


def table(rows: list[tuple[str, ...]], title: str = "") -> str:
    """A reading in rich text: a title and rows of cells, the last cell of each to the right."""
    cells = [
        "<tr>"
        + "".join(f"<td>{cell}&nbsp;</td>" for cell in row[:-1])
        + f'<td align="right">&nbsp;{row[-1]}</td></tr>'
        for row in rows
    ]
    head = f"<div>{title}</div>" if title else ""
    return f'{head}<table cellspacing="0" cellpadding="0">{"".join(cells)}</table>'
