"""Models by name: checkpoints, factories of the user, timm, transformers, scripts."""

import contextlib
import dataclasses as dc
import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from ..core.errors import ManifoldScaleError, few, first_line, nearest
from ..core.extras import optional
from ..data import from_python
from .checkpoints import fill
from .mlp import MLP

SHAPE = "manifoldscale.mlp"  # the key of the shape in a checkpoint's metadata


def save_mlp(module: nn.Module, shape: MLP, path: str | Path) -> None:
    """Write weights and shape as one safetensors file: nothing in it can run."""
    weights = {name: value.contiguous() for name, value in module.state_dict().items()}
    metadata = {SHAPE: json.dumps(dc.asdict(shape))}
    safetensors.torch.save_file(weights, str(path), metadata)


def load_mlp(path: str | Path) -> nn.Module:
    """The network of a checkpoint that `save_mlp` wrote, in eval mode."""
    try:
        with safetensors.safe_open(str(path), framework="pt") as stored:
            metadata = stored.metadata() or {}
            weights = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - not a mapping
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise ManifoldScaleError(
            f"{path} is not a safetensors file, or is damaged: {error}."
        ) from error
    if SHAPE not in metadata:
        raise ManifoldScaleError(
            f"{path} was not written by `manifoldscale study`. Load its weights in a "
            "function of your own and name it as py:module:factory."
        )
    try:
        module = MLP(**json.loads(metadata[SHAPE])).module()
        module.to(next(iter(weights.values())).dtype).load_state_dict(weights)
    except (ValueError, TypeError, RuntimeError, StopIteration) as error:
        raise ManifoldScaleError(
            f"{path} is damaged: its weights are not those of the shape that it says "
            f"({error})."
        ) from error
    return module.eval()


class Scripted(nn.Module):
    """A TorchScript program: only what it is given and what it gives can be read."""

    def __init__(self, program: nn.Module) -> None:
        super().__init__()
        self.program = program

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.program(*args, **kwargs)


def load_model(spec: str, checkpoint: str | Path | None = None) -> nn.Module:
    """A model from what a user typed, in eval mode.

    - the path of a checkpoint that `study` wrote (.safetensors)
    - `py:module:factory`, a function of the user's code, found from the working directory
    - `timm:NAME`, an architecture of timm, with random weights but for `checkpoint`
    - `hf:FOLDER_OR_NAME`, a transformer; a folder is read without the network
    - `script:FILE`, a TorchScript program

    `checkpoint` fills in the weights. Nothing is unpickled: see `checkpoints`.
    """
    scheme, colon, rest = spec.partition(":")
    if colon and scheme in SCHEMES and rest:
        model = SCHEMES[scheme](rest)
    elif Path(spec).is_file():
        model = load_mlp(spec)
    else:
        raise ManifoldScaleError(
            f"MODEL {spec!r} is neither a file nor of the form py:module:factory, "
            "timm:NAME, hf:FOLDER or script:FILE."
        )
    return (model if checkpoint is None else fill(model, checkpoint)).eval()


def _from_factory(rest: str) -> nn.Module:
    model = from_python(f"py:{rest}", name="MODEL")
    if not isinstance(model, nn.Module):
        raise ManifoldScaleError(
            f"MODEL 'py:{rest}' returned {type(model).__name__}; a torch.nn.Module is "
            "needed."
        )
    return model


def _from_timm(name: str) -> nn.Module:
    timm = optional("timm", "models")
    try:
        model: nn.Module = timm.create_model(name, pretrained=False)
    except RuntimeError as error:
        close = nearest(name, timm.list_models())
        raise ManifoldScaleError(
            f"timm has no model {name!r}; did you mean {close}?"
        ) from error
    return model


def _from_hugging_face(name: str) -> nn.Module:
    """A transformer with all of its weights. A pooler that the folder does not hold, as
    that of a language model, is left out of the network: it would be drawn at random.
    """
    model, lacking = _loaded_from_folder(name)
    if lacking and all("pooler." in weight for weight in lacking):
        with contextlib.suppress(ManifoldScaleError):  # one that always has a pooler
            model, lacking = _loaded_from_folder(name, add_pooling_layer=False)
    if lacking:
        raise ManifoldScaleError(
            f"hf:{name} lacks {len(lacking)} weights of {type(model).__name__} "
            f"({few(lacking, 4)}), which would be drawn at random. Load it in a function "
            "of yours, py:module:factory, as the class that it was saved as."
        )
    return model


def _loaded_from_folder(name: str, **more: Any) -> tuple[nn.Module, list[str]]:
    """The model, and the weights of it that the folder does not hold."""
    transformers = optional("transformers", "models")
    try:
        # No code of the repository, no pickles; a folder needs no network.
        model, info = transformers.AutoModel.from_pretrained(
            name,
            trust_remote_code=False,
            use_safetensors=True,
            local_files_only=Path(name).is_dir(),
            output_loading_info=True,
            **more,
        )
    except Exception as error:  # of JSON, safetensors, or the model's own
        raise ManifoldScaleError(
            f"hf:{name} cannot be loaded: {first_line(error)}"
        ) from error
    return model, sorted(info["missing_keys"])


def _from_script(path: str) -> nn.Module:
    if not Path(path).is_file():
        raise ManifoldScaleError(f"MODEL: there is no file {path!r}.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            load: Any = torch.jit.load
            return Scripted(load(path, map_location="cpu"))
    except (RuntimeError, ValueError) as error:
        raise ManifoldScaleError(
            f"{path} is not a TorchScript program: {first_line(error)}"
        ) from error


SCHEMES: Mapping[str, Callable[[str], nn.Module]] = {
    "py": _from_factory,
    "timm": _from_timm,
    "hf": _from_hugging_face,
    "script": _from_script,
}


def device_of(model: nn.Module) -> torch.device:
    """Where the model's parameters are; the CPU for one without parameters."""
    return next((p.device for p in model.parameters()), torch.device("cpu"))


def dtype_of(model: nn.Module) -> torch.dtype | None:
    """The floating type that a model computes in: that of its parameters, else of its
    buffers; torch's own where its weights are whole numbers, as of a quantised network;
    None for one without weights.
    """
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.dtype.is_floating_point:
            return tensor.dtype
    return torch.get_default_dtype() if model.state_dict() else None


def example_for(model: nn.Module) -> torch.Tensor:
    """One input of zeros, for a network whose first layer is linear."""
    first = next((m for m in model.modules() if not list(m.children())), None)
    if not isinstance(first, nn.Linear):
        raise ManifoldScaleError(
            f"The shape of an input cannot be read from a first layer of type "
            f"{type(first).__name__}: pass DATA."
        )
    return torch.zeros(1, first.in_features)
