# shellcheck shell=bash
unit prometheus-node-exporter.service
metrics=$(fetch /metrics)
samples=$(sed '/^#/d; /^$/d' <<<"$metrics" | wc -l)
printf '%-10s %s\n' Samples: "$samples"
collectors() { # 0 or 1
  sed -n "s/^node_scrape_collector_success{collector=\"\\([^\"]*\\)\"} $1\$/\\1/p" <<<"$metrics"
}
good=$(collectors 1 | wc -l)
failed=$(collectors 0)
printf '%-10s %s\n' Collected: "$good collectors"
if ((good == 0)); then
  printf 'No node exporter answers at %s\n' "$url" >&2
  exit 1
fi
# Not a failure: machines lack what some collectors look for.
if [[ -n $failed ]]; then
  printf '%-10s %s\n' Without: "${failed//$'\n'/, }"
fi
