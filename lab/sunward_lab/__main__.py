"""`python -m sunward_lab`."""

from __future__ import annotations

import sys

from sunward_lab import cli


def main() -> None:
    """Entry point of the `sunward-lab` script."""
    sys.exit(cli.main())


if __name__ == "__main__":
    main()
