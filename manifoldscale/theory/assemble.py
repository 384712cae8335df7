"""Kernel matrices, a block at a time."""

from collections.abc import Callable

import torch
from torch import Tensor


def assemble(
    n1: int,
    n2: int,
    values: Callable[[slice, slice], Tensor],
    *,
    block: int,
    symmetric: bool,
    device: torch.device,
) -> Tensor:
    """The (n1, n2) matrix of `values(rows, columns)`, in float64.

    If it is symmetric, blocks above the diagonal are computed once and mirrored, and blocks
    on it are made from their upper triangles: the matrix equals its transpose exactly.
    """
    result = torch.empty((n1, n2), dtype=torch.float64, device=device)
    for i in range(0, n1, block):
        rows = slice(i, i + block)
        for j in range(i if symmetric else 0, n2, block):
            columns = slice(j, j + block)
            found = values(rows, columns)
            if symmetric and i == j:
                found = found.triu() + found.triu(1).T
            elif symmetric:
                result[columns, rows] = found.T
            result[rows, columns] = found
    return result
