"""Backups made by a real Restic, brought back and tested."""

import json
import os
import platform
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent.parent / "backup-restore.sh"


class Restore(unittest.TestCase):
    """Each test has a repository with one snapshot of the same three files."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.home = cls.folder / "home"
        cls.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(cls.folder),
            "RESTIC_REPOSITORY": str(cls.folder / "repository"),
            "RESTIC_PASSWORD_FILE": str(cls.folder / "password"),
            "RESTIC_CACHE_DIR": str(cls.folder / "cache"),
        }
        (cls.folder / "password").write_text("only for this test\n")
        cls.files()
        cls.restic("init")
        shutil.copytree(cls.folder / "repository", cls.folder / "empty")
        cls.backup()
        shutil.copytree(cls.folder / "repository", cls.folder / "full")

    @classmethod
    def files(cls) -> None:
        shutil.rmtree(cls.home, ignore_errors=True)
        cls.home.mkdir()
        texts = {"letter.txt": "Dear Bob\n", "empty": "", "odd [1] * and 'quote'.txt": "odd\n"}
        for name, text in texts.items():
            (cls.home / name).write_text(text)
            os.utime(cls.home / name, (1_700_000_000, 1_700_000_000))

    def setUp(self) -> None:
        self.files()
        self.repository("full")
        shutil.rmtree(self.folder / "back", ignore_errors=True)

    def repository(self, like: str) -> None:
        shutil.rmtree(self.folder / "repository")
        shutil.copytree(self.folder / like, self.folder / "repository")

    @classmethod
    def restic(cls, *arguments: str) -> None:
        subprocess.run(
            ["restic", *arguments], env=cls.environment, check=True, capture_output=True
        )

    @classmethod
    def backup(cls, *arguments: str) -> None:
        cls.restic("backup", str(cls.home), *arguments)

    def run_it(self, *arguments: str, code: int = 0, answer: str = "") -> str:
        """What the program says."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", str(SCRIPT), *arguments],
            env=self.environment,
            input=answer,
            capture_output=True,
            text=True,
            timeout=120,
        )
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, code, said)
        return said

    def test_list_and_files(self) -> None:
        self.assertIn(str(self.home), self.run_it("list"))
        self.assertIn("letter.txt", self.run_it("files"))

    def test_everything_comes_back_beside_what_is_there(self) -> None:
        (self.home / "letter.txt").write_text("overwritten\n")
        target = self.folder / "back"
        said = self.run_it("restore", "--target", str(target))
        self.assertIn(f"restored to {target}", said)
        back = target / str(self.home).lstrip("/")
        self.assertEqual((back / "letter.txt").read_text(), "Dear Bob\n")
        self.assertEqual((back / "odd [1] * and 'quote'.txt").read_text(), "odd\n")
        self.assertEqual((self.home / "letter.txt").read_text(), "overwritten\n")
        self.assertEqual(target.stat().st_mode & 0o777, 0o700)

    def test_one_file_of_an_older_snapshot(self) -> None:
        first = json.loads(
            subprocess.run(
                ["restic", "snapshots", "--json"],
                env=self.environment,
                check=True,
                capture_output=True,
            ).stdout
        )[0]["short_id"]
        letter = self.home / "letter.txt"
        letter.write_text("Dear Carol\n")
        self.backup()
        target = self.folder / "back"
        self.run_it("restore", "--snapshot", first, "--target", str(target), str(letter))
        self.assertEqual((target / str(letter).lstrip("/")).read_text(), "Dear Bob\n")
        self.assertFalse((target / str(self.home).lstrip("/") / "empty").exists())

    def test_what_a_snapshot_does_not_hold(self) -> None:
        missing = str(self.home / "missing")
        said = self.run_it(
            "restore", "--target", str(self.folder / "back"), missing, code=1
        )
        self.assertIn(f"has no {missing}", said)

    def test_a_folder_that_is_not_empty_is_refused(self) -> None:
        said = self.run_it("restore", "--target", str(self.home), code=3)
        self.assertIn("is not empty", said)

    def test_in_place_needs_the_name_of_the_host(self) -> None:
        letter = self.home / "letter.txt"
        letter.write_text("lost\n")
        for answer in ("", "no\n", "yes\n"):
            said = self.run_it("restore", "--in-place", str(letter), code=3, answer=answer)
            self.assertIn("not confirmed", said)
            self.assertEqual(letter.read_text(), "lost\n")
        self.run_it("restore", "--in-place", code=3)
        self.run_it("restore", "--in-place", str(letter), answer=platform.node() + "\n")
        self.assertEqual(letter.read_text(), "Dear Bob\n")

    def test_a_good_backup_passes(self) -> None:
        status = self.folder / "status.json"
        said = self.run_it("test", "--status", str(status))
        self.assertIn("3 of 3 files read back, 3 compared", said)
        found = json.loads(status.read_text())
        self.assertTrue(found["ok"])
        self.assertEqual((found["read"], found["files"], found["problems"]), (3, 3, []))

    def test_what_changed_since_is_read_but_not_compared(self) -> None:
        (self.home / "letter.txt").write_text("Dear Bob, and Carol\n")
        self.assertIn("3 of 3 files read back, 2 compared", self.run_it("test"))

    def test_a_sample_is_enough(self) -> None:
        self.assertIn("1 of 3 files read back", self.run_it("test", "--sample", "1"))

    def test_a_file_that_rotted_on_the_disk_is_found(self) -> None:
        letter = self.home / "letter.txt"
        before = letter.stat()
        letter.write_text("Dear Rob\n")
        os.utime(letter, ns=(before.st_atime_ns, before.st_mtime_ns))
        status = self.folder / "status.json"
        said = self.run_it("test", "--status", str(status), code=1)
        self.assertIn("letter.txt differs from what lies on the disk", said)
        self.assertFalse(json.loads(status.read_text())["ok"])

    def test_a_damaged_repository_is_found(self) -> None:
        packs = [path for path in (self.folder / "repository/data").rglob("*") if path.is_file()]
        for pack in packs:
            pack.chmod(0o600)
            content = bytearray(pack.read_bytes())
            for index in range(min(len(content), 64)):
                content[index] ^= 0xFF
            pack.write_bytes(content)
        said = self.run_it("test", code=1)
        self.assertIn("cannot be read back", said)

    def test_an_old_snapshot_is_a_problem(self) -> None:
        self.repository("empty")
        self.backup("--time", "2020-01-01 12:00:00")
        self.assertIn("hours old", self.run_it("test", code=1))
        self.run_it("test", "--max-age", "1000000")

    def test_no_snapshot_is_a_problem(self) -> None:
        self.repository("empty")
        status = self.folder / "status.json"
        self.assertIn("there is no snapshot", self.run_it("test", "--status", str(status), code=1))
        self.assertEqual(json.loads(status.read_text())["snapshot"], None)

    def test_usage(self) -> None:
        self.run_it(code=2)
        self.run_it("test", "--sample", code=2)
        self.run_it("restore", "--unknown", code=2)


if __name__ == "__main__":
    unittest.main()
