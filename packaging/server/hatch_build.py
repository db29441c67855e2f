"""What ``limner-server`` needs, read from ``limner``'s own pyproject.toml, so that it is written down once."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

LEFT_OUT = ("encoder", "demo")  # extras whose needs `limner` has anyway, and a server has not


class ServerMetadata(MetadataHookInterface):
    """`limner`'s version and dependencies, less those of the extras; the extras stay to be asked for."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Fill in the fields that ``pyproject.toml`` calls dynamic."""
        whole = tomllib.loads((Path(self.root).parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
        extras = {name: needs for name, needs in whole["optional-dependencies"].items() if name != "dev"}
        left_out = {need for name in LEFT_OUT for need in extras[name]}
        metadata["version"] = whole["version"]
        metadata["dependencies"] = [need for need in whole["dependencies"] if need not in left_out]
        metadata["optional-dependencies"] = extras
