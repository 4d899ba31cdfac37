# shellcheck shell=bash
unit prometheus.service
fetch /-/ready >/dev/null
targets=$(fetch '/api/v1/targets?state=active')
alerts=$(fetch /api/v1/alerts)

printf '\nTargets\n'
query '
  .data.activeTargets | sort_by(.labels.job, .labels.host, .scrapeUrl)[]
  | [.health, .labels.job, .labels.host // "-", .scrapeUrl,
    if .lastError == "" then "-" else .lastError end]
  | @tsv
' <<<"$targets" | column --table --separator $'\t'

printf '\nFiring alerts\n'
query '
  [.data.alerts[] | select(.state == "firing")]
  | if length == 0 then "none" else
      sort_by(.labels.severity, .labels.alertname)[]
      | [.labels.severity // "-", .labels.alertname, .annotations.summary // "-"] | @tsv
    end
' <<<"$alerts" | column --table --separator $'\t'

down=$(query '[.data.activeTargets[] | select(.health == "down")] | length' <<<"$targets")
if ((down > 0)); then
  printf '\nTargets down: %d\n' "$down" >&2
  exit 1
fi
