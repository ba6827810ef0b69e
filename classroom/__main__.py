"""The command ./lab, made of its commands."""

from importlib.util import find_spec

import click

from classroom.check import author
from classroom.check import commands as check
from classroom.commands import cluster, observe, prove, task

EXAMPLES = """
\b
Examples:
  ./lab up                      start a cluster here: broker, 2 workers, web server
  ./lab up --workers 4          the same with 4 workers
  ./lab submit 10 --wait        send a task and watch it, in a second terminal
  ./lab worker                  start one more worker, in a third
  ./lab monitor                 see what they tell the broker
  ./lab check 01                check the first exercise, on real workers
  ./lab hint 01                 get a hint for the first promise that it breaks
  ./lab report                  write what ran, where and when, into one file
  ./lab scale                   measure how much faster more workers are
  ./lab drill kill-worker       kill a worker under load, and see that nothing is lost
  ./lab test                    check that everything works
"""
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class InOrder(click.Group):
    """A group of commands that lists them as they are written here."""

    def list_commands(self, context):
        """The names of the commands, in the order in which they were added."""
        return list(self.commands)


@click.group(cls=InOrder, context_settings=CONTEXT, epilog=EXAMPLES)
def lab():
    """The classroom cluster: a broker, workers and a web server, on this machine and on others."""


COMMANDS = [
    *(cluster.up, cluster.worker, cluster.join_line, cluster.token),
    *(task.status, task.submit, task.cancel, cluster.tell),
    *(observe.monitor, observe.report, observe.doctor),
    *(prove.drill, prove.scale, *check.COMMANDS, *author.COMMANDS),
]

if find_spec("classroom.grade"):  # the students' copy has no grader
    from classroom.grade.command import grade

    COMMANDS.append(grade)

for command in [*COMMANDS, prove.test]:
    lab.add_command(command)

if __name__ == "__main__":
    lab(prog_name="./lab")
