include: "ising.smk"
include: "ising_figures.smk"
include: "deep_linear.smk"
include: "hopfield.smk"
include: "calibration.smk"


# Systems whose answers are known, and the errors of the analysis: snakemake --cores 2 known_systems
rule known_systems:
    input:
        rules.ising.input,
        "results/deep_linear/figures/deep_linear.svg",
        "results/deep_linear/figures/deep_linear.png",
        "results/deep_linear/summary.csv",
        "results/calibration/figures/transition_calibration.svg",
        "results/calibration/figures/transition_calibration.png",
