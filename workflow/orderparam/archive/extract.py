"""What the workflow's rules do after training, for a job that was trained without it."""

from __future__ import annotations

from pathlib import Path

from orderparam.files import atomic_write, write_json
from orderparam.measuring.sample_quality import score_checkpoints
from orderparam.measuring.sampling import TextSampler
from orderparam.measuring.verification import verify_job
from orderparam.settings.experiment import Sampling
from orderparam.tables import METRICS, write_table
from orderparam.text.vocabulary import load_tokens
from orderparam.training.device import resolve_device
from orderparam.training.job import read_run


def extract_job(resolved: Path, folder: Path, corpus: Path) -> None:
    """Recompute the metrics of the job in `folder` from its checkpoints, sample and score text there.

    `resolved` is what `orderparam run` printed, `folder` what `orderparam train` made of it. Adds run.json,
    metrics.csv, verification.csv, samples/ and sample_quality.csv; without its checkpoints the folder is then
    what `orderparam recorded add` takes. Raises RecordError as `read_run` and `verify_job` do.
    """
    run, seeds, content = read_run(resolved, sampled=True)
    sampling = Sampling(**content["sampling"])
    trajectory = METRICS.read(folder / "trajectory.parquet")
    checkpoints, vocabulary = folder / "checkpoints", corpus / "vocabulary.json"
    verification = verify_job(
        run,
        [seed.seed for seed in seeds],
        checkpoints,
        trajectory,
        *load_tokens(corpus / "tokens.npy", vocabulary),
        verified_checkpoints=content["verified_checkpoints"],
        device=resolve_device(run.device),
    )
    write_table(trajectory, folder / "metrics.csv")
    write_table(verification, folder / "verification.csv")
    write_json(folder / "run.json", content)
    first = seeds[0].seed
    sampler = TextSampler.load(checkpoints, first, run.steps, vocabulary, run.device)
    for mode in ("evaluation", "dropout") if sampling.with_dropout else ("evaluation",):
        text, _ = sampler.sample(
            sampling.characters, sampling.temperature, sampling.seed, dropout=mode == "dropout"
        )
        with atomic_write(folder / "samples" / f"seed-{first}-{mode}.txt") as file:
            file.write(text)
    quality = score_checkpoints(
        run,
        first,
        trajectory,
        checkpoints,
        corpus / "tokens.npy",
        vocabulary,
        characters=min(1000, sampling.characters),
    )
    write_table(quality, folder / "sample_quality.csv")
