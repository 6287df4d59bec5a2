import pytest

ROWS = [
    {"k": "x", "a": 1, "b": 2.5},
    {"k": "y", "a": 2, "b": None},
    {"k": "x", "a": 3, "b": 0.5},
]
RIGHT = {"rows": [{"k": "x", "name": "ix", "a": 10}, {"k": "z", "name": "zet", "a": 30}]}


def test_filter_keeps_rows_for_which_the_condition_is_true(rows_after):
    assert [row["a"] for row in rows_after(ROWS, {"op": "filter", "where": "b > 1 OR a = 3"})] == [1, 3]
    assert rows_after(ROWS, {"op": "filter", "where": "b > 100"}) == []


def test_derive_adds_and_replaces_from_the_row_as_it_came(rows_after):
    step = {"op": "derive", "columns": {"a": "a * 10", "c": "a + 1", "one thing": "'it''s ' || k"}}
    assert rows_after(ROWS[:1], step) == [{"k": "x", "a": 10, "b": 2.5, "c": 2, "one thing": "it's x"}]


def test_window_functions_see_the_rows_of_their_partition(rows_after):
    step = {"op": "derive", "columns": {"share": "a / sum(a) OVER (PARTITION BY k)"}}
    assert [row["share"] for row in rows_after(ROWS, step)] == [0.25, 1.0, 0.75]


def test_select_keeps_columns_in_its_order(rows_after):
    assert list(rows_after(ROWS, {"op": "select", "columns": ["b", "k"]})[0]) == ["b", "k"]


def test_rename_names_columns_anew_and_may_swap_them(rows_after):
    step = {"op": "rename", "columns": {"a": "b", "b": "a"}}
    assert rows_after(ROWS[:1], step) == [{"k": "x", "b": 1, "a": 2.5}]


def test_names_that_polars_takes_for_patterns_mean_themselves(rows_after):
    rows = [{"*": 1, "^a.*$": 2, "ab": 3}]
    assert rows_after(rows, {"op": "select", "columns": ["^a.*$"]}) == [{"^a.*$": 2}]
    assert rows_after(rows, {"op": "cast", "columns": {"*": "string"}})[0]["*"] == "1"
    grouped = rows_after(rows, {"op": "aggregate", "by": ["^a.*$"], "metrics": {"n": "count(*)"}})
    assert grouped == [{"^a.*$": 2, "n": 1}]
    assert rows_after(rows, {"op": "sort", "by": ["*"]}, {"op": "deduplicate", "by": ["^a.*$"]}) == rows
    joined = rows_after(rows, {"op": "join", "on": ["^a.*$"], "with": {"rows": [{"^a.*$": 2, "c": 4}]}})
    assert joined == [rows[0] | {"c": 4}]


@pytest.mark.parametrize(
    ("kind", "value", "cast"),
    [
        ("integer", "12", 12),
        ("integer", 2.0, 2),
        ("float", "1.5", 1.5),
        ("string", 7, "7"),
        ("boolean", "True", True),
        ("boolean", "false", False),
        ("boolean", 0, False),
        ("date", "2026-02-03", "2026-02-03"),
        ("time", "07:30", "07:30:00"),
        ("time", "07:30:01.5", "07:30:01.500000"),
        ("datetime", "2026-02-03", "2026-02-03T00:00:00"),
        ("datetime", "2026-02-03 04:05", "2026-02-03T04:05:00"),
        ("datetime", "2026-02-03T04:05:06.789", "2026-02-03T04:05:06.789000"),
        ("datetime_utc", "2026-02-03 04:05", "2026-02-03T04:05:00+00:00"),
        ("datetime_utc", "2026-02-03T04:05:06Z", "2026-02-03T04:05:06+00:00"),
        ("datetime_utc", "2026-02-03T04:05:06.5+02:00", "2026-02-03T02:05:06.500000+00:00"),
        ("datetime_utc", "2026-02-03T04:05-0130", "2026-02-03T05:35:00+00:00"),
    ],
)
def test_cast_changes_the_type(rows_after, kind, value, cast):
    rows = rows_after([{"a": value}, {"a": None, "b": 1}], {"op": "cast", "columns": {"a": kind}})
    assert [row["a"] for row in rows] == [cast, None]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("integer", "x"),
        ("boolean", "yes"),
        ("date", "2026-02-30"),
        ("date", "05/01/2026"),  # whether May or January, nobody can tell
        ("datetime", "05/01/2026 10:00"),
        ("datetime", "2026-02-03T04:05:06Z"),  # a moment would lose its offset
        ("time", "25:00"),
    ],
)
def test_a_value_that_does_not_fit_fails_or_becomes_null(failure_of, rows_after, kind, value):
    step = {"op": "cast", "columns": {"a": kind}}
    failure = failure_of({"source": {"rows": [{"a": value}]}, "steps": [step]})
    assert str(failure).startswith("steps[0] (cast): ")
    assert failure.retryable is False
    assert rows_after([{"a": value}], step | {"strict": False}) == [{"a": None}]


def test_cast_reads_text_by_its_format(rows_after):
    rows = rows_after(
        [{"d": "05.01.2026", "t": "05.01.2026 17:30 +0200"}],
        {"op": "cast", "columns": {"d": "date"}, "format": "%d.%m.%Y"},
        {"op": "cast", "columns": {"t": "datetime_utc"}, "format": "%d.%m.%Y %H:%M %z"},
    )
    assert rows == [{"d": "2026-01-05", "t": "2026-01-05T15:30:00+00:00"}]


def test_aggregate_makes_a_row_of_each_group_in_their_order(rows_after):
    metrics = {"n": "count(*)", "total": "sum(a)", "known": "count(b)", "most": "max(b)", "spread": "max(a) - min(a)"}
    assert rows_after(ROWS, {"op": "aggregate", "by": ["k"], "metrics": metrics}) == [
        {"k": "x", "n": 2, "total": 4, "known": 2, "most": 2.5, "spread": 2},
        {"k": "y", "n": 1, "total": 2, "known": 0, "most": None, "spread": 0},
    ]


def test_aggregate_without_by_makes_one_row_even_of_none(rows_after):
    step = {"op": "aggregate", "metrics": {"n": "count(*)", "total": "sum(a)"}}
    assert rows_after(ROWS, step) == [{"n": 3, "total": 6}]
    assert rows_after(ROWS, {"op": "limit", "rows": 0}, step) == [{"n": 0, "total": None}]


def test_sort_takes_a_direction_for_each_column_and_puts_nulls_last(rows_after):
    def order(**step):
        return [row["a"] for row in rows_after(ROWS, {"op": "sort"} | step)]

    assert order(by=["a"], descending=True) == [3, 2, 1]
    assert order(by=["k", "a"], descending=[False, True]) == [3, 1, 2]
    assert order(by=["b"]) == [3, 1, 2]
    assert order(by=["b"], nulls_last=False) == [2, 3, 1]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("inner", [("x", 1, "ix"), ("x", 3, "ix")]),
        ("left", [("x", 1, "ix"), ("y", 2, None), ("x", 3, "ix")]),
        ("full", [("x", 1, "ix"), ("y", 2, None), ("x", 3, "ix"), ("z", None, "zet")]),
        ("semi", [("x", 1, None), ("x", 3, None)]),
        ("anti", [("y", 2, None)]),
    ],
)
def test_join_by_keys(rows_after, how, expected):
    rows = rows_after(ROWS, {"op": "join", "on": ["k"], "how": how, "with": RIGHT})
    assert [(row["k"], row["a"], row.get("name")) for row in rows] == expected


def test_join_by_keys_of_other_names_and_with_a_suffix(rows_after):
    right = {"rows": [{"key": "x", "a": 10}]}
    step = {"op": "join", "left_on": ["k"], "right_on": ["key"], "suffix": "_there", "with": right}
    assert rows_after(ROWS, step) == [ROWS[0] | {"a_there": 10}, ROWS[2] | {"a_there": 10}]


def test_join_with_everything(rows_after):
    rows = rows_after(ROWS, {"op": "join", "how": "cross", "with": {"rows": [{"c": 1}, {"c": 2}]}})
    assert [(row["a"], row["c"]) for row in rows] == [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2)]


def test_a_filter_after_a_join_sees_both_sides(rows_after):
    join = {"op": "join", "on": ["k"], "how": "left", "with": RIGHT}
    assert rows_after(ROWS, join, {"op": "filter", "where": "name IS NULL"}, {"op": "select", "columns": ["a"]}) == [
        {"a": 2}
    ]


def test_join_with_a_file(root, process):
    (root / "names.csv").write_text("k,name\nx,ix\n")
    step = {"op": "join", "on": ["k"], "with": {"path": "names.csv"}}
    assert [row["name"] for row in process({"source": {"rows": ROWS}, "steps": [step]})["rows"]] == ["ix", "ix"]


@pytest.mark.parametrize(("keep", "expected"), [("first", [1, 2]), ("last", [2, 3]), ("none", [2])])
def test_deduplicate_keeps_one_of_those_that_agree(rows_after, keep, expected):
    assert [row["a"] for row in rows_after(ROWS, {"op": "deduplicate", "by": ["k"], "keep": keep})] == expected


def test_deduplicate_by_all_columns(rows_after):
    assert rows_after([*ROWS, *ROWS], {"op": "deduplicate"}) == ROWS
    assert len(rows_after(ROWS, {"op": "deduplicate", "by": ["k"], "keep": "any"})) == 2


def test_limit_keeps_the_first_rows(rows_after):
    assert rows_after(ROWS, {"op": "limit", "rows": 2}) == ROWS[:2]


def test_steps_work_on_what_the_one_before_made(rows_after):
    assert rows_after(
        ROWS,
        {"op": "derive", "columns": {"c": "a * 2"}},
        {"op": "filter", "where": "c > 2"},
        {"op": "rename", "columns": {"c": "d"}},
        {"op": "aggregate", "by": ["k"], "metrics": {"d": "sum(d)"}},
        {"op": "sort", "by": ["d"]},
    ) == [{"k": "y", "d": 4}, {"k": "x", "d": 6}]


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([{"op": "filter", "where": "nope > 1"}], 'steps[0] (filter): unable to find column "nope"'),
        ([{"op": "filter", "where": "a + 1"}], "steps[0] (filter): filter predicate must be of type `Boolean`"),
        ([{"op": "limit", "rows": 1}, {"op": "derive", "columns": {"x": "nope"}}], "steps[1] (derive): unable to find"),
        ([{"op": "select", "columns": ["nope"]}], 'steps[0] (select): the data has no column "nope"; there are: "k"'),
        ([{"op": "rename", "columns": {"nope": "x"}}], 'steps[0] (rename): the data has no column "nope"'),
        ([{"op": "rename", "columns": {"a": "b"}}], "steps[0] (rename): column 'b' is duplicate"),
        ([{"op": "cast", "columns": {"nope": "date"}}], 'steps[0] (cast): the data has no column "nope"'),
        ([{"op": "aggregate", "by": ["nope"], "metrics": {"n": "count(*)"}}], "steps[0] (aggregate): the data has no"),
        ([{"op": "aggregate", "by": ["k"], "metrics": {"n": "sum(nope)"}}], "steps[0] (aggregate): unable to find"),
        ([{"op": "sort", "by": ["nope"]}], 'steps[0] (sort): the data has no column "nope"'),
        ([{"op": "deduplicate", "by": ["nope"]}], 'steps[0] (deduplicate): the data has no column "nope"'),
        ([{"op": "join", "on": ["b"], "with": RIGHT}], 'steps[0] (join): the right side has no column "b"'),
        ([{"op": "join", "on": ["name"], "with": RIGHT}], 'steps[0] (join): the left side has no column "name"'),
        ([{"op": "join", "left_on": ["a"], "right_on": ["k"], "with": RIGHT}], "steps[0] (join): datatypes of join"),
        ([{"op": "derive", "columns": {"x": "CAST(k AS INT)"}}], "steps[0] (derive): conversion from `str` to `i32`"),
        ([{"op": "derive", "columns": {"x": "CAST(k AS DATE)"}}], 'text becomes a date or time by the step "cast"'),
        ([{"op": "filter", "where": "k ~ '('"}], "steps[0] (filter): regex error"),
    ],
)
def test_a_step_that_does_not_fit_is_named(failure_of, steps, message):
    failure = failure_of({"source": {"rows": ROWS}, "steps": steps})
    assert message in str(failure)
    assert failure.retryable is False
    assert "\n" not in str(failure)
    for jargon in ("FAILED HERE", "LazyFrame", "str.to_date", "expression:", "plan"):
        assert jargon not in str(failure)


def test_where_two_steps_could_be_meant_none_is_named(failure_of):
    steps = [{"op": "derive", "columns": {name: "CAST(k AS INT)"}} for name in ("x", "y")]
    assert str(failure_of({"source": {"rows": ROWS}, "steps": steps})).startswith("conversion from")
