"""Networks: where torch begins. Sites, hooks, extraction, checkpoints.

The package exports what is public here: `ms.extract`, `ms.sites`, `ms.open_store` and
`ms.read_folder`, and `ms.curvature.through_layers` with its curves. The rest is internal.
"""
