"""Tell systemd how this process is: its sd_notify protocol, one datagram per message."""

import contextlib
import os
import socket

SOCKET_VARIABLE = "NOTIFY_SOCKET"


def notify(message: str) -> None:
    """Send ``message``, e.g. ``READY=1``, to the service manager, if there is one."""
    address = os.environ.get(SOCKET_VARIABLE)
    if not address:
        return
    if address.startswith("@"):  # Linux's abstract name space
        address = "\0" + address[1:]
    kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    # A manager that does not listen must not stop the work; its watchdog notices what it misses.
    with socket.socket(socket.AF_UNIX, kind) as channel, contextlib.suppress(OSError):
        channel.sendto(message.encode(), address)
