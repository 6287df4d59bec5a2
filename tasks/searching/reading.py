"""From a search and filters to conditions: which words, in which parameter, found by an index or by looking inside."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from django.db.models import BooleanField, Case, Q, When
from django.db.models import Value as Constant

from tasks.searching import letter_words, task_words
from tasks.searching.filters import FILTERS, term_of
from tasks.searching.grammar import Term, parse
from tasks.searching.looking import Look
from tasks.searching.messages import InvalidSearch, Wrong, did_you_mean, quoted
from tasks.searching.vocabulary import Word, Words

Kind = Literal["tasks", "dead_letters"]

SEARCH = "q"  # the parameter of the search box
WORDS: dict[str, Words] = {"tasks": task_words.WORDS, "dead_letters": letter_words.WORDS}
_FREE = {"tasks": task_words.free, "dead_letters": letter_words.free}


@dataclass(slots=True)
class Conditions:
    """`outside` is asked of the rows themselves, `inside` of their documents and of what lies beside them."""

    outside: Q = field(default_factory=Q)
    inside: Q = field(default_factory=Q)


def read_terms(kind: Kind, q: str, filters: Mapping[str, str]) -> list[tuple[str, Term]]:
    """Returns each term with the parameter that it stands in. Raises InvalidSearch."""
    terms: list[tuple[str, Term]] = []
    errors = []
    for name, text in filters.items():
        try:
            if name not in FILTERS[kind]:
                hint = did_you_mean(name, FILTERS[kind]) or f": there are {', '.join(FILTERS[kind])}"
                raise Wrong("unknown_parameter", f"there is no filter {quoted(name)}{hint}")
            term = term_of(kind, name, text)
        except Wrong as wrong:
            errors.append(wrong.of(name))
        else:
            terms += [(name, term)] if term else []
    try:
        terms += [(SEARCH, term) for term in parse(q)]
    except Wrong as wrong:
        errors.append(wrong.of(SEARCH))
    if errors:
        raise InvalidSearch(errors)
    return terms


def conditions_of(kind: Kind, terms: list[tuple[str, Term]], user: Any) -> Conditions:
    """Raises InvalidSearch, with everything that is wrong."""
    found, look, errors = Conditions(), Look(user), []
    for attr, term in _without_repetition(terms):
        try:
            condition = _condition(kind, term, look)
        except Wrong as wrong:
            errors.append(wrong.of(attr))
        else:
            if is_deep(kind, term):
                found.inside &= condition
            else:
                found.outside &= condition
    if errors:
        raise InvalidSearch(errors)
    return found


def _without_repetition(terms: list[tuple[str, Term]]) -> list[tuple[str, Term]]:
    """Makes one term of all that say which statuses are not wanted: those that are left may have an index each."""
    unwanted = [(attr, term) for attr, term in terms if term.is_negated and term.word == "status"]
    if len(unwanted) < 2:
        return terms
    values = tuple(value for _, term in unwanted for value in term.values)
    merged = (unwanted[0][0], replace(unwanted[0][1], values=values))
    return [each for each in terms if each not in unwanted] + [merged]


def is_deep(kind: Kind, term: Term) -> bool:
    return term.word in WORDS[kind] and WORDS[kind][term.word].is_deep


def _condition(kind: Kind, term: Term, look: Look) -> Q:
    if not term.word:
        found = _FREE[kind](term.values[0], look)
        return ~found if term.is_negated else found
    word = _word(kind, term)
    found = word.condition(term, look)
    if not term.is_negated or word.reads_not:
        return found
    if word.is_deep or word.may_be_null:
        # NOT would leave out what is unknown, as an end that has not come yet or a payload without the path.
        return ~Q(Case(When(found, then=Constant(True)), default=Constant(False), output_field=BooleanField()))
    return ~found


def _word(kind: Kind, term: Term) -> Word:
    words = WORDS[kind]
    word = words.get(term.word)
    if word is None:
        hint = did_you_mean(term.word, words) or f": there are {', '.join(words)}"
        raise Wrong(
            "unknown_word", f"there is no search word {quoted(term.word)}{hint} (to find a text with a colon, quote it)"
        )
    if term.path and not word.has_path:
        raise Wrong("unknown_word", f"{word.name} takes no path, and {quoted(f'{term.word}.{term.path}')} has one")
    return word
