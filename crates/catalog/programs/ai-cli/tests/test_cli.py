"""`ai-cli` as a process, against providers on loopback."""

import json
import os
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

from tests.stubs import APIS, HERE, KEYS, TEXT, Case, sse

BOTH = (("--stream",), ("--no-stream",), ())


class Success(Case):
    def test_every_interface_answers(self):
        for api in APIS:
            for flags in BOTH:
                with self.subTest(api=api, flags=flags):
                    self.config["providers"], self.config["default"] = {}, None
                    server = self.serve(api)
                    code, out, err = self.ask(*flags, "-s", "Be brief.", "why", "is the sky blue?")
                    self.assertEqual((code, out, err), (0, TEXT + "\n", ""))
                    self.assertEqual(server.asked, [("model-a", ["why is the sky blue?"], "Be brief.")])

    def test_verbose_tells_who_and_how_much(self):
        for api in APIS:
            with self.subTest(api=api):
                self.config["providers"], self.config["default"] = {}, None
                self.serve(api, costs={"model-a": (3, 15)})
                code, out, err = self.ask("-v", "why?")
                self.assertEqual((code, out), (0, TEXT + "\n"))
                self.assertIn(f"asking {api}/model-a", err)
                # 25 tokens at 3, 15 at 15 for a million.
                self.assertIn("tokens 25 in, 15 out, about 0.000300", err)

    def test_question_from_standard_input(self):
        server = self.serve("ollama")
        self.assertEqual(self.ask(text="why?\n")[0], 0)
        self.assertEqual(self.ask("sum up:", text="a\nb\n")[0], 0)
        self.assertEqual([asked[1] for asked in server.asked], [["why?"], ["sum up:\n\na\nb"]])

    def test_no_question(self):
        server = self.serve("ollama")
        for arguments in ({}, {"text": " \n"}):
            code, out, err = self.ask(**arguments)
            self.assertEqual((code, out), (2, ""))
            self.assertIn("no question", err)
        self.assertEqual(server.asked, [])

    def test_model_and_provider(self):
        first = self.serve("anthropic", models=("large", "small"))
        second = self.serve("ollama", models=("local",))
        self.ask("-m", "small", "q")
        self.ask("-p", "ollama", "q")
        # A model alone is enough where one provider lists it.
        self.ask("-m", "local", "q")
        self.ask("-p", "anthropic", "-m", "newer", "q")
        self.assertEqual([asked[0] for asked in first.asked], ["small", "newer"])
        self.assertEqual([asked[0] for asked in second.asked], ["local", "local"])

    def test_unknown_provider(self):
        self.serve("ollama")
        code, _, err = self.ask("-p", "nobody", "q")
        self.assertEqual(code, 2)
        self.assertIn("there are: ollama", err)

    def test_answers_that_are_cut_say_so(self):
        cut = [
            b'data: {"choices": [{"delta": {"content": "Half"}, "finish_reason": null}]}\n\n',
            b'data: {"choices": [{"delta": {}, "finish_reason": "length"}]}\n\n',
            b"data: [DONE]\n\n",
        ]
        self.serve("openai", cut)
        code, out, err = self.ask("q")
        self.assertEqual((code, out), (0, "Half\n"))
        self.assertIn("the answer was cut", err)

    def test_empty_answer_names_the_reason(self):
        self.serve("gemini", sse({"candidates": [{"finishReason": "SAFETY"}]}))
        code, out, err = self.ask("q")
        self.assertEqual((code, out), (6, ""))
        self.assertIn("SAFETY", err)

    def test_refused_question(self):
        self.serve("gemini", sse({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}))
        code, _, err = self.ask("q")
        self.assertEqual(code, 6)
        self.assertIn("PROHIBITED_CONTENT", err)


class Terminal(Case):
    def test_pieces_are_shown_as_they_come(self):
        for api in APIS:
            with self.subTest(api=api):
                self.config["providers"], self.config["default"] = {}, None
                self.serve(api, "stall")
                # The rest never comes, so what is shown was not waited for.
                code, out, err = self.at_terminal("cli", "-t", "0.5", "q")
                self.assertEqual(out.rstrip(), "The sky")
                self.assertEqual(code, 9)
                self.assertIn("a part was shown", err)

    def test_whole_answer(self):
        self.serve("anthropic")
        self.assertEqual(self.at_terminal("cli", "q"), (0, TEXT + "\n", ""))

    def test_no_fallback_after_a_part_was_shown(self):
        self.serve("anthropic", "midstream")
        second = self.serve("ollama")
        code, _, err = self.at_terminal("cli", "-f", "q")
        self.assertEqual((code, second.asked), (9, []))
        self.assertIn("Overloaded", err)

    def test_control_characters_do_not_reach_the_terminal(self):
        evil = [
            json.dumps({"message": {"content": "a\x1b]0;pwned\x07\x1b[2Jb\x9b2J\n"}, "done": False}).encode()
            + b"\n",
            b'{"message": {"content": ""}, "done": true}\n',
        ]
        self.serve("ollama", evil)
        code, out, _ = self.at_terminal("cli", "q")
        self.assertEqual((code, out), (0, "a]0;pwned[2Jb2J\n"))


class Faults(Case):
    def each(self, plan, *arguments, code, said=None, tries=None, apis=APIS, **changes):
        for api in apis:
            with self.subTest(api=api, plan=plan):
                self.config["providers"], self.config["default"] = {}, None
                server = self.serve(api, *plan, **changes)
                got, out, err = self.ask(*arguments, "q")
                self.assertEqual((got, out), (code, TEXT + "\n" if code == 0 else ""), err)
                self.assertNotIn("Traceback", err)
                if said:
                    self.assertIn(said, err)
                if tries:
                    self.assertEqual(len(server.headers), tries)

    def test_refused_key(self):
        apis = ("anthropic", "openai", "gemini")
        self.each(["401"], code=4, said="the key is refused", tries=1, apis=apis)

    def test_key_that_the_server_repeats_is_hidden(self):
        self.serve("openai", "401")
        _, _, err = self.ask("-v", "q")
        self.assertIn("[key]", err)

    def test_unknown_model(self):
        self.each(["404"], code=6, said="no such model", tries=1)

    def test_rate_limit_that_ends(self):
        self.each(["429", "429", "ok"], code=0, tries=3)

    def test_rate_limit_that_goes_on(self):
        self.each(["429"], code=5, said="too many requests", tries=3)

    def test_retry_after_is_honoured(self):
        self.serve("anthropic", "429+0.3", "ok")
        started = time.monotonic()
        code, _, err = self.ask("-v", "q")
        self.assertEqual(code, 0)
        self.assertIn("asks to wait 0.3 s", err)
        self.assertIn("once more in 0.3 s", err)
        # Never earlier than asked; how much later is the machine's affair.
        self.assertGreaterEqual(time.monotonic() - started, 0.3)

    def test_retry_after_that_is_too_long(self):
        self.each(["429+3600"], code=5, said="longer than 5 s", tries=1)

    def test_server_error_that_ends(self):
        self.each(["500", "529", "ok"], code=0, tries=3)

    def test_server_error_that_goes_on(self):
        self.each(["500"], code=6, said="trouble 500", tries=3)

    def test_slow(self):
        self.each(["slow"], "-t", "0.3", code=8, said="nothing came for 0.3 s", tries=3)

    def test_slow_in_the_middle(self):
        self.each(["stall", "ok"], "-t", "0.5", code=0, tries=2)

    def test_down(self):
        server = self.serve("ollama")
        server.close()
        code, _, err = self.ask("q")
        self.assertEqual(code, 7)
        self.assertIn("cannot be reached", err)

    def test_dropped_connection(self):
        self.each(["drop"], code=7, tries=3)

    def test_unknown_host(self):
        self.serve("ollama", url="http://no-such-host.invalid:11434")
        self.assertEqual(self.ask("q")[0], 7)

    def test_malformed(self):
        self.each(["malformed"], "--no-stream", code=6, said="not JSON", tries=3)
        self.each(["malformed"], code=6, tries=3)

    def test_another_shape(self):
        self.each(["shape"], code=6, tries=3)

    def test_page_of_a_hotel(self):
        self.each(["html"], code=6)
        self.each(["html"], "--no-stream", code=6, said="not JSON: <html>Welcome")

    def test_error_in_the_middle(self):
        self.each(["midstream", "ok"], code=0, tries=2)
        self.each(["midstream"], code=6, said="failed: ", tries=3)

    def test_answer_that_breaks_off(self):
        self.each(["cut"], code=6, said="the answer broke off", tries=3)

    def test_redirection_is_not_followed(self):
        self.each(["redirect"], code=6, said="HTTP 307", tries=1)

    def test_interrupt(self):
        server = self.serve("ollama", "slow")
        process = self.start("cli", "-t", "20", "q")
        while not server.asked:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        self.assertEqual((process.returncode, err), (130, "interrupted\n"))

    def test_reader_that_leaves(self):
        self.serve(
            "ollama", [json.dumps({"message": {"content": "x" * 500_000}, "done": True}).encode() + b"\n"]
        )
        process = self.start("cli", "q")
        process.stdout.read(1)
        process.stdout.close()
        self.assertEqual((process.wait(30), process.stderr.read()), (0, ""))
        process.stderr.close()


class Fallback(Case):
    def test_by_priority(self):
        first = self.serve("openai", "500", priority=30)
        second = self.serve("gemini", "401", priority=20)
        third = self.serve("ollama", priority=10)
        self.config["default"] = "openai"
        self.write()
        code, out, err = self.ask("-f", "-v", "q")
        self.assertEqual((code, out), (0, TEXT + "\n"))
        self.assertEqual([len(s.asked) for s in (first, second, third)], [3, 0, 1])
        self.assertIn("trouble 500; asking the next", err)

    def test_the_rest_in_order_until_one_answers(self):
        self.serve("anthropic", "500", retries=0)
        second = self.serve("openai", "429", retries=0)
        third = self.serve("ollama", "ok")
        fourth = self.serve("gemini", "ok")
        self.assertEqual(self.ask("-f", "q")[0], 0)
        self.assertEqual([len(s.asked) for s in (second, third, fourth)], [1, 1, 0])

    def test_missing_key_of_the_first(self):
        self.serve("anthropic")
        (self.home / "key-anthropic").unlink()
        self.serve("ollama")
        self.assertEqual(self.ask("q")[0], 4)
        self.assertEqual(self.ask("-f", "q")[0], 0)

    def test_nobody_answers(self):
        self.serve("anthropic", "500", retries=0)
        self.serve("ollama", "drop", retries=0)
        code, out, err = self.ask("-f", "q")
        self.assertEqual((code, out), (7, ""))
        self.assertIn("nobody answered", err)
        self.assertIn("trouble 500", err)

    def test_not_without_being_asked_to(self):
        self.serve("anthropic", "500", retries=0)
        second = self.serve("ollama")
        self.assertEqual((self.ask("q")[0], second.asked), (6, []))
        self.config["fallback"] = True
        self.write()
        self.assertEqual(self.ask("q")[0], 0)
        self.assertEqual(self.ask("--no-fallback", "q")[0], 6)


class Cost(Case):
    def three(self):
        self.serve("anthropic", models=("big", "small"), costs={"big": (3, 15), "small": (1, 5)})
        self.serve("openai", models=("tiny", "mystery"), costs={"tiny": (0.05, 0.4)})
        self.serve("ollama", models=("local",), costs={"local": (0, 0)})

    def asked(self, *arguments):
        before = {name: len(server.asked) for name, server in self.servers.items()}
        code, _, err = self.ask(*arguments, "q")
        self.assertEqual(code, 0, err)
        return [
            f"{name}/{asked[0]}"
            for name, server in self.servers.items()
            for asked in server.asked[before[name] :]
        ]

    def test_cheapest_first(self):
        self.three()
        self.assertEqual(self.asked(), ["anthropic/big"])
        self.assertEqual(self.asked("-c"), ["ollama/local"])
        self.assertEqual(self.asked("-c", "-p", "anthropic"), ["anthropic/small"])

    def test_what_cannot_be_used_is_not_cheap(self):
        self.three()
        del self.config["providers"]["ollama"]
        (self.home / "key-openai").unlink()
        self.write()
        self.assertEqual(self.asked("-c"), ["anthropic/small"])

    def test_fallback_by_cost(self):
        self.three()
        self.servers["ollama"].plan = ["404"]
        self.servers["openai"].plan = ["404"]
        # The model without a known price comes last.
        self.assertEqual(self.asked("-c", "-f"), ["anthropic/small", "openai/tiny", "ollama/local"])

    def test_by_configuration(self):
        self.three()
        self.config["preferCost"] = True
        self.write()
        self.assertEqual(self.asked(), ["ollama/local"])
        self.assertEqual(self.asked("--no-cost"), ["anthropic/big"])


class Keys(Case):
    def refused(self, said):
        server = self.servers["anthropic"]
        code, out, err = self.ask("q")
        self.assertEqual((code, out, server.headers), (4, "", []))
        self.assertIn(said, err)

    def test_missing(self):
        self.serve("anthropic")
        (self.home / "key-anthropic").unlink()
        self.refused("is missing")

    def test_empty(self):
        self.serve("anthropic")
        (self.home / "key-anthropic").chmod(0o600)
        (self.home / "key-anthropic").write_text("\n")
        self.refused("is empty")

    def test_two_lines(self):
        self.serve("anthropic")
        (self.home / "key-anthropic").chmod(0o600)
        (self.home / "key-anthropic").write_text(KEYS["anthropic"] + "\nx-evil: 1\n")
        self.refused("more than one word")

    def test_no_text(self):
        self.serve("anthropic")
        (self.home / "key-anthropic").chmod(0o600)
        (self.home / "key-anthropic").write_bytes(b"\xff\xfe\x00")
        self.refused("no plain text")

    def test_folder(self):
        self.serve("anthropic", keyFile="/")
        self.refused("cannot be read")

    @unittest.skipUnless(os.getuid() == 0, "root alone may become somebody else")
    def test_not_readable(self):
        """A user outside the group is told what to do; one inside of it gets an answer."""
        server = self.serve("anthropic")
        key = self.home / "key-anthropic"
        os.chown(key, 0, 4242)
        key.chmod(0o440)
        self.home.chmod(0o755)

        def as_nobody(*groups):
            # The sources may lie where nobody else may look; -c does not ask where from.
            drop = (
                f"import sys; sys.path.insert(0, {str(HERE)!r}); import ai_cli.cli, os; "
                "import ai_cli.keys, ai_cli.chat, encodings.ascii, encodings.idna; "
                f"os.setgroups({list(groups)}); os.setgid(65534); os.setuid(65534); "
                "sys.exit(ai_cli.cli.main(['q']))"
            )
            return subprocess.run(
                [sys.executable, "-c", drop],
                env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=60, check=False,
            )  # fmt: skip

        done = as_nobody()
        self.assertEqual((done.returncode, done.stdout, server.headers), (4, "", []), done.stderr)
        self.assertIn("owner root, group 4242, mode 0440", done.stderr)
        self.assertIn("join the group 4242", done.stderr)
        done = as_nobody(4242)
        self.assertEqual((done.returncode, done.stdout), (0, TEXT + "\n"), done.stderr)
        key.chmod(0o400)
        self.assertIn('give the secret `group: ai` and `mode: "0440"`', as_nobody(4242).stderr)

    def test_a_key_does_not_leave_the_house_in_the_clear(self):
        for url, code in (("http://9.9.9.9", 3), ("http://api.example.org", 3)):
            self.serve("anthropic", url=url)
            got, _, err = self.ask("q")
            self.assertEqual(got, code)
            self.assertIn("use https", err)

    def test_keys_are_in_headers_alone(self):
        """A running question is looked at from outside."""
        for api in KEYS:
            with self.subTest(api=api):
                self.config["providers"], self.config["default"] = {}, None
                server = self.serve(api, "slow", retries=0)
                process = self.start("cli", "-v", "-t", "20", "q")
                while not server.asked:
                    time.sleep(0.02)
                proc = Path("/proc", str(process.pid))
                for place in ("cmdline", "environ"):
                    self.no_keys((proc / place).read_bytes().decode())
                children = [path.read_text() for path in proc.glob("task/*/children")]
                self.assertEqual(children, [""] * len(children))
                self.assertTrue(children)
                opened = [str(path.readlink()) for path in (proc / "fd").iterdir()]
                self.assertEqual([path for path in opened if "key-" in path], [])
                server.close()
                out, err = process.communicate(timeout=60)
                self.no_keys(out + err)
                for target, headers in server.headers:
                    self.no_keys(target)
                    holders = [name for name, value in headers.items() if KEYS[api] in value]
                    self.assertEqual(len(holders), 1)

    def test_a_mistake_of_the_program_shows_no_key(self):
        self.serve("anthropic")
        broken = (
            "import ai_cli.engine as e, ai_cli.cli, sys\n"
            "def fail(request, name, key, timeout): raise RuntimeError(key.reveal() + str(request))\n"
            "e.send = fail\n"
            "sys.exit(ai_cli.cli.main(['-v', 'q']))"
        )
        done = subprocess.run(
            [sys.executable, "-c", broken], cwd=HERE, env=self.environment(), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, 1)
        self.assertIn("RuntimeError", done.stderr)
        self.no_keys(done.stdout + done.stderr)


class Status(Case):
    def test_all_is_well(self):
        for api in APIS:
            self.serve(api, models=("model-a", "model-b"))
        code, out, err = self.ask("--status")
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(out.count(" ready"), 4)
        self.assertNotIn("missing", out)

    def test_what_is_missing(self):
        self.serve("anthropic")
        (self.home / "key-anthropic").unlink()
        self.serve("ollama", models=("here", "gone")).models = ["here:latest"]
        self.serve("openai").close()
        self.serve("gemini", keyFile=str(self.home / "wrong"))
        (self.home / "wrong").write_text("another-key")
        code, out, _ = self.ask("--status")
        self.assertEqual(code, 3)
        self.assertEqual(out.count("not ready"), 4)
        self.assertIn("key-anthropic` is missing", out)
        self.assertIn("the server has no model `gone`; list it in `ai.ollama.models`", out)
        self.assertIn("openai: cannot be reached", out)
        self.assertIn("gemini: the key is refused", out)

    def test_default_that_is_well_is_enough(self):
        self.serve("ollama")
        self.serve("openai").close()
        self.assertEqual(self.ask("--status")[0], 0)

    def test_lists(self):
        self.serve("anthropic", models=("big", "small"), costs={"big": (3, 15)})
        self.serve("ollama", models=("local",), costs={"local": (0, 0)})
        code, out, _ = self.ask("--list-models")
        self.assertEqual(code, 0)
        rows = [line.split() for line in out.splitlines()]
        self.assertIn(["anthropic", "big", "3", "15"], rows)
        self.assertIn(["anthropic", "small", "?", "?"], rows)
        self.assertIn(["ollama", "local", "0", "0"], rows)
        self.assertEqual(len(self.ask("--list-models", "-p", "ollama")[1].splitlines()), 2)
        _, out, _ = self.ask("--list-providers")
        self.assertEqual([line.split()[0] for line in out.splitlines()[1:]], ["anthropic", "ollama"])
        self.assertIn("default", out.splitlines()[1])
        self.assertEqual(self.servers["ollama"].headers, [])


class Configuration(Case):
    def test_missing(self):
        code, _, err = self.ask("q")
        self.assertEqual(code, 3)
        self.assertIn("turn on `ai.providers`", err)

    def test_mistakes(self):
        for change, said in (
            ({"providers": {}}, "names no provider"),
            ({"default": "nobody"}, "no provider that is enabled"),
            ({"timeout": "soon"}, "`configuration.timeout`"),
            ({"api": "smoke-signals"}, "none of: anthropic, gemini"),
            ({"url": "ftp://x"}, "no http address"),
            ({"models": []}, "lists no model"),
            ({"models": [{"name": 1}]}, "models[0].name"),
            ({"priority": True}, "ollama.priority"),
        ):
            with self.subTest(change=change):
                self.config["providers"], self.config["default"] = {}, None
                self.config["timeout"] = 5
                self.serve("ollama")
                known = set(self.config["providers"]["ollama"])
                for name, value in change.items():
                    target = self.config["providers"]["ollama"] if name in known else self.config
                    target[name] = value
                self.write()
                code, _, err = self.ask("q")
                self.assertEqual(code, 3, err)
                self.assertIn(said, err)

    def test_no_json(self):
        self.config_file.write_text("{")
        self.assertEqual(self.ask("q")[0], 3)

    def test_usage(self):
        for arguments in (("-t", "0", "q"), ("-t", "x", "q"), ("--nonsense",), ("--status", "--list-models")):
            self.assertEqual(self.ask(*arguments)[0], 2)

    def test_help_lists_the_exit_codes(self):
        code, out, _ = self.ask("--help")
        self.assertEqual(code, 0)
        for number in (0, 2, 3, 4, 5, 6, 7, 8, 9, 130):
            self.assertRegex(out, rf"(?m)^ +{number}  \w")
