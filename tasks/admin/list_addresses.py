"""What the lists of tasks and dead letters have in their addresses: a search and filters."""

from django.http import QueryDict

from tasks.searching import FILTERS, InvalidSearch, Kind, Selection

_OF_THE_LIST = {"p", "o", "all", "e", "_changelist_filters"}  # what Django's lists write into their addresses besides


def query_of(selection: Selection) -> str:
    """Returns a selection as a list has it in its address."""
    query = QueryDict(mutable=True)
    query.update({name: text for name, text in {"q": selection.q, **selection.filters}.items() if text})
    return query.urlencode()


def selection_in(kind: Kind, query: QueryDict) -> Selection:
    """Returns what a list with this address shows. Raises InvalidSearch for what no list has in its address.

    Left out, it would select more than what the list showed.
    """
    found: dict[str, str] = {}
    for name, text in query.items():
        if name in _OF_THE_LIST:
            continue
        plain = name.removesuffix("__exact")
        if plain != "q" and plain not in FILTERS[kind]:
            detail = f"there is no filter {name[:40]!r}"
            raise InvalidSearch([{"code": "unknown_parameter", "detail": detail, "attr": name[:40]}])
        found[plain] = str(text)
    return Selection(kind, found.pop("q", ""), found)
