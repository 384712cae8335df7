"""The four regimes with trained networks (Bahri et al., figure 1a).

Variance-limited: networks of width 32 on ever more data, and networks of growing width on
100 examples, both after 200 steps of full-batch gradient descent; above its limit the loss
falls with exponent 1, whatever the data. The law is that of a fixed training time, and so
is the limit: a training set of 8,192, and infinite width in closed form.
Resolution-limited: the networks of exponent_vs_dimension.py, at dimensions 3, 5 and 8. All
trained networks are shipped: a minute; from nothing, an hour on one core. Writes
four_regimes.png.
"""

import manifoldscale as ms

DIM, STEPS, RATE = 6, 200, 0.1

by_data = ms.sweeps.Plan(
    ms.sweeps.TeacherStudent(DIM),
    dataset_sizes=[32, 64, 128, 256, 512, 1024, 8192],
    widths=[32],
    seeds=100,
    paired=True,
    parametrisation="ntk",
    training=ms.sweeps.Training(
        steps=STEPS,
        batch_size=None,
        learning_rate=RATE,
        schedule="constant",
        optimiser="sgd",
    ),
)
by_width = ms.sweeps.Plan(
    by_data.task,
    dataset_sizes=[100],
    widths=[8, 12, 16, 24, 32, 48, 64, 96],
    seeds=400,
    n_test=300,
    paired=True,
    parametrisation="ntk",
    training=by_data.training,
)
