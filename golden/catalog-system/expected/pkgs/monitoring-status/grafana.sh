# shellcheck shell=bash
unit grafana.service
health=$(fetch /api/health)
printf '%-10s %s\n' Version: "$(query '.version // "-"' <<<"$health")"
database=$(query '.database // "-"' <<<"$health")
printf '%-10s %s\n' Database: "$database"
if [[ $database != ok ]]; then
  echo 'Grafana cannot use its database' >&2
  exit 1
fi
