#!/bin/sh
# with_display.sh COMMAND [ARGUMENT...]: runs it on an X server of its own, without a screen. The server takes a free number
# and says it when it is ready, so that nothing waits for a time and no two of them meet.
set -eu

folder=$(mktemp -d)
mkfifo "$folder/number"
Xvfb -displayfd 3 -screen 0 800x600x24 -noreset -nolisten tcp 3>"$folder/number" 2>"$folder/said" &
server=$!
trap 'kill $server 2>/dev/null || :; wait; rm -r "$folder"' EXIT

if ! read -r number <"$folder/number"; then
    cat "$folder/said" >&2
    echo 'with_display.sh: Xvfb did not start' >&2
    exit 1
fi
env -u WAYLAND_DISPLAY -u XAUTHORITY DISPLAY=":$number" "$@"
