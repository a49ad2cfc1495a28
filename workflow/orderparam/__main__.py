"""`python -m orderparam` is the command `orderparam`, for a machine on which nothing is installed."""

import sys

from orderparam.cli import main

sys.exit(main())
