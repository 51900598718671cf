"""The grid zone of a place, asked of the API that knows zones by coordinates."""

from __future__ import annotations

import math
from pathlib import Path

from sunward.domain.errors import InvalidInput

LONGEST_ZONE = 64


def coordinates(text: str) -> tuple[float, float]:
    """Latitude and longitude in degrees from `LATITUDE,LONGITUDE`. Raises InvalidInput."""
    try:
        latitude, longitude = (float(part) for part in text.split(","))
    except ValueError:
        raise InvalidInput("--coordinates", f"{text!r} is not LATITUDE,LONGITUDE in degrees") from None
    if not (math.isfinite(latitude) and abs(latitude) <= 90.0 and math.isfinite(longitude) and abs(longitude) <= 180.0):
        raise InvalidInput("--coordinates", f"{text!r} is outside 90 degrees of latitude or 180 of longitude")
    return latitude, longitude


async def zone_at(url: str, place: tuple[float, float], token_file: Path | None) -> str:
    """The zone at a place, by an API of version 3 of Electricity Maps. Raises SourceUnavailable or InvalidInput."""
    from sunward.settings.token import read_token
    from sunward.sources.http import JsonReader
    from sunward.sources.session import open_session

    headers = {} if token_file is None else {"auth-token": read_token(token_file, url, "ascii")}
    folder = url.rstrip("/") if url.rstrip("/").endswith("/v3") else f"{url.rstrip('/')}/v3"
    async with open_session() as session:
        reader = JsonReader(name=url, session=session)
        where = {"lat": f"{place[0]:.5f}", "lon": f"{place[1]:.5f}"}
        body = await reader.get(f"{folder}/carbon-intensity/latest", where, headers)
    zone = body.get("zone") if isinstance(body, dict) else None
    if not isinstance(zone, str) or not 0 < len(zone) <= LONGEST_ZONE or not zone.isprintable():
        raise InvalidInput("--coordinates", f"{url} names no zone for that place; name it with --zone")
    return zone
