"""The job's side of tracking, which needs no MLflow: the record, the log, errors and signals."""

import json
import logging
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pandas as pd
import psutil
import pytest
from tracking_helpers import script_object, start_job

from orderparam.errors import CorpusError, RecordError, explain_shortage
from orderparam.files import read_json, sha256_of_file
from orderparam.settings.experiment import Run, Seeds
from orderparam.tracking import tracked_job
from orderparam.tracking.job import INVOCATION
from orderparam.tracking.provenance import hide_secrets, this_process, user_name
from orderparam.tracking.record import RunRecord, flatten

RECORD = "results/preview/jobs/draw_figure.json"


@pytest.fixture
def root(tmp_path, monkeypatch):
    """An empty project folder as working folder; what a job's logging does to this process is undone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(INVOCATION, raising=False)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    logger = logging.getLogger()
    monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr(logger, "level", logger.level)
    yield tmp_path
    logging.captureWarnings(False)


def write(path: str, text: str) -> str:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text, encoding="utf-8")
    return path


def test_record_tells_what_was_run_on_what(root):
    table = write("results/preview/metrics.csv", "size,seed\n")
    snakemake = script_object(
        wildcards={"experiment": "preview", "figure": "fig4"},
        input={"metrics": table},
        params={"style": {"width": 3.5, "sizes": [1, 2]}, "title": "b"},
    )
    with tracked_job(snakemake):
        running = read_json("results/preview/jobs/draw_figure.fig4.json")
        figure = write(snakemake.output.svg, "<svg/>")
    record = read_json("results/preview/jobs/draw_figure.fig4.json")
    assert (running["status"], running["process"]["pid"]) == ("RUNNING", os.getpid())
    assert running["params"] == record["params"]
    assert running["inputs"] == record["inputs"]
    assert (record["name"], record["experiment"], record["status"]) == (
        "Figure · figure · fig4",
        "preview",
        "FINISHED",
    )
    assert record["params"] == {
        "style.width": "3.5",
        "style.sizes": "[1, 2]",
        "title": "b",
        "threads": "1",
        "wildcard.figure": "fig4",
        "resource.mem_mb": "100",
    }
    assert record["inputs"] == [
        {"name": "metrics", "path": table, "sha256": sha256_of_file(table), "bytes": 10}
    ]
    assert record["outputs"][0]["sha256"] == sha256_of_file(figure)
    assert record["tags"]["regenerate"] == f"snakemake --cores 1 --force {figure}"
    assert record["tags"].keys() >= {
        "git.commit",
        "git.dirty",
        "machine.host",
        "machine.cpu",
        "version.torch",
    }
    assert 0 <= record["end_time"] - record["start_time"] < 60_000


def test_a_folder_is_known_by_all_its_files(root):
    def digest_of_output() -> str:
        with tracked_job(script_object(output={"checkpoints": "results/preview/checkpoints"})):
            pass
        return read_json(RECORD)["outputs"][0]["sha256"]

    write("results/preview/checkpoints/a/0.bin", "x")
    first = digest_of_output()
    write("results/preview/checkpoints/a/1.bin", "y")
    second = digest_of_output()
    Path("results/preview/checkpoints/a/1.bin").rename("results/preview/checkpoints/2.bin")
    assert len({first, second, digest_of_output()}) == 3


@pytest.mark.parametrize("where", ["input", "output", "params"])
def test_a_stand_in_corpus_is_called_one(root, where):
    manifest = {"corpus": "speare", "stand_in": True, "notice": "sampled, not real"}
    path = "results/corpora/speare/corpus.json"
    if where == "input":
        write(path, json.dumps(manifest))
    snakemake = script_object(
        input={"manifest": path} if where == "input" else {},
        output={"manifest": path} if where == "output" else None,
        params=manifest if where == "params" else {},
    )
    with tracked_job(snakemake):
        if where == "output":
            write(path, json.dumps(manifest))
    found = Path("results").glob("*/jobs/*.json")
    assert read_json(next(found))["tags"]["corpus"] == "speare (STAND-IN: sampled, not real)"


@pytest.mark.parametrize(
    ("rule", "wildcards", "folder", "expected"),
    [
        ("draw_fig4_loss_vs_b", {"experiment": "preview"}, "preview", "Figure 4 · loss vs b in preview"),
        ("sample_text", {"size": "10K", "seed": "7"}, "preview", "10K · 7 · sample text in preview"),
        ("judge_claims", {"experiment": "dense"}, "dense", "dense · judge claims in claims"),
        ("sample_potts", {}, "ising", "sample potts in known_systems"),
        ("get_corpus", {"corpus": "novel"}, "corpora", "novel · get corpus in corpora"),
    ],
)
def test_a_runs_name_begins_with_what_differs_and_each_kind_has_its_experiment(
    root, rule, wildcards, folder, expected
):
    with tracked_job(script_object(rule, wildcards, output={"made": f"results/{folder}/a.csv"})) as job:
        pass
    assert f"{job.record.name} in {job.record.experiment}" == expected


def points_of_job(training: str = "") -> list[tuple[str, float, int]]:
    points, _ = RunRecord.read(Path(RECORD)).points(Path.cwd())
    return [(key, value, step) for key, value, step, _ in points.get(training, [])]


def test_tables_become_a_series_per_column_and_those_of_trainings_one_per_seed(root):
    table = pd.DataFrame(
        {"size": "10K", "seed": [1, 1, 2], "step": [0, 10, 0], "loss": [4.0, 3.0, 4.5], "b": [0.1, None, 0.2]}
    )
    run = Run(size="10K", experiment="preview", corpus="novel", d_model=32, n_head=2, n_layer=1, dropout=0.1)
    with tracked_job(script_object()) as job:
        for seed in (1, 2):
            job.add_training(run, Seeds(seed, 1, seed, seed))
        job.log_trainings(table)
        job.log_table(table[:1], step="seed")
    assert points_of_job() == [("step", 0.0, 1), ("loss", 4.0, 1), ("b", 0.1, 1)]
    assert points_of_job("10K · seed 1 · train") == [("loss", 4.0, 0), ("loss", 3.0, 10), ("b", 0.1, 0)]
    assert points_of_job("10K · seed 2 · train") == [("loss", 4.5, 0), ("b", 0.2, 0)]
    kept = read_json(RECORD)["trainings"]["10K · seed 2 · train"]
    assert {key: kept[key] for key in ("size", "seed", "dropout", "seeds.weights")} == {
        "size": "10K",
        "seed": "2",
        "dropout": "0.1",
        "seeds.weights": "1",
    }


def test_points_are_there_at_once_and_those_of_an_earlier_run_are_not(root):
    for value in (1.0, 2.0):
        with tracked_job(script_object()) as job:
            job.log_metrics([("loss", value, 0)])
            assert points_of_job() == [("loss", value, 0)]
            job.log_metrics([("loss", value, 1)])
    record = RunRecord.read(Path(RECORD))
    assert points_of_job() == [("loss", 2.0, 0), ("loss", 2.0, 1)]
    # Another run's record, and a line that is still being written.
    assert replace(record, id="other").points(root) == ({}, 0)
    _, end = record.points(root)
    with record.points_file(root).open("a") as file:
        file.write('["loss", 3.0, 2, 17')
        file.flush()
        assert record.points(root, since=end) == ({}, end)
        file.write("]\n")
    # A line without a training is one of an earlier version.
    assert record.points(root, since=end)[0] == {"": [("loss", 3.0, 2, 17)]}


def test_error_passes_through_and_leaves_traceback(root):
    with pytest.raises(ZeroDivisionError), tracked_job(script_object()):
        print(len([]) / 0)
    record = read_json(RECORD)
    assert record["status"] == "FAILED"
    assert record["tags"]["error"] == "ZeroDivisionError: division by zero"
    assert "len([]) / 0" in record["texts"]["traceback.txt"]


def test_handlers_are_restored(root):
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with pytest.raises(CorpusError), tracked_job(script_object()):
        assert signal.getsignal(signal.SIGTERM) != before[0]
        raise CorpusError("bad")
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_user_error_is_one_clean_line_in_log_and_terminal(root):
    body = """
        from orderparam.errors import CorpusError
        raise CorpusError("novel.txt: empty; give a text")
    """
    job = start_job(root, body, "log='logs/job.log'")
    _, told = job.communicate()
    assert job.returncode == 1
    assert told == "[Figure · figure] error: novel.txt: empty; give a text\n"
    logged = Path("logs/job.log").read_text()
    assert "error: novel.txt: empty; give a text" in logged
    assert "Traceback" not in logged


def test_other_errors_and_messages_are_logged_in_full(root):
    body = """
        import logging, warnings
        logging.getLogger("orderparam.training").info("step 100")
        warnings.warn("beware")
        raise RuntimeError("50% broken")
    """
    job = start_job(root, body, "log='logs/job.log'")
    _, told = job.communicate()
    assert job.returncode == 1
    for text in (told, Path("logs/job.log").read_text()):
        assert "step 100" in text
        assert "beware" in text
        assert "Traceback" in text
        assert "RuntimeError: 50% broken" in text


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(28, "No space left on device"), "the disk is full ([Errno 28] No space left on device)"),
        (MemoryError(), "too little memory (MemoryError)"),
        (ValueError("Error while serializing: I/O error: File too large (os error 27)"), "no file may be so"),
        (RuntimeError("can't start new thread"), "too many processes or threads (can't start new thread)"),
        (BlockingIOError(11, "Resource temporarily unavailable"), "too many processes or threads"),
        (RuntimeError("[x] CPUAllocator: can't allocate memory: 9 bytes"), "too little memory ([x] CPUAlloc"),
        (PermissionError(13, "Permission denied", "x"), "not allowed to write or read there"),
    ],
)
def test_what_the_machine_lacks_is_told_in_one_line(error, told):
    assert explain_shortage(error).startswith(told)


def test_real_shortages_are_told_in_one_line(root):
    body = "import torch; torch.empty(1 << 50)"
    _, output = start_job(root, body).communicate()
    assert "] error: too little memory" in output and output.count("\n") == 1
    _, output = start_job(root, "open('/dev/full', 'w', buffering=1).write('x\\n')").communicate()
    assert "] error: the disk is full" in output and output.count("\n") == 1
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))"
    _, output = start_job(root, f"{limit}; Path('results/large').write_bytes(bytes(200000))").communicate()
    assert "] error: no file may be so large here" in output and output.count("\n") == 1
    limit = "import os, resource; resource.setrlimit(resource.RLIMIT_NOFILE, (30, 30))"
    _, output = start_job(root, f"{limit}; [os.dup(1) for _ in range(30)]").communicate()
    assert "] error: too many open files" in output and "Traceback" not in output
    Path("results/preview").mkdir(parents=True, exist_ok=True)
    for body in (
        "open('results/preview')",
        "Path('results/preview/file').touch(); Path('results/preview/file').mkdir()",
    ):
        _, output = start_job(root, body).communicate()
        assert re.search(r"] error: results/preview\S*: a folder in the place of a file, or", output)
        assert output.count("\n") == 1


def test_temporary_files_of_a_killed_job_go(root):
    body = """
        import os
        from orderparam.files import atomic_write
        with atomic_write("results/preview/a.csv") as file:
            os.kill(os.getpid(), 9)
    """
    start_job(root, body, "output={'a': 'results/preview/a.csv'}").communicate()
    left = [path.name for path in Path("results/preview").glob(".*")]
    assert len(left) == 1
    job = start_job(root, "Path('results/preview/a.csv').touch()", "output={'a': 'results/preview/a.csv'}")
    assert job.wait() == 0
    assert [path.name for path in Path("results/preview").iterdir() if path.is_file()] == ["a.csv"]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, -signal.SIGINT)]
)
def test_stop_signal_unwinds_and_leaves_a_killed_run(root, number, code):
    body = """
        try:
            print("ready", flush=True)
            time.sleep(600)
        finally:
            Path("unwound").touch()
    """
    job = start_job(root, body)
    assert job.stdout.readline() == "ready\n"
    job.send_signal(number)
    job.communicate(timeout=120)
    assert job.returncode == code
    assert Path("unwound").exists()
    assert read_json(RECORD)["status"] == "KILLED"


@pytest.fixture
def workflow(root):
    """A process that stands for the workflow's, and what it would tell its jobs."""
    process = subprocess.Popen(["sleep", "600"])
    described = {**this_process(), "pid": process.pid, "started": psutil.Process(process.pid).create_time()}
    yield process, {INVOCATION: json.dumps({"process": described})}
    process.kill()
    process.wait()


def test_a_job_whose_workflow_is_gone_when_it_starts_does_nothing(root, workflow):
    process, environment = workflow
    process.kill()
    process.wait()
    earlier = write("results/preview/figures/fig4.svg", "made before")
    job = start_job(root, "print('begun')", **environment)
    told, _ = job.communicate(timeout=120)
    assert (job.returncode, told) == (143, "")
    assert Path(earlier).read_text() == "made before"


@pytest.mark.parametrize("alive", [True, False])
def test_a_job_whose_workflow_ends_before_it_leaves_no_output_that_nobody_notes(root, workflow, alive):
    process, environment = workflow
    settings = "output={'svg': 'figure.svg', 'folder': 'checkpoints'}"
    body = f"""
        import psutil, signal
        # In time for the outputs, which a signal would have kept from being made.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        workflow = psutil.Process({process.pid})
        while not {alive} and workflow.status() != psutil.STATUS_ZOMBIE:
            workflow.kill()
            time.sleep(0.01)
        Path("figure.svg").write_text("<svg/>")
        Path("checkpoints").mkdir()
        Path("checkpoints/0").touch()
    """
    job = start_job(root, body, settings, keep=True, **environment)
    _, told = job.communicate(timeout=120)
    # What was made is not lost: it is kept, and put back by the next run.
    record = next(Path("results").rglob("jobs/draw_figure.json"))
    assert read_json(record)["status"] == "FINISHED", told
    assert (record.parents[1] / "kept/draw_figure/0").read_text() == "<svg/>"
    assert (Path("figure.svg").exists(), Path("checkpoints").exists()) == (alive, alive)


def test_a_second_signal_does_not_break_off_what_the_first_began(root):
    body = """
        try:
            print("ready", flush=True)
            time.sleep(600)
        finally:
            print("saving", flush=True)
            time.sleep(1)
            Path("saved").touch()
    """
    job = start_job(root, body)
    assert job.stdout.readline() == "ready\n"
    job.send_signal(signal.SIGINT)
    assert job.stdout.readline() == "saving\n"
    job.send_signal(signal.SIGTERM)
    job.send_signal(signal.SIGINT)
    job.communicate(timeout=120)
    assert job.returncode == -signal.SIGINT
    assert Path("saved").exists()
    assert read_json(RECORD)["status"] == "KILLED"


def test_a_record_that_cannot_be_written_is_told_once_and_does_no_harm(root, capsys):
    write("results/preview/jobs", "a file where the folder should be")
    with tracked_job(script_object()) as job:
        job.log_metrics([("loss", 1.0, 0)])
    assert capsys.readouterr().err.count("warning: tracking:") == 1


def test_a_job_does_without_mlflow(root):
    job = start_job(root, "print('mlflow' in sys.modules)", "config={'tracking': {}}")
    assert job.communicate()[0] == "False\n"


def test_regeneration_repeats_the_invocations_settings_quoted_for_the_shell(root, monkeypatch):
    settings = ["--config", "tracking={'enabled': false}"]
    monkeypatch.setenv(INVOCATION, json.dumps({"record": "abc", "settings": settings}))
    with tracked_job(script_object(output={"svg": "results/preview/a b.svg"})):
        pass
    record = read_json(RECORD)
    assert record["parent"] == "abc"
    assert (
        record["tags"]["regenerate"] == "snakemake --cores 1 --force 'results/preview/a b.svg' "
        """--config 'tracking={'"'"'enabled'"'"': false}'"""
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("HTTP 401 of https://me:pass@host:5000/api?x=1", "HTTP 401 of https://host:5000/api?x=1"),
        (
            "--config 'tracking={uri: postgresql://me:p@ss@host/db}'",
            "--config 'tracking={uri: postgresql://host/db}'",
        ),
        ("https://me:%40s@host/x, https://me:se/cr:e?t@host/y", "https://host/x, https://host/y"),
        ("postgresql://host/db?user=me&password=pass&x=1", "postgresql://host/db?user=me&password=...&x=1"),
        ("snakemake --cores 2 a@b --config key=1", "snakemake --cores 2 a@b --config key=1"),
    ],
)
def test_secrets_are_hidden(text, shown):
    assert hide_secrets(text) == shown


def test_flatten_keeps_empty_mappings_and_text():
    assert flatten({"a": {"b": {}, "c": "x"}, "d": None}) == {"a.b": "{}", "a.c": "x", "d": "null"}


def test_a_user_without_a_name_is_unknown(monkeypatch):
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 2**31 - 7)
    assert user_name() == "unknown"


def test_what_a_job_made_is_put_back_for_the_same_inputs_and_parameters_only(root, monkeypatch, capsys):
    outputs = {"a": "results/preview/a.csv", "b": "results/preview/b"}

    def run(table="a", params=None, env="{}", fail=False):
        monkeypatch.setenv(INVOCATION, env)
        inputs = {"metrics": write("results/preview/metrics.csv", table)}
        made = False
        job = tracked_job(script_object(input=inputs, output=outputs, params=params), keep=True)
        with suppress(SystemExit, ValueError), job as tracked:
            made = True
            tracked.log_metrics([("loss", 2.5, 0)])
            write("results/preview/a.csv", table)
            write("results/preview/b/c", table)
            if fail:
                raise ValueError
        return made, capsys.readouterr().err

    def delete():
        for path in ("a.csv", "b/c"):
            Path("results/preview", path).unlink(missing_ok=True)

    assert run() == (True, "")
    first = read_json(RECORD)
    delete()
    made, told = run()
    assert not made and "put back what was made on" in told
    record = read_json(RECORD)
    assert (record["status"], record["outputs"]) == ("FINISHED", first["outputs"])
    assert points_of_job() == [("loss", 2.5, 0)]
    assert Path("results/preview/a.csv").read_text() == Path("results/preview/b/c").read_text() == "a"
    assert run(env=json.dumps({"forced": ["results/preview/b"]}))[0]
    assert run(params={"x": 1})[0]
    # A failure leaves what was made before, and says where; then it is put back.
    delete()
    made, told = run(table="b", fail=True)
    assert made and "is kept in results/preview/kept/draw_figure" in told
    assert not run(params={"x": 1})[0]
    # What was damaged since is not put back.
    kept = Path("results/preview/kept/draw_figure")
    for damaged in [{"end_time": 10**30}, {"end_time": "now"}, {"sums": [1]}, {"sums": None}, {"key": []}]:
        (kept / "kept.json").write_text(json.dumps(read_json(kept / "kept.json") | damaged))
        assert run(params={"x": 1})[0]
        assert not run(params={"x": 1})[0]
    (kept / "0").write_text("damaged")
    assert run(params={"x": 1})[0]


def test_what_several_jobs_noted_is_damaged_only_if_it_is_as_none_did(root):
    # Made for one experiment and then for another, whose records lie apart; and a backup of a record.
    for text, experiment in (("old", "smoke"), ("new", "preview")):
        output, wildcards = {"claims": "results/claims.csv"}, {"experiment": experiment}
        with tracked_job(script_object("gather_claims", wildcards, output=output)):
            write("results/claims.csv", text)
    record = "results/preview/jobs/gather_claims.json"
    backup = read_json(record) | {"outputs": [{"path": ["x"], "sha256": ["y"]}]}
    write(record.replace(".json", " (copy).json"), json.dumps(backup))
    render = script_object(input=output, output={"page": "results/claims.html"})
    for text in ("old", "new"):
        write("results/claims.csv", text)
        with tracked_job(render):
            write("results/claims.html", text)
    write("results/claims.csv", "other")
    with pytest.raises(RecordError, match=r"results/claims\.csv: damaged or edited"), tracked_job(render):
        pass


@pytest.mark.parametrize("content", ["[]", "null", "7"])
def test_a_corpus_whose_description_is_none_is_told_in_one_line(root, content):
    path = Path("results/corpora/novel/vocabulary.json")
    path.parent.mkdir(parents=True)
    path.write_text(content)
    job = start_job(root, "pass", f"input={{'vocabulary': '{path}'}}")
    _, told = job.communicate()
    assert job.returncode == 1
    assert f"{path}: not the description of a corpus; delete it" in told and told.count("\n") == 1


def test_a_log_that_takes_no_more_hides_no_message_and_takes_any_path(root):
    body = "raise OSError(28, 'No space left on device')"
    _, told = start_job(root, body, "log='/dev/full'").communicate()
    assert "] error: the disk is full" in told and told.count("\n") == 1
    body = "import logging; logging.getLogger('orderparam').warning('in %s', 'raw\\udcff')"
    _, told = start_job(root, body, "log='logs/job.log'").communicate()
    assert "in raw\\udcff" in told and told.count("\n") == 1
    assert "in raw\\udcff" in Path("logs/job.log").read_text()
