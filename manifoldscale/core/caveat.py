"""What may be wrong with a number: codes whose texts are the advice."""

import dataclasses as dc
import enum


class Caveat(enum.Enum):
    """A reason to read a result with care.

    The value of each member is the explanation that is printed with the result.
    """

    DUPLICATES = (
        "exact copies of points were dropped before the search; if they belong to the "
        "data, the data are not a sample of a smooth density"
    )
    SIBLINGS = (
        "points of one group lie so close together that they would be each other's "
        "companions as neighbours: only some of each group, drawn at random, took part"
    )
    NEAR_DUPLICATES = (
        "points closer to an earlier point than the tolerance were merged into it: the "
        "dimension holds at scales above the tolerance"
    )
    NEAR_COPIES = (
        "pairs of points are closer than any density of one dimension or more allows, such "
        "as a picture stored twice or frames of a film; a few per cent of them mislead "
        "estimates at small ranks: remove them, or merge them with `duplicates='merge'` "
        "and a `tolerance` above their distance"
    )
    WITHIN_NOISE = (
        "the nearest neighbours are those that the noise of the means brought together, "
        "and what is estimated from them is the noise: for the dimension use "
        "`AboveNoise()`, for curvature `Quadric(dim)`; or average more trials"
    )
    ONE_TRIAL = (
        "each stimulus has one trial, so its noise is not known and counts as geometry: "
        "dimension and curvature may be those of the noise; record stimuli repeatedly"
    )
    TRIALS_CORRELATED = (
        "the noise of successive trials of a stimulus is correlated, so the means are "
        "noisier than their trials show, and what is freed of noise is not: use trials far "
        "apart in the session, or the mean of each block as one trial"
    )
    POOR_FIT = (
        "the ratios of distances do not fit one dimension with a locally constant density, "
        "which the interval assumes; `Local(MLE())` tells whether parts of the cloud "
        "differ in dimension"
    )
    MISSED_NEIGHBORS = (
        "the approximate search did not find some neighbours, so distances are too long "
        "and dimensions from their ratios are wrong; use search='exact'"
    )
    DISCRETE = (
        "many neighbour distances are tied, as on a lattice, but estimators that use "
        "ratios of distances assume a continuous density: use `I3D()` for counts, "
        "`Hamming()` for bits"
    )
    ROUNDED = (
        "many neighbour distances are tied, because numbers are rounded: their type has "
        "no finer steps this far from zero, and the nearest distances are partly rounding; "
        "subtract the offset before the numbers are rounded, or keep them in float64"
    )
    TIED_NEIGHBORS = (
        "some points have several nearest neighbours at one distance, as where a layer "
        "sends examples to one place: one of them was drawn at random"
    )
    EVEN_SPACING = (
        "neighbour distances vary less than in a random sample: the points lie on a grid, "
        "along a path, or in pairs of near-copies, and ratios of distances measure that "
        "instead of the dimension; keep one point of each pair or path, or give each a "
        "number, `ms.Cloud(X, groups=...)`; on a grid use `LocalPCA()`, or thin the points "
        "with `AcrossScales(TwoNN(), at_scale=n // 16)`"
    )
    FEW_POINTS = "the interval is wide and the bias is not known; use more points"
    FINITE_SAMPLE_BIAS = (
        "with this number of points, nearest-neighbour estimates of a high dimension are "
        "too low, and the interval does not include that bias: use `Auto()`"
    )
    NOT_ESTIMATED = "no number is given where none can be known"
    BEYOND_CALIBRATION = (
        "the dimension is above the calibration table: only a lower bound is known"
    )
    CALIBRATED_BELOW_SIZE = (
        "there are more points than in the calibration table, and the correction of its "
        "largest size was applied: the value is slightly too high"
    )
    UNCALIBRATED = (
        "there are fewer points than in the calibration table: the value is not corrected, "
        "and its interval does not include the bias of a finite sample; use more points"
    )
    INFLUENTIAL_POINTS = (
        "a few points, far from the others, decide the number, and samples with more or "
        "fewer of them give another one: the interval may be too narrow; look at these "
        "points, scale each row or feature, or read measures of neighbours, as the overlap"
    )
    CROWDED = (
        "a large share of all pairs of points are neighbours, so the standard error is a "
        "guess: use more points, or a smaller k"
    )
    NEAR_AMBIENT = (
        "the estimate is close to the number of features: the points may fill space, "
        "because of noise or because there is no lower-dimensional manifold"
    )
    LINEAR = (
        "a linear dimension counts the directions that the variance fills, not the "
        "coordinates of a manifold: a curved manifold fills more directions"
    )
    BIASED_CONVENTION = (
        "a published normalisation with a known bias: the value reproduces it, and the "
        "interval reaches to the unbiased value"
    )
    INTEGER_VOTES = (
        "the value is a mean of whole numbers: the interval holds their scatter and half a "
        "vote, but not the bias of the rule"
    )
    MIXTURE = (
        "local dimensions scatter more than one dimension allows: the cloud has parts of "
        "different dimension, and the pooled value lies between them"
    )
    FIXED_POINT = "the iteration did not converge: the last value is given"
    REPEATED_ROWS = (
        "every copy of a row counts, because repetition is information in discrete data"
    )
    SCALE_DEPENDENT = (
        "the estimate changes with the range of distances by more than its error: there is "
        "no single dimension, and the value holds at its own scale only"
    )
    NOISE = (
        "the dimension falls with scale towards a plateau: at the smallest scale, noise "
        "fills more dimensions than the manifold has"
    )
    FOLDING = (
        "the dimension rises with scale: at a larger scale other sheets of the manifold "
        "come near, or it bends into more directions"
    )
    CLUSTERED = (
        "the dimension drops to less than half at a larger scale: the cloud is in parts "
        "that lie apart, such as classes, and the value is the dimension within a part"
    )
    NO_PLATEAU = (
        "no range of scales shows a constant dimension (with scale it falls by noise, a "
        "steep density or edges, and rises by folds; few points cannot show it): quote it "
        "with its scale; `curve` holds it at every scale, and `at_scale=n` chooses one"
    )
    UNLIKE_REFERENCES = (
        "the distances and angles of this cloud are unlike those of every reference cloud: "
        "the correction is little more than a guess, and the interval covers a factor of "
        "two at least; `.resolved` needs no correction"
    )
    BOUNDED = (
        "this site is a function of a site whose dimension is known better, and a smooth "
        "map cannot raise the dimension: the interval uses all sites together; `.alone` is "
        "the estimate from this site alone"
    )
    RISES = (
        "at the scale of these points this site has more dimensions than a site that it is "
        "a function of, and a smooth map cannot add any: the map is rough at this scale, "
        "or noise or low precision was added"
    )
    CURVATURE_UNSURE = (
        "some points have no value, or a wide interval: read `status` beside the arrays"
    )
    EDGES_LEFT_OUT = (
        "pooled curvatures are means over the points away from an edge of the cloud, and "
        "their intervals hold no other mean: where curvature changes towards the edge, the "
        "mean of the whole cloud lies elsewhere"
    )
    KINKS = (
        "a piecewise-linear network bends a curve only at kinks, so its curvature depends "
        "on scale: read `turning_of_step` and `kappa_of_step`, because derivatives see "
        "only the straight pieces"
    )
    TRUNCATED_SLOPE = (
        "the slope holds at this scale: the interval does not include changes of curvature "
        "within the neighbourhood"
    )
    UPPER_ESTIMATE = (
        "samples seldom hold the points that come nearest, and noise hides them: the true "
        "value is probably smaller"
    )
    BIASED_CURVATURE = (
        "a published convention, which codimension makes too small and noise too large: "
        "for comparison with published values only"
    )
    UNIFORM_DENSITY = (
        "the value assumes distances within the manifold and a uniform density; a gradient "
        "of the density counts as much as curvature"
    )
    STRAIGHT_DISTANCES = (
        "the distances are straight lines through space, which do not measure scalar "
        "curvature (a 2-sphere gives 0): build the table with `Neighbors.from_graph` or "
        "`from_distances`"
    )
    DIMENSION_OPEN = (
        "curvature depends on the dimension that is fitted, and more than one dimension is "
        "possible: read the values of each"
    )
    FLOOR_FORCED = (
        "a floor of zero was asked for, but the losses bend towards a positive floor: the "
        "exponent is too low; use floor='free' or a measured limit"
    )
    FLOOR_MATTERS = (
        "a floor of zero was asked for; the data allow a positive floor too, which would "
        "put the exponent outside this interval: use floor='free' or a measured limit"
    )
    FLOOR_EXCEEDED = (
        "the losses bend towards a floor above the given one, so the exponent is too low: "
        "the largest runs are not converged, or the network limits them"
    )
    FLOOR_UNIDENTIFIED = (
        "the data cannot tell whether the floor is zero or most of the smallest loss, and "
        "the exponent depends on it: a known or measured floor would narrow both"
    )
    SHORT_RANGE = (
        "the sizes span less than one decade, which cannot tell a power law from other "
        "curves: add smaller or larger sizes"
    )
    FEW_SIZES = "the interval rests on very few differences: use at least six sizes"
    ALPHA_AT_BOUND = "the exponent lies at the edge of the range that was searched"
    OPEN_INTERVAL = "the data bound the exponent on one side only"
    LACK_OF_FIT = (
        "the losses differ from the power law by more than their scatter between seeds: "
        "the curve bends within the range, or runs are not converged"
    )
    NO_REPLICATES = (
        "there is one run per size, so the scatter is estimated from the residuals of the "
        "fit alone: train several seeds per size"
    )
    UNEVEN_SCATTER = (
        "runs of one size scatter more at one end of the sizes than at the other: each is "
        "weighted by a scatter that follows a power of size, but forecasts and the "
        "comparison with other curves take one scatter for all"
    )
    CORRELATED_ERRORS = (
        "losses at neighbouring sizes lie on the same side of the law, as along one "
        "training run or where the curve bends: the sizes count as fewer independent ones, "
        "and the intervals allow for it"
    )
    HEAVY_TAILS = (
        "some losses lie further from the law than normal errors would: the fit follows "
        "the bulk and assumes heavy-tailed errors; look at the runs that lie far off"
    )
    BEST_SO_FAR = (
        "the losses never rise, and many are repeated: they seem to be the best loss of a "
        "run so far, which is below its current loss; forecasts correct for this, the "
        "exponent does not; fit the losses as measured"
    )
    NOT_CONVERGED = (
        "some runs had not yet fitted their training set: their losses may be above the "
        "converged value; train them longer"
    )
    OPTIMISER_FLOOR = (
        "at the largest sizes the training loss is not small against the test loss, so the "
        "losses level off because training stopped early or the network is too small for "
        "the data: train longer, or a larger network"
    )
    TEST_NOISE = (
        "most of the scatter between runs comes from finite test sets: a larger test set "
        "narrows the interval, more seeds hardly do"
    )
    NOT_A_POWER_LAW = (
        "no power law describes the losses within their errors, or another curve describes "
        "them better: the exponent is a slope over this range and holds there only; "
        "`forecast` takes this into account"
    )
    RIVALS = (
        "other curves describe the losses about as well: a wider range of sizes, or a "
        "measured limit, would tell them apart"
    )
    RANGE_MATTERS = (
        "without the smallest sizes the exponent changes by more than its error: quote its "
        "range"
    )
    RIDGE_UNIDENTIFIED = (
        "there are no runs near the peak, where the two resources are equal: how round the "
        "peak is cannot be known, and matters only there"
    )
    ONE_SIDED_GRID = (
        "all runs lie on one side of the peak, where one resource is in excess: the "
        "position of the peak is an extrapolation"
    )
    SUM_FITS_BETTER = (
        "the sum of two power laws, E + A P^-alpha_P + B D^-alpha_D, describes the losses "
        "better: exponents, floor and peak of the joint law are wrong; use `fit_sum`"
    )
    STRUCTURED_RESIDUALS = (
        "the residuals are a smooth surface in both sizes instead of scatter: the losses "
        "do not follow this law, and its exponents do not describe them"
    )
    RUNS_MOVED_ALIKE = (
        "every curve misses the mean losses by more than the scatter between runs of one "
        "size: runs of a size share something, such as a training subset, that moves them "
        "together, so the curves are judged by the scatter of the means; draw a new subset "
        "for every seed"
    )
    IDLE_RESOURCE = (
        "the losses do not depend on this resource beyond their scatter: its exponent is "
        "unknown, and its term is left out of the law"
    )
    FORM_UNTESTED = (
        "there are too few pairs of sizes to fit some and score the others: forecasts "
        "include the uncertainty of the law's numbers, but not of its form"
    )
    ALIGNED_DESIGN = (
        "the two resources were varied together, so their exponents cannot be told apart; "
        "add runs that vary one resource alone"
    )
    DESCENT_PEAK = (
        "the loss rises before it falls again, the peak of double descent: no exponent "
        "holds across it"
    )
    NEAR_CROSSOVER = (
        "sizes within a factor of three of the other resource were left out, because both "
        "resources limit the loss there"
    )
    SLICES_LEFT_OUT = (
        "runs at some values of the other resource could not be averaged, and were left out"
    )
    FEW_PAIRS = "the scatter between fewer than five data sets is hardly known"
    TAKEN_AS_EXACT = (
        "values without an error are taken as exact, although estimates never are: give "
        "their errors; without them the bound is not tested, and p is too small"
    )
    FAILED_RUNS = (
        "runs that did not end as they should, or without a finite loss or a size, were "
        "left out"
    )
    ZERO_LOSSES = (
        "some losses are zero, from runs whose test set shows no error, and are included "
        "in the means; a larger test set would measure them"
    )
    STATED_ERRORS = (
        "errors given beside the losses set no weights and no interval: errors from a test "
        "set do not include the scatter between networks; train several runs per size"
    )
    MIXED_RUNS = (
        "runs differ in a column that was not read, and their losses may depend on it: the "
        "runs were taken as repeats; fit each value of that column alone, or name it as "
        "`tuned`, and its best value at each size counts"
    )
    TUNED = (
        "the best value counts, by the very losses that it reports, which come out a "
        "little low; where it is the smallest or largest that was tried, a better one may "
        "lie beyond, and the exponent depends on it"
    )
    EMBEDDINGS = (
        "some count parameters with the embedding and some without, and with small models "
        "the exponents differ: name the column that you mean with `size_column`"
    )
    REPEATED_DATA = (
        "some runs saw examples more than once, and repeated examples are worth less than "
        "fresh ones: leave these runs out, or fit the worth of repetition with "
        "`fit_repetition`"
    )
    SEVERAL_MINIMA = (
        "other values, found from other starts of the search, describe the losses about as "
        "well: trust the intervals more than the values"
    )
    PARABOLAS = (
        "where the exponents of the two resources differ, losses at equal compute are not "
        "a parabola in log size: a range of sizes that is wide, or lies to one side of the "
        "minimum, moves it, and a range that drifts with compute moves the exponent; "
        "compare method='parametric'"
    )
    ENVELOPE = (
        "a finite set of models holds none that is the best at its compute, so the losses "
        "lie above the frontier; and where runs scatter, the lucky ones are picked"
    )
    ROWS_OF_A_NETWORK = (
        "a network counts once, however many rows it has. The last row includes "
        "overfitting, which is worst at small sizes and makes the exponent larger; the "
        "best one stops early by the very losses that it reports, which come out a little "
        "low: choose with `row`"
    )
    TRAJECTORIES = (
        "the losses are steps of a few training runs, and neighbouring steps are "
        "correlated: a trajectory is one run, and an interval that takes its steps as "
        "independent is too narrow; where the learning rate still falls, later steps lie "
        "below any forecast from earlier ones"
    )
    ONE_NETWORK_A_SIZE = (
        "the scatter between networks of one size is not known, and no interval includes "
        "it; train several per size"
    )
    COARSE_ENVELOPE = (
        "between the trained sizes the envelope lies too high, which moves the exponent by "
        "a good part of its interval; the interval includes this; train sizes in between"
    )
    NOT_ONE_FACTOR = (
        "the speed-up changes with the loss by more than its error: no single factor "
        "describes it, and the value lies between those at the two ends"
    )
    OTHER_COLUMNS = (
        "a column that was not read may be the size that you mean: name the right one with "
        "`size_column`"
    )
    SHARED_DATA = (
        "training and test sets of different runs share examples of one finite data set: "
        "their errors are correlated, and the interval may be too narrow"
    )
    COPIES = (
        "examples that are exact copies of others stand in training and test sets at once, "
        "so that losses are those of examples learned by heart, the more so the more "
        "examples: leave out the copies, unless the inputs have few values by nature"
    )
    STEEPER_THAN_BOUND = (
        "the exponent lies above 4/d; the relation is a lower bound, so this does not "
        "contradict it"
    )
    SUPER_POLYNOMIAL = (
        "the eigenvalues fall faster than any power: there is no exponent alpha_K, and the "
        "local slope holds at its ranks only"
    )
    BENT_SPECTRUM = (
        "the log-log line bends within the range, so the interval is widened to the local "
        "slope at its far end; fit higher ranks"
    )
    LANDMARKS = (
        "bars of degree 1 and above come from landmarks: their ends are within twice the "
        "covering radius of the ends for all points, and shorter bars say nothing"
    )
    CUT_OFF = (
        "bars still alive at the threshold are tested as if they ended there: a hole may "
        "be larger than it seems, and others may begin beyond; raise the threshold"
    )
    BETTI_UNSTABLE = (
        "subsamples of the points disagree on the number of holes, as the interval shows: "
        "use more points or more landmarks"
    )
    BETTI_OPEN = (
        "bars stand out that noise seldom has, but the sheets of a Swiss roll that nearly "
        "touch do: the interval counts with and without them"
    )
    NO_SUBSAMPLES = "the interval is not known: ask for `subsamples`"
    UNCOVERED = (
        "no landmark is near enough to these points, and they have the angle of the "
        "nearest one: use more `landmarks`, or leave outliers out"
    )
    ANGLE_UNSURE = (
        "the angles of some points differ between landmarks: read `errors`; more points or "
        "less noise make the loop clearer"
    )
    TORSION = (
        "Betti numbers depend on the coefficients: there is torsion, as in a Klein bottle "
        "or a projective space, which cannot be oriented"
    )
    EXEMPLARS = (
        "a sample of a class spans less than the class: the capacity is too high, and more "
        "examples would lower it"
    )
    CAPACITY_OF_NOISE = (
        "the noise of the means makes classes wider than they are: the capacity is a lower "
        "bound, the dimension an upper bound, and the radius is not known; more trials help"
    )
    POINT_CLASSES = (
        "a class of one point has no radius, no dimension and no error from its examples"
    )
    NOT_SEPARABLE = (
        "no linear read-out separates these dichotomies at this number of features: the "
        "capacity is lower than its upper end by an unknown amount, and has no value where "
        "they may be half of all; more features would tell"
    )
    NO_CONCEPT = (
        "what the items share over templates may be nothing: its dimension and order say "
        "little; more templates would tell"
    )
    COMPARED_NOISE = (
        "the noise of the means makes representations less alike than their signals: CKA "
        "and overlap are too low, imbalance and shape distance too high; more trials help"
    )
    ONE_DIRECTION = (
        "CKA and shape distance weigh directions by their variance, and say nothing of the "
        "others: see imbalance and overlap of both without it, or scale the features"
    )
    SPECTRUM_OF_NOISE = (
        "the noise of the means adds to every eigenvalue, so the exponent is too small and "
        "the participation ratio too large: use `Covariance(repeats=True)`"
    )
    NO_SPECTRUM = (
        "in parts of the data an eigenvalue of the range is not positive: noise exceeds "
        "the signal there, and there is no exponent; fit lower ranks, or record more"
    )
    FEW_EIGENVALUES = (
        "too few eigenvalues for a power law: no exponent is given; the participation "
        "ratio and the effective rank need none"
    )
    FINITE_SPECTRUM = (
        "eigenvalues of a finite sample spread out, and the exponent was corrected for it "
        "by this much: more points, or lower ranks, would be safer"
    )
    FOR_THE_EYE = (
        "distances, sizes and holes in a view are not evidence: estimate dimension, "
        "curvature and topology in the space of the cloud"
    )
    BELOW_BOUND = (
        "the exponent lies below the bound: a condition of the theory is not met, or the "
        "target depends on another dimension than that of this layer"
    )
    BELOW_ROUNDING = (
        "the rates of some modes are lost in the rounding of the kernel and taken as zero, "
        "which is right for a kernel of finite rank and for repeated points; a smooth "
        "kernel learns these modes late, and what is given for those late times is wrong: "
        "stop earlier"
    )
    FINITE_RANK = (
        "the kernel has no more modes than there are examples, and there is no ridge: all "
        "its modes are learned, and a target outside them never is"
    )
    MOST_OF_THE_POINTS = (
        "more than 0.4 of the points are training examples: where the other points have "
        "near neighbours among these, as images have, the spectrum misses it, and the "
        "predicted error is too low, by a sixth or more; use `gram_learning_curve`"
    )
    FEW_DECIDE = (
        "so few points decide about each, as in low dimension or in tight clusters, that "
        "the theory is off, by a tenth to many times, and predicts nothing; regression "
        "itself, `kernel_regression_curve`, is exact"
    )
    NO_SOLUTION = (
        "the equations of the theory have no solution in float64 at these sizes, as where "
        "outliers decide or the kernel is close to singular: set a `ridge`, or use "
        "regression itself, `kernel_regression_curve`"
    )
    LEFT_OUT_SIZES = (
        "these dataset sizes are too large for an exact solution and were left out"
    )
    RIDGE_ADDED = (
        "float64 does not tell a training Gram matrix from a singular one, because "
        "examples are repeated or the kernel is smooth, so this was added to the diagonal "
        "in all runs: the smallest losses are those of this ridge, and examples that agree "
        "in their inputs share the mean of their targets"
    )
    EARLY_STOPPED = (
        "each network was kept at the step at which half of its test examples had the "
        "least loss, and the other half tested it: the exponent is that of networks "
        "regularised by time. It is as a rule smaller than that of networks trained to the "
        "end, which overfit most where examples are few; and its error is larger, as half "
        "of the test examples count"
    )
    DRIFT = (
        "a step of training moves the activations of wide and of narrow networks unlike, "
        "so a law along width or parameters mixes the size of a network with that of its "
        "steps: use parametrisation='mup', or `ms.sweeps.coordinate_check(plan)` to see "
        "how much they differ"
    )
    OWN_LOSS = (
        "the loss is a function of yours: laws such as 4/d assume that it grows as the "
        "square of the error near its minimum; where it grows as |error|^p, they say "
        "2 p / d"
    )
    GAUSSIAN_INPUTS = (
        "only a covariance was given: the spectrum is that of Gaussian inputs which have "
        "it, and nothing says how far the data are from these; pass `points`"
    )
    CENTRED = (
        "the kernel acts on the inputs minus their mean, and on the inputs as given it is "
        "another kernel: centre them wherever this one is compared"
    )
    NARROW_KERNEL = (
        "the kernel changes much along the first axis of the inputs, and the Hermite "
        "formula, right for wide kernels, gives eigenvalues there that are off by 40 % a "
        "level or more; learning curves often hold even so, as `check` tells"
    )
    BEYOND_REACH = (
        "at these sizes the Hermite formula was found wrong by more than a tenth, or was "
        "not checked and the inputs are too far from Gaussian to rely on it: read smaller "
        "sizes, or use `empirical_spectrum`"
    )
    MODES_CUT_OFF = (
        "modes that were cut off would be learned in part at these sizes, and the "
        "predicted error is up to a tenth or more too high: raise `rank`"
    )
    INTERPOLATION_PEAK = (
        "without ridge the loss is infinite where examples equal modes or features in "
        "number, which is the peak of double descent: add a ridge, or leave that size out"
    )

    def __call__(self, detail: str = "") -> "Remark":
        """This caveat with the facts of the case.

        >>> print(Caveat.NOT_ESTIMATED("a dead layer"))
        not estimated (a dead layer): no number is given where none can be known
        """
        return Remark(self, detail)


@dc.dataclass(frozen=True)
class Remark:
    """A caveat with the facts of the case, as it stands in `result.caveats`."""

    caveat: Caveat
    detail: str = ""

    def __str__(self) -> str:
        name = self.caveat.name.lower().replace("_", " ")
        facts = f" ({self.detail})" if self.detail else ""
        return f"{name}{facts}: {self.caveat.value}"
