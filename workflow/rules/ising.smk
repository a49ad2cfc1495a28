ISING = "results/ising"
ISING_SYSTEMS = list(dict.fromkeys(grid["system"] for grid in ising["grids"].values()))
ISING_OBSERVABLES = expand(f"{ISING}/observables/{{system}}.csv", system=ISING_SYSTEMS)


rule sample_ising:
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
    conda:
        "../../envs/orderparam.yaml"
    params:
        grids=grids_of_system,
        seed=ising["seed"],
        code=code_digest("sample_ising"),
    message:
        "Sampling the Ising model, {wildcards.system}"
    script:
        "../scripts/sample_ising.py"


rule validate_ising:
    input:
        ISING_OBSERVABLES,
    output:
        validation=f"{ISING}/validation.csv",
        summary=f"{ISING}/validation_summary.csv",
    log:
        f"{ISING}/logs/validate_ising.log",
    conda:
        "../../envs/orderparam.yaml"
    params:
        code=code_digest("validate_ising"),
    message:
        "Comparing the lattices with their exact solutions"
    script:
        "../scripts/validate_ising.py"


rule estimate_critical_temperatures:
    input:
        ISING_OBSERVABLES,
    output:
        critical=f"{ISING}/critical.csv",
    log:
        f"{ISING}/logs/estimate_critical_temperatures.log",
    conda:
        "../../envs/orderparam.yaml"
    params:
        code=code_digest("estimate_critical_temperatures"),
    message:
        "Locating the crossings of the Binder cumulants"
    script:
        "../scripts/estimate_critical_temperatures.py"


rule solve_ising:
    input:
        ISING_OBSERVABLES,
    output:
        exact=f"{ISING}/exact.csv",
    log:
        f"{ISING}/logs/solve_ising.log",
    conda:
        "../../envs/orderparam.yaml"
    params:
        code=code_digest("solve_ising"),
    message:
        "Solving the lattices where they can be solved"
    script:
        "../scripts/solve_ising.py"


rule sample_potts:
    output:
        histogram=f"{ISING}/potts_histogram.csv",
        phases=f"{ISING}/potts_phases.csv",
    log:
        f"{ISING}/logs/sample_potts.log",
    priority: 1
    conda:
        "../../envs/orderparam.yaml"
    params:
        potts=ising["potts"],
        seed=ising["seed"],
        code=code_digest("sample_potts"),
    message:
        "Sampling the Potts model at its transition"
    script:
        "../scripts/sample_potts.py"


rule take_snapshots:
    output:
        snapshots=f"{ISING}/snapshots.parquet",
    log:
        f"{ISING}/logs/take_snapshots.log",
    conda:
        "../../envs/orderparam.yaml"
    params:
        snapshots=ising["snapshots"],
        seed=ising["seed"],
        code=code_digest("take_snapshots"),
    message:
        "Taking snapshots of the square lattice"
    script:
        "../scripts/take_snapshots.py"
