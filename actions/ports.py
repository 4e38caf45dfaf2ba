"""Whether the port we want is ours to take, asked before anything is started."""

import errno
import socket

from store.errors import StartError


def require_free_port(port: int, *, host: str = "0.0.0.0", variable: str = "PORT") -> None:  # noqa: S104 - only asked
    """Raises StartError, with the setting to change, when somebody listens on `port` or it is not ours to open."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))  # only to learn whether it is free; nothing is accepted
        except OSError as error:
            if error.errno == errno.EACCES:
                raise StartError(f"Port {port} needs rights this user has not. Set {variable} to another.") from None
            raise StartError(f"Port {port} is in use. Stop what listens there, or set {variable} to another.") from None
