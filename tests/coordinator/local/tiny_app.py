"""A Celery app with one task, for real workers that need no engine."""

from deepchord.shared.queue import create_app
from deepchord.shared.settings import load_settings

app = create_app(load_settings(), takes_tasks=True)
app.conf.include = ["tiny_app"]


@app.task(name="tiny.add")
def add(first: int, second: int) -> int:
    return first + second
