"""How log lines are written: one line each, with secrets masked, tracebacks included."""

import logging

from tasks.masking import masked_text


class MaskingFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return masked_text(super().format(record))
