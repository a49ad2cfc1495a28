include: "figure_inputs.smk"


METRICS = "results/{experiment}/metrics.csv"
DERIVATIVE = "results/{experiment}/derivative.csv"
OWN_ENTROPIES = "results/{experiment}/entropies.csv"
PUBLISHED = "config/published"
ENTROPIES = corpus_file("ngram_entropies.csv")

# A figure is a module of orderparam/figures; these are the tables that its `draw` takes, by argument.
FIGURES = {
    "fig1_hmmt": {"scores": f"{PUBLISHED}/hmmt.csv"},
    "fig2_architecture": {},
    "fig3_loss_vs_steps": {"metrics": METRICS},
    "fig4_loss_vs_order_parameter": {
        "metrics": METRICS,
        "ngram_entropies": ENTROPIES,
        "published": f"{PUBLISHED}/order_parameter.csv",
    },
    "fig5_loss_derivative_vs_order_parameter": {
        "metrics": METRICS,
        "derivative": DERIVATIVE,
        "ngram_entropies": ENTROPIES,
        "published": f"{PUBLISHED}/slope_changes.csv",
    },
    "loss_and_floors": {"metrics": METRICS, "entropies": OWN_ENTROPIES},
    "transition_loss_slope": {
        "loss_slope": "results/{experiment}/loss_slope.csv",
        "transition": "results/{experiment}/transition.csv",
    },
    "transition_susceptibility": {"susceptibility": "results/{experiment}/susceptibility.csv"},
    "decay_sweep": {"metrics": METRICS, "runs": "results/{experiment}/runs.csv", "entropies": OWN_ENTROPIES},
    "attention_and_ngrams": {
        "probes": "results/{experiment}/probes.csv",
        "metrics": METRICS,
        "entropies": OWN_ENTROPIES,
    },
    "scaling": {
        "points": "results/{experiment}/scaling_points.csv",
        "scaling": "results/{experiment}/scaling.csv",
    },
}


def figure_digest(figure):
    """Digest of the drawing script and of what it loads for this figure; only Figure 2 builds a model."""
    unused = () if figure == "fig2_architecture" else ("model",)
    return code_digest("draw_figure", include=(f"figures.{figure}",), ignore=("tracking", *unused))


for figure in FIGURES:

    rule:
        name:
            f"draw_{figure}"
        input:
            unpack(tables_of(figure)),
            vocabularies=file_of_all_corpora("vocabulary.json"),
        output:
            svg=report(
                f"results/{{experiment}}/figures/{figure}.svg",
                caption=f"../report/{figure}.rst",
                category="Figures",
                labels={"experiment": "{experiment}", "figure": figure},
            ),
            png=f"results/{{experiment}}/figures/{figure}.png",
            mermaid=[f"results/{{experiment}}/figures/{figure}.mmd"] if figure == "fig2_architecture" else [],
        log:
            f"results/{{experiment}}/logs/draw_{figure}.log",
        conda:
            "../../envs/orderparam.yaml"
        params:
            figure=figure,
            sizes=sizes_on_own_corpus,
            architecture=architecture_of if figure == "fig2_architecture" else None,
            code=figure_digest(figure),
        message:
            f"Drawing {figure} of {{wildcards.experiment}}"
        script:
            "../scripts/draw_figure.py"
