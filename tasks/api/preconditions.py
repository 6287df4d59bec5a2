"""ETag and If-Match: of two editors the second one is answered by 412. Without If-Match an edit just happens."""

import re

from django.db.models import Model
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from tasks.exceptions import EditedMeanwhile
from tasks.versions import version_of

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e]*)"')
_LIST = re.compile(rf"\s*{_TAG.pattern}\s*(,\s*{_TAG.pattern}\s*)*")


def etag(row: Model) -> dict[str, str]:
    """Returns the header for an answer that shows the row."""
    return {"ETag": f'"{version_of(row)}"'}


def wanted_version(request: Request, row: Model) -> str | None:
    """Returns the version that the service has to find, None for any. Raises EditedMeanwhile where it is gone already.

    A weak tag never matches (RFC 9110, section 13.1.1).
    """
    header = request.headers.get("If-Match")
    if header is None or header.strip() == "*":
        return None
    if not _LIST.fullmatch(header):
        raise ValidationError({"If-Match": ['give the ETag of an answer, in its quotes: "…"']})
    version = version_of(row)
    if version not in [tag for weak, tag in _TAG.findall(header) if not weak]:
        raise EditedMeanwhile(str(row._meta.verbose_name), version)
    return version
