"""The network that a study probes: trained apart from the others, and kept."""

from pathlib import Path

from torch import nn

from ...networks.cnn import CNN
from ...networks.loading import save_network
from ...networks.mlp import MLP
from ...networks.preparation import Preparation
from ...sweeps.factory import FromFactory
from ...sweeps.plan import Plan
from ...sweeps.run import train_bare, train_one


def trained_to_probe(plan: Plan) -> tuple[nn.Module, Preparation | None]:
    """A network at the largest size, whose seed is not one of the sweep's.

    A multilayer perceptron prepares its inputs itself, in its first layer. Any other module
    stays as it was made, with its own names, and its inputs are prepared before it.
    """
    width, size = plan.widths[0], max(plan.dataset_sizes)
    if isinstance(plan.shape(width), MLP):
        return train_one(plan, width, size), None
    network, layout = train_bare(plan, width, size)
    return network, Preparation(*plan.task.preparation, layout)


def keep(
    plan: Plan, network: nn.Module, preparation: Preparation | None, path: Path
) -> None:
    """Write the checkpoint, which `probe` opens."""
    shape = plan.shape(plan.widths[0])
    ours = shape if isinstance(shape, MLP | CNN) else None
    arguments = shape.arguments if isinstance(shape, FromFactory) else None
    save_network(network, path, ours, preparation=preparation, arguments=arguments)


def in_words(plan: Plan) -> str:
    """The student of a plan."""
    shape = plan.shape(plan.widths[0])
    if isinstance(shape, MLP):
        return f"{shape.depth} hidden layers of {shape.width} {shape.activation} units"
    if isinstance(shape, CNN):
        w = shape.width
        return f"cnn: convolutions of {w} and {2 * w} channels, a hidden layer of 32 units"
    assert isinstance(shape, FromFactory)
    given, named = shape.arguments
    words = ("inputs", "outputs", "width")
    called = [f"{word} = {n}" for word, n in zip(words, given, strict=False)]
    called += [f"{name} = {value}" for name, value in named.items()]
    made = f"made with {', '.join(called)}" if called else "made without arguments"
    return f"{shape.factory}, {made}; it takes {shape.layout}"
