"""What a pass reads: sites by patterns, and what a point is at each of them."""

import dataclasses as dc
import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from torch import nn

from ..core.errors import few, require
from .batches import Batch, filled
from .dry_run import EXAMPLES, DryRun, dry_run
from .forward_pass import ForwardPass
from .patterns import Patterns, matches, select
from .points import Named, Points, Position, Several, Token, automatic, plain
from .policies import points_from
from .sites import Site, normal_name
from .wrappers import unwrapped

LOG = logging.getLogger(__name__)
PointsChoice = str | Points | Mapping[str, str | Points]
ALIKE = 8  # examples that end in the same token: it is no word of theirs


def look(model: nn.Module, first: Batch) -> DryRun:
    """What can be read, from the first examples of a batch."""
    return dry_run(model, _some(filled(first.inputs, EXAMPLES)))


def _some(inputs: Any) -> Any:
    if isinstance(inputs, Mapping):
        return {key: _some(value) for key, value in inputs.items()}
    return inputs[:EXAMPLES]


def plan_passes(
    model: nn.Module,
    first: Batch,
    patterns: Patterns,
    choices: Sequence[PointsChoice] = ("auto",),
    seed: int = 0,
) -> tuple[ForwardPass, ...]:
    """Choose sites and policies by what a pass on the first examples shows, for each choice
    of points.
    """
    run = look(model, first)
    names = select(patterns, run)
    mixing = tuple(name for name in names if run.aliases.get(name, name) in run.mixing)
    _tell_chance(run, mixing)
    bare = ForwardPass(
        network=unwrapped(model),
        sites=tuple(run.site(name) for name in names),
        policies={},
        seed=seed,
        is_random=run.is_random,
        mixing=mixing,
        origins={name: run.aliases[name] for name in names if name in run.aliases},
    )
    words = [patterns] if isinstance(patterns, str) else patterns
    written = {normal_name(word) for word in words}
    found = [_policies(run, names, points, seed, written) for points in choices]
    _tell_unknown(first, [policy for one in found for policy in one.values()])
    return tuple(_of(bare, one) for one in found)


def _of(bare: ForwardPass, policies: dict[str, Points]) -> ForwardPass:
    """The pass that reads the sites which have a policy."""
    sites = tuple(site for site in bare.sites if site.name in policies)
    mixing = tuple(name for name in bare.mixing if name in policies)
    return dc.replace(bare, sites=sites, policies=policies, mixing=mixing)


def _tell_unknown(first: Batch, policies: Sequence[Points]) -> None:
    """Warn if the last token of every example is the same one, and nothing says whether it
    is a word: a tokenizer adds such tokens.
    """
    ids = first.inputs.get("input_ids") if isinstance(first.inputs, Mapping) else None
    if ids is None or ids.ndim != 2 or first.rows.special is not None:
        return
    last = Token("last", special=True)(ids[..., None], "NTC", first.rows).points
    counts = [plain(policy) for policy in policies]
    if len(last) < ALIKE or not bool((last == last[0]).all()):
        return
    if any(isinstance(p, Token | Position | Several) and not p.special for p in counts):
        LOG.warning(
            "The last token of every example is number %d. If a tokenizer added it, it is "
            "no word, and `last`, `token` and `tokens` count it all the same: which tokens "
            "are special is said by `special_tokens_mask` beside `input_ids`, which "
            "tokenizers give with return_special_tokens_mask=True.",
            int(last[0]),
        )


def _tell_chance(run: DryRun, mixing: Sequence[str]) -> None:
    """Warn if rows do not depend on their example alone."""
    if run.is_random:
        LOG.warning(
            "The network draws random numbers in eval mode, as with dropout that is always "
            "on: this noise is part of every representation and its dimension."
        )
    elif mixing:
        LOG.warning(
            "The outputs at %s depend on the other examples of a batch, as with batch "
            "normalisation without running statistics: another `batch_size` gives other "
            "points.",
            ", ".join(mixing[:3]) + (" and more" if len(mixing) > 3 else ""),
        )


def _policies(
    run: DryRun,
    names: Sequence[str],
    points: PointsChoice,
    seed: int,
    written: Collection[str],
) -> dict[str, Points]:
    """One policy for all sites, or by pattern, the last that matches; "auto" otherwise. One
    for all leaves out the sites where it has no points, unless they are `written` out, such
    as the pooler behind the tokens of a transformer.
    """
    choices = points if isinstance(points, Mapping) else {"*": points}
    found = {name: automatic(run.site(name)) for name in names}
    for pattern, choice in choices.items():
        policy = points_from(choice, seed) if isinstance(choice, str) else choice
        require(
            policy is None or isinstance(policy, Points),
            f"`points` must be a word, a policy, or a mapping of patterns to these; not "
            f"{choice!r}.",
        )
        meant = set(names) if pattern == "*" else set(matches(pattern, run)) & set(names)
        for name in meant:
            site = run.site(name)
            found[name] = policy or automatic(site)
            fits = found[name].fits(site.axes)
            known = (
                pattern == "*" and "?" not in site.axes and not isinstance(policy, Named)
            )
            may_go = known and name not in written
            require(fits or may_go, _misfit(site, policy))
    return _with_points(run, found)


def _with_points(run: DryRun, found: dict[str, Points]) -> dict[str, Points]:
    """The sites where the policy has points; the others are told."""
    without = [name for name in found if not found[name].fits(run.site(name).axes)]
    if not without:
        return found
    policy = found[without[0]]
    require(len(without) < len(found), _misfit(run.site(without[0]), policy))
    text = "Left out, as points='%s' needs %s there: %s."
    LOG.warning(text, policy, _needed(policy), few(without))
    return {name: policy for name, policy in found.items() if name not in without}


def _misfit(site: Site, policy: Points | None) -> str:
    """Why a site has no points of a policy, and what would work."""
    if isinstance(policy, Named):
        return (
            f"Site {site.name!r} has axes {site.axes}, the examples (N) among them: "
            f"points={str(policy)!r} names {len(policy.axes)}."
        )
    if "?" in site.axes:
        return (
            f"Site {site.name!r} has shape {site.shape}, and which axis holds the features "
            f"is not known: name them all, as in points={{{site.name!r}: 'CHW:{policy}'}} "
            "for channels first, 'HWC' for channels last, 'TC' for tokens."
        )
    return (
        f"Site {site.name!r} has axes {site.axes}: points={str(policy)!r} needs "
        f"{_needed(policy)}. Give it to other sites only, as in "
        f"points={{'blocks.*': {str(policy)!r}}}, or name fewer sites."
    )


def _needed(policy: Points | None) -> str:
    """The axes that a site must have for a policy, in words."""
    tokens = policy is not None and policy.fits("NTC") and not policy.fits("NCHW")
    patches = policy is not None and policy.fits("NCHW") and not policy.fits("NTC")
    return "tokens (T)" if tokens else "places" if patches else "tokens (T) or places"
