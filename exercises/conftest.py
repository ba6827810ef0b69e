"""The cluster on which an exercise is checked: a private one, with the file under test in it."""

import os
from pathlib import Path

import pytest
from parts import Api

from classroom.local.cluster import LocalCluster


@pytest.fixture(scope="module")
def api(request, tmp_path_factory):
    """A cluster of two workers that runs exercise.py from the checked folder, or the file EXERCISE_FILE names."""
    file = os.environ.get("EXERCISE_FILE") or Path(request.path).parent / "exercise.py"
    with (
        LocalCluster(tmp_path_factory.mktemp("check"), env={"EXERCISE_FILE": str(file)}) as cluster,
        Api(cluster.url) as api,
    ):
        yield api
