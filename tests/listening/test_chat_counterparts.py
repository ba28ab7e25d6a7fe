"""The protocol of chat completions, against what others wrote: OpenAI's own client, and a server that stands in for
theirs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from answerkit import ANN, ENVIRON
from botkit import KEY, Reply, bot, completion
from clikit import Project

from a2pcli.actions.bot_protocol import Message, Question, document_of
from a2pcli.config.bots import Bot

RULES = """\
version: 1
defaults: {fallback: deterministic_echo}
rules:
  - name: drafts
    when: {messages_contain: variants_wanted}
    respond:
      content: 'Here: {"variants": ["{{ first_name }}: 20% off until Sunday. Reply STOP to opt out"]}'
  - name: tea
    when: {messages_contain: green tea}
    respond: {content: "We have sencha."}
  - name: busy
    when: {messages_contain: coffee}
    respond: {status: 429, error: Rate limit exceeded}
  - name: tool
    when: {messages_contain: weather}
    respond: {tool_calls: [{name: get_weather, arguments: {city: Paris}}]}
"""


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**ENVIRON, "BOT_KEY": KEY}.items():
        monkeypatch.setenv(name, value)


def test_openai_s_own_client_asks_as_a2pcli_does_and_reads_what_the_tests_answer() -> None:
    openai = pytest.importorskip("openai", reason="pip install openai")
    asked = Bot.model_validate({"url": "http://127.0.0.1/v1", "model": "small"})
    messages = [Message("user", "tea?"), Message("assistant", "Yes."), Message("user", "Which?")]
    ours = document_of(asked, Question("1", "You sell tea.", messages, most_tokens=50))
    with bot() as server:
        client = openai.OpenAI(base_url=server.url, api_key=KEY, max_retries=0)
        found = client.chat.completions.create(
            model="small",
            messages=[
                {"role": "system", "content": "You sell tea."},
                *({"role": one.role, "content": one.text} for one in messages),
            ],
            max_tokens=50,
            n=1,
            stream=False,
        )
        assert (found.choices[0].message.content, found.choices[0].finish_reason) == (
            "You said: Which?",
            "stop",
        )
        assert (found.usage.prompt_tokens, found.usage.completion_tokens) == (50, 10)
        assert server.got == [ours]
        assert server.headers[0]["path"] == "/v1/chat/completions"
        sent = {name.lower(): value for name, value in server.headers[0].items()}
        assert sent["authorization"] == f"Bearer {KEY}"
        call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        for reply, check in (
            (
                completion(None, finish="tool_calls", tool_calls=[call]),
                lambda one: one.message.tool_calls[0].id == "c1",
            ),
            (completion(None, refusal="I cannot."), lambda one: one.message.refusal == "I cannot."),
            (completion("We se", finish="length"), lambda one: one.finish_reason == "length"),
        ):
            server.replies = [Reply(reply)]
            again = client.chat.completions.create(model="small", messages=[{"role": "user", "content": "x"}])
            assert check(again.choices[0])
        server.replies = [Reply(b'{"error": {"message": "slow down"}}', 429)]
        with pytest.raises(openai.RateLimitError):
            client.chat.completions.create(model="small", messages=[{"role": "user", "content": "x"}])


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[str]:
    """The URL of fakellm, a server that stands in for OpenAI's."""
    program = shutil.which("fakellm", path=str(Path(sys.executable).parent)) or shutil.which("fakellm")
    if program is None:
        pytest.skip("pip install fakellm")
    (tmp_path / "fakellm.yaml").write_text(RULES)
    log = tmp_path / "fakellm.log"
    with log.open("w") as stream:
        process = subprocess.Popen(
            [program, "serve", "--port", "0", "--config", "fakellm.yaml"],
            cwd=tmp_path, stdout=stream, stderr=stream, env={**ENVIRON, "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
    try:
        end = time.monotonic() + 60
        while not (found := re.search(r"running on (http://127\.0\.0\.1:\d+)", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        yield found[1]
    finally:
        process.kill()
        process.wait()


def test_a_server_that_others_wrote_answers_calls_tools_and_drafts(project: Project, stand_in: str) -> None:
    project.starter()
    block = f'{{url: "{stand_in}/v1", model: small, key: "${{BOT_KEY}}", timeout: 4}}'
    project.write("replies.yaml", f"bots:\n  helper: {block}\nunmatched: {{chat: helper}}\n")
    assert project.run("ledger", "create").status == 0

    def tried(text: str) -> Any:
        return project.run("replies", "test", text, "--from", ANN, "--ask", "--json").json

    assert tried("Do you have green tea?")["answer"] == "We have sencha."
    assert tried("How is the weather?")["no_answer"] == "bot helper: it calls a tool instead of answering"
    assert tried("And coffee?")["no_answer"] == "bot helper: it answered 429"
    drafted = project.run("draft", "sale.yaml", "--variants", "1", "--json")
    assert drafted.status == 0, drafted.err
    assert [one["text"] for one in drafted.json["drafts"]] == [
        "{{ first_name }}: 20% off until Sunday. Reply STOP to opt out"
    ]
    served = httpx.get(f"{stand_in}/_fakellm/stats").json()["by_rule"]
    assert served == {"tea": 1, "tool": 1, "busy": 3, "drafts": 1}
    assert "7911123" not in json.dumps(httpx.get(f"{stand_in}/_fakellm/stats").json())
    (used, *_) = project.run("replies", "usage", "--json").json["bots"]
    assert (used["asked"], used["answered"]) == (4, 2)
