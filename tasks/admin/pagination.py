"""Pages of the lists, with counts that stop at a cap: a list of millions of rows opens as fast as a short one."""

from typing import Any

from django.core.paginator import Paginator
from django.utils.functional import cached_property

from tasks.paging import Pages


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # Django's class takes no parameter when it runs
    """Counts no further than the cap of `selectors.capped_count`. What lies behind it is found by filters."""

    template_name = "admin/tasks/pagination.html"

    @cached_property
    def pages(self) -> Pages:
        return Pages(self.object_list)  # type: ignore[arg-type]  # the admin gives it querysets only

    @cached_property
    def count(self) -> int:
        return self.pages.capped_count[0]

    @property
    def is_capped(self) -> bool:
        return self.pages.capped_count[1]

    def page_rows(self, number: int) -> list[Any]:
        start = (self.validate_number(number) - 1) * self.per_page
        return self.pages.between(start, start + self.per_page)
