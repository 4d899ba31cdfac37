"""What can be told without a process: back-off, dates, prices."""

import email.utils
import time
import unittest
from unittest import mock

from ai_cli import config, engine, keys, transport
from ai_cli.errors import AiError, Exit


def settings(**changes):
    model = {"name": "m"}
    provider = {"api": "ollama", "url": "http://127.0.0.1:1", "models": [model]}
    value = {"default": "p", "retries": 4, "retryDelay": 1, "providers": {"p": provider}} | changes
    return config.parse(value)


class BackOff(unittest.TestCase):
    def waits(self, error, **changes):
        slept = []
        asked = engine.Engine(settings(**changes), note=lambda _: None, sleep=slept.append)
        with mock.patch.object(engine.Engine, "_attempt", side_effect=error), self.assertRaises(AiError):
            asked.ask([], engine.Choice(), None, None)
        return slept

    def test_doubles(self):
        waits = self.waits(AiError(Exit.PROVIDER, "x", retry=True))
        self.assertEqual(len(waits), 4)
        for wait, wanted in zip(waits, (1, 2, 4, 8), strict=True):
            self.assertTrue(0.75 * wanted <= wait <= 1.25 * wanted, waits)

    def test_has_an_end(self):
        waits = self.waits(AiError(Exit.PROVIDER, "x", retry=True), retries=8)
        self.assertEqual(waits[-1], engine.LONGEST_BACK_OFF)

    def test_the_provider_knows_better(self):
        self.assertEqual(self.waits(AiError(Exit.RATE, "x", retry=True, after=7)), [7] * 4)

    def test_not_for_ever(self):
        self.assertEqual(self.waits(AiError(Exit.RATE, "x", retry=True, after=61)), [])

    def test_never_in_vain(self):
        self.assertEqual(self.waits(AiError(Exit.KEY, "x")), [])


class RetryAfter(unittest.TestCase):
    def test_seconds(self):
        self.assertEqual(transport.retry_after("120"), 120)
        self.assertEqual(transport.retry_after("-3"), 0)

    def test_date(self):
        date = email.utils.formatdate(time.time() + 3600, usegmt=True)
        self.assertAlmostEqual(transport.retry_after(date), 3600, delta=60)

    def test_nonsense(self):
        for value in (None, "soon", "", "nan", "1e99", "Foo, 99 Bar 2026 99:99:99 GMT"):
            self.assertIsNone(transport.retry_after(value), value)


class Small(unittest.TestCase):
    def test_key_that_is_printed(self):
        key = keys.Key("secret")
        self.assertNotIn("secret", f"{key} {key!r} {transport.Request('u', {'x': key.reveal()})}")
        self.assertEqual(key.hide("a secret b"), "a [key] b")

    def test_safe_addresses(self):
        for url, safe in (
            ("https://api.example.org", True), ("http://127.0.0.1:1", True), ("http://[::1]:1", True),
            ("http://10.0.0.10:1", True), ("http://p620:1", True), ("http://8.8.8.8", False),
            ("http://api.example.org", False),
        ):  # fmt: skip
            provider = settings().providers[0]
            provider = config.Provider(**{**vars(provider), "url": url})
            self.assertEqual(provider.key_is_safe, safe, url)
