"""python -m sunward_audit."""

from __future__ import annotations

import sys

from sunward_audit.command import run


def main() -> None:
    """Console script."""
    sys.exit(run())


if __name__ == "__main__":
    main()
