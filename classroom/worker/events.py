"""Celery's events, sent where somebody asked for them."""

from celery.events import EventDispatcher


class QuietDispatcher(EventDispatcher):
    """Celery's sender of events, which sends none while a worker's heartbeats are all that there is to send."""

    def send(self, *args, **options):
        """Send an event, unless nobody asked for any: the broker would refuse it, and Celery keep it for ever."""
        if self.groups != {"worker"}:
            super().send(*args, **options)
