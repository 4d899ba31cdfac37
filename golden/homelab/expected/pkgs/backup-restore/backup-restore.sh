# Brings files back from a Restic backup, and tests that it could.
#
# backup-restore list                                  snapshots
# backup-restore files [SNAPSHOT] [PATH]               what a snapshot holds
# backup-restore restore [--snapshot ID] [--target DIR | --in-place] [PATH…]
# backup-restore test [--sample N] [--max-age HOURS] [--status FILE]
#
# RESTIC  the command with the repository's settings: restic-main, or restic with its own variables
#
# Exit: 0 done, 1 the backup is not what it should be, 2 wrong use, 3 refused.

restic=${RESTIC:-restic}

usage() {
  cat >&2 <<'TEXT'
usage: backup-restore list
       backup-restore files [SNAPSHOT] [PATH]
       backup-restore restore [--snapshot ID] [--target DIR | --in-place] [PATH…]
       backup-restore test [--sample N] [--max-age HOURS] [--status FILE]
TEXT
  exit 2
}

refuse() {
  printf 'backup-restore: %s\n' "$1" >&2
  exit 3
}

need_value() { # OPTION REMAINING
  if (($2 < 2)); then
    printf 'backup-restore: %s needs a value\n' "$1" >&2
    exit 2
  fi
}

restore() {
  local snapshot=latest target='' in_place=no paths=()
  while (($# > 0)); do
    case $1 in
      --snapshot) need_value "$1" $#; snapshot=$2; shift 2 ;;
      --target) need_value "$1" $#; target=$2; shift 2 ;;
      --in-place) in_place=yes; shift ;;
      -*) usage ;;
      *) paths+=("$1"); shift ;;
    esac
  done
  local path include=()
  for path in "${paths[@]}"; do
    [[ $path == /* ]] || refuse "$path is not absolute"
    include+=(--include "$path")
  done
  if [[ $in_place == yes ]]; then
    [[ -z $target ]] || usage
    ((${#paths[@]} > 0)) || refuse 'in place, name what to bring back'
    local name answer
    name=$(uname --nodename)
    printf 'From snapshot %s these are overwritten on %s:\n' "$snapshot" "$name" >&2
    printf '  %s\n' "${paths[@]}" >&2
    printf 'Type the name of the host to go on: ' >&2
    IFS= read -r answer || answer=''
    [[ $answer == "$name" ]] || refuse 'not confirmed'
    target=/
  else
    target=${target:-/var/lib/backup-restore/$(date +%Y-%m-%dT%H-%M-%S)}
    if [[ -e $target && -n $(ls -A -- "$target") ]]; then
      refuse "$target is not empty"
    fi
    (umask 077 && mkdir -p -- "$target")
  fi
  "$restic" restore "$snapshot" --target "$target" "${include[@]}"
  if [[ $target != / ]]; then
    local found
    for path in "${paths[@]}"; do
      found=$target/${path#/}
      if [[ ! -e $found && ! -L $found ]]; then
        printf 'backup-restore: snapshot %s has no %s\n' "$snapshot" "$path" >&2
        exit 1
      fi
    done
    printf 'restored to %s\n' "$target"
  fi
}

# A sample of files is brought back to a private folder: each must come out whole, and one that has not
# been touched since must be what lies on the disk. Files above 64 MiB are left out, so that the test does
# not fill the disk.
test_restore() {
  local sample=25 max_age=48 status=''
  while (($# > 0)); do
    case $1 in
      --sample) need_value "$1" $#; sample=$2; shift 2 ;;
      --max-age) need_value "$1" $#; max_age=$2; shift 2 ;;
      --status) need_value "$1" $#; status=$2; shift 2 ;;
      *) usage ;;
    esac
  done
  local work
  work=$(mktemp -d)
  # shellcheck disable=SC2064 # the folder of now
  trap "rm -rf '$work'" EXIT

  local problems=() snapshot time age='' read=0 compared=0 held=0
  "$restic" snapshots --json --latest 1 >"$work/snapshots"
  snapshot=$(jq -r 'sort_by(.time) | last | .short_id // empty' "$work/snapshots")
  if [[ -z $snapshot ]]; then
    problems+=('there is no snapshot')
  else
    time=$(jq -r 'sort_by(.time) | last | .time' "$work/snapshots")
    age=$((($(date +%s) - $(date -d "$time" +%s)) / 3600))
    if ((age > max_age)); then
      problems+=("the last snapshot is $age hours old")
    fi
    "$restic" ls --json "$snapshot" | jq -c 'select(.type == "file" and (.size // 0) <= 67108864) | [.path, .size // 0, .mtime]' >"$work/files"
    held=$(wc -l <"$work/files")
    if ((held == 0)); then
      problems+=('the last snapshot holds no file')
    fi
    # In one run, since each loads the repository's index.
    shuf -n "$sample" "$work/files" >"$work/sample"
    jq -r '.[0] | gsub("(?<c>[*?\\[])"; "[\(.c)]") | gsub("\\\\"; "[\\\\]")' "$work/sample" >"$work/include"
    mkdir "$work/back"
    local failed=no
    local include=() pattern
    while IFS= read -r pattern; do
      include+=(--include "$pattern")
    done <"$work/include"
    "$restic" restore "$snapshot" --target "$work/back" "${include[@]}" >"$work/said" 2>&1 || failed=yes
    local entry path back size mtime expected stored
    while IFS= read -r entry; do
      path=$(jq -r '.[0]' <<<"$entry")
      size=$(jq -r '.[1]' <<<"$entry")
      mtime=$(date -d "$(jq -r '.[2]' <<<"$entry")" +%s)
      back=$work/back/${path#/}
      if [[ ! -f $back || $(stat -c %s -- "$back") != "$size" ]]; then
        problems+=("$path cannot be read back")
        continue
      fi
      read=$((read + 1))
      if [[ -f $path && -r $path && $(stat -c '%s %Y' -- "$path") == "$size $mtime" ]]; then
        expected=$(sha256sum <"$path")
        stored=$(sha256sum <"$back")
        if [[ $expected == "$stored" ]]; then
          compared=$((compared + 1))
        else
          problems+=("$path differs from what lies on the disk")
        fi
      fi
    done <"$work/sample"
    if [[ $failed == yes ]]; then
      problems+=("restic restore: $(tail -n 1 "$work/said")")
    fi
  fi

  if [[ -n $status ]]; then
    printf '%s\n' "${problems[@]}" | jq -R . | jq -s \
      --arg snapshot "$snapshot" --arg age "$age" --arg read "$read" --arg compared "$compared" --arg held "$held" \
      '{
        ok: ((. | map(select(. != ""))) == []),
        snapshot: (if $snapshot == "" then null else $snapshot end),
        ageHours: (if $age == "" then null else ($age | tonumber) end),
        files: ($held | tonumber), read: ($read | tonumber), compared: ($compared | tonumber),
        problems: map(select(. != "")),
        checked: (now | floor)
      }' >"$status.new"
    mv -- "$status.new" "$status"
  fi
  if ((${#problems[@]} > 0)); then
    printf 'backup-restore: %s\n' "${problems[@]}" >&2
    exit 1
  fi
  printf 'snapshot %s, %s hours old: %s of %s files read back, %s compared with the disk\n' \
    "$snapshot" "$age" "$read" "$held" "$compared"
}

case ${1-} in
  list) "$restic" snapshots ;;
  files) "$restic" ls --long "${2:-latest}" ${3:+"$3"} ;;
  restore) shift; restore "$@" ;;
  test) shift; test_restore "$@" ;;
  *) usage ;;
esac
