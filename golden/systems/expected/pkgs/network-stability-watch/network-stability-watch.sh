# Watches a connection, and asks for a restart of what holds it when it is gone for good.
#
# Arguments: the targets. Everything else comes from the environment:
#   WATCH_MINIMUM, WATCH_INTERVAL, WATCH_TIMEOUT, WATCH_THRESHOLD, WATCH_BACKOFF,
#   WATCH_BACKOFF_MAX  numbers, see the options of the feature
#   WATCH_UNIT         the unit that a request restarts; empty: none
#   WATCH_DIRECTORY    where the request and the state are written
#   WATCH_ROUNDS       checks before the program ends; 0: never
minimum=${WATCH_MINIMUM:-1}
interval=${WATCH_INTERVAL:-30}
timeout=${WATCH_TIMEOUT:-5}
threshold=${WATCH_THRESHOLD:-4}
backoff=${WATCH_BACKOFF:-120}
backoff_max=${WATCH_BACKOFF_MAX:-3600}
unit=${WATCH_UNIT:-}
directory=${WATCH_DIRECTORY:-${RUNTIME_DIRECTORY:-.}}
rounds=${WATCH_ROUNDS:-0}

# A leading <n> is the priority of the line in the journal.
say() {
  printf '<%d>%s\n' "$1" "$2"
}

answers() {
  local kind=${1%%:*} rest=${1#*:} address port
  case $kind in
    ping)
      ping -n -q -c 1 -W "$timeout" "$rest"
      ;;
    dns)
      timeout "$timeout" getent ahosts "$rest"
      ;;
    tcp)
      address=${rest%:*}
      port=${rest##*:}
      address=${address#\[}
      address=${address%\]}
      # shellcheck disable=SC2016 # expanded by the inner shell
      timeout "$timeout" bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$address" "$port"
      ;;
    *)
      return 1
      ;;
  esac >/dev/null 2>&1
}

write_state() {
  printf '{"connected":%s,"answering":%d,"failures":%d,"restarts":%d,"checked":%d}\n' \
    "$1" "$answering" "$failures" "$restarts" "$EPOCHSECONDS" >"$directory/status.json.new"
  mv "$directory/status.json.new" "$directory/status.json"
}

if [ "$#" -eq 0 ]; then
  say 3 "no targets given"
  exit 2
fi

round=0
failures=0
restarts=0
next_restart=0
say 6 "watching $*"

while true; do
  answering=0
  silent=""
  for target in "$@"; do
    if answers "$target"; then
      answering=$((answering + 1))
    else
      silent="$silent $target"
    fi
  done

  if [ "$answering" -ge "$minimum" ]; then
    if [ "$failures" -gt 0 ]; then
      say 5 "connection is back after $failures failed checks and $restarts restarts"
    fi
    failures=0
    restarts=0
    next_restart=0
    write_state true
  else
    failures=$((failures + 1))
    say 4 "check failed, $failures in a row: no answer from$silent"
    if [ "$failures" -ge "$threshold" ] && [ "$EPOCHSECONDS" -ge "$next_restart" ]; then
      if [ -n "$unit" ]; then
        delay=$backoff
        for ((i = 0; i < restarts && delay < backoff_max; i++)); do
          delay=$((delay * 2))
        done
        if [ "$delay" -gt "$backoff_max" ]; then
          delay=$backoff_max
        fi
        next_restart=$((EPOCHSECONDS + delay))
        restarts=$((restarts + 1))
        printf '%s\n' "$restarts" >"$directory/restart"
        say 3 "asking for a restart of $unit, attempt $restarts; the next not before $delay seconds"
      elif [ "$failures" -eq "$threshold" ]; then
        say 3 "connection is lost; no unit is configured to restart"
      fi
    fi
    write_state false
  fi

  round=$((round + 1))
  if [ "$rounds" -gt 0 ] && [ "$round" -ge "$rounds" ]; then
    exit 0
  fi
  sleep "$interval"
done
