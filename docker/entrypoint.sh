#!/bin/sh
# Become the owner of the mounted workspace, for good, and start the agent: py-mono ARGUMENTS...
set -eu

workspace=/workspace
tools=/app/dynamic_tools

if [ "$(id -u)" = 0 ] && [ -z "${OWNER:-}" ]; then
    OWNER=$(stat -c %u:%g "$workspace")
    other=$(stat -c %u:%g "$tools")
    # A folder that was missing was made by the engine, as root. It belongs to whom the other one belongs to.
    if [ "$OWNER" = 0:0 ] && [ "$other" != 0:0 ] && [ -z "$(ls -A "$workspace")" ] && chown "$other" "$workspace"; then
        OWNER=$other
    elif [ "$other" = 0:0 ] && [ "$OWNER" != 0:0 ] && [ -z "$(ls -A "$tools")" ]; then
        chown "$OWNER" "$tools"
    fi
    # Root only where it must be: not where everybody may write, nor where a file share says nothing about owners.
    if [ "$OWNER" = 0:0 ] && setpriv --reuid 1000 --regid 1000 --clear-groups test -w "$workspace"; then
        OWNER=1000:1000
    fi
    export OWNER
    # Nothing of what root may do here is left, nor a way to get it back.
    exec setpriv --reuid "${OWNER%:*}" --regid "${OWNER#*:}" --clear-groups --bounding-set -all --inh-caps -all \
        --ambient-caps -all --no-new-privs "$0" "$@"
fi

# Everybody's own; and within it, for each folder that is mounted as the workspace, sessions of its own.
HOME=/state/$(id -u)
mounted=$(printf %s "${WORKSPACE_DIR:-}" | cksum)
XDG_STATE_HOME=$HOME/workspaces/${mounted% *}
export HOME XDG_STATE_HOME
[ -d "$HOME" ] || mkdir -m 700 "$HOME"
unset OWNER WORKSPACE_DIR
# The first process reaps and passes signals on; as this user, so that nothing in the container has a capability.
exec tini -s -- py-mono "$@"
