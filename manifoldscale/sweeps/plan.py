"""The plan of a sweep: which networks are trained on what."""

import dataclasses as dc
import hashlib
import itertools
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import numpy as np

from ..core.errors import ManifoldScaleError, is_whole, require
from ..core.serialize import LATER, dumps, plain
from ..core.settings import Positive, Settings, at_least
from ..core.source import foreign_code, source_hash
from ..data import python_function
from ..networks.layout import layouts
from ..networks.shape import Shape
from .objectives import is_own
from .scales import BIAS_STD, GAIN
from .students import SETTINGS, check_taken, shape_of
from .tasks import Task, check_loss
from .train import Training

SCHEMA = 2  # raised when a change alters what a run computes
DEFAULT_TRAINING = Training()
MOST = 2**31  # upper limit of the whole numbers of a plan
Small = Annotated[int, at_least(1, below=MOST)]
PROBE_SEED = 10**6  # the probed network is not one of those whose losses are fitted


@dc.dataclass(frozen=True)
class PackSpec:
    """Runs that are trained together: one shape, and per member the size of its training
    set and the index of its seed.
    """

    shape: Shape
    members: tuple[tuple[int, int], ...]


@dc.dataclass(frozen=True)
class Plan(Settings):
    """Every combination of dataset size, width and seed.

    >>> import manifoldscale as ms
    >>> task = ms.sweeps.TeacherStudent(dim=4)
    >>> plan = Plan(task, dataset_sizes=[100, 1000], widths=[64], seeds=3)
    >>> len(plan)
    6

    Parameters
    ----------
    task : a `DataSet` or a `TeacherStudent`.
    dataset_sizes : numbers of training examples D.
    widths : units of each hidden layer, or channels.
    seeds : number of networks per combination, each with its own initialisation, training
        set, test set and order of batches.
    depth, activation, parametrisation : of the student "mlp". In the parametrisation
        "standard" one learning rate moves wide networks more than narrow ones, in "ntk"
        their features less; in "mup" all move alike. Its rates have other units: with Adam,
        a layer moves by about `learning_rate` a step, and .1 is moderate.
    richness : of "mup": how far features move while the outputs move by one. 1 is rich;
        width^-1/2 is "ntk", and lazy.
    student : "mlp"; "cnn", for square images; or "py:module:function", your own function
        or class that takes (inputs, outputs, width) and gives a torch module. If it has
        parameters named depth, activation, parametrisation or richness, it is given these
        too. One whose parameters all have defaults is given those of these that it names;
        if width is not among them, there is one network. A module that takes images is
        given images if the task has them. Runs are identified by its source and the source
        of what its module imports from the same folder or package: an edited student is
        another one.
    training : optimiser, budget and loss.
    n_test : test examples per run.
    root_seed : a sweep with another root seed is an independent repetition.
    paired : networks with the same seed index share initialisation (if the widths are
        equal), test set and, in nested subsets, training set across sizes. Shared errors
        cancel in differences of losses; errors at different sizes are then correlated, and
        the curve says so (`shared_data`).
    """

    task: Task
    dataset_sizes: tuple[int, ...]
    widths: tuple[int, ...] = (128,)
    seeds: Small = 8
    depth: Small = 2
    activation: str = "relu"
    training: Training = DEFAULT_TRAINING
    n_test: Annotated[int, at_least(2, below=MOST)] = 1000
    root_seed: Annotated[int, at_least(0, below=MOST)] = 0
    student: str = "mlp"
    parametrisation: str = "standard"
    paired: bool = False
    richness: Positive = dc.field(default=1.0, metadata=LATER)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("dataset_sizes", "widths"):
            values = sizes_of(name, getattr(self, name))
            object.__setattr__(self, name, values)
        require(isinstance(self.task, Task), f"`task` must be a Task; not {self.task!r}.")
        self._check_settings()
        if not str(self.student).startswith("py:"):  # that code is read when it is run
            self.shape(self.widths[0])  # checks student, activation and parametrisation
        check_loss(self.task, self.training.loss)
        require(
            self.parametrisation != "mup"
            or self.training.optimiser != "adam"
            or self.training.weight_decay == 0,
            "`weight_decay` of 'adam' is a part of the gradient, and acts unlike at each "
            "width in the parametrisation 'mup': use the optimiser 'adamw'.",
        )
        most = self.task.largest(self.n_test)
        require(
            most is None or max(self.dataset_sizes) <= most,
            f"`dataset_sizes` reaches {max(self.dataset_sizes)}, but {self.task.name!r} "
            f"leaves {most} examples beside the {self.n_test} of the test set.",
        )
        require(
            not self.training.online or most is None,
            f"`online` training needs examples that never run out; {self.task.name!r} is "
            "a finite data set.",
        )

    def __len__(self) -> int:
        return len(self.dataset_sizes) * len(self.widths) * self.seeds

    def shape(self, width: int) -> Shape:
        """The network at a width."""
        return shape_of(
            self.student,
            self.task.inputs,
            self.task.outputs,
            width,
            {name: getattr(self, name) for name in SETTINGS},
            self._given() & set(SETTINGS),
            layouts(self.task.example_shape, self.task.rows_first),
        )

    @property
    def first_tested(self) -> int:
        """The first of the test examples that tests a network: those before it choose the
        step at which it is kept, see `Training.keep`.
        """
        return self.n_test // 2 if self.training.keep == "best" else 0

    @property
    def initial_variances(self) -> tuple[float, float]:
        """Of the weights of hidden layers, times fan-in, and of biases, at the start of the
        student "mlp".
        """
        return GAIN[self.activation], BIAS_STD**2

    def _given(self) -> set[str]:
        """The fields that are not at their defaults."""
        return {f.name for f in dc.fields(self) if getattr(self, f.name) != f.default}

    def _check_settings(self) -> None:
        """A setting that the student does not take must stay at its default. Only the depth
        of a user's function may be given anyway: nothing else says it.
        """
        given = self._given()
        if str(self.student).startswith("py:"):
            given -= {"depth"}
        check_taken(self.student, given & set(SETTINGS))

    def vary(self, **axes: Iterable[Any]) -> dict[tuple[Any, ...], "Plan"]:
        """Plans over the product of other axes: fields of the plan, of its task or of its
        training, by name.

        >>> import manifoldscale as ms
        >>> plan = Plan(ms.sweeps.TeacherStudent(), [100, 1000])
        >>> plans = plan.vary(dim=[2, 4], depth=[1, 3])
        >>> list(plans), plans[4, 3].task.dim, plans[4, 3].depth
        ([(2, 1), (2, 3), (4, 1), (4, 3)], 4, 3)
        """
        values = {name: _choices(name, choices) for name, choices in axes.items()}
        for student in values.get("student", [self.student]):
            check_taken(student, set(values))
        return {
            chosen: self._with(dict(zip(values, chosen, strict=True)))
            for chosen in itertools.product(*values.values())
        }

    def _with(self, changes: dict[str, Any]) -> "Plan":
        parts: dict[str, dict[str, Any]] = {"task": {}, "training": {}, "plan": {}}
        for name, value in changes.items():
            parts[self._owner(name)][name] = value
        own = {"task": self.task, "training": self.training, **parts.pop("plan")}
        for part, inner in parts.items():
            if inner:
                own[part] = dc.replace(own[part], **inner)
        return dc.replace(self, **own)

    def _owner(self, name: str) -> str:
        for owner, value in (("plan", self), ("task", self.task), ("training", None)):
            fields = dc.fields(value or self.training)
            if name in {field.name for field in fields}:
                return owner
        raise ManifoldScaleError(
            f"Neither the plan nor its task {type(self.task).__name__} nor its training "
            f"has a field {name!r}."
        )

    def runs(self) -> list[tuple[Shape, int, int]]:
        """(shape, dataset size, seed index) of every run, in the order of the table."""
        return [
            (self.shape(width), size, index)
            for width in sorted(self.widths)
            for size in sorted(self.dataset_sizes)
            for index in range(self.seeds)
        ]

    def seed_of(self, shape: Shape, dataset_size: int, index: int) -> int:
        """The seed of one network. It is its own, which makes errors at different sizes and
        widths independent; in paired runs it is that of its index.
        """
        key = [self.root_seed, index]
        if not self.paired:
            key += [dataset_size, *shape.sizes]
        return int(np.random.SeedSequence(key).generate_state(1)[0])

    def key(self, shape: Shape, dataset_size: int, index: int) -> str:
        """A hash of everything that decides the loss of one run."""
        described = {
            "schema": SCHEMA,
            "task": plain(self.task),
            "shape": plain(shape),
            "training": plain(self.training),
            "dataset_size": dataset_size,
            "n_test": self.n_test,
            "seed": self.seed_of(shape, dataset_size, index),
        }
        described |= {name: value for name, value in self.code().items() if value}
        try:
            text = dumps(described, indent=None)
        except TypeError as error:
            raise ManifoldScaleError(
                f"`task` {self.task.name!r} cannot be told from others ({error}): the "
                "fields of a task are numbers, texts, arrays, or dataclasses of these."
            ) from error
        return hashlib.sha256(text.encode()).hexdigest()

    def code(self) -> dict[str, Any]:
        """What determines the examples of the task beside its settings: the source of code
        from outside this package, and data that differ from those first published.
        """
        loss = self.training.loss
        found: dict[str, Any] = {"code": foreign_code(self.task), "data": self.task.data()}
        if is_own(loss):
            python_function(loss, "`loss`")  # says what is wrong with it
            found["loss"] = source_hash(loss)
        return found


def known_drift(plan: Plan) -> str:
    """What is known of the drift of activations with width from the parametrisation alone:
    empty for one width, for those made not to drift, and for a user's student.

    At one rate a step of Adam moves a hidden layer by a sum of w terms of one sign, over
    sqrt(w) in "ntk"; a step of gradient descent so moves the outputs in "standard", but not
    in "ntk". See `sweeps.scales`.
    """
    if len(plan.widths) < 2 or plan.student.startswith("py:"):
        return ""
    kept = plan.parametrisation == "ntk" and plan.training.optimiser == "sgd"
    if kept or plan.parametrisation == "mup":
        return ""
    return f"known of the parametrisation {plan.parametrisation!r}, not measured here"


def _choices(name: str, choices: Any) -> list[Any]:
    several = isinstance(choices, Iterable) and not isinstance(choices, str)
    values = list(choices) if several else []
    require(
        bool(values), f"`{name}` must be a list of what it varies over; not {choices!r}."
    )
    return values


def sizes_of(name: str, values: Sequence[int]) -> tuple[int, ...]:
    require(isinstance(values, Iterable), f"`{name}` must be a list; not {values!r}.")
    sizes = tuple(values)
    require(bool(sizes), f"`{name}` is empty.")
    for size in sizes:
        good = is_whole(size) and size >= 1
        require(good, f"`{name}` must hold positive integers; not {size!r}.")
    require(len(set(sizes)) == len(sizes), f"`{name}` holds a size twice: {sizes}.")
    return tuple(int(size) for size in sizes)
