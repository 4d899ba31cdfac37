"""`plex-exporter` as a process, against a Tautulli on loopback."""

import tempfile
import threading
import unittest
from pathlib import Path

from media_exporters import fetch, metrics, nzbget, plex
from media_exporters.metrics import Families
from media_exporters.tautulli import History
from media_exporters.tautulli import Tautulli as Client
from tests.stubs import HERE, KEY, NOW, Running, Tautulli, key, row, session

UP = "plex_exporter_source_up"
ERRORS = "plex_exporter_source_errors_total"


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.key_file = Path(folder.name, "key")
        self.key_file.write_text(KEY + "\n")

    def stub(self, *args, **kwargs):
        stub = Tautulli(*args, **kwargs)
        self.addCleanup(stub.close)
        return stub

    def run_exporter(self, url, *arguments):
        running = Running(
            "plex", "--url", url, "--api-key-file", str(self.key_file), "--interval", "0.1",
            "--history-interval", "0.2", *arguments,
        )  # fmt: skip
        self.addCleanup(running.close)
        return running

    def all_up(self, running):
        names = ("activity", "libraries", "history", "qualities")
        return running.until(lambda s: all(s.get(key(UP, source=n)) == 1 for n in names))


class Metrics(Case):
    def test_streams(self):
        stub = self.stub(
            [
                session(),
                session(
                    session_key="28",
                    friendly_name="Bob",
                    location="wan",
                    bandwidth="4000",
                    transcode_decision="transcode",
                    video_decision="transcode",
                    transcode_hw_encoding=1,
                    state="paused",
                    stream_video_full_resolution="720p",
                ),
                session(
                    session_key="29",
                    media_type="track",
                    bandwidth="320",
                    transcode_decision="transcode",
                    video_decision="",
                    stream_video_full_resolution="",
                    transcode_throttled="1",
                ),
            ]
        )
        samples = self.all_up(self.run_exporter(stub.url))
        expected = {
            key("plex_streams"): 3,
            key("plex_streams_by_decision", decision="direct play"): 1,
            key("plex_streams_by_decision", decision="copy"): 0,
            key("plex_streams_by_decision", decision="transcode"): 2,
            key("plex_streams_by_state", state="paused"): 1,
            key("plex_streams_by_network", network="wan"): 1,
            key("plex_streams_by_type", media_type="track"): 1,
            key("plex_streams_by_quality", resolution="720p"): 1,
            key("plex_streams_by_user", user="Alice"): 2,
            key("plex_transcodes"): 2,
            key("plex_transcodes_video"): 1,
            key("plex_transcodes_hardware"): 1,
            key("plex_transcodes_throttled"): 1,
            key("plex_bandwidth_bits_per_second", network="lan"): 25_638_000,
            key("plex_bandwidth_bits_per_second", network="wan"): 4_000_000,
            key("plex_library_items", library="Films", kind="movies"): 887,
            key("plex_library_items", library="Shows", kind="episodes"): 3745,
            key("plex_history_plays_by_quality", resolution="1080", decision="transcode"): 7,
        }
        self.assertEqual({name: samples.get(name) for name in expected}, expected)
        progress = [v for (name, _), v in samples.items() if name == "plex_stream_progress_ratio"]
        self.assertEqual(progress, [0.42] * 3)
        self.assertFalse(
            [k for k in samples if "alice@example.org" in str(k) or "10.0.0" in str(k)]
        )

    def test_two_streams_with_one_key(self):
        stub = self.stub([session(), session()])
        samples = self.all_up(self.run_exporter(stub.url))
        self.assertEqual(len([k for k in samples if k[0] == "plex_stream_progress_ratio"]), 2)

    def test_empty_history(self):
        samples = self.all_up(self.run_exporter(self.stub().url))
        self.assertEqual(samples[key("plex_history_plays")], 0)
        self.assertEqual(samples[key("plex_history_plays_by_decision", decision="transcode")], 0)
        self.assertNotIn(key("plex_history_last_play_timestamp_seconds"), samples)

    def test_ten_thousand_rows(self):
        rows = [row(n) for n in range(10_000)]
        rows += [row(50_000, started=int(NOW - 31 * 86400), stopped=int(NOW - 31 * 86400 + 60))]
        rows += [row(50_001, row_id=None)]
        stub = self.stub([session()], rows)
        running = self.run_exporter(stub.url)
        samples = self.all_up(running)
        self.assertEqual(samples[key("plex_history_plays")], 10_000)
        self.assertEqual(samples[key("plex_history_watch_seconds")], 1_200_000)
        self.assertEqual(samples[key("plex_history_users")], 7)
        self.assertEqual(samples[key("plex_history_plays_by_network", network="wan")], 2500)
        titles = [k for k in samples if k[0] == "plex_history_title_plays"]
        self.assertEqual(len(titles), 10)
        self.assertEqual(
            samples[key("plex_history_title_plays", title="Show 0", media_type="episode")], 250
        )
        # What came later is found by one more page, and counted once.
        asked = sum(b"get_history" in body for _, _, body in stub.requests)
        self.assertGreaterEqual(asked, 11)
        stub.rows += [row(0, row_id=200_000, stopped=int(NOW + 1))]
        running.until(lambda s: s.get(key("plex_history_plays")) == 10_001)

    def test_later_readings_take_one_page(self):
        stub = self.stub(rows=[row(n) for n in range(2500)])
        history = History(Client(stub.url, self.key_file, 10), 30)
        self.assertEqual(len(history.load()), 2500)
        self.assertEqual(len(stub.requests), 3)
        stub.rows.append(row(0, row_id=200_000, stopped=int(NOW + 1)))
        self.assertEqual(len(history.load()), 2501)
        self.assertEqual(len(stub.requests), 4)

    def test_deleted_rows_go_with_the_next_full_reading(self):
        stub = self.stub(rows=[row(n) for n in range(3)])
        history = History(Client(stub.url, self.key_file, 10), 30)
        history.load()
        del stub.rows[1]
        self.assertEqual(len(history.load()), 3)
        for _ in range(History.FULL_EVERY - 2):
            history.load()
        self.assertEqual(len(history.load()), 2)


class Faults(Case):
    def failing(self, reason, fault=None, *arguments, **change):
        stub = self.stub([session()], [row(1)])
        stub.fault = fault
        for name, value in change.items():
            setattr(stub, name, value)
        running = self.run_exporter(stub.url, *arguments)
        samples = running.until(
            lambda s: (
                s.get(key(ERRORS, source="activity", reason=reason), 0) >= 2
                and s.get(key(ERRORS, source="history", reason=reason), 0) >= 1
            )
        )
        self.assertEqual(samples[key(UP, source="activity")], 0)
        self.assertNotIn(key("plex_streams"), samples)
        self.assertEqual(running.close(), 0)
        log = "".join(running.log)
        self.assertNotIn(KEY, log)
        self.assertNotIn("Traceback", log)
        # It says so once, not at each refresh.
        self.assertEqual(sum("WARNING activity" in line for line in running.log), 1, log)
        return stub, log

    def test_wrong_key(self):
        _, log = self.failing("auth", key="another")
        self.assertIn("the credentials are refused (HTTP 400)", log)

    def test_missing_key_file(self):
        self.key_file.unlink()
        _, log = self.failing("auth")
        self.assertIn("cannot be read", log)

    def test_empty_key_file(self):
        self.key_file.write_text("\n")
        self.failing("auth")

    def test_timeout(self):
        self.failing("timeout", "slow", "--timeout", "0.2")

    def test_malformed(self):
        self.failing("malformed", "malformed")

    def test_html(self):
        self.failing("malformed", "html")

    def test_server_error(self):
        self.failing("http", "server-error")

    def test_hang_up(self):
        self.failing("connection", "hang-up")

    def test_redirection_is_not_followed(self):
        stub, _ = self.failing("http", "redirect")
        self.assertEqual({path for path, _, _ in stub.requests}, {"/api/v2"})

    def test_nobody_listens(self):
        stub = self.stub()
        stub.close()
        running = self.run_exporter(stub.url)
        running.until(lambda s: s.get(key(ERRORS, source="history", reason="connection"), 0) >= 1)

    def test_plex_is_away(self):
        stub = self.stub([session()], [row(1)])
        running = self.run_exporter(stub.url)
        self.all_up(running)
        stub.plex = False
        samples = running.until(lambda s: s.get(key(UP, source="activity")) == 0)
        self.assertNotIn(key("plex_streams"), samples)
        self.assertEqual(samples[key("plex_history_plays")], 1)

    def test_history_stays_while_tautulli_is_away_and_it_comes_back(self):
        stub = self.stub([session()], [row(n) for n in range(5)])
        running = self.run_exporter(stub.url)
        self.all_up(running)
        stub.fault = "server-error"
        samples = running.until(
            lambda s: s.get(key(UP, source="history")) == 0 == s.get(key(UP, source="activity"))
        )
        self.assertEqual(samples[key("plex_history_plays")], 5)
        self.assertNotIn(key("plex_streams"), samples)
        stub.fault = None
        samples = self.all_up(running)
        self.assertEqual(samples[key("plex_streams")], 1)

    def test_numbers_that_are_none(self):
        stub = self.stub([session(progress_percent="soon")], [row(1, started="yesterday")])
        running = self.run_exporter(stub.url)
        samples = running.until(
            lambda s: (
                s.get(key(ERRORS, source="history", reason="malformed"), 0) >= 1
                and s.get(key(ERRORS, source="activity", reason="malformed"), 0) >= 1
                and s.get(key(UP, source="libraries")) == 1
            )
        )
        self.assertNotIn(key("plex_streams"), samples)

    def test_wrong_shapes(self):
        stub = self.stub()
        client = Client(stub.url, self.key_file, 10)
        for answer in ([], "no", 1, None, {"response": []}, {"response": {"result": "success"}}):
            with self.subTest(answer=answer):
                stub.get_libraries = lambda _form: None
                stub.respond = lambda *_, answer=answer: __import__("json").dumps(answer).encode()
                with self.assertRaises(fetch.SourceError) as raised:
                    client.libraries()
                self.assertIn(raised.exception.reason, ("malformed", "api"))


class Secrets(Case):
    def test_the_key_is_in_bodies_alone(self):
        stub = self.stub([session()])
        running = self.run_exporter(stub.url)
        self.all_up(running)
        proc = Path("/proc", str(running.process.pid))
        for place in ("cmdline", "environ"):
            self.assertNotIn(KEY.encode(), (proc / place).read_bytes())
        self.assertEqual([t.name for t in proc.glob("task/*/children") if t.read_text()], [])
        self.assertNotIn(KEY, running.get())
        self.assertTrue(stub.requests)
        for path, headers, body in stub.requests:
            self.assertNotIn(KEY, path + str(headers))
            self.assertIn(f"apikey={KEY}".encode(), body)


class Command(Case):
    def test_pages(self):
        running = self.run_exporter(self.stub().url)
        self.assertIn("/metrics", running.get("/"))
        with self.assertRaises(OSError):
            running.get("/elsewhere")

    def test_sigterm_ends_it_well_while_a_request_hangs(self):
        stub = self.stub()
        stub.fault = "slow"
        self.assertEqual(self.run_exporter(stub.url).close(), 0)

    def test_taken_port(self):
        first = self.run_exporter(self.stub().url)
        with self.assertRaisesRegex(AssertionError, "cannot listen on"):
            Running("plex", "--api-key-file", "/nothing", "--port", str(first.port))

    def test_every_metric_is_documented(self):
        page = (HERE / "METRICS.md").read_text()
        written = metrics.markdown("plex-exporter", plex.TABLES)
        written += metrics.markdown("nzbget-exporter", nzbget.TABLES)
        self.assertEqual(page, written, "write METRICS.md by `--describe` of both")

    def test_every_metric_is_exported(self):
        stub = self.stub([session()], [row(1)])
        running = self.run_exporter(stub.url)
        self.all_up(running)
        stub.fault = "html"
        samples = running.until(
            lambda s: s.get(key(ERRORS, source="activity", reason="malformed"), 0) >= 1
        )
        names = {name for name, _ in samples} | set(plex.ACTIVITY)
        self.assertEqual(set(plex.TABLE) - names, set())

    def test_no_metric_is_exported_that_the_table_lacks(self):
        with self.assertRaises(KeyError):
            Families(plex.TABLE).add("plex_unknown", 1)


class Benchmark(Case):
    def test_scrapes_do_not_wait_for_tautulli(self):
        stub = self.stub([session()], [row(1)])
        running = self.run_exporter(stub.url)
        self.all_up(running)
        stub.fault = "slow"
        done = threading.Event()
        threading.Thread(target=lambda: (running.get(), done.set()), daemon=True).start()
        # The stub holds its answers for 30 s; a scrape that asked it would, too.
        self.assertTrue(done.wait(25))
