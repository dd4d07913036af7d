"""The confusion matrix as a picture to take away: PNG, SVG, and a page that opens offline.

Colours and numbers are those of the page (`core.matrix_cells`), on white, for paper and slides.
"""

import html
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal

from core.answered import Answered
from core.confusion import counts_of
from core.datasets import CLASSES
from core.evaluation import wilson_interval
from core.matrix_cells import Look, MatrixCell, matrix_cells
from core.palette import DIGITS, TEXT
from core.run_report import TEST_DIGITS
from core.text import percent_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_GOOD: Final = DIGITS[0]
_BAD: Final = DIGITS[6]
_EMPTY: Final = "#f0f2f6"
_INK: Final = TEXT["light"]
_VALUES: Final = {
    "counts": "Numbers of digits",
    "row": "Per cent of each label",
    "column": "Per cent of each answer",
}


def matrix_png(this: Answered, look: Look) -> bytes:
    """The matrix as a PNG, 1400 by 1500 pixels, with title and caption."""
    return _drawn(this, look, "png")


def matrix_svg(this: Answered, look: Look) -> bytes:
    """The same as an SVG, whose letters are shapes: it looks alike on every machine."""
    return _drawn(this, look, "svg")


def matrix_html(this: Answered, look: Look) -> bytes:
    """The same as a page with nothing from outside and no script; a cell says more when pointed at.

    A table, so that it can also be copied into a spreadsheet and read aloud.
    """
    title = html.escape(title_of(this))
    words = "<br>\n".join(html.escape(line) for line in caption_of(this, look))
    rows = matrix_cells(counts_of(this), look)
    across = "".join(f'<th scope="col">{one.read}</th>' for one in rows[0])
    body = "\n".join(
        f'<tr><th scope="row">{row[0].true}</th>{"".join(map(_html_cell, row))}</tr>'
        for row in rows
    )
    return _PAGE.format(title=title, caption=words, across=across, body=body).encode()


def title_of(this: Answered) -> str:
    """Who answered on what."""
    return f"{this.who} on {TEST_DIGITS.get(this.dataset, 'digits of a visitor')}"


def caption_of(this: Answered, look: Look) -> list[str]:
    """How good it is, whether that is a test score, and what the cells hold, a line each."""
    n, right = len(this), int(this.right.sum())
    low, high = (100 * end for end in wilson_interval(right, n))
    accuracy = f"{percent_of(right, n, 2)} (95 % interval {low:.2f} to {high:.2f} %)"
    lines = [f"{right:,} of {n:,} digits read rightly: {accuracy}."]
    if not this.held_out:
        lines.append("Some of these digits were trained on: this is no test score.")
    hidden = "" if look.diagonal else " The diagonal, the right answers, is left out."
    scale = " Colours on a logarithmic scale." if look.log else ""
    return [*lines, f"{_VALUES[look.values]}; true labels down, answers across.{hidden}{scale}"]


def _drawn(this: Answered, look: Look, kind: Literal["png", "svg"]) -> bytes:
    # Not through pyplot, which keeps figures in one list for all threads.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 7.5), facecolor="white")
    _draw(figure, matrix_cells(counts_of(this), look))
    # A run may be called anything: no text is read as a formula.
    figure.text(
        0.5,
        0.965,
        title_of(this),
        ha="center",
        size=13,
        weight="bold",
        color=_INK,
        parse_math=False,
    )
    figure.text(
        0.5,
        0.012,
        "\n".join(caption_of(this, look)),
        ha="center",
        va="bottom",
        size=9,
        color=_INK,
        linespacing=1.5,
        parse_math=False,
    )
    target = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    figure.savefig(target, format=kind, dpi=200, metadata=metadata)
    return target.getvalue()


def _draw(figure: "Figure", rows: Sequence[Sequence[MatrixCell]]) -> None:
    from matplotlib.colors import to_hex, to_rgb
    from matplotlib.patches import Rectangle

    axes = figure.add_axes((0.1, 0.115, 0.87, 0.785))
    for down, row in enumerate(rows):
        for across, one in enumerate(row):
            colour = to_hex(_mixed(to_rgb(_GOOD if one.good else _BAD), to_rgb(_EMPTY), one.heat))
            axes.add_patch(Rectangle((across + 0.03, down + 0.03), 0.94, 0.94, color=colour, lw=0))
            axes.text(
                across + 0.5, down + 0.5, one.text, ha="center", va="center", size=11, color=_INK
            )
    axes.set(xlim=(0, CLASSES), ylim=(CLASSES, 0), aspect="equal")
    middles = [k + 0.5 for k in range(CLASSES)]
    axes.set_xticks(middles, [str(one.read) for one in rows[0]], color=_INK, size=11)
    axes.set_yticks(middles, [str(row[0].true) for row in rows], color=_INK, size=11)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("read as", color=_INK, size=11)
    axes.set_ylabel("label", color=_INK, size=11)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _mixed(
    full: tuple[float, float, float], empty: tuple[float, float, float], share: float
) -> tuple[float, float, float]:
    red, green, blue = (share * a + (1 - share) * b for a, b in zip(full, empty, strict=True))
    return red, green, blue


def _html_cell(one: MatrixCell) -> str:
    kind = "good" if one.good else "bad"
    return (
        f'<td class="{kind}" style="--heat:{100 * one.heat:.1f}%" title="{html.escape(one.words)}">'
        f"{html.escape(one.text)}</td>"
    )


_PAGE: Final = (
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ max-width: 46rem; margin: 1rem auto; padding: 0 .5rem; font: 1rem/1.5 sans-serif; }}
body {{ background: #fff; color: INK; }}
table {{ width: 100%; table-layout: fixed; border-spacing: 2px; text-align: center; }}
caption {{ font-weight: 700; font-size: 1.1em; padding-bottom: .5rem; }}
td {{ height: 2.5em; background: color-mix(in srgb, var(--hue) var(--heat), EMPTY); }}
td.good {{ --hue: GOOD; }}
td.bad {{ --hue: BAD; }}
@media (max-width: 480px) {{ table {{ font-size: .65rem; border-spacing: 1px; }} }}
</style>
</head>
<body>
<table>
<caption>{title}</caption>
<tr><th scope="col">label</th><th colspan="10" scope="colgroup">read as</th></tr>
<tr><td style="background:none"></td>{across}</tr>
{body}
</table>
<p>{caption}</p>
</body>
</html>
""".replace("INK", _INK)
    .replace("EMPTY", _EMPTY)
    .replace("GOOD", _GOOD)
    .replace("BAD", _BAD)
)
