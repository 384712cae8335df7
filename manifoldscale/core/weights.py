"""Whether a network has its weights: without them there is nothing to measure."""

from typing import Any

from .errors import few, require


def check_weights(model: Any, name: str = "model") -> None:
    """Refuse a torch module some of whose weights do not exist: those of lazy layers, which
    the first batch would draw at random, and those on the meta device.

    Raises
    ------
    ManifoldScaleError : weights do not exist; the first few are named.
    """
    lacking = [
        one
        for named in (model.named_parameters, model.named_buffers)
        for one, tensor in named()
        if type(tensor).__name__.startswith("Uninitialized") or tensor.is_meta
    ]
    require(
        not lacking,
        f"`{name}`: {len(lacking)} weights are uninitialised ({few(lacking)}), of lazy "
        "layers or on the meta device. Load a checkpoint, or run the network once on a "
        "batch where it is made.",
    )
