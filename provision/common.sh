#!/bin/sh
# Every machine: Python, the user who runs things, our code, the packages it needs, the way to the broker.
set -eu
umask 022

sh /vagrant/provision/packages.sh python3-venv rsync
adduser --system --group --no-create-home --quiet classroom

# Root owns the code, so what runs it cannot change it. The .venv, hidden as it is, stays;
# a file whose content changed gets the time of now, which service.sh looks at.
rsync --archive --checksum --no-times --delete --chown=root:root --chmod=u=rwX,go=rX \
    --exclude='.*' --exclude=__pycache__ /vagrant/ /opt/classroom/
cd /opt/classroom

# The copy is made last, so an install that was cut short is tried again.
if ! cmp -s requirements.txt .venv/installed.txt; then
    python3 -m venv .venv
    .venv/bin/pip install --quiet --timeout 60 --retries 10 -r requirements.txt
    cp requirements.txt .venv/installed.txt
fi

# Only root and the services may read the password; nothing is written if nothing changed.
new=$(mktemp)
echo "BROKER_URL=redis://:$BROKER_PASSWORD@$BROKER_IP:6379/0" >"$new"
install -C -m 640 -o root -g classroom "$new" /etc/classroom.env
rm "$new"

# systemd reads this folder for every unit whose name starts with "classroom-".
install -C -D -m 644 provision/hardening.conf /etc/systemd/system/classroom-.service.d/hardening.conf
