# A figure is a module of orderparam/figures; these are the tables that its `draw` takes, by argument.
ISING_FIGURES = {
    "ising_magnetization": {"observables": ISING_OBSERVABLES, "exact": f"{ISING}/exact.csv"},
    "ising_specific_heat": {"observables": ISING_OBSERVABLES, "exact": f"{ISING}/exact.csv"},
    "ising_binder": {"observables": ISING_OBSERVABLES, "critical": f"{ISING}/critical.csv"},
    "ising_validation": {
        "validation": f"{ISING}/validation.csv",
        "summary": f"{ISING}/validation_summary.csv",
    },
    "ising_snapshots": {"snapshots": f"{ISING}/snapshots.parquet"},
    "ising_potts": {"histogram": f"{ISING}/potts_histogram.csv"},
}


# All of the lattices with a known answer: snakemake --cores 2 ising
rule ising:
    input:
        expand(f"{ISING}/figures/{{figure}}.{{suffix}}", figure=ISING_FIGURES, suffix=("svg", "png")),
        f"{ISING}/validation_summary.csv",
        f"{ISING}/critical.csv",
        f"{ISING}/potts_phases.csv",


for figure in ISING_FIGURES:

    rule:
        name:
            f"draw_{figure}"
        input:
            **ISING_FIGURES[figure],
        output:
            svg=report(
                f"{ISING}/figures/{figure}.svg",
                caption=f"../report/{figure}.rst",
                category="Systems with a known answer",
                labels={"experiment": "ising", "figure": figure},
            ),
            png=f"{ISING}/figures/{figure}.png",
        log:
            f"{ISING}/logs/draw_{figure}.log",
        conda:
            "../../envs/orderparam.yaml"
        params:
            figure=figure,
            code=code_digest("draw_tables", include=(f"figures.{figure}",)),
        message:
            f"Drawing {figure}"
        script:
            "../scripts/draw_tables.py"
