#!/bin/sh
# The broker machine, head of the cluster: Redis holds the queue and the results, gunicorn serves the web.
set -eu
umask 022
id classroom-web >/dev/null 2>&1 || useradd --system --user-group --no-create-home --shell /usr/sbin/nologin classroom-web

# start UNIT PATH...: run UNIT now and at every boot, and again if anything in PATH is newer than it.
start() {
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
}

# Root owns the code, so what runs it cannot change it. The .venv, hidden as it is, stays;
# a file whose content changed gets the time of now, which start looks at.
rsync --archive --checksum --no-times --delete --chown=root:root --chmod=u=rwX,go=rX \
    --exclude='.*' --exclude=__pycache__ /vagrant/ /opt/classroom/
cd /opt/classroom

# The copy is made last, so an install that was cut short is tried again.
if ! cmp -s requirements.txt .venv/installed.txt; then
    python3 -m venv .venv
    .venv/bin/pip install --quiet --timeout 60 --retries 10 -r requirements.txt
    cp requirements.txt .venv/installed.txt
fi

# Passwords are made once, and stay here; the class code comes from the Vagrantfile. Only the web may read what it needs.
.venv/bin/python -m classroom.local.head /etc/classroom "$BROKER_IP" "$CLASS_CODE"
chgrp classroom-web /etc/classroom /etc/classroom/class.json
chmod g+rX /etc/classroom /etc/classroom/class.json

# Redis reads our settings last, so they win over Debian's.
new=$(mktemp)
cat provision/redis.conf /etc/classroom/redis-users.conf >"$new"
echo "bind 127.0.0.1 $BROKER_IP" >>"$new"
install -C -m 640 -o root -g redis "$new" /etc/redis/classroom.conf
rm "$new"
grep -q classroom.conf /etc/redis/redis.conf || echo "include /etc/redis/classroom.conf" >>/etc/redis/redis.conf

# systemd reads this folder for every unit whose name starts with "classroom-".
install -C -D -m 644 provision/hardening.conf /etc/systemd/system/classroom-.service.d/hardening.conf
install -C -D -m 644 provision/redis-restart.conf /etc/systemd/system/redis-server.service.d/restart.conf
install -C -m 644 provision/classroom-web.service /etc/systemd/system/

start redis-server /etc/redis/redis.conf /etc/redis/classroom.conf
start classroom-web /opt/classroom /etc/classroom/web.env /etc/classroom/class.json
echo "A machine joins with:  curl -sS http://$BROKER_IP:5000/join/$CLASS_CODE | sh"
echo "The teacher's token:   vagrant ssh broker -c 'sudo cat /etc/classroom/token'"
