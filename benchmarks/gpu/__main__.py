"""``python -m benchmarks.gpu [PART …]``."""

import sys

from benchmarks.gpu.needs import NEEDED, OPTIONAL, find_missing

if __name__ == "__main__":
    if missing := find_missing(NEEDED):
        print(f"error: install first: {', '.join(missing)}", file=sys.stderr)
        sys.exit(2)
    if missing := find_missing(OPTIONAL):
        print(f"what needs these is left out: {', '.join(missing)}", file=sys.stderr)

    import tyro

    from benchmarks.gpu.parts import main

    sys.exit(tyro.cli(main, prog="python -m benchmarks.gpu"))
