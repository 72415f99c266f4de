from __future__ import annotations

from random import Random

from hypothesis import given, settings, strategies as st

from turnstream.agent import history
from turnstream.events import AssistantMessage, Message, SystemMessage, TextPart, ToolCall, ToolMessage, UserMessage

ids = st.sampled_from(["a", "b", "c"])
calling = st.lists(ids, min_size=0, max_size=2, unique=True).map(
    lambda wanted: AssistantMessage((TextPart("…"), *(ToolCall(id, "f", "{}") for id in wanted)))
)
messages = st.lists(
    st.one_of(
        st.just(SystemMessage("s")),
        st.just(UserMessage("u")),
        calling,
        ids.map(lambda id: ToolMessage(id, "r")),
    ),
    max_size=20,
)


def sound(conversation: tuple[Message, ...]) -> bool:
    """Each tool message answers a call of the assistant message before it, and each call is answered."""
    waiting: list[str] = []
    for message in conversation:
        if isinstance(message, ToolMessage):
            if message.tool_call_id not in waiting:
                return False
            waiting.remove(message.tool_call_id)
        elif waiting:
            return False
        elif isinstance(message, AssistantMessage):
            waiting = [call.id for call in message.tool_calls]
    return not waiting


@given(messages, st.integers(1, 10))
@settings(deadline=None, max_examples=300)
def test_whatever_comes_in_no_tool_message_is_ever_orphaned(conversation: list[Message], limit: int) -> None:
    assert sound(history.prepare("", conversation, limit))


@given(messages)
@settings(deadline=None)
def test_repairing_twice_changes_nothing(conversation: list[Message]) -> None:
    once = history.repair(conversation)
    assert history.repair(once) == once


CALL = AssistantMessage((ToolCall("a", "f", "{}"),))
RESULT = ToolMessage("a", "r")


def test_the_oldest_exchanges_go_first_and_go_whole() -> None:
    old, new = UserMessage("old"), UserMessage("new")
    conversation = (SystemMessage("s"), old, CALL, RESULT, new)
    assert history.trim(conversation, 4) == (SystemMessage("s"), new)


def test_the_last_exchange_stays_whole_however_long_it_is() -> None:
    conversation = (UserMessage("old"), UserMessage("new"), CALL, RESULT, CALL, RESULT)
    assert history.trim((AssistantMessage((TextPart("x"),)), *conversation), 2) == conversation


def test_a_short_history_is_left_alone() -> None:
    conversation = (UserMessage("u"), CALL, RESULT)
    assert history.prepare("", conversation, 3) == conversation


def test_instructions_stand_before_the_clients_system_message() -> None:
    prepared = history.prepare("ours", (SystemMessage("theirs"), UserMessage("u")), None)
    assert prepared == (SystemMessage("ours"), SystemMessage("theirs"), UserMessage("u"))


def test_an_unanswered_call_is_answered_with_an_error() -> None:
    [_, _, answer, _] = history.repair((UserMessage("u"), CALL, UserMessage("v")))
    assert isinstance(answer, ToolMessage)
    assert answer.is_error
    assert answer.tool_call_id == "a"


def test_a_result_behind_a_system_message_still_answers_its_call() -> None:
    late = (CALL, SystemMessage("Today is Monday."), RESULT)
    assert history.repair(late) == (CALL, RESULT, SystemMessage("Today is Monday."))


def test_results_are_paired_by_id_wherever_they_stand() -> None:
    other = AssistantMessage((ToolCall("b", "f", "{}"),))
    apart = (CALL, other, UserMessage("and?"), ToolMessage("b", "2"), RESULT)
    assert history.repair(apart) == (CALL, RESULT, other, ToolMessage("b", "2"), UserMessage("and?"))
    assert history.repair((RESULT, CALL)) == (CALL, RESULT)


def test_an_id_that_comes_again_is_answered_by_the_result_of_its_own_step() -> None:
    again = (CALL, ToolMessage("a", "1"), CALL, ToolMessage("a", "2"))
    assert history.repair(again) == again
    unanswered = history.repair((CALL, CALL, ToolMessage("a", "2")))
    assert [m.content for m in unanswered if isinstance(m, ToolMessage)] == [history.UNANSWERED, "2"]


@given(st.lists(ids, unique=True, min_size=1), st.randoms(use_true_random=False))
def test_no_result_is_lost_however_the_messages_are_mixed(wanted: list[str], random: Random) -> None:
    mixed: list[Message] = [AssistantMessage(tuple(ToolCall(id, "f", "{}") for id in wanted)), SystemMessage("s")]
    mixed += [ToolMessage(id, f"result of {id}") for id in wanted]
    random.shuffle(mixed)
    contents = {m.tool_call_id: m.content for m in history.repair(mixed) if isinstance(m, ToolMessage)}
    assert contents == {id: f"result of {id}" for id in wanted}


def test_what_the_page_shows_stands_before_the_last_user_message() -> None:
    conversation = (UserMessage("one"), AssistantMessage((TextPart("two"),)), UserMessage("three"))
    shown = history.with_context(conversation, "the cart")
    assert shown == (*conversation[:2], UserMessage("the cart"), conversation[2])
    assert history.with_context(conversation, "") == conversation


@given(messages)
def test_what_is_sound_already_is_left_as_pairing_leaves_it(conversation: list[Message]) -> None:
    for given_ in (tuple(conversation), history.pair(conversation)):
        assert history.repair(given_) == history.pair(given_)
