"""Estimates by site, a file each, so that a run that was stopped goes on with the next."""

import contextlib
import dataclasses as dc
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from ... import __version__
from ...core.errors import ManifoldScaleError
from ...core.measurement import SiteMeasurements
from ...core.serialize import dumps, plain, write_text
from ...dimension import Dimension
from ...networks import fingerprint
from ...networks.extract import Representations
from .geometry import Look, Probing

DAMAGED = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    ManifoldScaleError,
)  # made again


@dc.dataclass(frozen=True)
class KeptSites:
    """The estimates at the sites of one network.

    A file counts for the same representation, methods, seed and version only. The dimension
    of a site for itself is a file, and its curvature, at the dimension that all sites give
    together, another.
    """

    folder: Path | None
    probing: Probing
    seed: int

    def look(self, clouds: Representations, site: str, key: Mapping[str, Any]) -> Look:
        """The dimension of a site: of the file where it counts, else made and written."""
        found = self.read(site, key)
        if found is not None:
            with contextlib.suppress(*DAMAGED):
                dim = Dimension.from_dict(found["dimension"])
                return Look(dim, found["features"])
        look = self.probing.look(clouds, site, self.seed)
        self.write(site, key, {"dimension": look.dimension, "features": look.features})
        # The tables of all sites are small; their points are not.
        near = look.near and dc.replace(look.near, cloud=None)
        return dc.replace(look, near=near)

    def measure(
        self,
        clouds: Representations,
        site: str,
        look: Look,
        dim: Dimension,
        key: Mapping[str, Any],
    ) -> SiteMeasurements:
        """All that is measured at a site, at its dimension given the other sites."""
        key = {**key, "at": plain([dim.value, *dim.interval])}
        found = self.read(f"{site}.curvature", key) if self.probing.curvature else None
        if found is not None:
            with contextlib.suppress(*DAMAGED):
                return SiteMeasurements.from_dict(found)
        near = look.near and dc.replace(look.near, cloud=clouds[site])
        geometry = self.probing.bend(clouds, site, dim, self.seed, near)
        point = str(clouds.policies.get(site) or "")
        first, *rest = geometry.measurements()
        first = dc.replace(first, more={**first.more, "point": point})
        made = SiteMeasurements(site, look.features, (first, *rest))
        if self.probing.curvature:
            self.write(f"{site}.curvature", key, made)
        return made

    def key(self, clouds: Representations, site: str) -> dict[str, Any]:
        """What a file must be of to count; the whole representation is read for it."""
        if self.folder is None:
            return {}
        array = np.asarray(clouds.arrays[site])
        groups = () if clouds.groups is None else (np.asarray(clouds.groups),)
        settings: dict[str, Any] = plain(self.probing)
        return {
            "representation": fingerprint.of((array, *groups)),
            "method": settings,
            "seed": self.seed,
            "version": __version__,
        }

    def read(self, name: str, key: Mapping[str, Any]) -> Any:
        """What is in a file that counts, else None; what is damaged is made again."""
        if self.folder is None or not self.file(name).is_file():
            return None
        try:
            stored = json.loads(self.file(name).read_text(encoding="utf-8"))
            return stored["found"] if stored["key"] == key else None
        except (ValueError, KeyError, TypeError):
            return None

    def write(self, name: str, key: Mapping[str, Any], found: Any) -> None:
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_text(self.file(name), dumps({"key": key, "found": found}))

    def file(self, name: str) -> Path:
        assert self.folder is not None
        return self.folder / f"{quote(name, safe='')}.json"
