import { Collapsible } from "@base-ui/react/collapsible";
import { ChevronRight, CircleAlert, CircleCheck, Hand, LoaderCircle, PenLine, Share } from "lucide-react";
import { memo, useState } from "react";

import { AskCard } from "./AskCard";
import { Code, pretty } from "./Code";
import type { CallBlock } from "./run";

const ICONS = {
  writing: PenLine,
  running: LoaderCircle,
  waiting: Hand,
  done: CircleCheck,
  failed: CircleAlert,
  "handed over": Share,
};

export const ToolCard = memo(({ call, run }: { call: CallBlock; run: string }) => {
  const [open, setOpen] = useState(false);
  const Icon = ICONS[call.state];
  return (
    <Collapsible.Root className="card" data-state={call.state} open={open} onOpenChange={setOpen}>
      <Collapsible.Trigger className="row">
        <Icon size={16} aria-hidden className={call.state === "running" ? "spin" : ""} />
        <span className="name">{call.name}</span>
        <span className="grow preview">{open ? "" : call.progress || call.arguments}</span>
        <small>
          {call.state}
          {call.hosted && " by the vendor"}
          {call.duration !== null && ` · ${seconds(call.duration)}`}
        </small>
        <ChevronRight size={16} aria-hidden className="chevron" />
      </Collapsible.Trigger>
      {call.state === "running" && call.fraction !== null && <progress value={call.fraction} aria-label={call.progress} />}
      {call.ask && <AskCard key={call.ask.code} ask={call.ask} call={call} run={run} />}
      <Collapsible.Panel className="detail">
        <Code label="arguments" language="json" text={pretty(call.arguments || "{}")} />
        {call.progress && <p className="hint">{call.progress}</p>}
        {call.result && <Code label="result" language={looksLikeJson(call.result) ? "json" : ""} text={pretty(call.result)} />}
      </Collapsible.Panel>
    </Collapsible.Root>
  );
});

function looksLikeJson(text: string): boolean {
  return /^\s*[[{]/.test(text);
}

export function seconds(value: number): string {
  return value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(1)} s`;
}
