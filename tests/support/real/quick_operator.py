"""`sunward run` whose pauses between passes are a fifth of the usual: `python quick_operator.py run ...`.

For tests that wait for the periodic pass again and again. Nothing else is changed.
"""

from __future__ import annotations

from sunward.cli.main import main
from sunward.cluster import loop

HASTE = 5.0

if __name__ == "__main__":
    loop.IDLE_CYCLE_SECONDS /= HASTE
    loop.BUSY_CYCLE_SECONDS /= HASTE
    main()
