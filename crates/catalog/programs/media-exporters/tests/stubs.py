"""Servers that answer as Tautulli and NZBGet do, and a running exporter to ask."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

HERE = Path(__file__).resolve().parent.parent
KEY = "0123456789abcdef0123456789abcdef"
PASSWORD = "correct horse: battery"
NOW = time.time()


class Stub:
    """An HTTP server on loopback. `fault` makes it misbehave in one way."""

    def __init__(self, answer):
        self.fault = None
        self.requests = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                stub.requests.append((self.path, dict(self.headers), body))
                if stub.fault == "slow":
                    stub.released.wait(30)
                    return
                if stub.fault == "hang-up":
                    self.connection.close()
                    return
                if stub.fault == "redirect":
                    self.send_response(302)
                    self.send_header("Location", f"http://127.0.0.1:{stub.port}/elsewhere")
                    self.end_headers()
                    return
                status, document = answer(stub, self.path, self.headers, body)
                if stub.fault == "malformed":
                    document = document[: len(document) // 2]
                elif stub.fault == "html":
                    document = b"<html>Bad gateway</html>"
                elif stub.fault == "server-error":
                    status, document = 500, b"oops"
                self.send_response(status)
                self.send_header("Content-Type", "application/json;charset=UTF-8")
                self.send_header("Content-Length", str(len(document)))
                self.end_headers()
                self.wfile.write(document)

            do_GET = do_POST  # noqa: N815

            def log_message(self, *_):
                pass

        self.released = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


def session(**changes):
    """A stream as `get_activity` tells it, with the fields that matter and some that do not."""
    return {
        "session_key": "27",
        "session_id": "291694e7bf5c8ff2",
        "friendly_name": "Alice",
        "user": "alice",
        "email": "alice@example.org",
        "ip_address": "10.0.0.21",
        "full_title": "Some Show - The One",
        "title": "The One",
        "grandparent_title": "Some Show",
        "media_type": "episode",
        "platform": "Chrome",
        "player": "Kitchen",
        "product": "Plex Web",
        "state": "playing",
        "location": "lan",
        "bandwidth": "25318",
        "progress_percent": "42",
        "transcode_decision": "direct play",
        "video_decision": "direct play",
        "audio_decision": "direct play",
        "transcode_hw_encoding": 0,
        "transcode_throttled": 0,
        "stream_video_full_resolution": "1080p",
        "video_full_resolution": "1080p",
        "quality_profile": "Original",
        **changes,
    }


def row(number, **changes):
    """A row of `get_history`."""
    started = int(NOW - number * 200)
    return {
        "row_id": 100_000 - number,
        "reference_id": 100_000 - number,
        "date": started,
        "started": started,
        "stopped": started + 150,
        "duration": 120,
        "play_duration": 120,
        "paused_counter": 30,
        "user_id": 8,
        "user": f"user{number % 7}",
        "friendly_name": f"User {number % 7}",
        "platform": ["Chrome", "Android", "tvOS"][number % 3],
        "product": "Plex Web",
        "player": "Kitchen",
        "ip_address": "10.0.0.21",
        "live": 0,
        "machine_id": "lmd93nkn12k29j2lnm",
        "location": "wan" if number % 4 == 0 else "lan",
        "secure": 1,
        "relayed": 0,
        "media_type": "episode",
        "rating_key": 4348,
        "full_title": f"Show {number % 40} - Episode {number}",
        "title": f"Episode {number}",
        "grandparent_title": f"Show {number % 40}",
        "year": 2016,
        "guid": f"plex://episode/{number}",
        "transcode_decision": ["direct play", "copy", "transcode"][number % 3],
        "percent_complete": 84,
        "watched_status": 0,
        "group_count": 1,
        "group_ids": str(number),
        "state": None,
        "session_key": None,
        **changes,
    }


LIBRARIES = [
    {"section_id": "1", "section_name": "Films", "section_type": "movie", "count": "887"},
    {
        "section_id": "2",
        "section_name": "Shows",
        "section_type": "show",
        "count": "62",
        "parent_count": "240",
        "child_count": "3745",
    },
]

RESOLUTIONS = {
    "categories": ["4k", "1080", "sd"],
    "series": [
        {"name": "Direct Play", "data": [1, 20, 3]},
        {"name": "Direct Stream", "data": [0, 4, 0]},
        {"name": "Transcode", "data": [2, 7, 1]},
    ],
}


class Tautulli(Stub):
    """Tautulli with some sessions and a history."""

    def __init__(self, sessions=(), rows=()):
        self.sessions = list(sessions)
        self.rows = list(rows)
        self.plex = True
        self.key = KEY
        super().__init__(Tautulli.answer)

    def answer(self, path, headers, body):
        form = {k: v[0] for k, v in urllib.parse.parse_qs(body.decode()).items()}
        if path != "/api/v2" or headers["Content-Type"] != "application/x-www-form-urlencoded":
            return 404, b"{}"
        if form.get("apikey") != self.key:
            return 400, self.respond("error", {}, "Invalid apikey")
        data = getattr(self, form["cmd"])(form)
        return 200, self.respond("success", data, None)

    @staticmethod
    def respond(result, data, message):
        return json.dumps(
            {"response": {"result": result, "message": message, "data": data}}
        ).encode()

    def get_activity(self, _form):
        if not self.plex:
            return {}
        lan = sum(int(s["bandwidth"]) for s in self.sessions if s["location"] == "lan")
        wan = sum(int(s["bandwidth"]) for s in self.sessions if s["location"] != "lan")
        return {
            "stream_count": str(len(self.sessions)),
            "sessions": self.sessions,
            "lan_bandwidth": lan,
            "wan_bandwidth": wan,
            "total_bandwidth": lan + wan,
        }

    def get_libraries(self, _form):
        return LIBRARIES

    def get_plays_by_stream_resolution(self, _form):
        return RESOLUTIONS

    def get_history(self, form):
        assert form["order_column"] == "stopped"
        assert form["order_dir"] == "desc"
        rows = sorted(self.rows, key=lambda r: -r["stopped"])
        start, length = int(form["start"]), int(form["length"])
        return {
            "draw": 1,
            "recordsTotal": len(rows),
            "recordsFiltered": len(rows),
            "total_duration": "1 hr",
            "filter_duration": "1 hr",
            "data": rows[start : start + length],
        }


def halves(name, value):
    return {f"{name}Lo": value % 2**32, f"{name}Hi": value // 2**32, f"{name}MB": value // 2**20}


def nzbget_status(**changes):
    return {
        **halves("RemainingSize", 6_000_000_000),
        **halves("DownloadedSize", 9_876_543_210),
        **halves("MonthSize", 123_456_789_012),
        **halves("DaySize", 1_234),
        **halves("ArticleCache", 0),
        **halves("FreeDiskSpace", 5_000_000_000_000),
        **halves("DownloadRate", 12_345_678),
        **halves("AverageDownloadRate", 1_000_000),
        "DownloadRate": 12_345_678,
        "DownloadLimit": 0,
        "ThreadCount": 12,
        "PostJobCount": 1,
        "UrlCount": 0,
        "UpTimeSec": 3600,
        "DownloadTimeSec": 1800,
        "ServerStandBy": False,
        "DownloadPaused": True,
        "PostPaused": False,
        "ScanPaused": False,
        "QuotaReached": False,
        "NewsServers": [{"ID": 1, "Active": True}, {"ID": 2, "Active": False}],
        **changes,
    }


def group(number, **changes):
    return {
        "NZBID": number,
        "NZBName": f"item-{number}",
        "Kind": "NZB",
        "Category": "movies",
        "Status": "QUEUED",
        **halves("FileSize", 5_000_000_000),
        **halves("RemainingSize", 3_000_000_000),
        **changes,
    }


def past(number, **changes):
    statuses = ["SUCCESS/ALL", "SUCCESS/UNPACK", "FAILURE/PAR", "DELETED/DUPE", "WARNING/HEALTH"]
    return {
        "NZBID": number,
        "Kind": "NZB",
        "Name": f"item-{number}",
        "Category": ["movies", "tv", ""][number % 3],
        "Status": statuses[number % 5],
        "HistoryTime": 1_700_000_000 + number,
        "DownloadTimeSec": 10,
        **halves("DownloadedSize", 1_000_000_000),
        **changes,
    }


class Nzbget(Stub):
    """NZBGet with a queue and a history."""

    def __init__(self, queue=(), history=(), **status):
        self.state = nzbget_status(**status)
        self.queue = list(queue)
        self.history = list(history)
        self.password = PASSWORD
        self.error = None
        super().__init__(Nzbget.answer)

    def answer(self, path, headers, body):
        wanted = "Basic " + base64.b64encode(f"nzbget:{self.password}".encode()).decode()
        if headers.get("Authorization") != wanted:
            return 401, b"<html>Unauthorized</html>"
        call = json.loads(body)
        if path != "/jsonrpc" or set(call) != {"method", "params", "id"}:
            return 404, b"{}"
        if self.error:
            return 200, json.dumps({"version": "1.1", "error": self.error}).encode()
        expected = {"status": [], "listgroups": [0], "history": [False]}
        assert call["params"] == expected[call["method"]], call
        result = {"status": self.state, "listgroups": self.queue, "history": self.history}
        return 200, json.dumps({"version": "1.1", "result": result[call["method"]]}).encode()


class Running:
    """An exporter in a process of its own, and its metrics."""

    def __init__(self, module, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, "-B", "-m", f"media_exporters.{module}", "--port", "0", *arguments],
            cwd=HERE,
            stderr=subprocess.PIPE,
            text=True,
            env={"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"},
        )
        self.log = []
        self.ready = threading.Event()
        self.port = 0
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.ready.wait(20)
        if not self.port:
            self.close()
            raise AssertionError("not started: " + "".join(self.log))

    def _read(self):
        for line in self.process.stderr:
            self.log.append(line)
            if "listening on" in line:
                self.port = int(line.rsplit(":", 1)[1])
                self.ready.set()
        # It ended; whoever waits for it to be ready is told by the log.
        self.ready.set()

    def get(self, path="/metrics"):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as answer:
            return answer.read().decode()

    def samples(self):
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(self.get())
            for sample in family.samples
        }

    def until(self, said):
        """Scrape until `said` holds of the samples."""
        deadline = time.monotonic() + 30
        while True:
            samples = self.samples()
            if said(samples):
                return samples
            if time.monotonic() > deadline:
                shown = "\n".join(f"{k} {v}" for k, v in sorted(samples.items()))
                raise AssertionError(f"never happened:\n{shown}\n{''.join(self.log)}")
            time.sleep(0.05)

    def close(self):
        self.process.terminate()
        self.process.wait(20)
        self.reader.join(20)
        self.process.stderr.close()
        return self.process.returncode


def key(name, **labels):
    return (name, tuple(sorted(labels.items())))
