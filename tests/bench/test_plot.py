"""What the picture of the comparison shows."""

import pytest

from bench.comparing.figures import FIGURES
from bench.comparing.plot import COLOURS, panels_of, scale_of


def test_each_figure_of_full_mode_has_a_panel_and_embedded_mode_has_one() -> None:
    medians = {(mode, "taskyard", figure): 1.0 for mode in ("full", "embedded") for figure in FIGURES}
    assert panels_of(medians) == [*(("full", figure) for figure in FIGURES), ("embedded", "drain_bulk")]


def test_what_was_not_measured_has_no_panel() -> None:
    assert panels_of({("full", "taskyard", "http"): 2.0, ("full", "celery", "drain_one"): 1.0}) == [("full", "http")]


@pytest.mark.parametrize(("values", "begin"), [([25.0, 9_000.0], 10.0), ([1.5, 3.0], 0.1), ([100.0], 10.0)])
def test_the_scale_begins_at_a_power_of_ten_well_below_every_value(values: list[float], begin: float) -> None:
    low, high = scale_of(values)
    assert low == pytest.approx(begin)
    assert high > max(values)


def test_each_contestant_has_a_colour_of_its_own() -> None:
    assert len(set(COLOURS.values())) == len(COLOURS)
