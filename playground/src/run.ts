/** One run as a person sees it: a fold over its events. */

import { isTerminal, textOf, type Ask, type RunEvent, type Seen, type Source, type ToolCall, type Usage } from "./events";

export interface TextBlock {
  kind: "text" | "reasoning" | "refusal";
  key: number;
  text: string;
}

export interface CallBlock {
  kind: "call";
  key: number;
  id: string;
  name: string;
  arguments: string;
  state: "writing" | "running" | "waiting" | "done" | "failed" | "handed over";
  /** What a person is asked about it. */
  ask: Ask | null;
  progress: string;
  fraction: number | null;
  result: string;
  duration: number | null;
  hosted: boolean;
}

export type Block = TextBlock | CallBlock;

export interface Step {
  step: number;
  began: number;
  firstToken: number | null;
  answered: number | null;
  model: string;
  finish: string;
  usage: Usage | null;
}

export type Phase = "asked" | "running" | "finished" | "failed" | "cancelled";

const STATUSES: Record<string, string> = {
  step_started: "starting_generation",
  tool_call_detected: "tool_call_detected",
  tools_executed: "tools_executed",
  max_depth_reached: "max_depth_reached",
};

export class Run {
  id = "";
  phase: Phase = "asked";
  status = "";
  problem = "";
  reason = "";
  usage: Usage | null = null;
  seen: Seen[] = [];
  blocks: Block[] = [];
  steps: Step[] = [];
  sources: Source[] = [];
  resumed = 0;

  get over(): boolean {
    return this.phase === "finished" || this.phase === "failed" || this.phase === "cancelled";
  }

  get text(): string {
    return this.blocks.map((block) => (block.kind === "text" ? block.text : "")).join("");
  }

  get lastSeq(): number {
    return this.seen.at(-1)?.seq ?? -1;
  }

  /** Take events in; each changed block is a new object, so that what did not change need not be drawn again. */
  feed(batch: Seen[]): void {
    for (const seen of batch) {
      this.seen.push(seen);
      this.take(seen.event, seen.at);
    }
  }

  fail(message: string): void {
    if (this.over) return;
    this.phase = "failed";
    this.problem = message;
    this.settle();
  }

  private take(event: RunEvent, at: number): void {
    this.status = STATUSES[event.type] ?? this.status;
    switch (event.type) {
      case "run_started":
        this.id = event.run_id;
        this.phase = "running";
        break;
      case "step_started":
        if (event.step > 1) this.status = "continuing_generation";
        this.steps.push({
          step: event.step,
          began: at,
          firstToken: null,
          answered: null,
          model: "",
          finish: "",
          usage: null,
        });
        break;
      case "text":
      case "reasoning":
      case "refusal":
        this.say(event.type, event.text);
        this.firstToken(at);
        break;
      case "tool_call_started":
        this.firstToken(at);
        this.call(event.tool_call_id, event.name);
        break;
      case "tool_call_arguments": {
        const call = this.find(event.tool_call_id);
        if (call) this.change(call, { arguments: call.arguments + event.arguments });
        break;
      }
      case "step_finished":
        this.finishStep(event, at);
        break;
      case "tool_call_detected":
      case "client_tool_calls":
        for (const call of event.tool_calls) {
          const block = this.call(call.id, call.name);
          const state = event.type === "tool_call_detected" ? "running" : "handed over";
          this.change(block, { arguments: call.arguments, state });
        }
        break;
      case "tool_progress": {
        const call = this.find(event.tool_call_id);
        if (call) this.change(call, { progress: event.message, fraction: event.fraction ?? null });
        break;
      }
      case "tool_result":
        this.change(this.call(event.tool_call.id, event.tool_call.name), {
          ask: null,
          arguments: event.tool_call.arguments,
          state: event.output.is_error ? "failed" : "done",
          result: textOf(event.output),
          duration: event.duration,
          progress: "",
        });
        break;
      case "hosted_tool_call":
        this.change(this.call(event.id, event.name), {
          arguments: event.arguments ?? "",
          state: "running",
          hosted: true,
        });
        break;
      case "hosted_tool_result":
        this.change(this.call(event.id, event.name), {
          state: event.ok === false ? "failed" : "done",
          result: event.content ?? "",
          hosted: true,
        });
        break;
      case "source":
        this.sources.push(event.source);
        break;
      case "run_waiting":
        this.wait(event.tool_calls, event.asks ?? []);
        break;
      case "run_answered":
        for (const { tool_call_id: id } of [...(event.results ?? []), ...(event.decisions ?? [])]) {
          const call = this.find(id);
          // A review stands for what a guardrail held: nothing is called, and what was held follows.
          if (call) this.change(call, { state: call.ask?.kind === "review" ? "done" : "running", ask: null });
        }
        this.status = "";
        break;
      case "run_resumed":
        this.resumed += 1;
        break;
      case "run_finished":
        this.phase = "finished";
        this.reason = event.reason;
        this.usage = event.usage;
        break;
      case "run_failed":
        this.phase = "failed";
        this.problem = event.message;
        this.usage = event.usage;
        break;
      case "run_cancelled":
        this.phase = "cancelled";
        this.usage = event.usage;
        break;
    }
    if (isTerminal(event)) this.settle();
  }

  private wait(calls: ToolCall[], asks: Ask[]): void {
    for (const ask of asks) {
      const asked = calls.find((call) => call.id === ask.tool_call_id);
      if (asked) this.change(this.call(asked.id, asked.name), { arguments: asked.arguments, state: "waiting", ask });
    }
    if (asks.length > 0) this.status = "waiting for you";
  }

  private firstToken(at: number): void {
    const step = this.steps.at(-1);
    if (step && step.firstToken === null) step.firstToken = at;
  }

  private finishStep(event: Extract<RunEvent, { type: "step_finished" }>, at: number): void {
    let step = this.steps.at(-1);
    if (!step || step.step !== event.step) {
      step = { step: event.step, began: 0, firstToken: null, answered: null, model: "", finish: "", usage: null };
      this.steps.push(step);
    }
    step.answered = at;
    step.model = event.model;
    step.finish = event.finish;
    step.usage = event.usage;
  }

  private say(kind: TextBlock["kind"], text: string): void {
    const last = this.blocks.at(-1);
    if (last?.kind === kind) {
      this.blocks[this.blocks.length - 1] = { ...last, text: last.text + text };
    } else {
      this.blocks.push({ kind, key: this.blocks.length, text });
    }
  }

  private find(id: string): CallBlock | undefined {
    return this.blocks.findLast((block): block is CallBlock => block.kind === "call" && block.id === id);
  }

  private call(id: string, name: string): CallBlock {
    const known = this.find(id);
    if (known) return known;
    const call: CallBlock = {
      kind: "call",
      key: this.blocks.length,
      id,
      name,
      arguments: "",
      state: "writing",
      progress: "",
      fraction: null,
      result: "",
      duration: null,
      hosted: false,
      ask: null,
    };
    this.blocks.push(call);
    return call;
  }

  private change(call: CallBlock, change: Partial<CallBlock>): void {
    this.blocks[call.key] = { ...(this.blocks[call.key] as CallBlock), ...change };
  }

  /** Nothing is under way after the end: a call without a result was left. */
  private settle(): void {
    this.status = "";
    for (const block of this.blocks) {
      if (block.kind === "call" && ["writing", "running", "waiting"].includes(block.state)) {
        this.change(block, { state: "failed", ask: null, progress: "", result: block.result || "No result: the run ended." });
      }
    }
  }
}
