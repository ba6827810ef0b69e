#!/bin/sh
# A worker machine: one Celery worker, which looks for the broker until it finds it.
set -eu
cd /opt/classroom/provision
install -C -m 644 classroom-worker.service /etc/systemd/system/
sh service.sh classroom-worker /opt/classroom /etc/classroom.env
