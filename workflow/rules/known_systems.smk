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
    benchmark:
        f"{ISING}/observables/{{system}}.benchmark.tsv"
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


rule sample_potts:
    """Energies of the Potts model at its transition."""
    output:
        histogram=f"{ISING}/potts_histogram.csv",
        phases=f"{ISING}/potts_phases.csv",
    log:
        f"{ISING}/logs/sample_potts.log",
    priority: 1
    params:
        **function_of_tables("known_systems.ising.potts.sample_phases"),
        **ising["potts"],
        seed=ising["seed"],
    message:
        "Sampling the Potts model at its transition"
    script:
        "../scripts/make_tables.py"


rule take_snapshots:
    """Spin configurations of the square lattice."""
    output:
        snapshots=f"{ISING}/snapshots.parquet",
    log:
        f"{ISING}/logs/take_snapshots.log",
    params:
        **function_of_tables("known_systems.ising.grids.take_snapshots"),
        **ising["snapshots"],
        seed=ising["seed"],
    message:
        "Taking snapshots of the square lattice"
    script:
        "../scripts/make_tables.py"


rule calibrate_detector:
    """False positives and power of the detector of slope changes."""
    output:
        false_positives="results/calibration/false_positives.csv",
        power="results/calibration/power.csv",
    log:
        "results/calibration/logs/calibrate_detector.log",
    benchmark:
        "results/calibration/calibrate_detector.benchmark.tsv"
    params:
        **function_of_tables("known_systems.calibration.calibrate_detector"),
        curves=200,
        seed=1337,
    message:
        "Measuring false positives and power of the detector of slope changes"
    script:
        "../scripts/make_tables.py"


rule measure_finite_size:
    """What the analysis sees of known transitions in systems of finite size."""
    input:
        histogram=f"{ISING}/potts_histogram.csv",
        phases=f"{ISING}/potts_phases.csv",
    output:
        finite_size="results/calibration/finite_size.csv",
        collapse="results/calibration/finite_size_collapse.csv",
    log:
        "results/calibration/logs/measure_finite_size.log",
    params:
        **function_of_tables("known_systems.finite_size.measure_finite_size"),
        curves=200,
        seed=1337,
    message:
        "Showing the analysis finite systems with a known transition"
    script:
        "../scripts/make_tables.py"


rule sweep_deep_linear:
    """Weight decay of deep linear nets swept up and down."""
    output:
        sweep="results/deep_linear/sweep.csv",
        summary="results/deep_linear/summary.csv",
    log:
        "results/deep_linear/logs/sweep_deep_linear.log",
    benchmark:
        "results/deep_linear/sweep_deep_linear.benchmark.tsv"
    params:
        **function_of_tables("known_systems.deep_linear.sweep.measure_sweeps"),
        a=1.0,
        c=1.0,
        width=8,
        seed=1337,
    message:
        "Sweeping the weight decay of deep linear nets"
    script:
        "../scripts/make_tables.py"


rule measure_hopfield:
    """Retrieval of Hopfield networks, and their capacity."""
    output:
        retrieval="results/hopfield/retrieval.csv",
        capacity="results/hopfield/capacity.csv",
    log:
        "results/hopfield/logs/measure_hopfield.log",
    benchmark:
        "results/hopfield/measure_hopfield.benchmark.tsv"
    params:
        # Loads around the one at which half of the networks retrieve, which falls with their size.
        **function_of_tables("known_systems.hopfield.measure_networks"),
        sizes=[
            {"neurons": 250, "networks": 800, "loads": [0.01 * i for i in range(13, 29)]},
            {"neurons": 500, "networks": 600, "loads": [0.01 * i for i in range(13, 24)]},
            {"neurons": 1000, "networks": 300, "loads": [0.01 * i for i in range(13, 20)]},
            {"neurons": 2000, "networks": 80, "loads": [0.01 * i for i in range(13, 19)]},
            {"neurons": 4000, "networks": 16, "loads": [0.01 * i for i in range(13, 18)]},
        ],
        seed=1,
    message:
        "Measuring the retrieval of Hopfield networks"
    script:
        "../scripts/make_tables.py"
