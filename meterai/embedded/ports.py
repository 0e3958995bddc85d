"""Ports of this machine: which are free, and who holds the others.

Only the standard library at the top: script/server runs this file before anything is installed, so that a
taken port is reported in the first second and not after a minute of installing.
"""

import argparse
import errno
import socket
import sys

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8000


def trouble(*, host: str, port: int) -> OSError | None:
    """Why this port cannot be listened on, or None when it can."""
    if not 0 < port < 65536:
        return OSError(errno.ERANGE, "not a port number")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # Ports of connections that have just closed are free for a server.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        return error
    return None


def free(*, host: str = DEFAULT_HOST, wanted: int = 0) -> int:
    """The wanted port if it is free, else any that is."""
    if wanted and trouble(host=host, port=wanted) is None:
        return wanted
    with socket.create_server((host, 0)) as probe:
        return int(probe.getsockname()[1])


def holder(port: int) -> str:
    """Who listens on the port, in words; other users' processes may stay unnamed."""
    try:
        import psutil  # not there yet on the very first start

        for connection in psutil.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except Exception:  # a helpful word is not worth a failure
        pass
    return "another program"


def complaint(*, host: str, port: int) -> tuple[str, str] | None:
    """Message and cure for a person when the port cannot be used, or None when it can."""
    error = trouble(host=host, port=port)
    if error is None:
        return None
    if error.errno == errno.EADDRINUSE:
        other = next((n for n in range(port + 1, 65535) if trouble(host=host, port=n) is None), 0)
        return f"Port {port} is taken by {holder(port)}.", f"stop that one, or choose another: --port {other}"
    if error.errno == errno.ERANGE:
        return f"{port} is not a port number.", "choose one from 1 to 65535, for instance --port 8000"
    if error.errno == errno.EACCES:
        return f"Port {port} needs root.", "choose one above 1023, for instance --port 8000"
    return f"Cannot listen on {host}: {error.strerror}.", "choose an address of this machine with --host"


def main() -> int:
    """Check the --host and --port on the command line and leave the rest to the launcher."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--host", default=DEFAULT_HOST)
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    options, _ = parser.parse_known_args()
    found = complaint(host=options.host, port=options.port)
    if found:
        print(f"\n{found[0]}\n  Cure: {found[1]}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
