#!/bin/sh
# service.sh UNIT PATH...: run UNIT now and at every boot, and again if anything in PATH is newer than it.
set -eu
unit=$1
shift

systemctl daemon-reload
systemctl enable --quiet --now "$unit"

started=$(systemctl show --property=ExecMainStartTimestamp --timestamp=us+utc --value "$unit")
newer=$(find "$@" -newermt "$started" -print -quit)
if [ -n "$newer" ]; then
    echo "$unit starts again: $newer is new"
    systemctl restart "$unit"
fi
