"""Tests of ai-cli."""
