"""The settings' section of data volumes: folders of nodes that jobs may read by a name of the administrator's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from sunward.domain.workloads import DataVolume
from sunward.settings.section import Section

HostPath = Annotated[str, Field(pattern=r"^(/[A-Za-z0-9_][A-Za-z0-9._-]*)+$", max_length=256)]
"""An absolute path without a component that begins with a dot: it leads nowhere else than it says."""
Namespace = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]


class DataVolumeSettings(Section):
    """One folder, and the namespaces whose jobs may read it."""

    host_path: HostPath
    namespaces: Annotated[list[Namespace], Field(min_length=1, max_length=256)]


def data_volumes(sections: Mapping[str, DataVolumeSettings]) -> dict[str, DataVolume]:
    """The sections as the domain's values."""
    return {
        name: DataVolume(host_path=section.host_path, namespaces=tuple(section.namespaces))
        for name, section in sections.items()
    }
