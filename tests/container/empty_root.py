"""The relay's image without Docker: what relay/Dockerfile says, done by hand."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
import unittest
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(sys.argv.pop(1))
DOCKERFILE = (ROOT / "relay/Dockerfile").read_text()
NOBODY = 65534
CHROOT = shutil.which("chroot", path="/usr/sbin:/sbin:/usr/bin:/bin")
LIMIT = 20


def last_stage():
    """The instructions of the image itself, lines joined."""
    text = DOCKERFILE.replace("\\\n", " ").split("\nFROM ")[-1]
    return [line.split(None, 1) for line in text.splitlines() if line and not line.startswith("#")]


def environment():
    pairs = [pair for name, rest in last_stage()[1:] if name == "ENV" for pair in rest.split()]
    return dict(pair.split("=", 1) for pair in pairs)


class Image(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        os.chmod(self.root, 0o755)
        (self.root / "relay").write_bytes(BINARY.read_bytes())
        os.chmod(self.root / "relay", 0o755)
        (self.root / "data").mkdir()
        os.chown(self.root / "data", NOBODY, NOBODY)

    def start(self, *arguments, **settings):
        """The entry point with the image's environment and nothing else."""
        uid, gid = self.users()
        env = environment() | {
            "CONVOKE_RELAY_LISTEN": "127.0.0.1:0",
            "CONVOKE_RELAY_UDP": "127.0.0.1:0",
            "CONVOKE_RELAY_STUN": "127.0.0.1:0",
            "CONVOKE_RELAY_TCP": "127.0.0.1:0",
            "CONVOKE_RELAY_OPERATOR": "127.0.0.1:0",
        } | settings
        command = [CHROOT, f"--userspec={uid}:{gid}", "--groups=", str(self.root), *self.entry(), *arguments]
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def first_line(self, process):
        """The first line that it logs; one that logs nothing in time is killed, and so its output ends."""
        timer = threading.Timer(LIMIT, process.kill)
        timer.start()
        try:
            return process.stderr.readline()
        finally:
            timer.cancel()

    def users(self):
        (user,) = [rest for name, rest in last_stage()[1:] if name == "USER"]
        return [int(number) for number in user.split(":")]

    def entry(self):
        (entry,) = [rest for name, rest in last_stage()[1:] if name == "ENTRYPOINT"]
        return json.loads(entry)

    def test_the_image_holds_a_static_binary_that_nobody_runs(self):
        self.assertEqual(last_stage()[0][0], "scratch")
        self.assertEqual(self.users(), [NOBODY, NOBODY])
        self.assertEqual(self.entry(), ["/relay"])
        kind = subprocess.run(["ldd", BINARY], capture_output=True, text=True)
        self.assertRegex(kind.stdout + kind.stderr, "statically linked|not a dynamic executable")

    def test_every_setting_of_the_image_is_an_option(self):
        helped = subprocess.run([BINARY, "--help"], capture_output=True, text=True, check=True).stdout
        known = set(re.findall(r"\[env: (CONVOKE_RELAY_[A-Z_]+)", helped))
        self.assertLessEqual(set(environment()), known)
        # The operator's door is not opened to everybody by the image.
        self.assertTrue(environment()["CONVOKE_RELAY_OPERATOR"].startswith("127.0.0.1:"))

    def test_it_starts_serves_keeps_its_key_and_ends(self):
        process = self.start()
        started = json.loads(self.first_line(process))["fields"]
        self.assertEqual(started["message"], "relay started")
        status = Path(f"/proc/{process.pid}/status").read_text()
        for name in ("Uid", "Gid"):
            numbers = re.search(rf"^{name}:\s+(.*)$", status, re.M)[1].split()
            self.assertEqual(numbers, [str(NOBODY)] * 4)
        self.assertEqual(os.readlink(f"/proc/{process.pid}/root"), str(self.root))
        with urllib.request.urlopen(f"http://{started['operator']}/healthz", timeout=LIMIT) as answer:
            self.assertEqual(json.load(answer)["status"], "ok")
        with urllib.request.urlopen(f"http://{started['http']}/", timeout=LIMIT) as answer:
            self.assertEqual(answer.read(), b"OK")
        (key,) = (self.root / "data").iterdir()
        self.assertEqual((key.stat().st_uid, key.stat().st_mode & 0o077), (NOBODY, 0))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=LIMIT)
        self.assertEqual(process.returncode, 0)

    def test_it_reads_the_example_configuration(self):
        example = ROOT / "relay/relay.example.toml"
        (self.root / "relay.toml").write_text(example.read_text())
        process = self.start("--print-key", CONVOKE_RELAY_CONFIG="/relay.toml", CONVOKE_RELAY_DATA="/data")
        out, err = process.communicate(timeout=LIMIT)
        self.assertEqual(process.returncode, 0, err)
        self.assertEqual(json.loads(out)["kty"], "EC")
        self.assertIn("operator", tomllib.loads(example.read_text()))

    def test_it_says_what_is_wrong_with_a_folder_that_it_cannot_write(self):
        os.chown(self.root / "data", 0, 0)
        os.chmod(self.root / "data", 0o755)
        process = self.start()
        _, err = process.communicate(timeout=LIMIT)
        self.assertNotEqual(process.returncode, 0)
        self.assertIn("/data", err)


if __name__ == "__main__":
    begun = time.monotonic()
    result = unittest.TextTestRunner(stream=sys.stderr, verbosity=2).run(
        unittest.defaultTestLoader.loadTestsFromTestCase(Image)
    )
    bad = len(result.failures) + len(result.errors)
    # The line that ./scripts/test adds up.
    print(f"test result: {result.testsRun - bad} passed; {bad} failed; in {time.monotonic() - begun:.1f}s")
    sys.exit(bad > 0)
