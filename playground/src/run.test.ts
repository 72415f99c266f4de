import { expect, test } from "vitest";

import type { RunEvent } from "./events";
import { Run, type CallBlock } from "./run";

function fold(...events: RunEvent[]): Run {
  const run = new Run();
  run.feed(events.map((event, seq) => ({ seq, at: seq * 10, event })));
  return run;
}

const USAGE = { input: 3, output: 2 };
const START: RunEvent = { type: "run_started", run_id: "run_1", agent: "a" };
const END: RunEvent = { type: "run_finished", reason: "stop", usage: USAGE, steps: 1 };

test("deltas of one kind are one block", () => {
  const run = fold(START, { type: "reasoning", text: "a" }, { type: "text", text: "b" }, { type: "text", text: "c" }, END);
  expect(run.blocks.map((block) => [block.kind, "text" in block && block.text])).toEqual([
    ["reasoning", "a"],
    ["text", "bc"],
  ]);
  expect(run.phase).toBe("finished");
});

test("a call is written, runs and ends in one card", () => {
  const call = { id: "x", name: "weather", arguments: '{"city":"Rome"}' };
  const run = fold(
    START,
    { type: "step_started", step: 1 },
    { type: "tool_call_started", step: 1, index: 0, tool_call_id: "x", name: "weather" },
    { type: "tool_call_arguments", tool_call_id: "x", arguments: '{"city":' },
    { type: "tool_call_detected", step: 1, tool_calls: [call] },
    { type: "tool_progress", tool_call_id: "x", name: "weather", message: "asking", fraction: 0.5 },
    { type: "tool_result", step: 1, tool_call: call, output: { content: "sunny" }, duration: 0.2 },
    { type: "tools_executed", step: 1 },
  );
  const [card] = run.blocks as CallBlock[];
  expect(card).toMatchObject({ state: "done", result: "sunny", arguments: call.arguments, duration: 0.2 });
  expect(run.status).toBe("tools_executed");
});

test("what clients may not see is not shown", () => {
  const call = { id: "x", name: "f", arguments: "{}" };
  const output = { content: "secret", is_error: true, shown: "The tool f failed." };
  const run = fold(START, { type: "tool_result", step: 1, tool_call: call, output, duration: 0 });
  expect((run.blocks[0] as CallBlock).result).toBe("The tool f failed.");
});

test("a call that was under way when the run ended is not under way for ever", () => {
  const run = fold(
    START,
    { type: "tool_call_started", step: 1, index: 0, tool_call_id: "x", name: "f" },
    { type: "run_failed", code: "x", message: "gone", status: 502, usage: USAGE },
  );
  expect((run.blocks[0] as CallBlock).state).toBe("failed");
  expect(run.problem).toBe("gone");
});

test("a step tells its first token and its answer", () => {
  const message = { parts: [] };
  const run = fold(
    START,
    { type: "step_started", step: 1 },
    { type: "text", text: "a" },
    { type: "step_finished", step: 1, message, finish: "stop", usage: USAGE, model: "m", duration: 1 },
    END,
  );
  expect(run.steps).toEqual([
    { step: 1, began: 10, firstToken: 20, answered: 30, model: "m", finish: "stop", usage: USAGE },
  ]);
});

test("a call that waits has its question until it is answered", () => {
  const call = { id: "x", name: "pay", arguments: "{}" };
  const ask = { tool_call_id: "x", kind: "approval" as const, code: "K7QF-M3P2" };
  const waiting: RunEvent[] = [START, { type: "run_waiting", step: 1, tool_calls: [call], asks: [ask] }];
  const asked = fold(...waiting);
  expect(asked.blocks).toMatchObject([{ state: "waiting", ask: { code: "K7QF-M3P2" } }]);
  expect(asked.status).toBe("waiting for you");
  const answered = fold(...waiting, { type: "run_answered", decisions: [{ tool_call_id: "x" }] });
  expect(answered.blocks).toMatchObject([{ state: "running", ask: null }]);
});

test("what a guardrail holds has its question, and is done when that is answered", () => {
  const call = { id: "review_1_1", name: "show_answer", arguments: "{}" };
  const ask = { tool_call_id: "review_1_1", kind: "review" as const, code: "K7QF-M3P2" };
  const waiting: RunEvent[] = [START, { type: "run_waiting", step: 1, tool_calls: [call], asks: [ask] }];
  expect(fold(...waiting).blocks).toMatchObject([{ state: "waiting", ask: { kind: "review" } }]);
  const answered = fold(...waiting, { type: "run_answered", decisions: [{ tool_call_id: "review_1_1" }] });
  expect(answered.blocks).toMatchObject([{ state: "done", ask: null }]);
});
