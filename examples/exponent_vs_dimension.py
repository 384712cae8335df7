"""4 / alpha against the dimension: teacher and student, after Bahri et al. (figure 1b) and
Sharma and Kaplan.

The teacher's inputs have dimension 2 to 9. For each, wide students on 100 to 6,400 examples
give alpha_D, and students of 6 to 40 units on 200,000 examples give alpha_P. Each of the
laws alpha = 4/d and alpha >= 4/d is a line and a region of the figure. The 560 trained
networks are shipped: seconds; from nothing, two hours on one core. Writes
exponent_vs_dimension.png.
"""

import manifoldscale as ms

DIMS = range(2, 10)

by_data = ms.sweeps.Plan(
    ms.sweeps.TeacherStudent(),
    dataset_sizes=[100, 200, 400, 800, 1600, 3200, 6400],
    widths=[128],
    seeds=5,
    n_test=2000,
    training=ms.sweeps.Training(steps=4000, epochs=100, batch_size=128),
)
by_width = ms.sweeps.Plan(
    ms.sweeps.TeacherStudent(),
    dataset_sizes=[200_000],
    widths=[6, 9, 13, 19, 28, 40],
    seeds=5,
    n_test=5000,
    training=ms.sweeps.Training(steps=15_000, batch_size=256, learning_rate=1e-2),
)
