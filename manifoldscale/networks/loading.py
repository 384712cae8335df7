"""Models by name: checkpoints, the user's factories, timm, transformers, scripts."""

import contextlib
import dataclasses as dc
import inspect
import itertools
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from ..core.errors import ManifoldScaleError, few, first_line, nearest
from ..core.extras import optional
from ..data import from_python, python_function
from .capture import check_modes
from .checkpoints import fill
from .cnn import CNN
from .mlp import MLP
from .preparation import PREPARATION, Preparation, metadata_of

# Keys in a checkpoint's metadata: for the shape of a network of ours, and for what a user's
# function was called with.
SHAPES: Mapping[type[MLP] | type[CNN], str] = {
    MLP: "manifoldscale.mlp",
    CNN: "manifoldscale.cnn",
}
ARGUMENTS = "manifoldscale.arguments"


def save_network(
    module: nn.Module,
    path: str | Path,
    shape: MLP | CNN | None = None,
    *,
    preparation: Preparation | None = None,
    arguments: tuple[Sequence[Any], Mapping[str, Any]] | None = None,
) -> None:
    """Write weights as one safetensors file: nothing in it can run.

    Parameters
    ----------
    shape : of a network of ours, which the file alone makes again.
    preparation : of its inputs.
    arguments : what a user's function made it from, by place and by name.
    """
    state = module.state_dict().items()
    weights = {name: value.contiguous().clone() for name, value in state}
    metadata = {}
    if shape is not None:
        metadata[SHAPES[type(shape)]] = json.dumps(dc.asdict(shape))
    if preparation is not None:
        metadata[PREPARATION] = preparation.as_text()
    if arguments is not None:
        metadata[ARGUMENTS] = json.dumps(arguments)
    safetensors.torch.save_file(weights, str(path), metadata)


def load_network(path: str | Path) -> nn.Module:
    """The network of a checkpoint that `save_network` wrote with its shape, in eval
    mode.
    """
    try:
        with safetensors.safe_open(str(path), framework="pt") as stored:
            metadata = stored.metadata() or {}
            weights = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - not a mapping
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise ManifoldScaleError(
            f"{path} is not a safetensors file, or is damaged: {error}."
        ) from error
    kinds = {key: kind for kind, key in SHAPES.items() if key in metadata}
    if not kinds and ARGUMENTS in metadata:
        raise ManifoldScaleError(
            f"{path} holds the weights of a network of yours, whose code is not in it: "
            f"probe py:module:factory with --checkpoint {path}."
        )
    if not kinds:
        raise ManifoldScaleError(
            f"{path} was not written by `manifoldscale study`. Load its weights in your "
            "own function and name it as py:module:factory."
        )
    try:
        key, kind = next(iter(kinds.items()))
        module: nn.Module = kind(**json.loads(metadata[key])).module()
        module.to(next(iter(weights.values())).dtype).load_state_dict(weights)
    except (ValueError, TypeError, RuntimeError, StopIteration) as error:
        raise ManifoldScaleError(
            f"{path} is damaged: its weights do not have the shape that it says ({error})."
        ) from error
    return module.eval()


class Scripted(nn.Module):
    """A TorchScript program: only its inputs and outputs can be read."""

    def __init__(self, program: nn.Module) -> None:
        super().__init__()
        self.program = program

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.program(*args, **kwargs)


def load_model(spec: str, checkpoint: str | Path | None = None) -> nn.Module:
    """A model from what a user typed, in eval mode.

    - the path of a checkpoint that `study` wrote (.safetensors)
    - `py:module:factory`, a function of the user's code, found from the working directory
    - `timm:NAME`, an architecture of timm, with random weights unless `checkpoint` is given
    - `hf:FOLDER_OR_NAME`, a transformer; a folder is read without the network
    - `script:FILE`, a TorchScript program

    `checkpoint` fills in the weights. Nothing is unpickled: see `checkpoints`. A factory
    that takes (inputs, outputs, width) is given those of the checkpoint, if `study` wrote
    it.
    """
    scheme, colon, rest = spec.partition(":")
    if scheme == "py" and rest:
        model = _from_factory(rest, checkpoint)
    elif colon and scheme in SCHEMES and rest:
        model = SCHEMES[scheme](rest)
    elif Path(spec).is_file():
        model = load_network(spec)
    else:
        raise ManifoldScaleError(
            f"MODEL {spec!r} is neither a file nor of the form py:module:factory, "
            "timm:NAME, hf:FOLDER or script:FILE."
        )
    check_modes(model)
    return (model if checkpoint is None else fill(model, checkpoint)).eval()


def _from_factory(rest: str, checkpoint: str | Path | None) -> nn.Module:
    spec = f"py:{rest}"
    model: Any = python_function(spec, "MODEL")
    if not isinstance(model, nn.Module):  # else the network itself stands there
        given, named = _stored_arguments(spec, checkpoint)
        model = from_python(spec, *given, name="MODEL", named=named)
    if not isinstance(model, nn.Module):
        raise ManifoldScaleError(
            f"MODEL 'py:{rest}' returned {type(model).__name__}; a torch.nn.Module is "
            "needed."
        )
    return model


def _stored_arguments(
    spec: str, checkpoint: str | Path | None
) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """What the function was called with in the study that wrote the checkpoint, by place
    and by name. Nothing if there is no such checkpoint, or if the function does not take
    these: another one may make the same network by itself.
    """
    stored = metadata_of(checkpoint).get(ARGUMENTS)
    if stored is None:
        return (), {}
    given, named = json.loads(stored)
    with contextlib.suppress(ValueError):  # some built-in functions do not tell
        try:
            inspect.signature(python_function(spec, "MODEL")).bind(*given, **named)
        except TypeError:
            return (), {}
    return given, named


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
    """A transformer with all its weights. A pooler that the folder does not hold, as for a
    language model, is left out of the network: it would be drawn at random.
    """
    model, lacking = _loaded_from_folder(name)
    if lacking and all("pooler." in weight for weight in lacking):
        with contextlib.suppress(ManifoldScaleError):  # one that always has a pooler
            model, lacking = _loaded_from_folder(name, add_pooling_layer=False)
    if lacking:
        raise ManifoldScaleError(
            f"hf:{name} lacks {len(lacking)} weights of {type(model).__name__} "
            f"({few(lacking, 4)}), which would be drawn at random. Load it in your own "
            "function, py:module:factory, as the class from which it was saved."
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
    "timm": _from_timm,
    "hf": _from_hugging_face,
    "script": _from_script,
}


def device_of(model: nn.Module) -> torch.device:
    """Where the model's parameters are; the CPU for one without parameters."""
    return next((p.device for p in model.parameters()), torch.device("cpu"))


def dtype_of(model: nn.Module) -> torch.dtype | None:
    """The floating type in which a model computes: of its parameters, else of its buffers;
    torch's default if its weights are whole numbers, as in a quantised network; None
    without weights.
    """
    for tensor in itertools.chain(model.parameters(), model.buffers()):
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
