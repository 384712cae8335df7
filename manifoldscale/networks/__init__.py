"""Networks: where torch begins. Sites, hooks, extraction, checkpoints."""
