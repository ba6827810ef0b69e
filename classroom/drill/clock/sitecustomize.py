"""Python imports this at its start: time.sleep() without clock_nanosleep, which fails under faketime."""

import select
import time

time.sleep = lambda seconds: select.select([], [], [], seconds) and None
