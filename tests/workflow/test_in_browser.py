"""What people see, in a real browser: the write-up on a screen, a phone, paper, in the dark; MLflow's pages.

Skipped where there is no Chromium: `apt install chromium`, or `playwright install chromium`.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest
from known_tables import make_tables
from project_copy import FIGURES, PATIENCE, PROJECT, ProjectCopy, closed_port, environment, finish, wait_for

from orderparam.claims.ledger import load_ledger
from orderparam.pages.claims import render_claims
from orderparam.pages.known_systems import render_known_systems
from orderparam.pages.site import make_site
from orderparam.tables import ALL_CLAIMS

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make env-dev")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe-core: make env-dev")
FOUND = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# What MLflow's page asks for and its server lacks; it does without.
ABSENT = ("users/current",)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        try:
            found = started.chromium.launch(executable_path=FOUND, args=["--no-sandbox"])
        except playwright.Error as error:
            pytest.skip(f"no Chromium to test the pages with: {str(error).splitlines()[0]}")
        yield found
        found.close()


@pytest.fixture
def open_page(browser):
    """Open an address with options of a context; what it asks of the network and what fails is noted."""
    contexts = []

    def call(address: str, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE * 90_000)
        page.asked, page.failed = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("pageerror", lambda error: page.failed.append(str(error)))
        page.on("console", lambda told: told.type == "error" and page.failed.append(told.text))
        page.goto(address)
        return page

    yield call
    for context in contexts:
        context.close()


@pytest.fixture
def write_up(smoke):
    return (smoke.results / "smoke/write_up.html").as_uri()


def test_the_write_up_asks_nothing_of_the_network_and_draws_everything(open_page, write_up):
    page = open_page(write_up, viewport={"width": 1100, "height": 900})
    assert page.failed == []
    assert [url for url in page.asked if not url.startswith(("file:", "data:"))] == []
    pictures = "[...document.querySelectorAll('figure > .scroll > svg')]"
    boxes = page.evaluate(f"{pictures}.map(each => each.getBoundingClientRect().height)")
    assert len(boxes) == len(FIGURES)
    assert min(boxes) > 100
    # Text is text, every id is there once, and every link within the page leads somewhere.
    assert (
        "training loss (nats per character)"
        in page.locator("#fig4_loss_vs_order_parameter svg").text_content()
    )
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(each => each.id)")
    assert len(ids) == len(set(ids))
    links = page.evaluate("[...document.querySelectorAll('a[href^=\"#\"]')].map(each => each.hash.slice(1))")
    assert links and set(links) <= set(ids)
    assert page.locator("nav li").count() == page.locator("h2[id]").count()
    assert page.evaluate("document.documentElement.outerHTML.length") < 5_000_000


@pytest.fixture(scope="module")
def pages(smoke, tmp_path_factory):
    """One page of each kind, the claims with the recorded verdicts: their addresses by name."""
    folder = tmp_path_factory.mktemp("pages")
    verdicts, ledger = ALL_CLAIMS.read(PROJECT / "docs/claims.csv"), load_ledger(PROJECT)
    told = {
        claim.id: {"source": claim.source, "question": question}
        for question, claims in ledger.by_question().items()
        for claim in claims
    }
    sections = [{"name": name, "description": ""} for name in verdicts["judged_on"].unique()]
    made = [folder / f"{name}.html" for name in ("claims", "known_systems")]
    made[0].write_text(render_claims(verdicts, told, sections), "utf-8")
    made[1].write_text(render_known_systems(make_tables(), [])[0], "utf-8")
    index = folder / "site/index.html"
    index.parent.mkdir()
    make_site([smoke.results / "smoke/write_up.html", *made], {}, verdicts, "An answer.", index)
    return {page.stem: page.as_uri() for page in index.parent.rglob("*.html")}


def test_every_link_of_the_site_leads_to_a_place_in_a_file_of_it(pages):
    files = [Path(address.removeprefix("file://")) for address in pages.values()]
    texts = {page: page.read_text("utf-8") for page in files}
    assert {"index", "claims", "phase_transition", "published_values"} <= pages.keys()
    for page, text in texts.items():
        links = re.findall(r'<a href="([^"#:]*)(?:#([^"]*))?"', text)
        assert links
        for path, place in links:
            there = page.parent.joinpath(path).resolve() if path else page
            assert there.is_file(), (page, path)
            assert not place or f'id="{place}"' in texts[there], (page, path, place)


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1280)])
@pytest.mark.parametrize("name", ["smoke", "claims", "known_systems", "index", "phase_transition"])
def test_every_page_fits_its_screen_and_axe_finds_nothing(open_page, pages, name, scheme, width):
    page = open_page(pages[name], color_scheme=scheme, viewport={"width": width, "height": 800})
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    found = axe.Axe().run(page).response["violations"]
    assert [(each["impact"], each["id"], each["nodes"][0]["html"]) for each in found] == []
    assert page.failed == []


def test_a_figures_command_is_copied_and_its_files_are_downloaded(open_page, write_up, smoke):
    page = open_page(write_up, permissions=["clipboard-read", "clipboard-write"])
    figure = page.locator("#fig4_loss_vs_order_parameter")
    figure.locator("summary").click()
    figure.locator("button.copy").click()
    page.wait_for_function("document.querySelector('button.copy').textContent == 'copied'")
    command = page.evaluate("navigator.clipboard.readText()")
    path = "results/smoke/figures/fig4_loss_vs_order_parameter.svg"
    assert command.startswith(f"snakemake --cores 1 --force {path}")
    table = page.locator("#data ~ ul a", has_text="derivative.csv")
    for link, kept in ((figure.locator("a[download]"), path), (table, "results/smoke/derivative.csv")):
        with page.expect_download() as download:
            link.click()
        assert Path(download.value.path()).read_bytes() == (smoke.root / kept).read_bytes()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_figures_are_legible_by_day_and_by_night(open_page, write_up, scheme):
    """Of all other text axe-core measures the contrast."""
    page = open_page(write_up, color_scheme=scheme)
    fill = page.evaluate("getComputedStyle(document.querySelector('figure svg text')).fill")
    assert (fill == "rgb(26, 26, 26)") == (scheme == "light") or "89" in fill or "169" in fill


def test_printing_loses_no_column_and_splits_no_figure(open_page, write_up, tmp_path):
    page = open_page(write_up)
    page.pdf(path=tmp_path / "page.pdf", format="A4")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
    # An A4 page less its margins, in CSS pixels.
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 673, "height": 1000})
    cells = "[...document.querySelectorAll('td, th')].map(each => each.getBoundingClientRect().right)"
    assert max(page.evaluate(cells)) <= 673
    broken = "[...document.querySelectorAll('figure')].map(each => getComputedStyle(each).breakInside)"
    assert set(page.evaluate(broken)) == {"avoid"}


@pytest.fixture
def serve():
    """Serve a project's runs as `make ui` does; the process and its address, and the pages that it names."""
    servers = []

    def call(project: ProjectCopy):
        process = subprocess.Popen(
            [sys.executable, "-m", "orderparam", "ui", "--port", str(closed_port())],
            cwd=project.root,
            env={**environment(project.root), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        servers.append(process)
        assert process.stdout.readline() == "Until Ctrl-C the runs are at\n"
        pages = {}
        while (line := process.stdout.readline()).startswith("  "):
            name, address = line.rsplit(maxsplit=1)
            pages[name.strip()] = address
            if name.strip() == "smoke · figures and jobs" or "long · figures" in name:
                break
        return pages

    yield call
    for process in servers:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate()


def visit(open_page, address: str):
    """Open a page of a server that may still be starting."""

    def answers() -> bool:
        try:
            with urlopen(address.partition("#")[0] + "health", timeout=10) as answer:
                return answer.status == 200
        except OSError:
            return False

    wait_for(answers, f"{address} to answer", seconds=240)
    return open_page(address, viewport={"width": 1500, "height": 1000})


@pytest.mark.slow
def test_mlflow_shows_trainings_their_curves_and_a_figure_with_its_command(open_page, smoke, serve, tmp_path):
    project = smoke.clone(tmp_path / "clone")
    pages = serve(project)
    assert pages.keys() >= {"smoke", "smoke · figures and jobs"}
    page = visit(open_page, pages["smoke"])
    for name in ("nano · seed 1 · train", "nano · seed 2 · train", "micro · seed 1 · train"):
        page.get_by_text(name, exact=True).first.wait_for()
    # Runs that are ticked compare in one chart.
    ticks = page.locator("input[aria-label^='Press Space to toggle row selection']")
    for place in (0, ticks.count() - 1):
        ticks.nth(place).check(force=True)
    page.get_by_role("button", name="Compare", exact=True).click()
    page.get_by_role("link", name="train_loss", exact=True).click()
    page.locator(".js-plotly-plot .scatterlayer .trace").nth(1).wait_for(state="attached")
    page.goto(f"{pages['smoke']}&compareRunsMode=CHART")
    page.reload()
    for metric in ("train_loss", "order_parameter"):
        page.get_by_text(metric, exact=True).first.wait_for()
    page.locator(".js-plotly-plot").nth(3).wait_for(state="attached")
    # From the first page that a browser opens, as from the list, without any parameter.
    page.goto(pages["smoke"].partition("#")[0])
    page.reload()
    page.get_by_role("link", name="smoke · figures and jobs").first.click()
    page.get_by_text("Figure 4 · loss vs", exact=False).first.click()
    page.get_by_text("snakemake --cores 1 --force results/smoke/figures/fig4").first.wait_for()
    loaded = "[...document.images].some(each => each.src.includes('fig4') && each.naturalWidth > 0)"
    page.wait_for_function(loaded)
    assert page.get_by_text("Default", exact=True).count() == 0
    assert [told for told in page.failed if "404" not in told and "ResizeObserver" not in told] == []
    outside = [url for url in page.asked if not url.startswith(("http://127.0.0.1", "data:", "blob:"))]
    assert outside == []


@pytest.mark.slow
def test_a_training_is_seen_in_mlflow_while_it_trains(open_page, project, serve):
    project.write_experiment("long", training={"steps": 100_000}, measurement={"checkpoint_every": 100_000})
    points = project.results / "long/jobs/train_model.nano-seeds-1-1.points.jsonl"
    process = project.start("--cores", "1", "results/long/metrics.csv")
    try:
        wait_for(lambda: points.exists() and points.read_text("utf-8").count("\n") > 20, "the first points")
        page = visit(open_page, serve(project)["long"])
        page.get_by_text("nano · seed 1 · train", exact=True).first.click()
        page.get_by_text("Running", exact=True).first.wait_for()
        page.get_by_text("val_loss", exact=True).first.wait_for()
        assert process.poll() is None
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        finish(process)
