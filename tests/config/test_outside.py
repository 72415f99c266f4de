"""Schedules and webhooks in a configuration: what is built of them, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnstream import errors
from turnstream.config import load
from turnstream.service import Service

AGENT = "model: demo:demo\nname: reporter\n"
SCHEDULE = "schedules:\n  - name: morning\n    cron: 0 7 * * MON-FRI\n    input: report\n"


def loaded(folder: Path, text: str, name: str = "agent.yaml") -> Service:
    file = folder / name
    file.write_text(text)
    return load(file, {})


def problems(folder: Path, text: str) -> str:
    with pytest.raises(errors.ConfigurationError) as caught:
        loaded(folder, text)
    return caught.value.message.replace(f"{folder}/", "")


def test_a_schedule_runs_the_agent_of_its_file(tmp_path: Path) -> None:
    schedule = loaded(tmp_path, AGENT + SCHEDULE + "    timezone: Europe/Berlin\n").schedules["morning"]
    assert (schedule.agent, schedule.zone.key, schedule.principal.name) == ("reporter", "Europe/Berlin", "anonymous")


def test_the_file_of_the_server_may_have_schedules_of_any_agent(tmp_path: Path) -> None:
    (tmp_path / "reporter.yaml").write_text(AGENT)
    (tmp_path / "server.yaml").write_text("server: {port: 1234}\n" + SCHEDULE + "    agent: reporter\n")
    service = load(tmp_path, {})
    assert (service.schedules["morning"].agent, service.settings.port) == ("reporter", 1234)


def test_runs_work_for_the_principal_of_a_key_with_what_that_may_do(tmp_path: Path) -> None:
    keys = "server: {keys: [{key: abc-123-key, name: ann, agents: [reporter]}]}\n"
    schedule = loaded(tmp_path, AGENT + keys + SCHEDULE + "    as: ann\n").schedules["morning"]
    assert (schedule.principal.name, schedule.principal.agents) == ("ann", frozenset({"reporter"}))


def test_messages_are_read_as_chat_completions_have_them(tmp_path: Path) -> None:
    said = "    messages: [{role: system, content: be brief}, {role: user, content: report}]\n"
    schedule = loaded(tmp_path, AGENT + SCHEDULE.replace("    input: report\n", said)).schedules["morning"]
    assert [type(message).__name__ for message in schedule.messages] == ["SystemMessage", "UserMessage"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SCHEDULE.replace("0 7 * * MON-FRI", "61 * * * *"), "agent.yaml:5: schedules[0].cron: cannot be read: bad min"),
        (SCHEDULE.replace("0 7 * * MON-FRI", "'@daily'"), "schedules[0].cron: expected five fields"),
        (SCHEDULE + "    timezone: Berlin\n", "schedules[0].timezone: unknown time zone 'Berlin'"),
        (SCHEDULE + "    agent: reporterr\n", "unknown agent 'reporterr' (did you mean 'reporter'?)"),
        (SCHEDULE + "    messages: [{role: user, content: hi}]\n", "give either input or messages"),
        (SCHEDULE.replace("    input: report\n", "    messages: [{role: cook, content: hi}]\n"), "unknown role 'cook'"),
        (SCHEDULE + "    grace: 1\n", "schedules[0].grace: must be at least 60"),
        (SCHEDULE + "server: {keys: [abc-123-key]}\n", "schedules[0].as: is missing"),
        (SCHEDULE + "server: {store: memory}\n", "a schedule needs a store that keeps runs"),
        (SCHEDULE + SCHEDULE.removeprefix("schedules:\n"), "schedules[1].name: another schedule has this name"),
        (
            SCHEDULE + "    as: ann\nserver: {keys: [{key: abc-123-key, name: ann, agents: [other]}]}\n",
            "schedules[0].as: ann may not use the agent reporter",
        ),
    ],
)
def test_what_is_wrong_with_a_schedule_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    assert told in problems(tmp_path, AGENT + text)


def test_what_depends_on_an_unset_variable_is_not_judged(tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text(AGENT + SCHEDULE + "    timezone: ${ZONE}\n")
    assert load(tmp_path / "agent.yaml", {}, skipped=[]).agents


HOOK = "webhooks:\n  - url: https://example.com/told\n    secret: whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"


def test_a_webhook_is_told_of_the_runs_of_the_agent_of_its_file(tmp_path: Path) -> None:
    [webhook] = loaded(tmp_path, AGENT + HOOK).webhooks
    assert webhook.wants("reporter")
    assert not webhook.wants("other")


def test_a_webhook_in_the_file_of_the_server_is_told_of_all(tmp_path: Path) -> None:
    (tmp_path / "reporter.yaml").write_text(AGENT)
    (tmp_path / "server.yaml").write_text("server: {port: 1234}\n" + HOOK)
    [webhook] = load(tmp_path, {}).webhooks
    assert webhook.wants("reporter")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HOOK.replace("whsec_AA", "AA"), "agent.yaml:5: webhooks[0].secret: expected 'whsec_'"),
        (HOOK.replace("https:", "ftp:"), "webhooks[0].url: must be an address"),
        (HOOK.replace("https://", "https://me:secret-word@"), "webhooks[0].url: must be an address"),
        (HOOK + "    events: [run.ended]\n", "webhooks[0].events[0]: must be 'run.finished'"),
        (HOOK + "    allow_private: [a/b]\n", "webhooks[0].allow_private: 'a/b' is not a host"),
        (HOOK + HOOK.removeprefix("webhooks:\n"), "webhooks[1].url: another webhook has this address"),
        (HOOK + "server: {store: none}\n", "a webhook needs a store that keeps runs"),
    ],
)
def test_what_is_wrong_with_a_webhook_is_told_without_its_secret(tmp_path: Path, text: str, told: str) -> None:
    message = problems(tmp_path, AGENT + text)
    assert told in message
    assert "AAECAwQF" not in message
    assert "secret-word" not in message
