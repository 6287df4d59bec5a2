import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.handlers.data_processing.frames.parsing import parse, parse_unguarded
from tasks.handlers.data_processing.sql_guard import EXPRESSION_LIMIT, FUNCTIONS, ExpressionRefused, check

ALLOWED = [
    "a > 1",
    "a > 1 AND (b < 2 OR NOT c)",
    "-a * 2.5 + .5 % 3 - 1e3",
    "amount IN (1, 2)",
    "country NOT IN ('DE', 'FR')",
    "a BETWEEN 1 AND (2 + 3)",
    "name LIKE 'x%' AND name NOT ILIKE ('y%')",
    "name ~ '^a' AND name !~* 'b'",
    "a IS NOT NULL AND b IS NOT DISTINCT FROM c",
    "CASE WHEN (a > 1) THEN ('x') ELSE ('y') END",
    "CASE (a) WHEN (1) THEN 2 END",
    "CAST(a AS DECIMAL(18, 2)) + TRY_CAST(b AS VARCHAR(10))::int",
    "EXTRACT(year FROM a) = 2026",
    "SUBSTRING(a FROM 1 FOR 2) || TRIM(BOTH 'x' FROM b)",
    "POSITION('x' IN a)",
    "COALESCE(a, 'it''s', 'SELECT * FROM t; -- /* no query */')",
    "'\\'",  # Polars' dialect knows no backslash: if an update did, the guard would misjudge where strings end
    '"SELECT" + "from" + "na""me (x)" + "größe"',
    "count(*)",
    "COUNT (DISTINCT a)",
    "sum(a) FILTER (WHERE a > 1)",
    "sum(a) OVER (PARTITION BY b ORDER BY c)",
    "row_number() OVER (ORDER BY (a))",
    "string_agg(a, ', ' ORDER BY b)",
    "a[1] = ARRAY[1, 2][2]",
    "a.b.c = a -> 'b' ->> 'c'",
    "ordered_at > current_date - INTERVAL '7 days'",
    "DATE '2026-01-02' < DATE(a, '%d.%m.%Y')",
    "a = ANY(b)",
    "a\n\t>\r\n1",
]

ATTACKS = [
    "(SELECT 1)",
    "SELECT 1",
    "(select word from read_csv('/etc/passwd'))",
    "(sElEcT\n1)",
    "a IN (SELECT b FROM t)",
    "a IN (((SELECT 1)))",
    "a IN (FROM t)",
    "a IN (TABLE t)",
    "a IN (VALUES (1))",
    "a > ANY (SELECT 1)",
    "a > ALL (SELECT 1)",
    "EXISTS (SELECT 1)",
    "EXISTS (FROM t)",
    "NOT EXISTS (TABLE t)",
    "ARRAY(SELECT 1)",
    "(WITH t AS (SELECT 1) SELECT * FROM t)",
    "(TABLE t)",
    "1 UNION SELECT 2",
    "sum(a) FROM t",
    "a = 1 FROM t",
    "EXTRACT(year FROM (SELECT 1))",
    "COALESCE((EXTRACT(year FROM a)), (SELECT 1))",
    "read_csv('/etc/passwd')",
    "read_parquet('x')",
    "READ_JSON ('x')",
    'read_ndjson\n("x")',
    "\"read_csv\"('/etc/passwd')",
    "pg_catalog.read_csv('x')",
    "schema.sum(a)",
    '"sum"(a)',
    "scan_csv('x')",
    "columns('.*')",
    "unnest(a)",
    "generate_series(1, 1000000000000)",
    "range(1, 1000000000000)",
    "a -- comment",
    "a--1",
    "a /* comment */",
    "a // comment",
    "sum/**/(a)",
    "a # comment",
    "a; DROP TABLE t",
    "a; b",
    "E'\\'' || (SELECT 1) || ''",
    "X'41'",
    "U&'x'",
    "N'x'",
    "$$x$$",
    "$tag$ ' $tag$",
    "$1",
    "?",
    ":name",
    "`a`",
    "a@b",
    "{fn abs(a)}",
    "a \\ b",
    "a & b",
    "a | b",
    "größe > 1",
    "(\u017fELECT 1)",  # upper() makes an S of the long s
    "a\u00a0> 1",
    "\u2018a\u2019",
    "'unclosed",
    '"unclosed',
    "'it's'",
    "(a",
    "a)",
    "(a]",
    ") + (",
    "1a",
    "1_000",
    "0x1F",
    "'\x00'",
    "a\x00",
    "",
    "  \n",
    "a" * (EXPRESSION_LIMIT + 1),
]

# What the guard lets through and only Polars or the look at its answer refuses.
WRONG = [
    "a >",
    "a b",  # for Polars: a AS b
    "a AS b",
    "a, b",
    "'x' 'y'",
    "abs(a, b, c)",
    "sum(*)",
    "*",
    '"*"',
    '"^.*$"',
    "CAST(a AS NOSUCH)",
    "(" * 200 + "a" + ")" * 200,
]


@pytest.mark.parametrize("text", ALLOWED)
def test_an_expression_over_the_row_is_parsed(text):
    parse(text)


@pytest.mark.parametrize("text", ATTACKS)
def test_what_reaches_outside_the_row_is_refused_before_polars_sees_it(text):
    with pytest.raises(ExpressionRefused):
        check(text)


@pytest.mark.parametrize("text", WRONG)
def test_what_polars_cannot_take_is_refused_in_the_same_way(text):
    with pytest.raises(ExpressionRefused):
        parse(text)


@pytest.mark.parametrize("text", ["(SELECT 1)", "a IN (VALUES (1))", "EXISTS (SELECT 1)", "a > ANY (SELECT 1)"])
def test_a_query_that_slipped_through_would_be_found_in_what_polars_made_of_it(text):
    with pytest.raises(ExpressionRefused, match="queries"):
        parse_unguarded(text)


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_every_allowed_function_is_known_to_polars(function):
    if function in ("extract", "substring", "position"):  # they have a syntax of their own: see ALLOWED
        return
    try:
        pl.sql_expr(f"{function}(a, b, c)")
    except pl.exceptions.PolarsError as error:
        complaint = str(error)  # of the arguments, it should be
    else:
        complaint = ""
    assert "unsupported function" not in complaint


_PIECES = st.sampled_from(
    [
        *"a1'\"() \n-/*\\$#[].,=EN",
        *("''", "||", "'x'", "sum(a)", "read_csv('x')", "SELECT 1", "(SELECT 1)", "(VALUES (1))"),
        *("FROM t", "EXISTS", " IN ", "DISTINCT "),
    ]
)


@settings(max_examples=1_500, deadline=None)
@given(st.lists(_PIECES, max_size=12).map("".join))
def test_no_mixture_of_quotes_brackets_and_comments_hides_a_query(text):
    try:
        check(text)
        shown = str(pl.sql_expr(text))
    except (ExpressionRefused, pl.exceptions.PolarsError):
        return
    assert ".subplan(" not in shown


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sume(a)", "there is no function sume; did you mean sum?"),
        ("select > 1", 'written "select" in double quotes'),
        ("a & b", "write AND"),
        ("größe > 1", "double quotes"),
        ("`a` > 1", 'write "name" for a column'),
        ("(a", "never closed"),
        ("a >", "not one complete expression"),
        ('"a b"(1)', "is not a function"),
    ],
)
def test_the_message_says_what_to_do(text, message):
    with pytest.raises(ExpressionRefused) as refused:
        parse(text)
    assert message in str(refused.value)
    assert "Traceback" not in str(refused.value)
