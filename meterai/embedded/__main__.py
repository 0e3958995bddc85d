"""`python -m meterai.embedded server|services|run|manage`; people use the scripts in script/ instead."""

import argparse
import os
import sys
from pathlib import Path

from . import environment, managing, ports, running
from .data_folder import DataFolder
from .errors import CannotStart
from .serving import Options, Server


def main() -> int:
    """Do what the command line says. Whatever goes wrong is told in words, with the cure."""
    try:
        options = _parser().parse_args()
        return int(options.do(options))
    except CannotStart as trouble:
        print(f"\n{trouble}", file=sys.stderr)
        return 1
    except OSError as error:  # a full disk, a folder that vanished, too many processes
        print(f"\n{error}\n  Cure: put that right and start again; the data are kept", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="script/", description=__doc__, allow_abbrev=False)
    doors = parser.add_subparsers(required=True, metavar="server|services|run|manage")
    server = doors.add_parser("server", help="the whole site on this machine", allow_abbrev=False)
    server.prog = "script/server"
    server.add_argument("--port", type=int, default=ports.DEFAULT_PORT, help="of the site (default %(default)s)")
    server.add_argument("--host", default=ports.DEFAULT_HOST, help="to listen on (default %(default)s)")
    server.add_argument("--url", default="", help="under which people reach it, when behind a proxy")
    server.set_defaults(do=_server)
    services = doors.add_parser("services", help="PostgreSQL and Valkey alone", allow_abbrev=False)
    services.set_defaults(do=_services)
    for door in (server, services):
        door.add_argument("--data", default="", metavar="DIR", help="the data folder (default .data in the checkout)")
    run = doors.add_parser("run", help="a command on throw-away services")
    run.set_defaults(do=lambda options: running.run(options.command))
    run.add_argument("command", nargs=argparse.REMAINDER)
    manage = doors.add_parser("manage", help="manage.py in the running server's environment", prefix_chars="\0")
    manage.set_defaults(do=lambda options: managing.manage(DataFolder.make(_data("")), options.arguments))
    manage.add_argument("arguments", nargs=argparse.REMAINDER)
    return parser


def _data(given: str) -> Path:
    """The data folder; a relative one counts from where the person called the script."""
    chosen = given or os.environ.get("METERAI_DATA", "")
    called_from = Path(os.environ.get("METERAI_CALLED_FROM", "."))
    return (called_from / Path(chosen).expanduser()).absolute() if chosen else environment.CHECKOUT / ".data"


def _server(options: argparse.Namespace) -> int:
    chosen = Options(host=options.host, port=options.port, url=options.url, data=_data(options.data))
    return Server(chosen).run()


def _services(options: argparse.Namespace) -> int:
    return running.stay(DataFolder.make(_data(options.data)))


if __name__ == "__main__":
    sys.exit(main())
