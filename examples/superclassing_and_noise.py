"""What changes an exponent: the inputs, not the classes (Bahri et al., figure 3).

Digits are learned with their 10 classes, and with classes merged into 5 and 2: the inputs
and their dimension stay, and so should alpha_D. Then noise is added to the inputs, which
raises their dimension and lowers alpha_D. The trained networks are shipped: seconds; from
nothing, half an hour on one core. Writes superclassing_and_noise.png.
"""

import manifoldscale as ms

plan = ms.sweeps.Plan(
    ms.sweeps.DataSet("mnist5k"),
    dataset_sizes=[100, 200, 400, 800, 1600, 3200],
    widths=[128],
    seeds=5,
    n_test=1500,
    training=ms.sweeps.Training(steps=1500, epochs=60),
)
merged = plan.vary(superclasses=[None, 5, 2])
noisy = plan.vary(input_noise=[0.0, 0.5, 1.0, 2.0])
