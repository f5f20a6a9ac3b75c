"""What the daemon reports: one JSON object per line, on stderr, for people and log collectors."""

import json
import logging
from datetime import UTC, datetime

LOGGER = logging.getLogger("latbase.daemon")


class JsonLines(logging.Formatter):
    """Writes a record as one line: time, level, event, then its facts."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        head = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        if record.exc_info:
            head["trace"] = self.formatException(record.exc_info)
        return json.dumps(head | getattr(record, "facts", {}), default=str)


def to_stderr() -> None:
    """Send what this process logs to stderr as JSON lines; of other libraries only warnings."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    LOGGER.setLevel(logging.INFO)


def say(event: str, **facts: object) -> None:
    """Report that something happened as it should."""
    LOGGER.info(event, extra={"facts": facts})


def warn(event: str, **facts: object) -> None:
    """Report that something went wrong and is being dealt with."""
    LOGGER.warning(event, extra={"facts": facts})
