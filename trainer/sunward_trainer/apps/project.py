"""A Flower app in a folder: what its pyproject.toml names, and its configuration with the job's changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from flwr.app.user_config import UserConfig, UserConfigValue
from flwr.clientapp import ClientApp
from flwr.common.config import flatten_dict, get_project_config
from flwr.serverapp import ServerApp
from flwr.supercore.object_ref import load_app

ROUNDS_KEY = "num-server-rounds"
"""What the public examples call their number of rounds; the job's own number replaces it."""


_App = TypeVar("_App")


class ProjectError(ValueError):
    """The folder is no Flower app, or the job changes a key that the app does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A Flower app: `server` and `client` are references of the form module:attribute."""

    folder: Path
    name: str
    server: str
    client: str
    run_config: UserConfig

    def server_app(self) -> ServerApp:
        """Import the ServerApp. Raises ProjectError, or whatever the import raises."""
        return _loaded(self.server, ServerApp, self.folder)

    def client_app(self) -> ClientApp:
        """Import the ClientApp. Raises ProjectError, or whatever the import raises."""
        return _loaded(self.client, ClientApp, self.folder)


def _loaded(reference: str, kind: type[_App], folder: Path) -> _App:
    found = load_app(reference, ProjectError, folder)
    if not isinstance(found, kind):
        raise ProjectError(f"{folder}: {reference} is not a {kind.__name__}")
    return found


def load_project(folder: Path, changes: Mapping[str, str], *, rounds: int | None = None) -> Project:
    """Read the app's pyproject.toml. Raises ProjectError that names the key and what it has to be."""
    try:
        document = get_project_config(folder)
        app = document["tool"]["flwr"]["app"]
        defaults = flatten_dict(app.get("config", {}))
    except (OSError, ValueError, KeyError) as error:
        raise ProjectError(f"{folder}: is no Flower app: {error}") from error
    config = dict(defaults)
    for key, text in changes.items():
        if key not in defaults:
            known = ", ".join(sorted(defaults)) or "none"
            raise ProjectError(f"runConfig.{key}: the app has no such key; it has: {known}")
        config[key] = _typed(key, text, defaults[key])
    if rounds is not None and isinstance(defaults.get(ROUNDS_KEY), int):
        config[ROUNDS_KEY] = rounds
    components = app["components"]
    return Project(
        folder=folder,
        name=str(document["project"]["name"]),
        server=components["serverapp"],
        client=components["clientapp"],
        run_config=config,
    )


def _typed(key: str, text: str, default: UserConfigValue) -> UserConfigValue:
    """The text as a value of the default's type."""
    try:
        if isinstance(default, bool):
            return {"true": True, "false": False}[text.lower()]
        return type(default)(text)
    except (KeyError, ValueError) as error:
        wanted = type(default).__name__
        raise ProjectError(f"runConfig.{key}: must be of type {wanted} like the app's own {default!r}") from error
