# shellcheck shell=bash
# Exit codes of all status commands: 0 well, 1 not well, 2 not reached.

case ${1:-} in
  -h | --help)
    printf 'Usage: %s [URL]\n\nExit codes: 0 well, 1 not well, 2 not reached. URL: %s\n' \
      "${0##*/}" "$DEFAULT_URL"
    exit 0
    ;;
  -*)
    printf 'unknown option: %s\n' "$1" >&2
    exit 64
    ;;
esac
url=${1:-$DEFAULT_URL}
url=${url%/}
here=$(($# == 0))

# Of this machine only: another's units are not known.
unit() { # NAME
  if ((here)); then
    printf '%-10s %s\n' Unit: "$(systemctl is-active "$1" || true)"
  fi
  printf '%-10s %s\n' Address: "$url"
}

# Prints what a path answers.
fetch() { # PATH
  local code=0
  curl --fail --silent --show-error --max-time 10 "$url$1" || code=$?
  case $code in
    0) ;;
    22)
      printf '%s answers with an error\n' "$url$1" >&2
      exit 1
      ;;
    *)
      printf 'Nothing answers at %s\n' "$url" >&2
      exit 2
      ;;
  esac
}

# What is no such answer is as good as an error.
query() { # JQ-FILTER [OPTIONS…], from standard input
  jq --raw-output "${@:2}" "$1" 2>/dev/null || {
    printf '%s does not answer as expected\n' "$url" >&2
    exit 1
  }
}

