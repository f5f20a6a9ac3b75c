"""Tell systemd how this process is: its sd_notify protocol, one datagram per message."""

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
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.sendto(message.encode(), address)
