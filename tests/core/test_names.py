"""What a column of other people's tables holds, from its name."""

import pytest

from manifoldscale.core.names import is_measured, is_time, meaning, unit_of

EXAMPLES = [
    "dataset_size",
    "n_train",
    "config.n_train",
    "train_size",
    "trainset_size",
    "n_tokens",
    "D",
    "D_tokens",
    "tokensSeen",
    "samples_seen",
    "num_train_samples",
    "nTrain",
    "training_examples",
    "n_samples",
    "images_seen",
    "config/train_tokens",
    "params.n_train",
    "num_data_points",
    "data_points",
    "subset_size",
    "n_tok",
    "N_tr",
    "D_train",
    "tokens_seen_B",
]
PARAMETERS = [
    "parameters",
    "P",
    "params",
    "n_params",
    "N_params",
    "model_params",
    "numParams",
    "param_count",
    "trainable_params",
    "non_embedding_params",
    "params_non_embedding",
    "model_size",
    "hparams.n_parameters",
    "total_params",
    "params.n_params.value",
    "non_emb_params",
    "P_total",
    "params_M",
    "n_weights",
    "#params",
]
WIDTHS = [
    "width",
    "w",
    "hidden_size",
    "n_hidden",
    "d_model",
    "n_embd",
    "config.width",
    "params.width",
]
LOSSES = [
    "loss",
    "Loss",
    "test_loss",
    "val/loss",
    "summary.val_loss",
    "eval_loss",
    "final_val_loss",
    "test_mse",
    "validation-loss",
    "loss_c4_val",
    "test_error",
    "heldout_nll",
    "eval_cross_entropy",
]
COMPUTES = [
    "compute",
    "flops",
    "Training FLOP",
    "total_flos",
    "train_TFLOPs",
    "Compute (EFLOP)",
    "PFLOP-days",
    "pf-days",
    "petaflop/s-days",
    "1e18 flops",
    "config.compute_budget",
]
NO_COMPUTE = [
    "flops_per_token",
    "TFLOP/s",
    "GFLOPs",  # of one pass, or a rate
    "compute_time",
    "gpu_days",
    "mfu",
    "C",
    "f1",
    "1e18",
]
NO_SIZE = [
    "d",
    "p",
    "n",
    "N",
    "size",
    "dataset",
    "data",
    "model",
    "train",
    "Training",
    "batch_size",
    "n_test",
    "val_samples",
    "embedding_params",
    "hidden_layers",
    "n_classes",
    "tokens_per_step",
    "seq_len",
    "hyperparameters",
    "n_layers",
    "D/N",
]
NO_LOSS = [
    "loss_fn",
    "loss_scale",
    "test_loss_std",
    "loss_lo95seq_c4_val",
    "accuracy",
    "perplexity",
    "val_accuracy",
    "loss_weight",
    "log(loss)",
    "loss_improvement",
    "teacher_loss",
    "baseline_loss",
]


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ("dataset_size", [*EXAMPLES, "Training Tokens", "Seen Examples", "# examples"]),
        ("parameters", [*PARAMETERS, "Non-embedding params", "Model Size"]),
        ("parameters", ["N_no_embed", "n_no_emb"]),
        ("unique_examples", ["U_unique_tokens", "unique_tokens", "n_distinct_samples"]),
        ("width", WIDTHS),
        ("compute", COMPUTES),
        ("loss", [*LOSSES, "Test Loss"]),
        ("train_loss", ["train_loss", "train/loss", "training_loss", "final_train_loss"]),
        (
            "loss_stderr",
            [
                "loss_stderr",
                "stderr",
                "test_loss_se",
                "loss_sem",
                "loss_err",
                "loss_std_err",
            ],
        ),
        ("seed", ["seed", "random_seed", "config.seed", "replicate"]),
        (None, [*NO_SIZE, *NO_LOSS, *NO_COMPUTE, "lr", "note"]),
    ],
    ids=str,
)
def test_names_in_the_wild(field: str | None, names: list[str]) -> None:
    assert {name: meaning(name) for name in names} == dict.fromkeys(names, field)


def test_a_unit_in_brackets_is_one() -> None:
    assert meaning("Tokens (B)") == "dataset_size" and unit_of("Tokens (B)") == 1e9
    assert meaning("Params [millions]") == "parameters"
    assert unit_of("Params [millions]") == 1e6
    assert unit_of("tokens_B") == unit_of("tokens B") == 1e9
    assert unit_of("tokens") == unit_of("tokens (unique)") == unit_of("tokens_b") == 1


def test_steps_and_outcomes() -> None:
    steps = ["step", "_step", "global_step", "trainer/global_step", "epoch", "iter"]
    assert all(map(is_time, [*steps, "Train Steps"]))
    assert not any(map(is_time, ["steps_per_epoch", "warmup_steps", "time", "lr"]))
    assert is_measured("val_accuracy") and is_measured("_runtime")
    settings = "learning_rate flops layer_norm gradient_clip kl_weight error_rate_target"
    assert not any(map(is_measured, settings.split()))
    assert is_measured("grad_norm") and is_measured("train_loss_step")
