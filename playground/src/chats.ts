/** What the page shows: chats, the one that is open, and the server. Components subscribe with `useApp`. */

import { useSyncExternalStore } from "react";

import * as api from "./api";
import type { Content, Message } from "./api";
import type { Part, RunEvent, Seen } from "./events";
import { textOf } from "./events";
import { Run } from "./run";

export interface Turn {
  key: number;
  content: Content;
  run: Run | null;
}

export interface Chat {
  id: string;
  agent: string;
  title: string;
  /** What was said before the page was opened, from the server. */
  before: Message[];
  turns: Turn[];
}

export interface App {
  settings: api.Settings | null;
  agents: api.Agent[];
  threads: api.Thread[];
  chat: Chat;
  needsKey: boolean;
  problem: string;
  reconnecting: number;
  inspected: number | null;
}

let keys = 0;
let stopping: AbortController | null = null;

function empty(agent: string): Chat {
  return { id: `chat-${crypto.randomUUID()}`, agent, title: "", before: [], turns: [] };
}

let state: App = {
  settings: null,
  agents: [],
  threads: [],
  chat: empty(""),
  needsKey: false,
  problem: "",
  reconnecting: 0,
  inspected: null,
};
const listeners = new Set<() => void>();
let scheduled = false;

function set(change: Partial<App>): void {
  state = { ...state, ...change };
  for (const listener of listeners) listener();
}

/** Draw once a frame, however many events came in it. */
function redraw(): void {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    set({ chat: { ...state.chat } });
  });
}

export function useApp(): App {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => state,
  );
}

export function busy(app: App): boolean {
  const run = app.chat.turns.at(-1)?.run;
  return run != null && !run.over;
}

function report(error: unknown): void {
  if (error instanceof api.ApiError && error.status === 401) {
    set({ needsKey: true, problem: api.savedKey() ? "The server does not take this key." : "" });
  } else if (!(error instanceof DOMException && error.name === "AbortError")) {
    set({ problem: error instanceof Error ? error.message : String(error) });
  }
}

export async function load(): Promise<void> {
  try {
    const [settings, agents] = await Promise.all([api.settings(), api.agents()]);
    const chat = { ...state.chat, agent: state.chat.agent || (agents[0]?.id ?? "") };
    set({ settings, agents, chat, needsKey: false, problem: "" });
    await refresh();
  } catch (error) {
    report(error);
  }
}

async function refresh(): Promise<void> {
  if (!state.settings?.threads) return;
  try {
    set({ threads: await api.threads() });
  } catch (error) {
    report(error);
  }
}

export async function enterKey(key: string): Promise<void> {
  api.saveKey(key);
  await load();
}

export function dismiss(): void {
  set({ problem: "" });
}

export function begin(agent = state.chat.agent): void {
  stop();
  set({ chat: empty(agent), inspected: null, problem: "" });
}

export function chooseAgent(agent: string): void {
  if (state.chat.turns.length === 0 && state.chat.before.length === 0) set({ chat: { ...state.chat, agent } });
  else begin(agent);
}

export function inspect(key: number | null): void {
  set({ inspected: key });
}

export async function open(thread: api.Thread): Promise<void> {
  stop();
  try {
    const before = await api.messages(thread);
    set({
      chat: { id: thread.id, agent: thread.agent, title: thread.title ?? "", before, turns: [] },
      inspected: null,
      problem: "",
    });
  } catch (error) {
    report(error);
  }
}

export async function rename(thread: api.Thread, title: string): Promise<void> {
  await api.rename(thread, title).catch(report);
  await refresh();
}

export async function remove(thread: api.Thread): Promise<void> {
  await api.remove(thread).catch(report);
  if (state.chat.id === thread.id) begin();
  await refresh();
}

/** The messages of the chat up to a turn, as a client sends them. */
export function history(chat: Chat, until = chat.turns.length): Message[] {
  const messages: Message[] = [...chat.before];
  for (const turn of chat.turns.slice(0, until)) {
    messages.push({ role: "user", content: turn.content });
    if (turn.run) messages.push(...answer(turn.run));
  }
  return messages;
}

/** What a run has said up to a step, whole without one. */
export function answer(run: Run, before = Infinity): Message[] {
  const messages: Message[] = [];
  for (const { event } of run.seen) {
    if ("step" in event && event.step >= before) break;
    if (event.type === "step_finished") messages.push(assistant(event.message.parts));
    else if (event.type === "tool_result") {
      messages.push({ role: "tool", tool_call_id: event.tool_call.id, content: textOf(event.output) });
    }
  }
  if (before === Infinity && messages.length === 0 && run.text) messages.push({ role: "assistant", content: run.text });
  return messages;
}

function assistant(parts: Part[]): Message {
  const text = parts.map((part) => (part.type === "text" ? part.text : "")).join("");
  const calls = parts.filter((part): part is Extract<Part, { type: "tool_call" }> => part.type === "tool_call");
  const message: Message = { role: "assistant", content: text || null };
  if (calls.length > 0) {
    message.tool_calls = calls.map((call) => ({
      id: call.id,
      type: "function",
      function: { name: call.name, arguments: call.arguments },
    }));
  }
  return message;
}

export async function send(content: Content): Promise<void> {
  const turn: Turn = { key: keys++, content, run: new Run() };
  const chat = { ...state.chat, turns: [...state.chat.turns, turn] };
  chat.title ||= titleOf(content);
  set({ chat, problem: "", inspected: turn.key });
  await run(turn, [...history(chat, chat.turns.length - 1), { role: "user", content }]);
}

/** Ask the last question again. */
export async function retry(): Promise<void> {
  const last = state.chat.turns.at(-1);
  if (last) await branch(state.chat.turns.length - 1, last.content);
}

/** Go on from an earlier question, changed or not: what followed it is left. A fork keeps the old chat as it was. */
export async function branch(at: number, content: Content, fork = false): Promise<void> {
  stop();
  const turns = state.chat.turns.slice(0, at);
  const id = fork ? empty("").id : state.chat.id;
  set({ chat: { ...state.chat, id, turns } });
  await send(content);
}

export function stop(): void {
  const run = state.chat.turns.at(-1)?.run;
  if (run && !run.over && run.id && state.settings?.kept) api.cancel(run.id).catch(report);
  else stopping?.abort();
}

async function run(turn: Turn, messages: Message[]): Promise<void> {
  const run = turn.run as Run;
  stopping = new AbortController();
  const kept = state.settings?.kept === true;
  const chat = state.chat;
  const body: api.RunBody = { agent: state.chat.agent, messages, stream: true };
  if (state.settings?.threads) body.thread = state.chat.id;
  if (kept) body.on_disconnect = "go_on";
  try {
    await api.watch(body, {
      began: performance.now(),
      signal: stopping.signal,
      onEvents(batch: Seen[]) {
        if (state.reconnecting) set({ reconnecting: 0 });
        run.feed(batch);
        redraw();
      },
      onReconnect(attempt) {
        set({ reconnecting: attempt });
      },
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") {
      run.feed([{ seq: run.lastSeq + 1, at: run.seen.at(-1)?.at ?? 0, event: CANCELLED }]);
    } else {
      run.fail(error instanceof Error ? error.message : String(error));
      if (error instanceof api.ApiError && error.status === 401) report(error);
    }
  }
  set({ reconnecting: 0, chat: { ...state.chat } });
  await refresh();
  await entitle(chat);
}

/** A kept chat is found by what was asked first. */
async function entitle(chat: Chat): Promise<void> {
  const thread = state.threads.find((thread) => thread.id === chat.id && thread.agent === chat.agent);
  if (thread && thread.title === null && chat.title) await rename(thread, chat.title);
}

const CANCELLED: RunEvent = { type: "run_cancelled", usage: { input: 0, output: 0 } };

export function titleOf(content: Content): string {
  const text = typeof content === "string" ? content : content.map((part) => ("text" in part ? part.text : "")).join(" ");
  const line = text.trim().split("\n")[0] ?? "";
  return line.length > 60 ? `${line.slice(0, 59)}…` : line || "Attachment";
}

export function inspectedTurn(app: App): Turn | undefined {
  return app.chat.turns.find((turn) => turn.key === app.inspected) ?? app.chat.turns.at(-1);
}
