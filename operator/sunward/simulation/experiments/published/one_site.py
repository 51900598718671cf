"""Ten boards on one site with one grid: what is left to share when every wire is physical and every place alike.

The paper's own testbed stood in one room. Which board has a panel does not matter there, only how many have one, so
nothing is random. Knows nothing of other trading rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from sunward.simulation.experiments.bench import Bench
from sunward.simulation.experiments.ensembles import Runs, run_modes
from sunward.simulation.experiments.paper import MEAN_INTENSITY
from sunward.simulation.experiments.result import Claim, DotChart, Level, Series, Table
from sunward.simulation.experiments.session import Mode, Session, Trading

_WORKERS = 10
_MODES = (Mode.DET, Mode.DAT, Mode.DETA)
_PUBLISHED: Final = {
    (0.27, 1): (14.3, 18.9, 18.9),
    (0.27, 2): (8.3, 8.8, 8.8),
    (0.27, 3): (0.0, 0.0, 0.0),
    (0.27, 5): (0.0, 0.0, 0.0),
    (0.5, 1): (26.0, 24.0, 43.0),
    (0.5, 2): (30.0, 38.0, 38.0),
    (0.5, 3): (27.0, 29.0, 29.0),
    (0.5, 5): (0.0, 0.0, 0.0),
}
"""Harvest over demand and boards with a panel; reductions of an independent computation, DET, DAT, DETA."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OneSite:
    """Runs by harvest over demand and number of boards with a panel."""

    runs: Mapping[tuple[float, int], Runs]

    @classmethod
    def found(cls, bench: Bench) -> OneSite:
        """All cases under all modes."""
        return cls(runs={case: run_modes(partial(_session, *case), (0,), bench) for case in _PUBLISHED})

    def reductions(self, case: tuple[float, int]) -> tuple[float, ...]:
        """Percent against none, DET, DAT, DETA; both accounts agree, for every transfer is physical."""
        return tuple(round(self.runs[case].reduction(mode).value, 1) + 0.0 for mode in _MODES)

    def claim(self) -> Claim:
        """What DETA brings on one site."""
        cuts = {case: self.reductions(case)[-1] for case in self.runs if case[0] == min(_PUBLISHED)[0]}
        text = ", ".join(f"{panels} boards with panels: {cut:.1f} %" for (_, panels), cut in cuts.items())
        return Claim(
            name="Ten servers on one site, the headline's harvest",
            paper=None,
            ours=text,
            level=Level.PREDICTED,
            holds=max(cuts.values()) < 25.0,
            note="one grid and physical sharing: what can be saved depends on how concentrated the panels are. Sharing "
            "over wires and choosing among grids live in opposite geographies; the headline uses both at once",
        )

    def table(self) -> Table:
        """Every case beside the independent computation."""
        rows = tuple((*case, *self.reductions(case), *_PUBLISHED[case]) for case in self.runs)
        header = ("harvest / demand", "boards with panels", "DET %", "DAT %", "DETA %", "other: DET", "DAT", "DETA")
        title = (
            "Ten workers on one site: reduction against none; nothing is random; `other` is an independent computation"
        )
        return Table(name="one-site", title=title, header=header, rows=rows)

    def chart(self) -> DotChart:
        """The same, to look at."""
        series = tuple(
            Series(label=str(mode), values=tuple(runs.reduction(mode) for runs in self.runs.values()))
            for mode in _MODES
        )
        return DotChart(
            name="one-site-chart",
            title="Ten workers on one site, both accounts alike",
            x_label="reduction against none (%)",
            rows=tuple(f"harvest {harvest:.2f}, {panels} with panels" for harvest, panels in self.runs),
            series=series,
        )


def _session(harvest: float, panels: int, seed: int) -> Session:
    del seed  # nothing is random
    lit = tuple(harvest * _WORKERS / panels if k < panels else 0.0 for k in range(_WORKERS))
    return Session(intensities=(MEAN_INTENSITY,) * _WORKERS, harvest_ratios=lit, trading=Trading.CO_LOCATED)
