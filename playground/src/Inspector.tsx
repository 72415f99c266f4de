import { Tabs } from "@base-ui/react/tabs";
import { useEffect, useState } from "react";

import * as api from "./api";
import { Code, CopyButton, pretty } from "./Code";
import { Timeline } from "./Timeline";
import { answer, history, inspectedTurn, type App, type Turn } from "./chats";
import type { Run } from "./run";
import { LABELS, request, snippets } from "./wires";

export function Inspector({ app }: { app: App }) {
  const turn = inspectedTurn(app);
  return (
    <aside className="inspector" aria-label="Inspector">
      <Tabs.Root defaultValue="timeline">
        <Tabs.List className="tabs" aria-label="Views of the run">
          {["timeline", "events", "wires", "request", ...(app.settings?.model ? ["model"] : [])].map((name) => (
            <Tabs.Tab key={name} value={name}>
              {name}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {turn?.run ? (
          <>
            <Tabs.Panel value="timeline">
              <Timeline run={turn.run} />
            </Tabs.Panel>
            <Tabs.Panel value="events">
              <Events run={turn.run} />
            </Tabs.Panel>
            <Tabs.Panel value="wires">
              <Wires app={app} turn={turn} run={turn.run} />
            </Tabs.Panel>
            <Tabs.Panel value="request">
              <Request app={app} turn={turn} />
            </Tabs.Panel>
            <Tabs.Panel value="model">
              <Model app={app} turn={turn} run={turn.run} />
            </Tabs.Panel>
          </>
        ) : (
          <p className="hint">Ask something: the run is taken apart here.</p>
        )}
      </Tabs.Root>
    </aside>
  );
}

const MOST_SHOWN = 500;

function Events({ run }: { run: Run }) {
  const shown = run.seen.slice(-MOST_SHOWN);
  return (
    <>
      <p className="hint">
        {run.seen.length} events{shown.length < run.seen.length && `, the last ${MOST_SHOWN} of them`}
        <CopyButton name="Copy all events" text={run.seen.map(({ event }) => JSON.stringify(event)).join("\n")} />
      </p>
      <ol className="events" tabIndex={0} aria-label="Events">
        {shown.map(({ seq, at, event }) => {
          const { type, ...rest } = event;
          return (
            <li key={seq}>
              <span className="seq">{seq}</span>
              <span className="at">{Math.round(at)} ms</span>
              <strong>{type}</strong>
              <code>{JSON.stringify(rest)}</code>
            </li>
          );
        })}
      </ol>
    </>
  );
}

function messagesOf(app: App, turn: Turn): api.Message[] {
  const at = app.chat.turns.indexOf(turn);
  return [...history(app.chat, at), { role: "user", content: turn.content }];
}

function Wires({ app, turn, run }: { app: App; turn: Turn; run: Run }) {
  const wires = app.settings?.wires ?? [];
  const [chosen, setChosen] = useState("");
  const name = chosen || (wires[0]?.name ?? "");
  const [raw, setRaw] = useState("");
  const [problem, setProblem] = useState("");
  const over = run.over;

  useEffect(() => {
    if (!name || !over) return;
    let left = false;
    setProblem("");
    const events = run.seen.map(({ event }) => event);
    api
      .wire(name, request(name, app.chat.agent, messagesOf(app, turn)), events)
      .then((text) => left || setRaw(text))
      .catch((error: unknown) => left || setProblem(error instanceof Error ? error.message : String(error)));
    return () => {
      left = true;
    };
  }, [name, over, turn.key]);

  return (
    <>
      <label className="pick">
        As
        <select value={name} onChange={(event) => setChosen(event.target.value)}>
          {wires.map((wire) => (
            <option key={wire.name} value={wire.name}>
              {LABELS[wire.name] ?? wire.name} · {wire.method} {wire.path}
            </option>
          ))}
        </select>
      </label>
      {!over && <p className="hint">Shown when the run has ended.</p>}
      {problem && <p role="alert">{problem}</p>}
      {over && !problem && (
        <Code text={raw} label={`${new TextEncoder().encode(raw).length.toLocaleString()} bytes, ${frames(raw)} frames`} />
      )}
    </>
  );
}

function frames(raw: string): number {
  return raw.split("\n\n").filter((frame) => frame.trim() !== "").length;
}

function Request({ app, turn }: { app: App; turn: Turn }) {
  const code = snippets(location.origin, app.chat.agent, messagesOf(app, turn), api.savedKey() !== "");
  const [chosen, setChosen] = useState("curl");
  return (
    <>
      <label className="pick">
        As
        <select value={chosen} onChange={(event) => setChosen(event.target.value)}>
          {Object.keys(code).map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <Code text={code[chosen] ?? ""} language={{ curl: "bash", "AI SDK": "typescript" }[chosen] ?? "python"} label={chosen} />
    </>
  );
}

function Model({ app, turn, run }: { app: App; turn: Turn; run: Run }) {
  const [step, setStep] = useState(1);
  const [view, setView] = useState<api.ModelView | null>(null);
  const [problem, setProblem] = useState("");
  const steps = Math.max(1, run.steps.length);
  const chosen = Math.min(step, steps);

  useEffect(() => {
    let left = false;
    setProblem("");
    api
      .modelView(app.chat.agent, [...messagesOf(app, turn), ...answer(run, chosen)])
      .then((found) => left || setView(found))
      .catch((error: unknown) => left || setProblem(error instanceof Error ? error.message : String(error)));
    return () => {
      left = true;
    };
  }, [chosen, turn.key, run.over]);

  return (
    <>
      <label className="pick">
        Step
        <select value={chosen} onChange={(event) => setStep(Number(event.target.value))}>
          {Array.from({ length: steps }, (_, at) => (
            <option key={at}>{at + 1}</option>
          ))}
        </select>
      </label>
      {problem && <p role="alert">{problem}</p>}
      {view && (
        <>
          {view.sent !== null && <Code label="sent to the vendor" language="json" text={pretty(view.sent)} />}
          <Code label="messages" language="json" text={JSON.stringify(view.messages, null, 2)} />
          <Code label={`${view.tools.length} tools`} language="json" text={JSON.stringify(view.tools, null, 2)} />
        </>
      )}
    </>
  );
}
