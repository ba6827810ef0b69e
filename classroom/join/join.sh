#!/bin/sh
# Joins this machine to the classroom cluster: checks, fetches the code and the packages, starts a worker.
# Nothing runs before the last line calls main: half a download does nothing.
main() {
    set -eu
    umask 077
    head=@head@ code=@code@ broker_host=@broker_host@ broker_port=@broker_port@
    base=${CLASSROOM_DIR:-${HOME:-/tmp/$(id -u)}/.classroom}
    case $base in /*) ;; *) base=$PWD/$base ;; esac
    unset BROKER_URL RESULT_BACKEND CELERY_RESULT_BACKEND LAB_DIR EXERCISE_FILE # of another lesson
    name=worker concurrency=1 service=no again=no
    units=/etc/systemd/system ours=/etc/classroom-worker # of the service

    ok() { printf '  ok    %s\n' "$1"; }
    note() { printf '  note  %s\n' "$1"; }
    stop() { printf '  stop  %s\n        %s\n' "$1" "$2" >&2; exit 1; }

    while [ $# -gt 0 ]; do
        case $1 in
            --name | --concurrency)
                [ $# -ge 2 ] || stop "$1 needs a value." "For example: $1 2"
                if [ "$1" = --name ]; then name=$2; else concurrency=$2; fi
                shift ;;
            --service) service=yes ;;
            --again) again=yes ;; # a worker that joined before starts again
            *) stop "$1 is no option." "There are --name NAME, --concurrency N and --service." ;;
        esac
        shift
    done
    case $name in *[!A-Za-z0-9._-]* | "" | [-.]*) stop "The name '$name' cannot be used." "Letters, digits, dots and dashes are fine." ;; esac
    case $concurrency in *[!0-9]* | "" | 0) stop "The concurrency '$concurrency' is no number." "For example: --concurrency 2" ;; esac
    node=$name@$(uname -n)
    dir=$base/$(uname -n)/$name # homes may be shared
    # What is in this room needs no proxy.
    host=${head#*://} host=${host%%[:/]*}
    no_proxy=$host,$broker_host,${no_proxy:-} NO_PROXY=$host,$broker_host,${NO_PROXY:-}
    export no_proxy NO_PROXY
    get() { curl -fsS --connect-timeout 5 --max-time 300 --retry 2 "$@"; }

    [ $again = yes ] || echo "Joining $head as $node:"
    check_python
    [ $service = no ] || check_service
    [ $again = yes ] || check
    if [ $service = yes ]; then
        install_service
        return
    fi
    mkdir -p "$dir" || stop "$dir cannot be made." "Name a folder that can be written: CLASSROOM_DIR=/tmp/classroom"
    if fetch; then
        packages
        replace
    elif [ -e "$dir/code/tasks.py" ]; then
        note "$head does not give its code: starting with that of last time."
        sleep 5
        unset LAB_SEEN # ask again
    else
        stop "$head did not give its code." "Run the same line again; if that does not help: ./lab doctor on the teacher's machine."
    fi
    ok "starting $node, $concurrency at a time; Ctrl-C ends it"
    cd "$dir/code"
    # What a worker that reloads becomes.
    LAB_START=$dir/start
    cat >"$LAB_START" <<END
#!/bin/sh
CLASSROOM_DIR=\${0%/*/*/*} exec sh "\${0%/*}/join.sh" --again --name $name --concurrency $concurrency
END
    chmod 700 "$LAB_START"
    CELERY_BROKER_URL=$(cat broker-url)
    export LAB_START CELERY_BROKER_URL
    exec "$dir/venv/bin/python" -m celery -A tasks -q worker -n "$name@%h" --concurrency "$concurrency" \
        --loglevel INFO </dev/null
}

check_python() {
    case $(uname -s) in
        MINGW* | MSYS* | CYGWIN*) stop "This is Windows without WSL: workers do not run on it." "Install WSL (wsl --install), and join inside it." ;;
    esac
    for python in python3 python3.14 python3.13 python3.12 python3.11; do
        "$python" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && {
            ok "$("$python" --version)"
            return
        }
    done
    stop "There is no Python 3.11 or newer here." "On Debian or Ubuntu: sudo apt install python3"
}

check_service() {
    [ "$(id -u)" -eq 0 ] || stop "--service needs root." "… | sudo sh -s -- --service"
    [ -d /run/systemd/system ] || stop "--service needs systemd, which does not run here." "Join in a terminal: the same line without it."
}

check() {
    asked=$(date +%s)
    headers=$(get -D - -o /dev/null "$head/healthz") || note "The web server says that something is wrong with the broker."
    [ -n "$headers" ] || stop "$head answers no longer." "Run the same line again."
    ok "the web server answers"
    "$python" - "$broker_host" "$broker_port" <<'END' || stop "The broker $broker_host:$broker_port does not answer from here." \
        "Is a firewall on the teacher's machine in the way? It has to let port $broker_port in."
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 5).close()
except OSError as error:
    sys.exit(f"  {error}")
END
    ok "the broker $broker_host:$broker_port answers"
    off=$(echo "$headers" | "$python" -c '
import email.utils, sys, time
date = next(line.split(":", 1)[1] for line in sys.stdin if line.lower().startswith("date:"))
there = email.utils.parsedate_to_datetime(date).timestamp()  # at some time after we asked, to the second
least, most = int(sys.argv[1]) - there - 1, time.time() - there
ahead = round((least + most) / 2)
print(f"{abs(ahead)} s", "ahead" if ahead > 0 else "behind") if least > 2 or most < -2 else ""' "$asked")
    if [ -n "$off" ]; then
        note "this machine's clock is $off: nothing depends on it, but set it right (timedatectl set-ntp true)"
    else
        ok "the clock is right"
    fi
    if [ $service = yes ] && systemctl is-active --quiet classroom-worker && grep -q -- "--name $name " "$ours/env"; then
        return # that is the service itself
    fi
    # The name of a worker that just died is free again after some seconds.
    for _ in 1 2 3 4 5 6 7; do
        workers=$(get "$head/workers") && ! echo "$workers" | grep -q "\"name\":\"$node\"" && { ok "nobody else is called $node"; return; }
        sleep 1
    done
    [ -n "$workers" ] || stop "$head answers no longer." "Run the same line again."
    stop "A worker called $node is in the cluster already." "Give this one another name: … | sh -s -- --name NAME"
}

fetch() {
    rm -rf "$dir/new"
    mkdir "$dir/new"
    get "$head/join/$code/bundle.tar.gz" | tar -xzf - -C "$dir/new" && [ -s "$dir/new/fingerprint" ] || return 1
    get -o "$dir/join.new" "$head/join/$code" && mv "$dir/join.new" "$dir/join.sh" || return 1
    ok "the code is $(cat "$dir/new/fingerprint")"
}

packages() {
    { "$python" -VV; uname -m; cat "$dir/new/requirements.txt"; } >"$dir/wanted.txt"
    cmp -s "$dir/wanted.txt" "$dir/venv/installed.txt" || install_packages
    ok "$(wc -l <"$dir/new/requirements.txt") packages in the head's versions, such as $(grep ^celery= "$dir/new/requirements.txt")"
}

# The head has all packages; the configured index is asked only where one of them does not fit this machine.
install_packages() {
    wheels=$head/join/$code/wheels/
    "$python" -m venv --clear --without-pip "$dir/venv.new"
    get -o "$dir/pip.whl" "${wheels}pip.whl"
    rm -rf "$dir/pip"
    "$python" -m zipfile -e "$dir/pip.whl" "$dir/pip" # old ones do not run from within the file
    set -- env PYTHONPATH="$dir/pip" "$dir/venv.new/bin/python" -m pip --disable-pip-version-check install --quiet --no-compile \
        --trusted-host "$host" --find-links "$wheels" -r "$dir/new/requirements.txt"
    "$@" --no-index 2>"$dir/pip.log" || {
        note "not every package of the head fits this machine: asking the index"
        "$@" 2>"$dir/pip.log" || {
            tail -n 3 "$dir/pip.log" >&2
            stop "The packages could not be installed." "Is there a way to a package index from here?"
        }
    }
    rm -rf "$dir/pip"
    mv "$dir/wanted.txt" "$dir/venv.new/installed.txt"
    rm -rf "$dir/venv"
    mv "$dir/venv.new" "$dir/venv"
}

# The new code takes the old one's place when it can be imported.
replace() {
    broker=$(cat "$dir/new/broker-url")
    if (cd "$dir/new" && CELERY_BROKER_URL=$broker "$dir/venv/bin/python" -c 'import tasks') 2>"$dir/import.log"; then
        rm -rf "$dir/old"
        if [ -e "$dir/code" ]; then mv "$dir/code" "$dir/old"; fi
        mv "$dir/new" "$dir/code"
    else
        tail -n 3 "$dir/import.log" >&2
        [ -e "$dir/code/tasks.py" ] || stop "The code of the head cannot be run here." "Tell the teacher what it says above."
        note "the new code cannot be run here: going on with that of last time"
    fi
}

# A service of this machine, which joins at every boot, as a user of its own. The same line twice changes nothing.
install_service() {
    umask 022
    user=classroom-worker new=$(mktemp -d) changed=no
    get "$head/join/$code/bundle.tar.gz" | tar -xzf - -C "$new" provision
    get -o "$new/join.sh" "$head/join/$code"
    printf '# joined %s with %s\nOPTIONS=--name %s --concurrency %s\n' "$head" "$code" "$name" "$concurrency" >"$new/env"
    env | grep -E '^https?_proxy=' >>"$new/env" || true
    id $user >/dev/null 2>&1 || useradd --system --user-group --no-create-home --shell /usr/sbin/nologin $user
    put "$new/provision/hardening.conf" $units/classroom-.service.d/hardening.conf 644
    put "$new/provision/classroom-worker.service" $units/classroom-worker.service 644
    # Root's, as are all that root writes: student code runs as the user, and holds the code anyway.
    install -D -m 640 -g $user "$new/join.sh" "$ours/join.sh"
    systemctl daemon-reload
    systemctl enable --quiet classroom-worker
    put "$new/env" "$ours/env" 600
    rm -r "$new"
    if [ $changed = yes ]; then systemctl restart classroom-worker; else systemctl start classroom-worker; fi
    ok "the service classroom-worker is started: journalctl -fu classroom-worker shows what it does"
}

# put FROM TO MODE: install a file, unless it is there already.
put() {
    if ! cmp -s "$1" "$2"; then
        install -D -m "$3" "$1" "$2"
        changed=yes
    fi
}

{ main "$@"; }
