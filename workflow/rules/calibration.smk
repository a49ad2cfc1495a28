rule calibrate_detector:
    output:
        false_positives="results/calibration/false_positives.csv",
        power="results/calibration/power.csv",
    log:
        "results/calibration/logs/calibrate_detector.log",
    benchmark:
        "results/calibration/calibrate_detector.benchmark.tsv"
    conda:
        "../../envs/orderparam.yaml"
    params:
        curves=200,
        seed=1337,
        code=code_digest("calibrate_detector"),
    message:
        "Measuring false positives and power of the detector of slope changes"
    script:
        "../scripts/calibrate_detector.py"


rule draw_calibration:
    input:
        false_positives="results/calibration/false_positives.csv",
        power="results/calibration/power.csv",
    output:
        svg=report(
            "results/calibration/figures/transition_calibration.svg",
            caption="../report/transition_calibration.rst",
            category="Systems with a known answer",
        ),
        png="results/calibration/figures/transition_calibration.png",
    log:
        "results/calibration/logs/draw_calibration.log",
    conda:
        "../../envs/orderparam.yaml"
    params:
        figure="transition_calibration",
        code=code_digest("draw_tables", include=("figures.transition_calibration",)),
    message:
        "Drawing false positives and power of the detector of slope changes"
    script:
        "../scripts/draw_tables.py"
