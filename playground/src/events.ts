/** The events of a run, as the server's native stream gives them (docs/runs.md). */

export interface Usage {
  input: number;
  output: number;
  cached?: number;
  reasoning?: number;
  cost?: number | null;
}

export interface ToolCall {
  id: string;
  name: string;
  arguments: string;
  malformed?: string | null;
}

/** What a run waits for a person to say, about one of its calls. */
export interface Ask {
  tool_call_id: string;
  kind: "approval" | "question" | "outcome" | "review";
  code: string;
  text?: string;
  schema?: Record<string, unknown> | null;
  url?: string | null;
  source?: string;
  by?: string;
}

export interface Source {
  id: string;
  title?: string;
  url?: string | null;
  snippet?: string;
}

export interface ToolOutput {
  content: string | { type: string; text?: string }[];
  is_error?: boolean;
  shown?: string | null;
  data?: unknown;
}

export type Part =
  | { type: "text"; text: string }
  | { type: "reasoning"; text: string }
  | { type: "provider_item"; provider: string; data: unknown }
  | ({ type: "tool_call" } & ToolCall);

export type RunEvent =
  | { type: "run_started"; run_id: string; agent: string; thread_id?: string | null }
  | { type: "step_started"; step: number }
  | {
      type: "step_finished";
      step: number;
      message: { parts: Part[] };
      finish: string;
      usage: Usage;
      model: string;
      duration: number;
    }
  | { type: "text" | "reasoning" | "refusal"; text: string }
  | { type: "hosted_tool_call"; id: string; name: string; arguments?: string }
  | { type: "hosted_tool_result"; id: string; name: string; content?: string; ok?: boolean }
  | { type: "source"; source: Source; tool_call_id?: string | null }
  | { type: "tool_call_started"; step: number; index: number; tool_call_id: string; name: string }
  | { type: "tool_call_arguments"; tool_call_id: string; arguments: string }
  | { type: "tool_call_detected"; step: number; tool_calls: ToolCall[] }
  | { type: "tool_progress"; tool_call_id: string; name: string; message: string; fraction?: number | null }
  | { type: "tool_result"; step: number; tool_call: ToolCall; output: ToolOutput; duration: number }
  | { type: "tools_executed"; step: number }
  | { type: "max_depth_reached"; step: number }
  | { type: "client_tool_calls"; step: number; tool_calls: ToolCall[] }
  | { type: "run_waiting"; step: number; tool_calls: ToolCall[]; asks?: Ask[] }
  | { type: "run_answered"; results?: { tool_call_id: string }[]; decisions?: { tool_call_id: string }[] }
  | { type: "run_resumed"; attempt: number }
  | { type: "run_finished"; reason: string; usage: Usage; steps: number }
  | { type: "run_failed"; code: string; message: string; status: number; usage: Usage }
  | { type: "run_cancelled"; usage: Usage };

export const TERMINAL = new Set(["run_finished", "run_failed", "run_cancelled"]);

export function isTerminal(event: RunEvent): boolean {
  return TERMINAL.has(event.type);
}

/** An event with its place in the run and the moment when it arrived here, in milliseconds since the run was asked for. */
export interface Seen {
  seq: number;
  at: number;
  event: RunEvent;
}

export function textOf(output: ToolOutput): string {
  if (output.shown != null) return output.shown;
  if (typeof output.content === "string") return output.content;
  return output.content.map((part) => part.text ?? `[${part.type}]`).join("");
}
