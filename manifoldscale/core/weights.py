"""Whether a network has its weights; without them there is nothing to measure."""

from typing import Any

from .errors import few, require


def check_weights(model: Any, name: str = "model") -> None:
    """Refuse a torch module with weights that do not exist: in lazy layers, where the first
    batch would draw them at random, or on the meta device.

    Raises
    ------
    ManifoldScaleError : some weights do not exist; it names the first few.
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
