"""MLflow's own page, opened where runs are: `mlflow ui --app-name orderparam` serves it."""

from __future__ import annotations

from typing import Any

# What the page keeps of earlier visits. Without it, it opens in its mode for language-model applications, in
# which no runs are listed, and with a panel for an assistant.
REMEMBERED = """<script>
for (const [key, value] of [["mlflow.workflowType_v1", '"machine_learning"'],
    ["mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true"], ["mlflow.assistant.panelOpen_v1", "false"]])
  if (localStorage.getItem(key) === null) localStorage.setItem(key, value);
</script>"""


def create_app() -> Any:
    """MLflow's server, whose page remembers, at the first visit, to show runs."""
    from mlflow.server import app
    from mlflow.server.fastapi_app import create_fastapi_app

    def add_memory(response: Any) -> Any:
        if response.mimetype == "text/html" and response.status_code == 200:
            response.direct_passthrough = False
            page = response.get_data(as_text=True)
            response.set_data(page.replace("<head>", f"<head>{REMEMBERED}", 1))
            # The page's own tag would have a browser keep one without this.
            response.headers.pop("ETag", None)
            response.headers.pop("Last-Modified", None)
        return response

    app.after_request(add_memory)
    return create_fastapi_app(app)
