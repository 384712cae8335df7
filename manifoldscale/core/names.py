"""What a column of other people's tables holds, from the words of its name.

`Training Tokens`, `n_tokens`, `tokensSeen` and `config.train_tokens` mean the same: a noun
with words that add nothing. A name with a word that adds something (`tokens_per_step`,
`embedding_params`, `test_samples`) means something else.
"""

import itertools
import math
import re
from collections.abc import Iterable
from typing import Any

# Words that say how many, where it was logged, or which value was kept.
COUNTS = {"n", "num", "number", "no", "nr", "nb", "of", "total", "count", "size", "sizes"}
UNITS = {"k": 1e3, "thousand": 1e3, "thousands": 1e3, "m": 1e6, "million": 1e6,
         "millions": 1e6, "b": 1e9, "billion": 1e9, "billions": 1e9, "t": 1e12,
         "trillion": 1e12, "trillions": 1e12}  # fmt: skip
# A unit per second is a rate; times days, as in `PFLOP/s-days`, it counts operations again.
PREFIXES = {"": 1.0, "k": 1e3, "kilo": 1e3, "m": 1e6, "mega": 1e6, "g": 1e9, "giga": 1e9,
            "t": 1e12, "tera": 1e12, "p": 1e15, "peta": 1e15, "e": 1e18, "exa": 1e18,
            "z": 1e21, "zetta": 1e21}  # fmt: skip
LONG = tuple(prefix for prefix in PREFIXES if len(prefix) > 1)
OPERATIONS = re.compile(rf"({'|'.join(PREFIXES)})(flops?|flos)|([pez])fs?")
LASTING = {"day": 86_400.0, "days": 86_400.0, "hour": 3_600.0, "hours": 3_600.0,
           "second": 1.0, "seconds": 1.0}  # fmt: skip
LOGGED = {"value", "config", "configs", "cfg", "summary", "hparams", "args", "metrics",
          "hyperparams"}  # fmt: skip
ENDS = {"final", "last", "end", "mean", "avg", "average", "min", "minimum", "best"}
TRAIN = {"train", "training", "trn", "tr", "trained", "pretrain", "pretraining"}
TEST = {"test", "tst", "val", "valid", "validation", "eval", "evaluation", "dev", "heldout",
        "holdout", "generalization", "generalisation", "population"}  # fmt: skip

EXAMPLES = {"samples", "examples", "tokens", "tok", "toks", "images", "datapoints",
            "sequences", "sentences", "documents", "observations", "anchor", "anchors",
            "ntrain", "nsamples", "trainsize", "ndata"}  # fmt: skip
ONE_OF_MANY = {"data", "dataset", "train", "training", "trainset", "sample", "example",
               "token", "image", "points", "point", "datapoint", "traindata", "obs",
               "subset", "corpus", "tr"}  # fmt: skip
ABOUT_EXAMPLES = TRAIN | {"set", "seen", "data", "dataset", "input", "subset", "corpus"}
PARAMETERS = {"parameters", "params", "param", "parameter", "nparams", "nparameters"}
ABOUT_PARAMETERS = {"model", "network", "net", "trainable", "learnable", "free", "active",
                    "non", "nonembedding", "embedding", "embeddings", "embed", "emb",
                    "excluding",
                    "without", "weight"}  # fmt: skip
ABOUT_COMPUTE = TRAIN | LOGGED | {"total", "number", "of", "n", "num", "budget", "c",
                                  "estimated", "approx", "model", "compute", "s",
                                  "full"}  # fmt: skip
WIDTHS = {
    "width", "w", "hidden", "hidden dim", "hidden width", "hidden units", "hidden features",
    "network width", "net width", "model width", "layer width", "d model", "model dim",
    "dmodel", "n embd", "n embed", "embed dim", "embedding dim", "units", "neurons",
    "hidden layer", "hidden dimension",
}  # fmt: skip
TIMES = {"step", "steps", "iteration", "iterations", "iter", "iters", "epoch", "update",
         "updates", "it", "epochs"}  # fmt: skip
ABOUT_TIMES = TRAIN | LOGGED | {"global", "optimizer", "optimiser", "gradient", "current",
                                "trainer", "num", "n", "max", "total"}  # fmt: skip
CLOCKS = {"timestamp", "runtime", "time", "walltime", "datetime", "date", "created"}
LOSSES = {"loss", "losses"}
MEASURES = {"mse", "nll", "xent", "ce", "crossentropy", "error", "errors", "err", "bpb",
            "bpc", "risk"}  # fmt: skip
ABOUT_LOSSES = TEST | ENDS | {"cross", "entropy", "squared", "set", "data", "lm"} | MEASURES
ERRORS = {"stderr", "se", "sem", "stderror"}
SPREADS = {"std", "sd", "stdev", "var", "variance", "ci", "low", "high", "lower", "upper",
           "lo", "hi", "lo95seq", "hi95seq", "error", "err", "unc", "uncertainty", "iqr",
           "q25", "q75", "max"}  # fmt: skip
NO_LOSSES = SPREADS | ERRORS | TRAIN | CLOCKS | TIMES | {
    "fn", "function", "type", "name", "kind", "weight", "scale", "coef", "coefficient",
    "ratio", "gap", "scaler", "reg", "regularization", "regularisation", "aux", "diff",
    "delta", "improvement", "gain", "reduction", "decrease", "percentile", "teacher",
    "baseline", "n", "count", "curve", "history", "penalty", "kl", "step", "initial",
    "init",
}  # fmt: skip
SEEDS = {"seed", "random seed", "rng seed", "replicate", "rng"}
NAMES = {"run", "name", "id", "uid", "uuid", "trial", "rep", "repeat", "repetition", "fold",
         "replica", "job", "experiment", "exp", "split", "index"}  # fmt: skip
RISING = {"acc", "acc1", "acc5", "accuracy", "score", "scores", "auc", "auroc", "recall",
          "miou", "iou", "f1", "bleu", "rouge", "top1", "top5", "r2"}  # fmt: skip
MEASURED = CLOCKS | RISING | {
    "loss", "error", "err", "perplexity", "ppl", "throughput", "memory", "seconds",
    "minutes", "hours", "sec", "mse", "nll", "bpb", "bpc", "duration", "elapsed", "wall",
    "speed", "metric", "wer", "cer", "fid",
}  # fmt: skip
ENDED = {"finished", "complete", "completed", "success", "succeeded",
         "done", "ok", "none"}  # fmt: skip
NOT_ENDED = {"crashed", "failed", "fail", "killed", "running", "pruned", "preempted", "oom",
             "error", "timeout", "cancelled", "canceled", "out_of_memory",
             "diverged"}  # fmt: skip
CHOSEN = {"weight", "coef", "coefficient", "scale", "fn", "function", "type", "kind",
          "smoothing", "clip", "limit", "budget", "target", "threshold"}  # fmt: skip


def words_of(name: str) -> tuple[str, ...]:
    """
    >>> words_of("config.nTrain"), words_of("Non-embedding params")
    (('config', 'n', 'train'), ('non', 'embedding', 'params'))
    """
    name = str(name).replace("#", " n ")
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", " ", name)
    return tuple(word for word in re.split(r"[^a-z0-9%]+", spaced.lower()) if word)


def unit_of(name: str) -> float:
    """What a size is counted in, where its name says so: `Tokens (B)`, `tokens_B`,
    `PFLOP-days`.

    >>> unit_of("Tokens (B)"), unit_of("1e18 flops"), unit_of("PFLOP/s-days")
    (1000000000.0, 1e+18, 8.64e+19)
    """
    operations = _operations(words_of(name))
    if operations is not None:
        return operations
    found = re.search(r"[(\[]\s*([A-Za-z]+)\s*[)\]]|[_ ]([KMBT])$", str(name))
    return UNITS.get((found[1] or found[2]).lower(), 1.0) if found else 1.0


def without_unit(name: str) -> str:
    """
    >>> without_unit("N (M)"), without_unit("tokens_B"), without_unit("N (all)")
    ('N', 'tokens', 'N (all)')
    """
    if unit_of(name) == 1:
        return name
    return re.sub(r"[(\[].*?[)\]]|[_ ][KMBT]$", "", name).strip()


def _operations(words: tuple[str, ...]) -> float | None:
    """The unit of a compute, in operations; None where the name means no compute but a
    rate, or the cost of one pass, as a bare GFLOPs mostly does.
    """
    joined = re.sub(rf"\b({'|'.join(LONG)}) (?=flop)", r"\1", " ".join(words))
    rest = set(joined.split())
    lasting = LASTING.keys() & rest
    found = {word: OPERATIONS.fullmatch(word) for word in rest}
    counted = {w: m for w, m in found.items() if m is not None and (m[2] or lasting)}
    powers = {word for word in rest if re.fullmatch(r"1e\d{1,2}", word)}
    if not counted and (lasting or "compute" not in rest):
        return None
    rest -= counted.keys() | lasting | powers
    if len(counted) > 1 or not rest <= ABOUT_COMPUTE or ("s" in rest and not lasting):
        return None
    prefix = next((match[1] or match[3] or "" for match in counted.values()), "")
    if 1 < PREFIXES[prefix] < 1e15 and not (rest & (TRAIN | {"total"}) or lasting):
        return None
    unit = math.prod(LASTING[word] for word in lasting) * PREFIXES[prefix]
    return unit * math.prod(float(word) for word in powers)


def meaning(name: str) -> str | None:
    """The field of a run that a column of this name holds; None if it holds none."""
    name = str(name)
    if _operations(words_of(name)) is not None:
        return "compute"
    name = without_unit(name)
    if name.strip() in LETTERS:  # small letters differ: d is a dimension, p a probability
        return LETTERS[name.strip()]
    words = words_of(name)
    if len(words) > 1:
        # `params.width` of a logger is a width.
        kept = [w for w in words if w not in LOGGED]
        logged = "." in str(name) or "/" in str(name)
        words = tuple(kept[1:] if logged and kept[:1] == ["params"] and kept[1:] else kept)
    joined, said = "_".join(words), set(words)
    if joined in FIELDS:
        return joined
    if re.fullmatch(r"1\s*-\s*[\w/.]*(acc|accuracy|auc)", name.strip().lower()):
        return "loss"
    letter = {"D": "dataset_size", "P": "parameters"}.get(name[:1]) if words[1:] else None
    if letter and "/" in name:  # D/N is a ratio
        return None
    if letter and words[0] == name[0].lower():  # D_tokens, P_total
        about = ABOUT_EXAMPLES | EXAMPLES if letter == "dataset_size" else ABOUT_PARAMETERS
        if set(words[1:]) <= about | COUNTS:
            return letter
    if said & UNIQUE and _is_examples(said - UNIQUE - {"u"}):
        return "unique_examples"
    if joined in ("training_loss", "final_train_loss"):
        return "train_loss"
    if " ".join(words) in SEEDS:
        return "seed"
    if _is_examples(said):
        return "dataset_size"
    if _is_parameters(said):
        return "parameters"
    if _is_width(words):
        return "width"
    return None if is_log_of_loss(name) else _kind_of_loss(said)


LETTERS = {"D": "dataset_size", "P": "parameters", "W": "width", "w": "width"}
FIELDS = ("loss", "dataset_size", "parameters", "width", "unique_examples", "seed",
          "loss_stderr", "train_loss", "converged", "failure", "steps",
          "compute")  # fmt: skip
UNIQUE = {"unique", "distinct"}
EMBEDDING = {"embedding", "embeddings", "embed", "emb"}
WITHOUT = {"non", "no", "excluding", "without"}


def is_without_embedding(name: str) -> bool:
    """Whether these are the parameters without the embedding, by the name."""
    said = set(words_of(name))
    return "nonembedding" in said or bool(said & EMBEDDING and said & WITHOUT)


def is_time(name: str) -> bool:
    """Whether it counts the steps of a training run."""
    said = set(words_of(name))
    return bool(said & TIMES) and said <= TIMES | ABOUT_TIMES


def is_clock(name: str) -> bool:
    return bool(set(words_of(name)) & CLOCKS)


def is_run_name(name: str) -> bool:
    """Whether it tells runs apart without saying how they differ."""
    said = set(words_of(name)) - LOGGED
    if is_index(name):
        return False  # of rows, or of sizes
    return bool(said) and said <= NAMES | {"model", "wandb", "short"} and bool(said & NAMES)


def is_name_of_a_run(name: str) -> bool:
    """Whether each of its values is one run; an id may number the rows of a log instead."""
    said = set(words_of(name))
    return is_run_name(name) and bool(said & {"run", "name", "trial", "job", "experiment"})


def is_measured(name: str) -> bool:
    """Whether it is an outcome of training, by its name, and not a setting."""
    said = set(words_of(name))
    of_a_gradient = bool(said & {"grad", "gradient"}) and "norm" in said
    return of_a_gradient or bool(said & MEASURED and not said & CHOSEN)


def has_ended(state: Any) -> bool:
    """Whether this state of a run, or failure of one, says that it ended as it should."""
    return state is None or str(state).strip().lower() in {*ENDED, "", "false", "no", "0"}


def is_state(name: str, values: Iterable[Any]) -> bool:
    """Whether it says of every run how it ended, as Weights & Biases, MLflow, Optuna and
    Slurm do.
    """
    said = {str(value).strip().lower() for value in values if value is not None}
    words = set(words_of(name)) - LOGGED - {"run", "job", "trial"}
    return words in ({"state"}, {"status"}) and bool(said) and said <= ENDED | NOT_ENDED


def is_accuracy(name: str) -> bool:
    """Whether it may rise where a loss falls."""
    return bool(set(words_of(name)) & (RISING | {"value"}))


def is_measure_of_loss(name: str) -> bool:
    """Whether it may be a loss, although its name says more."""
    said = set(words_of(name))
    return bool(said & (LOSSES | MEASURES) and not said & NO_LOSSES)


def is_test(name: str) -> bool:
    return bool(set(words_of(name)) & TEST)


def is_log_of_loss(name: str) -> bool:
    """Whether it is the logarithm of a loss; `log_loss` is a name of the cross-entropy,
    `log(loss)` is none.
    """
    words = words_of(name)
    log_loss = "(" not in str(name) and any(
        pair == ("log", "loss") for pair in itertools.pairwise(words)
    )
    logs = set(words) & ({"ln", "log10", "log2"} | (set() if log_loss else {"log"}))
    return bool(logs) and _kind_of_loss(set(words) - logs) == "loss"


def is_index(name: str) -> bool:
    """Whether it is the index of a data frame, or one of its levels, without a name."""
    return re.fullmatch(r"index(_\d+)?", name) is not None


def is_bare_size(name: str) -> bool:
    """N, size, d: examples to some, parameters or a dimension to others."""
    said = set(words_of(name)) - LOGGED
    return bool(said) and said <= {"n", "size", "count", "total", "x", "scale", "d", "p"}


def _is_examples(said: set[str]) -> bool:
    counted = bool(said & COUNTS)
    rest = said - COUNTS
    counted = counted or {"data", "points"} <= rest
    nouns = rest & EXAMPLES or (rest & ONE_OF_MANY if counted else set())
    return bool(nouns) and rest <= EXAMPLES | ONE_OF_MANY | ABOUT_EXAMPLES


def _is_parameters(said: set[str]) -> bool:
    rest = said - COUNTS
    if rest & EMBEDDING and not said & WITHOUT:
        return False  # the parameters of the embedding alone
    if rest & EMBEDDING and rest <= EMBEDDING | WITHOUT:
        return "n" in said  # N_no_embed
    if rest <= {"model", "network", "net"} and rest:
        return "size" in said or "sizes" in said
    if rest == {"weights"}:
        return bool(said & COUNTS)
    return bool(rest & PARAMETERS) and rest <= PARAMETERS | ABOUT_PARAMETERS


def _is_width(words: Iterable[str]) -> bool:
    rest = " ".join(word for word in words if word not in COUNTS)
    return rest in WIDTHS or " ".join(words) in WIDTHS


def _kind_of_loss(said: set[str]) -> str | None:
    if said & ERRORS or (said & {"error", "err"} and said & (LOSSES | {"standard", "std"})):
        rest = said - ERRORS - {"standard", "std", "error", "err"}
        return "loss_stderr" if rest <= LOSSES | ABOUT_LOSSES else None
    if said & LOSSES and said & TRAIN:
        return "train_loss" if said <= LOSSES | TRAIN | ENDS else None
    measured = bool(said & (LOSSES | MEASURES)) or {"cross", "entropy"} <= said
    if measured and said <= LOSSES | ABOUT_LOSSES:
        return "loss"
    if said & LOSSES and not said & NO_LOSSES:
        return "loss"  # of some data set, say
    return None
