"""The comparison as a picture: a panel for each figure, a bar for each contestant, on logarithmic scales."""

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.comparing.figures import FIGURES
from bench.comparing.judging import Medians, Record, medians_of
from bench.comparing.report import number

# One colour a contestant, told apart by people who see red and green alike (after Okabe and Ito).
COLOURS = {
    "taskyard": "#0072b2",
    "celery-results": "#d55e00",
    "celery": "#e69f00",
    "celery-unconfirmed": "#f0d9a0",
    "procrastinate": "#999999",
}
COLUMNS = 2
_INK, _FAINT = "#333333", "#888888"


def draw(path: Path, records: Sequence[Record], titles: Mapping[str, str]) -> None:
    """Writes the picture as PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    logging.getLogger("matplotlib").setLevel(logging.WARNING)  # the first run builds a list of fonts, and says so
    from matplotlib import pyplot

    medians = medians_of(records)
    panels = panels_of(medians)
    rows = -(-len(panels) // COLUMNS)
    picture, axes = pyplot.subplots(rows, COLUMNS, figsize=(11, 1.8 * rows), squeeze=False, layout="constrained")
    picture.get_layout_engine().set(w_pad=0.15, h_pad=0.12)
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    for axis, (mode, key) in zip(axes.flat, panels, strict=False):
        bars = [(each, medians[mode, each, key]) for each in reversed(COLOURS) if (mode, each, key) in medians]
        _draw_panel(axis, mode, key, bars, titles)
    picture.savefig(path, dpi=110, facecolor="white")
    pyplot.close(picture)


def panels_of(medians: Medians) -> list[tuple[str, str]]:
    """Returns the modes and figures that are drawn: of embedded mode the drain, which has a floor."""
    return [
        (mode, figure)
        for mode in ("full", "embedded")
        for figure in FIGURES
        if (mode, "taskyard", figure) in medians and (mode == "full" or figure == "drain_bulk")
    ]


def scale_of(values: Sequence[float]) -> tuple[float, float]:
    """Returns where a logarithmic scale begins and ends: a power of ten well below all, and room for the labels."""
    return 10.0 ** math.floor(math.log10(min(values) / 2)), max(values) * 4


def _draw_panel(axis: Any, mode: str, key: str, bars: list[tuple[str, float]], titles: Mapping[str, str]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    values = [value for _, value in bars]
    drawn = axis.barh([titles[each] for each, _ in bars], values, color=[COLOURS[each] for each, _ in bars])
    axis.bar_label(drawn, [number(value) for value in values], padding=3, fontsize=8, color=_INK)
    axis.set_xscale("log")
    axis.set_xlim(*scale_of(values))
    axis.xaxis.set_major_locator(LogLocator(base=10))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    figure = FIGURES[key]
    place = "SQLite and files: " if mode == "embedded" else ""
    better = "more is better" if figure.more_is_better else "less is better"
    axis.set_title(f"{place}{figure.title} ({figure.unit}, {better})", fontsize=9, loc="left", color=_INK)
    axis.tick_params(axis="y", labelsize=8, colors=_INK, left=False)
    axis.tick_params(axis="x", labelsize=7, colors=_FAINT, which="both", length=2)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.spines["bottom"].set_color(_FAINT)
