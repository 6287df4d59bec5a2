"""Runs the coordinator."""

import signal
from typing import Any

from django.core.management.base import BaseCommand

from tasks.coordinator import Coordinator
from tasks.doors import through


class Command(BaseCommand):
    requires_system_checks = ()  # they load the handlers, and the coordinator stays small without
    help = "Dispatches due tasks and repairs what was lost. Several may run: one leads, the others stand by."

    def handle(self, *args: Any, **options: Any) -> None:
        coordinator = Coordinator()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: coordinator.stopping.set())
        with through("system"):
            coordinator.run()
