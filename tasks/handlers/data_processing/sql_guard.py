"""Which SQL expressions may be handed to Polars: those that see one row, or the rows of their group, and nothing else.

Polars' parser takes subqueries and table functions inside an expression and reads their files while it parses, so the
text is judged before Polars sees it. The judgement errs on the side of refusing: only known characters, only known
functions.
"""

import difflib
import re
from dataclasses import dataclass

EXPRESSION_LIMIT = 2_000


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTIONS = _words(
    """
    abs acos acosd asin asind atan atan2 atan2d atand cbrt ceil ceiling cos cosd cot cotd degrees div exp floor ln log
    log10 log1p log2 mod pi pow power radians round sign sin sind sqrt tan tand trunc truncate
    bit_and bit_count bit_not bit_or bit_xor
    bit_length char_length character_length concat concat_ws ends_with initcap left length lower lpad ltrim normalize
    octet_length position regexp_like regexp_replace replace reverse right rpad rtrim split_part starts_with
    string_to_array strpos substr substring trim upper
    date date_part date_trunc datetime day dayofweek extract hour minute month now quarter second strftime strptime
    time timestamp week year
    coalesce greatest if ifnull least nullif
    array_contains array_get array_length array_lower array_mean array_reverse array_sum array_to_string array_unique
    array_upper
    array_agg avg corr count covar covar_pop covar_samp first group_concat last listagg max median min quantile_cont
    quantile_disc stddev stddev_samp stdev string_agg sum var var_samp variance
    cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number
    """
)
_SYNTAX_BEFORE_PARENTHESIS = _words(
    """
    all and any between by case cast char decimal distinct else filter ilike in like not numeric or over regexp rlike
    then try_cast varchar when where
    """
)
_QUERY_WORDS = _words("except exists intersect select table union values with")
_TAKES_FROM = _words("extract substring trim")

# Strings and names hold their own quote doubled and know no backslash, as in Polars' dialect. What its tokenizer treats
# otherwise is in none of the groups and so refused: $, #, @, backtick, backslash, letters outside ASCII.
_TOKEN = re.compile(
    r"""
      (?P<space>[ \t\r\n]+)
    | (?P<comment>--|/\*|//)
    | (?P<text>'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")+")
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | (?P<open>[(\[])
    | (?P<close>[)\]])
    | (?P<operator>->>|->|<=>|<=|>=|<>|!=|==|!~\*|!~|~\*|\|\||::|[-+*/%=<>~,.])
    """,
    re.VERBOSE,
)
_ADVICE = {
    "&": "write AND",
    "|": "write OR",
    "`": 'write "name" for a column',
    ";": "one expression at a time",
    "'": "the string has no end",
    '"': "the quoted name has no end",
}


class ExpressionRefused(ValueError):
    """The expression is wrong or asks for more than its row. The message is for the person who wrote it."""


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    end: int

    @property
    def lowered(self) -> str:
        return self.text.lower() if self.kind == "word" else ""


def check(text: str) -> None:
    """Raises ExpressionRefused for what may not be handed to Polars."""
    if len(text) > EXPRESSION_LIMIT:
        raise ExpressionRefused(f"the expression has {len(text):,} characters; the limit is {EXPRESSION_LIMIT:,}")
    tokens = _tokens(text)
    if not tokens:
        raise ExpressionRefused("the expression is empty")
    openers: list[tuple[str, str]] = []  # the bracket and the function it belongs to
    for index, token in enumerate(tokens):
        before = tokens[index - 1] if index else None
        if token.kind == "open":
            function = before.lowered if before is not None and token.text == "(" else ""
            openers.append((token.text, function))
            if token.text == "(" and before is not None:
                _check_call(before, dotted=index > 1 and tokens[index - 2].text == ".")
        elif token.kind == "close":
            if not openers or openers.pop()[0] + token.text not in ("()", "[]"):
                raise ExpressionRefused(f"the {token.text!r} closes nothing")
        elif token.kind == "word":
            _check_word(token, before, openers[-1][1] if openers else "")
    if openers:
        raise ExpressionRefused(f"a {openers[-1][0]!r} is never closed")


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ExpressionRefused(_complaint(text[position]))
        kind, end = str(match.lastgroup), match.end()
        if kind == "comment":
            raise ExpressionRefused(f"{match.group()!r} starts a comment, and expressions have none")
        following = text[end : end + 1]
        if kind == "word" and following in ("'", '"'):  # E'…', X'…' and the like have rules of their own
            raise ExpressionRefused(f"put a space between {match.group()} and the quote")
        if kind == "number" and (following.isalnum() or following == "_"):  # Polars takes 1a for `1 AS a`
            raise ExpressionRefused(f"{match.group() + following!r} is neither a number nor a name")
        if kind in ("text", "quoted") and "\x00" in match.group():
            raise ExpressionRefused("the expression holds a NUL character")
        if kind != "space":
            found.append(_Token(kind, match.group(), end))
        position = end
    return found


def _complaint(character: str) -> str:
    if character in _ADVICE:
        return f"{character!r} is not understood here: {_ADVICE[character]}"
    if character.isalpha():
        return f"{character!r} is outside ASCII: a column of such a name is written in double quotes"
    return f"{character!r} has no meaning in an expression"


def _check_call(before: _Token, *, dotted: bool) -> None:
    if before.kind == "quoted" or (before.kind == "word" and dotted):
        raise ExpressionRefused(f"{before.text} is not a function")
    if before.kind != "word" or before.lowered in _SYNTAX_BEFORE_PARENTHESIS or before.lowered in FUNCTIONS:
        return
    close = difflib.get_close_matches(before.lowered, FUNCTIONS, n=1)
    advice = f"; did you mean {close[0]}?" if close else ""
    raise ExpressionRefused(f"there is no function {before.text}{advice}")


def _check_word(token: _Token, before: _Token | None, function: str) -> None:
    word = token.lowered
    if word == "from" and (function in _TAKES_FROM or (before is not None and before.lowered == "distinct")):
        return
    if word == "from" or word in _QUERY_WORDS:
        raise ExpressionRefused(
            f"{token.text} belongs to a query, and an expression sees only its row; "
            f'a column of that name is written "{token.text}" in double quotes'
        )
