#!/bin/sh
# A worker on a machine that its provider may take back: it hands its member over as soon as that is announced.
#
#   CLOUD=aws docs/borrowed/spot-worker.sh --until-empty      # or CLOUD=gcp
#
# What follows are options of `deepchord worker`. Without this script a worker hands over at SIGTERM, which a machine that
# shuts down sends to its services; AWS announces it two minutes earlier.
set -u
case "${CLOUD:-}" in
aws | gcp) ;;
*)
    echo "error: CLOUD is '${CLOUD:-}'; expected aws or gcp." >&2
    exit 2
    ;;
esac
# Only tests have another address.
METADATA="${METADATA:-http://169.254.169.254}"

is_announced() {
    case "$CLOUD" in
    aws)
        token=$(curl -sf -m 2 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$METADATA/latest/api/token") &&
            curl -sf -m 2 -o /dev/null -H "X-aws-ec2-metadata-token: $token" \
                "$METADATA/latest/meta-data/spot/instance-action"
        ;;
    gcp)
        test "$(curl -sf -m 2 -H 'Metadata-Flavor: Google' "$METADATA/computeMetadata/v1/instance/preempted")" = TRUE
        ;;
    esac
}

deepchord worker "$@" &
worker=$!
trap 'kill -TERM "$worker" 2>/dev/null' TERM INT HUP

while kill -0 "$worker" 2>/dev/null; do
    if is_announced; then
        echo "This machine is taken back: the worker hands its member over." >&2
        kill -TERM "$worker" 2>/dev/null
        break
    fi
    sleep "${LOOK_EVERY_S:-5}" &
    wait "$!"
done

# A signal interrupts `wait`: the worker is waited for until it is gone.
while :; do
    wait "$worker"
    code=$?
    kill -0 "$worker" 2>/dev/null || exit "$code"
done
