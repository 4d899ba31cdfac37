"""`ai-chat` and `ai-switch` as processes."""

import json

from tests.stubs import TEXT, Case


class Chat(Case):
    def chat(self, text, *arguments):
        return self.run_command("chat", *arguments, text=text)

    def test_history_is_sent_along(self):
        server = self.serve("anthropic")
        code, out, _ = self.chat("first\nsecond\n/quit\nnever\n")
        self.assertEqual((code, out), (0, f"{TEXT}\n" * 2))
        self.assertEqual([asked[1] for asked in server.asked], [["first"], ["first", TEXT, "second"]])

    def test_commands(self):
        server = self.serve("openai", models=("model-a", "model-b"))
        self.serve("ollama", models=("local",))
        lines = [
            "/system Be brief.", "one", "/clear", "two", "/model model-b", "three", "/history", "/retry",
            "/provider ollama", "/provider nobody", "/nonsense", "/help", "/models", "/provider", "four",
        ]  # fmt: skip
        code, out, err = self.chat("\n".join(lines) + "\n")
        self.assertEqual(code, 0)
        self.assertEqual(
            server.asked,
            [
                ("model-a", ["one"], "Be brief."),
                ("model-a", ["two"], "Be brief."),
                ("model-b", ["two", TEXT, "three"], "Be brief."),
                ("model-b", ["two", TEXT, "three"], "Be brief."),
            ],
        )
        self.assertEqual(self.servers["ollama"].asked[0][0], "local")
        self.assertIn(f"assistant: {TEXT}", err)
        self.assertIn("there is no provider `nobody`", err)
        self.assertIn("there is no command `/nonsense`", err)
        self.assertIn("asking ollama/local", err)
        self.assertIn("model-b", out)

    def test_failure_is_forgotten(self):
        server = self.serve("ollama", "404", "ok")
        code, out, err = self.chat("one\ntwo\n")
        self.assertEqual((code, out), (0, TEXT + "\n"))
        self.assertIn("error: ollama", err)
        self.assertEqual(server.asked[-1][1], ["two"])

    def test_last_failure_is_the_exit_code(self):
        self.serve("ollama", "404")
        self.assertEqual(self.chat("one\n")[0], 6)

    def test_lines_that_go_on(self):
        server = self.serve("ollama")
        self.chat("one\\\ntwo\n")
        self.assertEqual(server.asked[0][1], ["one\ntwo"])

    def test_question_to_begin_with(self):
        server = self.serve("ollama")
        self.chat("two\n", "one")
        self.assertEqual(server.asked[1][1], ["one", TEXT, "two"])

    def test_at_a_terminal(self):
        self.serve("ollama")
        code, out, err = self.at_terminal("chat", typed=b"why?\n/quit\n", until=lambda shown: b"> " in shown)
        self.assertEqual(code, 0)
        self.assertIn(TEXT, out)
        self.assertIn("asking ollama/model-a", err)

    def test_unknown_provider_is_told_before_anything_is_typed(self):
        self.serve("ollama")
        code, _, err = self.chat("", "-p", "nobody")
        self.assertEqual(code, 2)
        self.assertIn("there are: ollama", err)


class Switch(Case):
    def test_chosen_provider_and_model(self):
        self.serve("anthropic")
        second = self.serve("ollama", models=("a", "b"))
        code, _, err = self.run_command("switch", "ollama", "b")
        self.assertEqual(code, 0)
        self.assertIn("asking ollama/b from now on", err)
        file = self.home / ".config/ai-cli/config.json"
        self.assertEqual(json.loads(file.read_text()), {"provider": "ollama", "model": "b"})
        self.assertEqual(self.ask("q")[0], 0)
        self.assertEqual(second.asked[0][0], "b")
        self.assertIn("(your choice)", self.ask("--status")[1])
        self.run_command("switch", "--reset")
        self.assertFalse(file.exists())
        self.ask("q")
        self.assertEqual(len(self.servers["anthropic"].asked), 1)

    def test_unknown(self):
        self.serve("ollama")
        self.assertEqual(self.run_command("switch", "nobody")[0], 2)
        self.assertFalse((self.home / ".config").exists())

    def test_model_that_is_not_listed(self):
        self.serve("ollama")
        code, _, err = self.run_command("switch", "ollama", "new")
        self.assertEqual(code, 0)
        self.assertIn("does not list `new`", err)

    def test_without_arguments(self):
        self.serve("ollama")
        self.assertIn("ollama", self.run_command("switch")[1])

    def test_choice_that_is_no_more(self):
        self.serve("ollama")
        folder = self.home / ".config/ai-cli"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text('{"provider": "gone", "model": "x"}')
        self.assertEqual(self.ask("q")[0], 0)

    def test_broken_choice(self):
        self.serve("ollama")
        folder = self.home / ".config/ai-cli"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{")
        code, _, err = self.ask("q")
        self.assertEqual(code, 3)
        self.assertIn("is not JSON", err)
        self.assertEqual(self.run_command("switch", "--reset")[0], 0)
