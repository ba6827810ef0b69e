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
    folder = tmp_path_factory.mktemp("check")
    with LocalCluster(folder, env={"EXERCISE_FILE": str(file)}) as cluster, Api(cluster.url) as api:
        if "is left out" in (sheet := api.get("/").text):
            pytest.fail("The exercise" + sheet.rpartition("The exercise")[2].rstrip(), pytrace=False)
        yield api


def pytest_itemcollected(item):
    """Show each check as the sentence that it promises."""
    if item.function.__doc__:
        case = f" [{item.callspec.id}]" if hasattr(item, "callspec") else ""
        item._nodeid = item.function.__doc__ + case
