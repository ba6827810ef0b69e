"""Checks exercise 2: each docstring is a promise about the student's program."""

from functools import cache

from classroom.check import Failed, Undecided, _, expect, needs, workers

TASKS = ["import_rows"]
ROUTES = ["POST /import"]
ROWS = 6
TOGETHER = 3, 4, 5
WRONG = 0, -1, 2.5, "8", True, None, [8], 101
WORK = 0.25  # seconds from one report to the next, at least: time.sleep(0.3) may take longer, but never less


@workers(0)
def test_at_once(program):
    """POST /import answers at once, though 100 rows take 30 s"""
    task_id = program.accepted("/import", {"rows": 100})
    state = program.status(task_id)["state"]
    program.ask("POST", f"/cancel/{task_id}")  # no worker should have to do it
    because = _("no worker was there, so nobody but the web server can have done anything")
    expect(state, "PENDING", because=because, repeat=program.sent[task_id])


@workers(0)
def test_refuses(program):
    """all but a whole number of rows from 1 to 100 is refused with 422"""
    for body in ({}, [8], 8):
        program.refused("/import", body)
    for rows in WRONG:
        program.refused("/import", {"rows": rows})


@needs("at-once")
def test_reports(program):
    """the status tells current, total and percent while it runs"""
    told = [one for one in one_import(program) if one.name == "PROGRESS"]
    if not any(one.progress for one in told):
        because = _("the task never said how far it is")
        if told:
            because = _("the task said something {times} times, but no current and total", times=len(told))
        wanted = _("progress such as {form}", form='{"current": 1, "total": 6, "percent": 17}')
        raise Failed(wanted, _("null, from the beginning to the end"), because=because)


@needs("reports")
def test_total(program):
    """the total is the number of rows, all the time"""
    told = reports(one_import(program))
    because = _("these are the totals that an import of {rows} rows reported, in order", rows=ROWS)
    swapped = all(one["current"] == ROWS for one in told)
    hint = _("current was {rows} each time: which of the two comes first?", rows=ROWS) if swapped else ""
    expect([one["total"] for one in told], [ROWS] * len(told), because=because, try_=hint)


@needs("reports")
def test_forward(program):
    """it never goes backwards"""
    currents = [one["current"] for one in reports(one_import(program))]
    expect(currents, sorted(currents), because=_("so many rows were reported as done, in order"))


@needs("total", "forward")
def test_ends(program):
    """it ends at 100 %"""
    progress = program.ended(one_import(program)[0].task_id)["progress"]
    one_short = progress and progress["current"] == ROWS - 1
    hint = _("range({rows}) counts from 0: how many rows are done after row 0?", rows=ROWS) if one_short else ""
    because = _("that is what the status says of an import that has ended")
    expect(progress, {"current": ROWS, "total": ROWS, "percent": 100}, because=because, try_=hint)


@needs("ends")
def test_each_row(program):
    """each row is reported by itself, as soon as it is done"""
    states = one_import(program)
    rows = list(range(1, ROWS + 1))
    expect(steps(states), rows, because=_("so many rows were reported as done, in order"))
    first = {one.progress["current"]: one.at for one in reversed(states) if one.progress}
    before = [one.at for one in states if one.name == "STARTED"] + [first[row] for row in rows]
    for row, earlier in zip(rows, before, strict=False):
        took = first[row] - earlier
        if took < WORK:
            raise Failed(
                _("0.3 s of work, and then the report of row {row}", row=row),
                _("{took:.2f} s, and then the report", took=took),
                because=why_too_early(row, states),
            )


def why_too_early(row, states):
    """Why a report came before the work on its row can have been done."""
    if states[-1].at - states[0].at < ROWS * WORK:
        return _("time.sleep(0.3) stands for the work on a row: without it there is nothing to see")
    if row == 1:
        return _("a row was reported as done before the work on it")
    return _("the reports came one right after the other, not when the rows were done")


@needs("refuses", "each-row")
def test_own(program):
    """three imports on two workers keep their progress apart"""
    for _again in range(3):
        imports = imported(program, TOGETHER)
        repeat = "\n".join(program.sent[states[0].task_id] for states in imports.values())
        for rows, states in imports.items():
            told = [f"{one['current']}/{one['total']}" for one in reports(states) if one["current"]]
            wanted = [f"{row}/{rows}" for row in range(1, rows + 1)]
            because = _("this is what an import of {rows} rows reported, with two others beside it", rows=rows)
            expect(list(dict.fromkeys(told)), wanted, because=because, repeat=repeat)
        (_one, ended), (started, _other) = sorted((states[0].at, states[-1].at) for states in imports.values())[:2]
        if started < ended:
            return
    raise Undecided(_("no two of them ran at the same time: is this machine busy?"))


@needs("reports")
def test_counts(program):
    """the result counts all rows, be it 6 or 1"""
    for rows in ROWS, 1:
        expect(program.result(program.accepted("/import", {"rows": rows})), {"imported": rows})


def one_import(program):
    """The states of one import, which several checks look at."""
    states = imported_once(program)
    program.last = program.sent[states[0].task_id]
    return states


@cache
def imported_once(program):
    """The states of an import, the same ones each time."""
    return imported(program, [ROWS])[ROWS]


def imported(program, numbers):
    """Import so many rows each, all at once; number of rows -> the states of its task, from STARTED on."""
    with program.states() as reached:
        tasks = {rows: program.accepted("/import", {"rows": rows}) for rows in numbers}
        for task_id in tasks.values():
            program.result(task_id)
    running = [one for one in reached if one.name != "PENDING"]
    imports = {rows: [one for one in running if one.task_id == task_id] for rows, task_id in tasks.items()}
    if any([one.name for one in states].count("STARTED") != 1 for states in imports.values()):
        raise Undecided(_("an import was begun twice: is this machine busy?"))
    return imports


def reports(states):
    """What the status said of the progress, from report to report."""
    return [one.progress for one in states if one.progress]


def steps(states):
    """How many rows were done, from report to report, without repetitions and the 0 at the beginning."""
    return list(dict.fromkeys(one["current"] for one in reports(states) if one["current"]))
