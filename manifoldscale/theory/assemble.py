"""Kernel matrices, a block at a time."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ..core.errors import ManifoldScaleError


def assemble(
    n1: int,
    n2: int,
    values: Callable[[slice, slice], Tensor],
    *,
    block: int,
    symmetric: bool,
    device: torch.device,
) -> Tensor:
    """The (n1, n2) matrix of `values(rows, columns)`, in float64; see `assemble_all`."""

    def alone(rows: slice, columns: slice) -> tuple[Tensor]:
        return (values(rows, columns),)

    (result,) = assemble_all(
        n1, n2, alone, 1, block=block, symmetric=symmetric, device=device
    )
    return result


def assemble_all(
    n1: int,
    n2: int,
    values: Callable[[slice, slice], tuple[Tensor, ...]],
    count: int,
    *,
    block: int,
    symmetric: bool,
    device: torch.device,
) -> tuple[Tensor, ...]:
    """The (n1, n2) matrices, `count` of them, of `values(rows, columns)`, in float64.

    If they are symmetric, blocks above the diagonal are computed once and mirrored, and
    blocks on it are made from their upper triangles: a matrix equals its transpose exactly.

    Raises
    ------
    ManifoldScaleError : a value that is not finite.
    """
    results = tuple(
        torch.empty((n1, n2), dtype=torch.float64, device=device) for _ in range(count)
    )
    for i in range(0, n1, block):
        rows = slice(i, i + block)
        for j in range(i if symmetric else 0, n2, block):
            columns = slice(j, j + block)
            for result, found in zip(results, values(rows, columns), strict=True):
                check_finite(found)
                if symmetric and i == j:
                    found = found.triu() + found.triu(1).T
                elif symmetric:
                    result[columns, rows] = found.T
                result[rows, columns] = found
    return results


def check_finite(
    values: Tensor,
    causes: str = "they, `weight_variance`, `bias_variance` or their power by `depth` are "
    "too large. Scale `x1` and `x2` down, or take smaller variances",
) -> None:
    """Refuse values of a kernel that are beyond the largest float."""
    low, high = torch.aminmax(values)  # NaN if any value is
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ManifoldScaleError(
            f"The kernel is not finite at some of these points: {causes}."
        )
