"""Prometheus exporters for Plex (by way of Tautulli) and NZBGet."""
