"""What several commands print."""


def short(command, most=300):
    """A command, cut in the middle when it is very long."""
    return command if len(command) <= most else f"{command[: most - 60]} … {len(command) - most} more … {command[-40:]}"
