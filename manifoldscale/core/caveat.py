"""What may be wrong with a number: codes whose texts are the advice."""

import dataclasses as dc
import enum


class Caveat(enum.Enum):
    """A reason to read a result with care.

    The value of each member is the explanation that is printed with the result.
    """

    DUPLICATES = (
        "exact duplicates were dropped before the search; if they are not an artefact, "
        "the data are not a sample of a smooth density"
    )
    NEAR_DUPLICATES = (
        "points nearer to an earlier one than the tolerance were merged into it: the "
        "dimension is that of scales above the tolerance"
    )
    NEAR_COPIES = (
        "pairs of points lie nearer to each other than any density of one dimension or "
        "more puts them, as a picture that is there twice, or frames of a film; a few per "
        "cent mislead an estimate at small ranks: remove them, or merge them by "
        "`duplicates='merge'` with a `tolerance` above their distance"
    )
    POOR_FIT = (
        "the ratios of distances do not follow one dimension in a locally constant "
        "density, and the interval holds for such only; `Local(MLE())` tells whether there "
        "are parts of several dimensions"
    )
    MISSED_NEIGHBORS = (
        "the approximate search missed neighbours: a missed neighbour stretches the "
        "distances, and dimensions from their ratios are off; use search='exact'"
    )
    DISCRETE = (
        "many neighbour distances are tied, as on a lattice; estimators that use ratios "
        "of distances assume a continuous density: use `I3D()` for counts, `Hamming()` "
        "for bits"
    )
    EVEN_SPACING = (
        "neighbour distances vary less than in a random sample: the points lie on a grid, "
        "along a path, or in pairs of near-copies, and ratios of distances read that "
        "instead of the dimension; keep one of each pair or path; on a grid use "
        "`LocalPCA()`, or thin the points, `AcrossScales(TwoNN(), at_scale=n // 16)`"
    )
    FEW_POINTS = "few points: the interval is wide and the bias is not known"
    FINITE_SAMPLE_BIAS = (
        "nearest-neighbour estimates read low in high dimension at this number of "
        "points, and the interval does not include that bias: use `Auto()`"
    )
    NOT_ESTIMATED = "there is no estimate; the reason is given"
    BEYOND_CALIBRATION = (
        "the calibration table ends below: the dimension is bounded from below only"
    )
    CALIBRATED_BELOW_SIZE = (
        "more points than the calibration table holds: corrected as if there were fewer, "
        "so that the value reads slightly high"
    )
    UNCALIBRATED = (
        "fewer points than the calibration table holds: the raw estimate is given, whose "
        "interval does not include the bias of a finite sample"
    )
    CROWDED = (
        "a large share of all pairs are neighbours: the points are too few for this k, and "
        "the standard error is a guess"
    )
    NEAR_AMBIENT = (
        "the estimate is close to the number of features: the points may fill space, "
        "through noise or because there is no lower-dimensional manifold"
    )
    LINEAR = (
        "a linear dimension: it counts the directions that the variance fills, not the "
        "coordinates of a manifold, and a curved manifold has more of them"
    )
    BIASED_CONVENTION = (
        "a published normalisation with a known bias: the value reproduces it, and the "
        "interval reaches to the unbiased one"
    )
    INTEGER_VOTES = (
        "a mean of whole numbers: the interval holds their scatter and half a vote, not "
        "the bias of the rule"
    )
    MIXTURE = (
        "the local dimensions scatter more than one dimension allows: there are parts of "
        "different dimension, and the pooled value lies between them"
    )
    FIXED_POINT = "the iteration had not settled: the last value is given"
    REPEATED_ROWS = (
        "rows are repeated; each counts, because in discrete data repetition is information"
    )
    SCALE_DEPENDENT = (
        "the estimate changes with the range of distances by more than its error: there is "
        "no single dimension, and the value belongs to its scale only"
    )
    NOISE = (
        "the dimension falls with scale towards a plateau: at the smallest scale, noise "
        "fills more dimensions than the manifold has"
    )
    FOLDING = (
        "the dimension rises with scale: at larger scale other sheets of the manifold come "
        "near, or it bends into more directions"
    )
    CLUSTERED = (
        "the dimension drops to less than half at larger scale: the cloud is in parts that "
        "lie apart, such as classes, and the value is that within a part"
    )
    NO_PLATEAU = (
        "the dimension changes over all scales (noise, a steep density, or edges make it "
        "fall, folds make it rise): quote it with its scale; `curve` has it at each, and "
        "`at_scale=n` asks for one"
    )
    UNLIKE_REFERENCES = (
        "distances and angles read as on none of the reference clouds: the correction is "
        "little more than a guess, and the interval reaches a factor of two at least; "
        "`.resolved` needs none"
    )
    BOUNDED = (
        "the site is a function of one whose dimension is known better, and a smooth map "
        "cannot raise it: the interval is that of all sites together, that of this one "
        "is `.alone`"
    )
    RISES = (
        "at the scale of these points the site has more dimensions than one that it is a "
        "function of, which a smooth map cannot add: the map is rough at this scale, or "
        "noise or low precision has been added"
    )
    CURVATURE_UNSURE = (
        "read `status` beside the arrays: there is no value, or a wide interval, at these "
        "points"
    )
    KINKS = (
        "a piecewise-linear network bends a curve at kinks only: curvature is a function "
        "of scale, see `kappa_of_step`, and derivatives read the straight pieces"
    )
    TRUNCATED_SLOPE = (
        "the slope is that at this scale: curvature that changes within the neighbourhood "
        "is not in the interval"
    )
    UPPER_ESTIMATE = (
        "the points that come nearest are seldom in a sample, and noise hides them: the "
        "true value is likely to be smaller"
    )
    BIASED_CURVATURE = (
        "a published convention that is diluted by codimension and inflated by noise: for "
        "comparison with published values only"
    )
    UNIFORM_DENSITY = (
        "it holds for distances within the manifold and a uniform density; a gradient of "
        "density counts as much as curvature"
    )
    STRAIGHT_DISTANCES = (
        "the distances are straight ones through space, which are no measure of scalar "
        "curvature (a 2-sphere reads 0): make the table with `Neighbors.from_graph` or "
        "`from_distances`"
    )
    DIMENSION_OPEN = (
        "curvature depends on the dimension that is fitted, and more than one is possible"
    )
    FLOOR_FORCED = (
        "a floor of zero was forced, but the losses bend towards a positive floor: "
        "the exponent is biased low; use floor='free' or a measured limit"
    )
    FLOOR_MATTERS = (
        "a floor of zero was forced; the data do not exclude a positive one, with which "
        "the exponent would lie outside this interval"
    )
    FLOOR_EXCEEDED = (
        "the losses bend towards a floor above the given one: the exponent is biased "
        "low; the largest runs are not converged, or the network limits them"
    )
    FLOOR_UNIDENTIFIED = (
        "the data cannot tell the floor from zero or from most of the smallest loss: "
        "exponent and floor trade off; a known or measured floor would narrow both"
    )
    SHORT_RANGE = (
        "less than one decade of sizes: a power law cannot be told from other curves"
    )
    FEW_SIZES = "fewer than six sizes: the interval rests on very few differences"
    ALPHA_AT_BOUND = "the exponent lies at the edge of the range that was searched"
    OPEN_INTERVAL = "the interval is open-ended: the data bound the exponent on one side"
    LACK_OF_FIT = (
        "the losses leave the power law by more than their scatter between seeds: "
        "the range holds a bend, or the runs are not converged"
    )
    NO_REPLICATES = (
        "one run a size: the scatter is estimated from the residuals of the fit alone"
    )
    CORRELATED_ERRORS = (
        "losses at neighbouring sizes miss the law together, as they do along one training "
        "run, or where the curve bends: the sizes count as fewer independent ones, and the "
        "intervals are those of such errors"
    )
    HEAVY_TAILS = (
        "some losses lie further from the law than normal errors would: it was fitted to "
        "the bulk, with errors that have tails; look at the runs that lie far off"
    )
    BEST_SO_FAR = (
        "the losses never rise, and many are repeated: they are the best of a run so far, "
        "which lies below the loss of a run; forecasts make up for it, the exponent does "
        "not; fit the losses as they were"
    )
    NOT_CONVERGED = (
        "some runs had not interpolated their training set: their losses may be above "
        "the converged value"
    )
    OPTIMISER_FLOOR = (
        "the training loss is not small against the test loss at the largest sizes: "
        "training stopped early, or the network is too small for the data, and the losses "
        "level off for that reason"
    )
    TEST_NOISE = (
        "most of the scatter between runs is that of their finite test sets: a larger test "
        "set narrows the interval, more seeds hardly do"
    )
    NOT_A_POWER_LAW = (
        "no power law describes the losses as well as they are known, or another curve "
        "does so better: the exponent is a slope over this range, and belongs to it only; "
        "`forecast` knows it"
    )
    RIVALS = (
        "other curves describe the losses about as well: a wider range of sizes, or a "
        "measured limit, would tell them apart"
    )
    RANGE_MATTERS = (
        "the exponent changes with the smallest size that is kept by more than its error"
    )
    RIDGE_UNIDENTIFIED = (
        "no runs near the peak, where the two resources are equal: the rounding of the "
        "peak is not known, and matters only there"
    )
    ONE_SIDED_GRID = (
        "all runs lie on one side of the peak, where one resource is in excess: the place "
        "of the peak is an extrapolation"
    )
    SUM_FITS_BETTER = (
        "the sum of two power laws, E + A P^-alpha_P + B D^-alpha_D, describes the losses "
        "better: the exponents, floor and peak of the joint law are not theirs; take those "
        "of `fit_sum`"
    )
    STRUCTURED_RESIDUALS = (
        "what the law leaves of the losses is a smooth surface in both sizes, and no "
        "scatter: the losses do not follow it, and its exponents are not theirs"
    )
    RUNS_MOVED_ALIKE = (
        "every curve lies further from the mean losses than the scatter between runs of "
        "one size: what they share, such as a training subset, moves them alike, and the "
        "curves are judged by the scatter of the means; draw a subset for every seed"
    )
    IDLE_RESOURCE = (
        "the losses do not depend on this resource, beyond their scatter: nothing is known "
        "of its exponent, and its term is left out of the law"
    )
    FORM_UNTESTED = (
        "too few pairs of sizes to fit some and score the others: forecasts hold what is "
        "not known of the law's numbers, and not what its form is worth beyond them"
    )
    ALIGNED_DESIGN = (
        "the two resources were varied together: their exponents cannot be told apart; "
        "add runs that vary one of them alone"
    )
    DESCENT_PEAK = (
        "the loss rises before it falls again, the peak of double descent: no exponent "
        "holds across it"
    )
    NEAR_CROSSOVER = (
        "sizes within a factor of three of the other resource, where both limit the loss, "
        "were left out"
    )
    SLICES_LEFT_OUT = (
        "runs at some values of the other resource could not be averaged, and were left out"
    )
    FEW_PAIRS = "fewer than five data sets: the scatter between them is hardly known"
    TAKEN_AS_EXACT = (
        "values without an error are taken as exact, which estimates never are: state "
        "their errors; without them nothing is said of the bound, and p is too small"
    )
    FAILED_RUNS = "runs without a finite loss, or without a size, were left out"
    ZERO_LOSSES = (
        "some losses are zero, of runs whose test sets show no error; they are in the "
        "means, which a larger test set would make sure of"
    )
    STATED_ERRORS = (
        "errors that are stated beside the losses give no weights and no interval: those "
        "of a test set do not hold the scatter between networks; several runs a size do"
    )
    MIXED_RUNS = (
        "runs differ in a column that is not read, and so do their losses, or nothing "
        "tells that they do not: they were taken as if they were repeats; fit each value "
        "of that column alone"
    )
    EMBEDDINGS = (
        "parameters are counted with the embedding by some and without it by others; where "
        "small models are among the runs the exponents differ: name the column that is "
        "meant, `size_column`"
    )
    REPEATED_DATA = (
        "runs have seen examples more than once, which are worth less than fresh ones: "
        "leave them out, or fit what repetition is worth, `fit_repetition`"
    )
    SEVERAL_MINIMA = (
        "other values describe the losses about as well, and a search from elsewhere ends "
        "there: read the intervals before the values"
    )
    PARABOLAS = (
        "losses at equal compute are no parabola in log size where the exponents of the "
        "two resources differ: budgets that are wide, or lie to one side of their minimum, "
        "move it, and a range that drifts with compute moves the exponent; compare "
        "method='parametric'"
    )
    ENVELOPE = (
        "of a finite set of models none is the best at its compute, so that the losses lie "
        "above the frontier; and of runs that scatter the lucky ones are picked"
    )
    ROWS_OF_A_NETWORK = (
        "a network counts once, whatever the number of its rows: say which row of each is "
        "meant, `row`, or give every network a seed of its own"
    )
    TRAJECTORIES = (
        "the losses are steps of a few training runs, whose neighbours go together: a "
        "trajectory is one run, and an interval that takes its steps as independent is too "
        "narrow"
    )
    ONE_NETWORK_A_SIZE = (
        "there is one network of a size: the scatter between networks of one size is not "
        "known, and in no interval; train several"
    )
    COARSE_ENVELOPE = (
        "between the sizes that were trained the envelope lies above that of all sizes: "
        "the exponent is off by a good part of its interval, which holds this too; train "
        "sizes between"
    )
    NOT_ONE_FACTOR = (
        "the speed-up changes with the loss by more than its error: there is no one "
        "factor, and the value lies between those at the ends"
    )
    OTHER_COLUMNS = (
        "a column that is not read may be the size that is meant: name the right one, "
        "`size_column`"
    )
    SHARED_DATA = (
        "training and test sets of different runs share examples of one finite data "
        "set: errors are correlated, and the interval may be too narrow"
    )
    STEEPER_THAN_BOUND = (
        "the exponent lies above 4/d; the relation is a lower bound, so this does not "
        "contradict it"
    )
    SUPER_POLYNOMIAL = (
        "the eigenvalues fall faster than any power: there is no exponent alpha_K, and the "
        "local slope belongs to its ranks only"
    )
    BENT_SPECTRUM = (
        "the log-log line bends within the range: the interval reaches to the local slope "
        "at its far end; fit higher ranks"
    )
    LANDMARKS = (
        "bars of degree 1 and above are those of landmarks: their ends lie within twice "
        "the covering radius of those of all points, and shorter bars say nothing"
    )
    CUT_OFF = (
        "bars still alive at the threshold are tested as if they ended there: a hole may "
        "be larger than it seems, and others may begin beyond"
    )
    BETTI_UNSTABLE = (
        "subsamples of the points disagree on the number of holes, see the interval: more "
        "points or more landmarks would tell"
    )
    NO_SUBSAMPLES = (
        "no subsamples were drawn, and the interval is not known: ask for `subsamples`"
    )
    TORSION = (
        "Betti numbers depend on the coefficients: there is torsion, as in a Klein bottle "
        "or a projective space, whose orientation does not close up"
    )
    EXEMPLARS = (
        "a sample of a class spans less than the class: capacity reads high, and more "
        "examples would lower it"
    )
    POINT_CLASSES = (
        "classes of one point have no radius and no dimension, and no error from examples"
    )
    NOT_SEPARABLE = (
        "directions in which the classes surround the origin: dichotomies that no linear "
        "read-out separates, at this number of features, which limits capacity"
    )
    NO_SPECTRUM = (
        "in parts of the data an eigenvalue of the range is not positive: noise exceeds "
        "the signal there, and there is no exponent; fit lower ranks, or record more"
    )
    FINITE_SPECTRUM = (
        "eigenvalues of a finite sample spread, and the exponent was moved by so much to "
        "make up for it: more points, or lower ranks, would be safer"
    )
    FOR_THE_EYE = (
        "distances, sizes and holes in a view are no evidence: dimension, curvature and "
        "topology are estimated in the space of the cloud"
    )
    BELOW_BOUND = (
        "the exponent lies below the bound: a condition of the theory is not met, or "
        "the dimension of this layer is not the one that the target depends on"
    )
    BELOW_ROUNDING = (
        "rates of modes are lost in the rounding of the kernel and taken as zero: right "
        "for a kernel of finite rank and for repeated points; a smooth kernel learns "
        "these modes late, and what is given for that time is of no use: stop earlier"
    )
    FINITE_RANK = (
        "the kernel has no more modes than there are examples, and no ridge: all modes are "
        "learned, and a target beyond them never is"
    )
    MOST_OF_THE_POINTS = (
        "more than 0.4 of the points are training examples: where the others have near "
        "neighbours among them, as images have, the spectrum does not know it, and the "
        "predicted error reads low, by a sixth and more; use more points"
    )
    INTERPOLATION_PEAK = (
        "without ridge the loss is infinite where examples and modes or features are equal "
        "in number, the peak of double descent: add a ridge, or leave that size out"
    )

    def __call__(self, detail: str = "") -> "Remark":
        """This caveat with the facts of the case.

        >>> print(Caveat.NOT_ESTIMATED("a dead layer"))
        not estimated (a dead layer): there is no estimate; the reason is given
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
