"""The comparison as a picture: a panel for each figure, a bar for each contestant, on logarithmic scales."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.comparing.figures import FIGURES
from bench.comparing.judging import Record, medians_of
from bench.comparing.report import number

# One colour a contestant, told apart by people who see red and green alike (after Okabe and Ito).
COLOURS = {
    "taskyard": "#0072b2",
    "celery-results": "#d55e00",
    "celery": "#e69f00",
    "celery-unconfirmed": "#f0d9a0",
    "procrastinate": "#999999",
}
_INK, _FAINT = "#333333", "#888888"


def draw(path: Path, records: Sequence[Record], titles: Mapping[str, str]) -> None:
    """Writes the picture as PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    medians = medians_of(records)
    panels = [
        (mode, figure)
        for mode in ("full", "embedded")
        for figure in FIGURES
        if (mode, "taskyard", figure) in medians and (mode == "full" or figure == "drain_bulk")
    ]
    columns = 2
    rows = -(-len(panels) // columns)
    picture, axes = pyplot.subplots(rows, columns, figsize=(11, 1.75 * rows), squeeze=False, layout="constrained")
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    for axis, (mode, key) in zip(axes.flat, panels, strict=False):
        bars = [(each, medians[mode, each, key]) for each in reversed(COLOURS) if (mode, each, key) in medians]
        drawn = axis.barh(
            [titles[each] for each, _ in bars], [value for _, value in bars], color=[COLOURS[each] for each, _ in bars]
        )
        figure = FIGURES[key]
        axis.bar_label(drawn, [number(value) for _, value in bars], padding=3, fontsize=8, color=_INK)
        axis.set_xscale("log")
        values = [value for _, value in bars]
        axis.set_xlim(min(values) / 3, max(values) * 3)  # room for the labels
        better = "more is better" if figure.more_is_better else "less is better"
        place = "SQLite and files: " if mode == "embedded" else ""
        axis.set_title(f"{place}{figure.title} ({figure.unit}, {better})", fontsize=9, loc="left", color=_INK)
        axis.tick_params(labelsize=8, colors=_INK, left=False)
        axis.tick_params(axis="x", labelsize=7, colors=_FAINT, which="both", length=2)
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.spines["bottom"].set_color(_FAINT)
    picture.savefig(path, dpi=110, facecolor="white")
    pyplot.close(picture)
