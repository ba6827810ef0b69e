#!/bin/sh
# The broker machine: Redis holds the queue and the results, gunicorn serves the web.
set -eu
cd /opt/classroom/provision
sh packages.sh redis-server

# Redis reads our settings last, so they win over Debian's.
new=$(mktemp)
cat redis.conf >"$new"
echo "bind 127.0.0.1 $BROKER_IP" >>"$new"
echo "requirepass $BROKER_PASSWORD" >>"$new"
install -C -m 640 -o root -g redis "$new" /etc/redis/classroom.conf
rm "$new"
grep -q classroom.conf /etc/redis/redis.conf || echo "include /etc/redis/classroom.conf" >>/etc/redis/redis.conf

install -C -D -m 644 redis-restart.conf /etc/systemd/system/redis-server.service.d/restart.conf
install -C -m 644 classroom-web.service /etc/systemd/system/

sh service.sh redis-server /etc/redis/redis.conf /etc/redis/classroom.conf
sh service.sh classroom-web /opt/classroom /etc/classroom.env
