#!/bin/sh
# Become the owner of the mounted workspace, for good, and start the agent: py-mono ARGUMENTS...
set -eu

workspace=/workspace
tools=/app/dynamic_tools

# What the kernel says, and no variable that somebody may have set.
capabilities() { sed -n 's/^CapEff:[[:space:]]*0*//p' /proc/self/status; }
is_empty() { inside=$(ls -A "$1" 2>/dev/null) && [ -z "$inside" ]; }
refuse() {
    printf 'py-mono: %s\n' "$1" >&2
    exit 2
}

if [ "$(id -u)" = 0 ] && [ -n "$(capabilities)" ]; then
    owner=$(stat -c %u:%g "$workspace")
    other=$(stat -c %u:%g "$tools")
    # A folder that was missing was made by the engine, as root. It belongs to whom the other one belongs to.
    if [ "$owner" = 0:0 ] && [ "$other" != 0:0 ] && is_empty "$workspace" && chown "$other" "$workspace"; then
        owner=$other
    elif [ "$other" = 0:0 ] && [ "$owner" != 0:0 ] && is_empty "$tools"; then
        chown "$owner" "$tools" 2>/dev/null || true # not mounted, in an image that is read-only
    fi
    # Root only where it must be: not where everybody, or its group, may write, nor where a file share says nothing of owners.
    group=${owner#*:}
    [ "$group" != 0 ] || group=1000
    if [ "${owner%:*}" = 0 ] && setpriv --reuid 1000 --regid "$group" --clear-groups test -w "$workspace"; then
        owner=1000:$group
    fi
    # Nothing of what root may do here is left, nor a way to get it back.
    exec setpriv --reuid "${owner%:*}" --regid "${owner#*:}" --clear-groups --bounding-set -all --inh-caps -all \
        --ambient-caps -all --no-new-privs "$0" "$@"
fi
[ -z "$(capabilities)" ] || refuse "it has capabilities, and does not start with them"

# Everybody's own; and within it, for each folder that is mounted as the workspace, sessions of its own.
HOME=/state/$(id -u)
mounted=$(printf %s "${WORKSPACE_DIR:-}" | cksum)
XDG_STATE_HOME=$HOME/workspaces/${mounted% *}
export HOME XDG_STATE_HOME
[ -d "$HOME" ] || mkdir -m 700 "$HOME"
# Whoever else made it there could have written settings into it.
if [ -L "$HOME" ] || [ "$(stat -c %u-%a "$HOME")" != "$(id -u)-700" ]; then
    refuse "$HOME on the state volume is not a folder of user $(id -u) alone; look what it is, and remove it"
fi
unset WORKSPACE_DIR
# The first process reaps and passes signals on; as this user, so that nothing in the container has a capability.
exec tini -s -- py-mono "$@"
