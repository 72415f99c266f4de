/** The server's endpoints. The key is kept for this tab alone (session storage), and is never part of a URL. */

import { isTerminal, type RunEvent, type Seen } from "./events";
import { Decoder } from "./sse";

const KEY = "turnstream.key";

export interface Agent {
  id: string;
  description?: string;
}

/** What this server offers the page. `kept`: runs outlive their connection; `threads`: conversations are stored. */
export interface Settings {
  version: string;
  kept: boolean;
  threads: boolean;
  /** Whether the model's own view may be seen. */
  model: boolean;
  wires: Wire[];
}

export interface Wire {
  name: string;
  method: string;
  path: string;
}

export interface Thread {
  id: string;
  agent: string;
  title: string | null;
  length: number;
  updated_at: number;
}

export type Content = string | ContentPart[];
export type ContentPart =
  | { type: "text"; text: string }
  | { type: "image_url"; image_url: { url: string } }
  | { type: "file"; file: { filename: string; file_data: string } };

export interface Message {
  role: "user" | "assistant" | "tool" | "system";
  content: Content | null;
  tool_calls?: { id: string; type: "function"; function: { name: string; arguments: string } }[];
  tool_call_id?: string;
}

export interface RunBody {
  agent: string;
  messages: Message[];
  thread?: string;
  stream: true;
  on_disconnect?: "go_on";
}

export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

export function savedKey(): string {
  return sessionStorage.getItem(KEY) ?? "";
}

export function saveKey(key: string): void {
  if (key) sessionStorage.setItem(KEY, key);
  else sessionStorage.removeItem(KEY);
}

async function call(method: string, path: string, body?: unknown, more: RequestInit = {}): Promise<Response> {
  const headers: Record<string, string> = { ...(more.headers as Record<string, string> | undefined) };
  const key = savedKey();
  if (key) headers["authorization"] = `Bearer ${key}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  const response = await fetch(path, {
    ...more,
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new ApiError(await reason(response), response.status);
  return response;
}

async function reason(response: Response): Promise<string> {
  try {
    const body = (await response.json()) as { error?: { message?: string } | string };
    const error = body.error;
    if (typeof error === "string") return error;
    if (error?.message) return error.message;
  } catch {
    // not JSON: the status is all there is
  }
  return `The server answered ${response.status} ${response.statusText}`.trim();
}

async function json<T>(method: string, path: string, body?: unknown): Promise<T> {
  return (await (await call(method, path, body)).json()) as T;
}

export const settings = () => json<Settings>("GET", "playground/settings");
export const agents = async () => (await json<{ data: Agent[] }>("GET", "v1/models")).data;
export const cancel = (run: string) => call("POST", `v1/runs/${encodeURIComponent(run)}/cancel`);

export interface Reply {
  code: string;
  action: "approve" | "deny" | "answer";
  arguments?: unknown;
  value?: unknown;
  text?: string;
  reason?: string;
}

/** To what a run that waits has asked. */
export const answer = (run: string, reply: Reply) =>
  call("POST", `v1/runs/${encodeURIComponent(run)}/answer`, { answers: [reply] });

export const threads = async () => (await json<{ data: Thread[] }>("GET", "v1/threads?limit=100")).data;
const at = (thread: Thread) => `v1/threads/${encodeURIComponent(thread.id)}?agent=${encodeURIComponent(thread.agent)}`;
export const rename = (thread: Thread, title: string) => call("POST", at(thread), { title });
export const remove = (thread: Thread) => call("DELETE", at(thread));
export const messages = async (thread: Thread) =>
  (await json<{ data: Message[] }>("GET", at(thread).replace("?", "/messages?"))).data;

/** The run's stream as a client of that wire would get it: raw frames. */
export async function wire(name: string, body: unknown, events: RunEvent[]): Promise<string> {
  return await (await call("POST", `playground/wires/${name}`, { body, events })).text();
}

/** What the model is asked after these messages: as we say it, and as its vendor is sent it. */
export interface ModelView {
  messages: unknown[];
  tools: unknown[];
  options: unknown;
  sent: string | null;
}

export const modelView = (agent: string, messages: Message[]) =>
  json<ModelView>("POST", "playground/model", { agent, messages });

export interface Watch {
  began: number;
  signal: AbortSignal;
  onEvents(batch: Seen[]): void;
  onReconnect(attempt: number): void;
}

const ATTEMPTS = 6;

/** Start a run and watch it to its end. Where runs are kept, a lost connection is taken up behind the last event. */
export async function watch(body: RunBody, watcher: Watch): Promise<void> {
  const progress: Progress = { id: "", seq: -1, over: false, waits: false };
  try {
    await read(await call("POST", "v1/runs", body, { signal: watcher.signal }), watcher, progress);
  } catch (error) {
    if (!mayResume(error, body, progress, watcher)) throw error;
  }
  for (let attempt = 1; !progress.over && mayResume(null, body, progress, watcher); attempt++) {
    if (attempt > ATTEMPTS) throw new ApiError("The connection was lost, and could not be made again.", 0);
    if (!progress.waits) {
      watcher.onReconnect(attempt);
      await new Promise((resolve) => setTimeout(resolve, Math.min(250 * 2 ** attempt, 5000)));
    }
    progress.waits = false;
    try {
      const path = `v1/runs/${encodeURIComponent(progress.id)}/events`;
      const more = { signal: watcher.signal, headers: { "last-event-id": String(progress.seq) } };
      const before = progress.seq;
      await read(await call("GET", path, undefined, more), watcher, progress);
      if (progress.seq > before) attempt = 0;
    } catch (error) {
      if (!mayResume(error, body, progress, watcher)) throw error;
    }
  }
  if (!progress.over) throw new ApiError("The stream ended before the run did.", 0);
}

interface Progress {
  id: string;
  seq: number;
  over: boolean;
  /** Whether the last event said that the run waits: from then on it is kept in any case. */
  waits: boolean;
}

function mayResume(error: unknown, body: RunBody, progress: Progress, watcher: Watch): boolean {
  const refused = error instanceof ApiError && error.status >= 400;
  return (body.on_disconnect === "go_on" || progress.waits) && progress.id !== "" && !refused && !watcher.signal.aborted;
}

async function read(
  response: Response,
  watcher: Watch,
  progress: Progress,
): Promise<void> {
  progress.id = response.headers.get("x-run-id") ?? progress.id;
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const decoder = new Decoder();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const now = performance.now() - watcher.began;
    const batch: Seen[] = [];
    for (const frame of decoder.feed(value)) {
      const event = parse(frame.data);
      if (event === null) continue;
      const seq = frame.id === "" ? progress.seq + 1 : Number(frame.id);
      progress.waits = event.type === "run_waiting";
      if (seq <= progress.seq && !progress.waits) continue;
      progress.seq = seq;
      if (event.type === "run_started") progress.id = event.run_id;
      progress.over ||= isTerminal(event);
      batch.push({ seq, at: now, event });
    }
    if (batch.length > 0) watcher.onEvents(batch);
  }
}

function parse(data: string): RunEvent | null {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === "object" && value !== null && "type" in value ? (value as RunEvent) : null;
  } catch {
    return null;
  }
}
