"""Browse the tracked runs (`ui`) or make the store anew from the records in results/ (`rebuild`)."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from orderparam.errors import OrderParameterError
from orderparam.tracking.rebuild import rebuild_store
from orderparam.tracking.recorder import record_until_closed
from orderparam.tracking.ui import browse


def main() -> int:
    """Run one command from the project root; the exit status is 1 after an error."""
    parser = argparse.ArgumentParser(prog="python -m orderparam.tracking", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    ui = commands.add_parser("ui", help="browse the tracked runs")
    ui.add_argument("--port", type=int, default=5001)
    commands.add_parser("rebuild", help="make the local store anew from results/*/jobs")
    commands.add_parser("record").add_argument("spool", type=Path)
    arguments = parser.parse_args()
    try:
        if arguments.command == "record":
            return record_until_closed(arguments.spool)
        if arguments.command == "rebuild":
            print(rebuild_store(Path.cwd()))
        else:
            browse(Path.cwd(), arguments.port)
    except OrderParameterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
