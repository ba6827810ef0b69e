"""The cluster on one machine: real processes that can be started, killed, frozen and stopped."""
