#!/bin/sh
# Become the owner of the mounted workspace, for good, and start the agent: `docker compose run py-coding-agent ARGUMENTS...`
set -eu

workspace=/workspace
tools=/app/dynamic_tools

if [ "$(id -u)" = 0 ]; then
    owner=$(stat -c %u:%g "$workspace")
    helper=$(stat -c %u:%g "$tools")
    # A folder that was missing is made by the engine, as root. It belongs to whom the other one belongs to.
    if [ "$owner" != "$helper" ]; then
        if [ "$owner" = 0:0 ] && [ -z "$(ls -A "$workspace")" ] && chown "$helper" "$workspace" 2>/dev/null; then
            owner=$helper
        elif [ "$helper" = 0:0 ] && [ -z "$(ls -A "$tools")" ]; then
            chown "$owner" "$tools" 2>/dev/null || true
        fi
    fi
    # Nothing of what root could do stays: neither the capabilities nor the way to get them back.
    set -- setpriv --reuid "${owner%:*}" --regid "${owner#*:}" --clear-groups \
        --bounding-set -all --inh-caps -all --ambient-caps -all --no-new-privs -- "$0" "$@"
    exec "$@"
fi

home=/state/$(id -u)
[ -d "$home" ] || mkdir -m 700 "$home"
export HOME="$home"
exec py-mono "$@"
