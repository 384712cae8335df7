"""Settings of a small sweep, as a TOML file."""

PLAN = """
[plan]
dataset_sizes = [40, 60, 90, 130]
widths = [16]
seeds = 2
n_test = 200

[task]
type = "TeacherStudent"
dim = 2

[training]
steps = 60

[vary]
dim = [2, 4]
"""
