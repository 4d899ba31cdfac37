"""`nzbget-exporter` as a process, against an NZBGet on loopback."""

import tempfile
import unittest
from pathlib import Path

from media_exporters import nzbget
from tests.stubs import PASSWORD, Nzbget, Running, group, key, past

UP = "nzbget_exporter_source_up"
ERRORS = "nzbget_exporter_source_errors_total"


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.password_file = Path(folder.name, "password")
        self.password_file.write_text(PASSWORD + "\n")

    def stub(self, *args, **kwargs):
        stub = Nzbget(*args, **kwargs)
        self.addCleanup(stub.close)
        return stub

    def run_exporter(self, url, *arguments):
        running = Running(
            "nzbget", "--url", url, "--password-file", str(self.password_file),
            "--interval", "0.1", "--history-interval", "0.2", *arguments,
        )  # fmt: skip
        self.addCleanup(running.close)
        return running

    def all_up(self, running):
        names = ("status", "queue", "history")
        return running.until(lambda s: all(s.get(key(UP, source=n)) == 1 for n in names))


class Metrics(Case):
    def test_state_queue_and_history(self):
        stub = self.stub(
            [group(1, Status="DOWNLOADING"), group(2, Category=""), group(3, Category="tv")],
            [past(n) for n in range(10)],
        )
        samples = self.all_up(self.run_exporter(stub.url))
        expected = {
            key("nzbget_download_rate_bytes_per_second"): 12_345_678,
            key("nzbget_downloaded_bytes_total"): 9_876_543_210,
            key("nzbget_downloaded_month_bytes"): 123_456_789_012,
            key("nzbget_downloaded_day_bytes"): 1_234,
            key("nzbget_disk_free_bytes"): 5_000_000_000_000,
            key("nzbget_paused", what="download"): 1,
            key("nzbget_paused", what="post"): 0,
            key("nzbget_standby"): 0,
            key("nzbget_news_server_active", server="1"): 1,
            key("nzbget_news_server_active", server="2"): 0,
            key("nzbget_post_queue_items"): 1,
            key("nzbget_queue_items"): 3,
            key("nzbget_queue_items_by_status", status="downloading"): 1,
            key("nzbget_queue_items_by_category", category="none"): 1,
            key("nzbget_queue_bytes"): 15_000_000_000,
            key("nzbget_queue_remaining_bytes"): 9_000_000_000,
            key("nzbget_history_items", result="success"): 4,
            key("nzbget_history_items", result="failure"): 2,
            key("nzbget_history_items", result="deleted"): 2,
            key("nzbget_history_failures", cause="par"): 2,
            key("nzbget_history_bytes"): 10_000_000_000,
            key("nzbget_history_last_timestamp_seconds"): 1_700_000_009,
        }
        self.assertEqual({name: samples.get(name) for name in expected}, expected)
        missing = set(nzbget.TABLE) - {name for name, _ in samples} - {ERRORS}
        self.assertEqual(missing, set())

    def test_older_servers_have_one_half(self):
        stub = self.stub()
        for name in ("DownloadRateLo", "DownloadRateHi"):
            del stub.state[name]
        samples = self.all_up(self.run_exporter(stub.url))
        self.assertEqual(samples[key("nzbget_download_rate_bytes_per_second")], 12_345_678)

    def test_empty_queue_and_history(self):
        samples = self.all_up(self.run_exporter(self.stub().url))
        self.assertEqual(samples[key("nzbget_queue_items")], 0)
        self.assertEqual(samples[key("nzbget_history_items", result="failure")], 0)
        self.assertNotIn(key("nzbget_history_last_timestamp_seconds"), samples)

    def test_ten_thousand_rows(self):
        stub = self.stub(history=[past(n) for n in range(10_000)])
        samples = self.all_up(self.run_exporter(stub.url))
        self.assertEqual(samples[key("nzbget_history_items", result="success")], 4000)
        self.assertEqual(samples[key("nzbget_history_bytes")], 10_000_000_000_000)


class Faults(Case):
    def failing(self, reason, fault=None, *arguments, **change):
        stub = self.stub([group(1)], [past(1)])
        stub.fault = fault
        for name, value in change.items():
            setattr(stub, name, value)
        running = self.run_exporter(stub.url, *arguments)
        samples = running.until(
            lambda s: (
                s.get(key(ERRORS, source="status", reason=reason), 0) >= 2
                and s.get(key(ERRORS, source="history", reason=reason), 0) >= 1
            )
        )
        self.assertEqual(samples[key(UP, source="status")], 0)
        self.assertNotIn(key("nzbget_paused", what="download"), samples)
        self.assertEqual(running.close(), 0)
        log = "".join(running.log)
        self.assertNotIn(PASSWORD, log)
        self.assertNotIn("Traceback", log)
        return log

    def test_wrong_password(self):
        self.assertIn("refused (HTTP 401)", self.failing("auth", password="another"))

    def test_unreadable_password(self):
        self.password_file.unlink()
        self.failing("auth")

    def test_timeout(self):
        self.failing("timeout", "slow", "--timeout", "0.2")

    def test_malformed(self):
        self.failing("malformed", "malformed")

    def test_server_error(self):
        self.failing("http", "server-error")

    def test_hang_up(self):
        self.failing("connection", "hang-up")

    def test_error_of_the_method(self):
        error = {"name": "JSONRPCError", "code": 1, "message": "Invalid procedure"}
        self.assertIn("Invalid procedure", self.failing("api", error=error))

    def test_another_shape(self):
        self.failing("malformed", state={"DownloadPaused": False, "NewsServers": "none"}, history=1)


class Secrets(Case):
    def test_the_password_is_in_headers_alone(self):
        stub = self.stub()
        running = self.run_exporter(stub.url)
        self.all_up(running)
        proc = Path("/proc", str(running.process.pid))
        for place in ("cmdline", "environ"):
            self.assertNotIn(PASSWORD.encode(), (proc / place).read_bytes())
        self.assertNotIn(PASSWORD, running.get() + "".join(running.log))

    def test_a_changed_password_is_taken_up(self):
        stub = self.stub()
        running = self.run_exporter(stub.url)
        self.all_up(running)
        stub.password = "changed"
        running.until(lambda s: s.get(key(UP, source="status")) == 0)
        self.password_file.write_text("changed\n")
        self.all_up(running)


class Command(Case):
    def test_addresses_hold_no_credentials(self):
        for url in (
            "ftp://127.0.0.1",
            "http://nzbget:secret@127.0.0.1",
            "127.0.0.1:6789",
            "http://x?k=1",
        ):
            with self.subTest(url=url), self.assertRaises(AssertionError):
                Running("nzbget", "--url", url, "--password-file", str(self.password_file))
