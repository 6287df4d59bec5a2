"""What a browser is told when its form is not taken."""

from django.contrib import admin
from django.http import HttpRequest
from django.http.response import HttpResponse
from django.shortcuts import render


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answers a form without the token of its session: nothing of it was done."""
    context = {**admin.site.each_context(request), "title": "Nothing was changed", "is_popup": False}
    return render(request, "admin/tasks/form_refused.html", context, status=403)
