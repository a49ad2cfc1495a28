ISING = "results/ising"
ISING_SYSTEMS = list(dict.fromkeys(grid["system"] for grid in ising["grids"].values()))
ISING_OBSERVABLES = expand(f"{ISING}/observables/{{system}}.csv", system=ISING_SYSTEMS)


rule ising:
    """All of the lattices with a known answer: snakemake --cores 2 ising"""
    input:
        figure_files(["ising"], ".svg", ".png"),
        f"{ISING}/validation_summary.csv",
        f"{ISING}/critical.csv",
        f"{ISING}/potts_phases.csv",


rule known_systems:
    """All systems whose answers are known: snakemake --cores 2 known_systems"""
    input:
        rules.ising.input,
        figure_files(KNOWN_SYSTEMS, ".svg", ".png"),
        "results/deep_linear/summary.csv",
        "results/known_systems.html",


rule render_known_systems:
    """The page of the known systems: results/known_systems.html."""
    input:
        ising=f"{ISING}/critical.csv",
        deep_linear="results/deep_linear/summary.csv",
        hopfield="results/hopfield/capacity.csv",
        calibration="results/calibration/false_positives.csv",
        finite_size="results/calibration/finite_size.csv",
        figures=figure_files(KNOWN_SYSTEMS, ".svg"),
        captions=[own(f"workflow/report/{Path(svg).stem}.rst") for svg in figure_files(KNOWN_SYSTEMS, ".svg")],
    output:
        page="results/known_systems.html",
        findings="results/known_systems.txt",
    log:
        "results/known_systems/logs/render_known_systems.log",
    localrule: True
    params:
        code=code_digest("render_known_systems"),
    message:
        "Writing the page of the known systems"
    script:
        "../scripts/render_known_systems.py"


rule sample_ising:
    """Observables of Ising lattices by Monte Carlo."""
    output:
        observables=f"{ISING}/observables/{{system}}.csv",
    log:
        f"{ISING}/logs/sample_ising/{{system}}.log",
    wildcard_constraints:
        system="|".join(ISING_SYSTEMS),
    # The longest jobs of this part go first.
    priority: 1
    params:
        **function_of_tables("known_systems.ising.grids.measure_grids"),
        grids=lambda wildcards: {
            name: grid for name, grid in ising["grids"].items() if grid["system"] == wildcards.system
        },
        seed=ising["seed"],
    message:
        "Sampling the Ising model, {wildcards.system}"
    script:
        "../scripts/make_tables.py"


rule analyse_ising:
    """The lattices against their exact solutions, and their critical temperatures."""
    input:
        observables=ISING_OBSERVABLES,
    output:
        exact=f"{ISING}/exact.csv",
        validation=f"{ISING}/validation.csv",
        summary=f"{ISING}/validation_summary.csv",
        critical=f"{ISING}/critical.csv",
    log:
        f"{ISING}/logs/analyse_ising.log",
    localrule: True
    params:
        code=code_digest("analyse_ising"),
    message:
        "Comparing the lattices with their exact solutions, and locating their critical temperatures"
    script:
        "../scripts/analyse_ising.py"


# Tables that a function of the library makes from parameters, and some of them from other tables.
for name, made in {
    "sample_potts": {
        "doing": "Sampling the Potts model at its transition",
        "function": "ising.potts.sample_phases",
        "output": [f"{ISING}/potts_histogram.csv", f"{ISING}/potts_phases.csv"],
        "params": {**ising["potts"], "seed": ising["seed"]},
    },
    "take_snapshots": {
        "doing": "Taking snapshots of the square lattice",
        "function": "ising.grids.take_snapshots",
        "output": [f"{ISING}/snapshots.parquet"],
        "params": {**ising["snapshots"], "seed": ising["seed"]},
    },
    "calibrate_detector": {
        "doing": "Measuring false positives and power of the detector of slope changes",
        "function": "calibration.calibrate_detector",
        "output": ["results/calibration/false_positives.csv", "results/calibration/power.csv"],
        "params": {"curves": 200, "seed": 1337},
    },
    "measure_finite_size": {
        "doing": "Showing the analysis finite systems with a known transition",
        "function": "finite_size.measure_finite_size",
        "input": {
            "histogram": f"{ISING}/potts_histogram.csv",
            "phases": f"{ISING}/potts_phases.csv",
        },
        "output": ["results/calibration/finite_size.csv", "results/calibration/finite_size_collapse.csv"],
        "params": {"curves": 200, "seed": 1337},
    },
    "sweep_deep_linear": {
        "doing": "Sweeping the weight decay of deep linear nets up and down",
        "function": "deep_linear.sweep.measure_sweeps",
        "output": ["results/deep_linear/sweep.csv", "results/deep_linear/summary.csv"],
        "params": {"a": 1.0, "c": 1.0, "width": 8, "seed": 1337},
    },
    "measure_hopfield": {
        "doing": "Measuring the retrieval of Hopfield networks, and their capacity",
        "function": "hopfield.measure_networks",
        "output": ["results/hopfield/retrieval.csv", "results/hopfield/capacity.csv"],
        "params": {
            # Loads around the one at which half of the networks retrieve, which falls with their size.
            "sizes": [
                {"neurons": neurons, "networks": networks, "loads": [0.01 * i for i in range(13, above)]}
                for neurons, networks, above in (
                    (250, 800, 29),
                    (500, 600, 24),
                    (1000, 300, 20),
                    (2000, 80, 19),
                    (4000, 16, 18),
                )
            ],
            "seed": 1,
        },
    },
}.items():

    rule:
        """Tables of a system whose answers are known, or of what the analysis makes of one."""
        name:
            name
        input:
            **made.get("input", {}),
        output:
            made["output"],
        log:
            f"{Path(made['output'][0]).parent}/logs/{name}.log",
        params:
            **function_of_tables(f"known_systems.{made['function']}"),
            **made["params"],
        message:
            made["doing"]
        script:
            "../scripts/make_tables.py"

    # What --list says of it.
    workflow.get_rule(name).docstring = f"{made['doing']}."
