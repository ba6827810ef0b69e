#!/bin/sh
# A worker machine: it joins like anybody else, with the line that ./lab up --class prints, as a service.
set -eu
script=$(mktemp)

# The broker machine may still be busy with its own setup. To a wrong code (403) it answers with a script that says so.
for try in $(seq 240); do
    case $(curl --noproxy '*' -s --connect-timeout 5 --max-time 60 -o "$script" -w '%{http_code}' "http://$BROKER_IP:5000/join/$CLASS_CODE") in
        200 | 403)
            sh "$script" --service
            rm "$script"
            exit ;;
    esac
    [ "$try" -ne 1 ] || echo "Waiting for http://$BROKER_IP:5000 ..."
    sleep 5
done
echo "http://$BROKER_IP:5000 has not answered for 20 minutes: is the machine broker up? Then: vagrant provision" >&2
exit 1
