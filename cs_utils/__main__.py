"""``python -m cs_utils``: the command line."""

import sys

from cs_utils.cli import main

if __name__ == "__main__":
    sys.exit(main())
