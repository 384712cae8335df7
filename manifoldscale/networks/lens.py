"""What the head of a language model would predict from an earlier layer: the logit lens.

The output of a block goes at once through all that follows the last block, as the final
norm and the read-out (nostalgebraist 2020, "interpreting GPT: the logit lens"). Which
modules these are is found from a pass; applied to the last block they must give the
network's own logits.
"""

import dataclasses as dc
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..core.errors import require
from .batches import filled
from .capture import ONE_AT_A_TIME, call, eval_mode, hooked, places_of
from .containers import named_tensors, tensors
from .dry_run import EXAMPLES, dry_run
from .padding import mask_of
from .patterns import select
from .points import TOKENS, Drawn, PointRows, Points
from .sites import module_name
from .sources import source_of
from .wrappers import hookable, modules_by_name, unhookable, unwrapped

AGREES = 1e-3  # of the largest logit
AHEAD = 1e-6  # of it: where later tokens are not seen, a change is nothing
AT_ONCE = 1 << 24  # logits in memory


@dc.dataclass(frozen=True)
class Lens(Points):
    """The mean entropy, in nats, of the prediction at the tokens of an example that are
    neither padding nor special: a policy of one feature.

    Attributes
    ----------
    modules : what follows the last block, in order.
    sites : outputs of blocks, which it reads.
    sees_ahead : whether a prediction depends on later tokens, as in a masked network.
    """

    modules: tuple[nn.Module, ...]
    sites: tuple[str, ...]
    names: tuple[str, ...] = ()
    sees_ahead: bool = False

    def __call__(self, values: Tensor, axes: str, rows: PointRows) -> Drawn:
        vectors = values.movedim(axes.index("C"), -1)
        valid = torch.ones(vectors.shape[:2], dtype=torch.bool, device=vectors.device)
        if rows.mask is not None:
            valid &= rows.mask.to(valid.device)
        if rows.special is not None:
            valid &= ~rows.special.to(valid.device)
        found = torch.full(valid.shape, 0.0, device=valid.device)
        found[valid] = self.entropies(vectors[valid])
        count = valid.sum(dim=1)
        require(
            bool((count > 0).all()),
            f"the example with id {rows.ids[int(count.argmin())]} has no tokens to predict "
            "from.",
        )
        return Drawn((found.sum(dim=1) / count)[:, None])

    def entropies(self, vectors: Tensor) -> Tensor:
        """(tokens,) from (tokens x features)."""
        width = self.logits(vectors[:1]).shape[-1]
        parts = torch.split(vectors, max(AT_ONCE // width, 1))
        logs = (self.logits(part).float().log_softmax(dim=-1) for part in parts)
        return torch.cat([-(one.exp() * one).sum(dim=-1) for one in logs])

    def logits(self, vectors: Tensor) -> Tensor:
        """(tokens x vocabulary)."""
        found = vectors[None]
        for module in self.modules:
            found = module(found)
        return found[0]

    def fits(self, axes: str) -> bool:
        return TOKENS in axes

    def __str__(self) -> str:
        return f"logit lens through {', '.join(self.names)}"

    @property
    def in_words(self) -> str:
        return (
            "Entropy, in nats: of what the head would predict from the output of a block, "
            f"put at once through {', '.join(self.names)}; means over the tokens of an "
            "example that are neither padding nor special, intervals over examples"
        )

    @property
    def caveats(self) -> tuple[str, ...]:
        told = (
            "the network sees the tokens that it predicts, as one that was trained on "
            "masked tokens does: this is no prediction of a next token"
        )
        return (told,) if self.sees_ahead else ()


def lens_of(model: nn.Module, inputs: Any) -> Lens:
    """The lens of a network.

    Raises
    ------
    ManifoldScaleError : the network predicts no tokens, has no blocks, or its logits are
        not made from the last block alone.
    """
    network = unwrapped(model)
    head = getattr(network, "get_output_embeddings", lambda: None)()
    require(
        isinstance(head, nn.Module),
        "the network has no head that predicts tokens. `hf:` opens a transformer without "
        "it: give a function that returns it with its head, py:module:factory, as by "
        "transformers.AutoModelForCausalLM.from_pretrained.",
    )
    given = _some_of(network, inputs)
    sites = tuple(select("@blocks", dry_run(network, given)))
    last, logits, names = _after(network, given, sites[-1])
    modules = modules_by_name(network)
    lens = Lens(tuple(modules[name] for name in names), sites, names)
    with eval_mode(network):
        ours = lens.logits(last.flatten(0, 1)).reshape(*last.shape[:2], -1)
        close = AGREES * float(logits.abs().max())
        require(
            ours.shape == logits.shape and torch.allclose(ours, logits, 0, close),
            f"what follows {sites[-1]} ({', '.join(names) or 'nothing'}) does not give the "
            "network's own logits by itself.",
        )
        other = _logits(call(network, _with_another_end(given)))
    early = (logits[0] - other[0])[: _length(given) - 1].abs().amax()
    ahead = bool(early > AHEAD * logits.abs().amax())
    return dc.replace(lens, sees_ahead=ahead)


def _some_of(network: nn.Module, inputs: Any) -> dict[str, Tensor]:
    """A few examples by name."""
    source = source_of(inputs)
    require(
        source is not None and isinstance(inputs, Mapping) and "input_ids" in inputs,
        "the data are not tokens by name (`input_ids`).",
    )
    assert source is not None
    rows = np.arange(min(len(source), EXAMPLES))
    batch = next(source.batches(rows, EXAMPLES, network, None))
    found: dict[str, Tensor] = filled(batch.inputs, EXAMPLES)
    return found


def _after(
    network: nn.Module, given: Mapping[str, Tensor], site: str
) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """The tensor of a site, the logits, and the modules that begin after the site, in
    order, without their parts.
    """
    seen: dict[str, Tensor] = {}
    names: list[str] = []

    def keep(place: str, module: nn.Module, value: Any) -> None:
        name = module_name(place)
        if ":in" in place and seen and not any(_is_in(name, one) for one in names):
            names.append(name)
        seen.update({k: v for k, v in named_tensors(place, value).items() if k == site})

    with ExitStack() as undo:
        undo.enter_context(ONE_AT_A_TIME)
        undo.enter_context(hookable(unhookable(network)))
        undo.enter_context(eval_mode(network))
        undo.enter_context(hooked(keep, places_of(network)))
        logits = _logits(call(network, given))
    return seen[site], logits, tuple(names)


def _is_in(name: str, other: str) -> bool:
    return name == other or name.startswith(f"{other}.")


def _logits(output: Any) -> Tensor:
    found = dict(tensors(output))
    require(
        "logits" in found or len(found) == 1,
        "the network gives several tensors, none of which is called logits.",
    )
    return found.get("logits", next(iter(found.values())))


def _length(given: Mapping[str, Tensor]) -> int:
    """The place after the last token of the first example."""
    mask = mask_of(given)
    ids = given["input_ids"]
    return ids.shape[1] if mask is None else int(mask[0].nonzero().max()) + 1


def _with_another_end(given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The first example with another last token."""
    ids, place = given["input_ids"].clone(), _length(given) - 1
    ids[0, place] = ids[0, 0] if ids[0, 0] != ids[0, place] else ids[0, place] - 1
    return {**given, "input_ids": ids.clamp(min=0)}
