"""A chart adds up to its series, whatever the categories are."""

from collections import defaultdict
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from app.charts.chartjs import chart_data
from app.charts.data import chart_of
from app.stats.dimensions import DIMENSIONS, Dimension
from app.stats.questions import SeriesDates, SeriesQuestion, SeriesRow

FIRST = date(2026, 3, 1)
DAYS = [FIRST + timedelta(days=number) for number in range(20)]

categories = st.sampled_from(["3.9", "3.10", "null", "other", "Linux", "pip", "1.0rc1", "x", ""]) | st.text(max_size=5)
downloads = st.dictionaries(st.tuples(categories, st.sampled_from(DAYS)), st.integers(1, 10**12), max_size=120)


@settings(derandomize=True, deadline=None)
@given(counts=downloads, dimension=st.sampled_from(DIMENSIONS))
def test_datasets_add_up_to_the_series(counts: dict[tuple[str, date], int], dimension: Dimension) -> None:
    question = SeriesQuestion("some", dimension.name, None, None, None, "day")
    rows = [SeriesRow(category, day, count) for (category, day), count in sorted(counts.items())]

    chart = chart_data(chart_of(question, "line", rows, SeriesDates(DAYS, frozenset(), [], [])), "light")

    assert chart.labels == DAYS
    assert all(len(dataset.data) == len(DAYS) for dataset in chart.datasets)
    of_day = defaultdict(int)
    for (_, day), count in counts.items():
        of_day[day] += count
    assert [sum(dataset.data[at] for dataset in chart.datasets) for at in range(20)] == [of_day[d] for d in DAYS]

    labels = [dataset.label for dataset in chart.datasets]
    found = {category for category, _ in counts}
    assert len(labels) == len(set(labels)) == (len(found) if len(found) <= 10 else 11)
    assert len({dataset.background_color for dataset in chart.datasets}) == len(labels)
    if len(found) > 10:
        drawn = [sum(dataset.data) for dataset in chart.datasets if dataset.label != "other"]
        left_out = found - set(labels) - {"other"}
        assert all(sum(n for (c, _), n in counts.items() if c == category) <= min(drawn) for category in left_out)


def test_versions_that_are_no_versions_are_the_last() -> None:
    """Python converts no number of 5,000 digits."""
    categories = ["1" * 5_000, "1.0!" * 1_000, "2.0", "10.0", "x"]
    question = SeriesQuestion("some", "version", None, None, None, "day")
    rows = [SeriesRow(category, FIRST, 1) for category in categories]

    chart = chart_of(question, "line", rows, SeriesDates([FIRST], frozenset(), [], []))

    assert [dataset.label for dataset in chart.datasets] == ["2.0", "10.0", "1.0!" * 1_000, "1" * 5_000, "x"]
