"""Free ports of this machine."""

import socket


def free_ports(count: int) -> list[int]:
    """Return loopback ports that nobody listens on."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports
