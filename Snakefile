# Where Snakemake begins. The workflow itself is in workflow/, from where others import it as a module.
include: "workflow/Snakefile"


# An included file cannot say it.
workflow.default_target = "all"
