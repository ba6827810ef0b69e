"""Loads the exercise of a folder and writes what is in it: python -m classroom.check.look FOLDER RESULT"""

import json
import os
import sys
from pathlib import Path

OWN = {"OPTIONS", "HEAD"}  # methods that Flask adds by itself


def look(folder):
    """What the web server and a worker find in the only exercise of this folder."""
    os.environ["EXERCISES"] = str(folder)
    os.environ["CELERY_BROKER_URL"] = os.environ["CELERY_RESULT_BACKEND"] = "redis://127.0.0.1:1/0"  # nobody is asked
    from celery import current_app
    from flask import Flask

    import tasks  # noqa: F401 - it is what loads the exercise
    from classroom import exercises

    modules = list(exercises.load().values())
    app = Flask(__name__, static_folder=None)
    exercises.register_blueprints(app)
    here = {module.__name__ for module in modules}
    return {
        "broken": next(iter(exercises.broken.values()), None),
        "tasks": sorted(name for name, task in current_app.tasks.items() if type(task).__module__ in here),
        "routes": sorted(
            f"{way} {rule}" for rule in app.url_map.iter_rules() for way in rule.methods - {"OPTIONS", "HEAD"}
        ),
    }


if __name__ == "__main__":
    found = look(Path(sys.argv[1]))
    Path(sys.argv[2]).write_text(json.dumps(found))
    os._exit(0)  # whatever the exercise started
