import { Collapsible } from "@base-ui/react/collapsible";
import { Brain, GitFork, Pencil, RotateCcw, X } from "lucide-react";
import { memo, useEffect, useRef, useState } from "react";

import { Composer } from "./Composer";
import { CopyButton } from "./Code";
import { Prose } from "./Markdown";
import { ToolCard } from "./ToolCard";
import type { Content, Message } from "./api";
import { branch, busy, dismiss, inspect, inspectedTurn, retry, type App, type Turn } from "./chats";
import type { Block, Run } from "./run";

export function ChatView({ app, onInspect }: { app: App; onInspect(): void }) {
  const end = useRef<HTMLDivElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const follow = useRef(true);
  const chat = app.chat;
  const inspected = inspectedTurn(app)?.key;
  const agent = app.agents.find((agent) => agent.id === chat.agent);

  useEffect(() => {
    if (follow.current) end.current?.scrollIntoView({ block: "end" });
  }, [chat]);

  return (
    <main className="chat">
      <div
        className="scroll"
        ref={scroller}
        tabIndex={0}
        aria-label="Conversation"
        role="log"
        onScroll={(event) => {
          const box = event.currentTarget;
          follow.current = box.scrollHeight - box.scrollTop - box.clientHeight < 60;
        }}
      >
        {chat.turns.length === 0 && chat.before.length === 0 && (
          <div className="welcome">
            <h2>{chat.agent || "Turnstream"}</h2>
            <p>{agent?.description ?? "Ask something, and see the run as each client would."}</p>
          </div>
        )}
        {chat.before.map((message, at) => (
          <Said key={at} message={message} />
        ))}
        {chat.turns.map((turn, at) => (
          <TurnView
            key={turn.key}
            turn={turn}
            at={at}
            last={at === chat.turns.length - 1}
            busy={busy(app)}
            inspected={turn.key === inspected}
            onInspect={() => {
              inspect(turn.key);
              onInspect();
            }}
          />
        ))}
        <div ref={end} />
      </div>
      {app.reconnecting > 0 && (
        <p className="notice" role="status">
          The connection was lost. Taking the run up again (try {app.reconnecting}) …
        </p>
      )}
      {app.problem && !app.needsKey && (
        <p className="notice bad" role="alert">
          {app.problem}
          <button type="button" className="quiet" aria-label="Dismiss" onClick={dismiss}>
            <X size={14} />
          </button>
        </p>
      )}
      <Composer app={app} />
    </main>
  );
}

function Said({ message }: { message: Message }) {
  if (message.role === "user") {
    return (
      <article className="turn">
        <Question content={message.content ?? ""} />
      </article>
    );
  }
  if (message.role !== "assistant" || !message.content) return null;
  return (
    <article className="turn">
      <Prose text={plain(message.content)} />
    </article>
  );
}

interface TurnProps {
  turn: Turn;
  at: number;
  last: boolean;
  busy: boolean;
  inspected: boolean;
  onInspect(): void;
}

function TurnView({ turn, at, last, busy, inspected, onInspect }: TurnProps) {
  const [draft, setDraft] = useState<string | null>(null);
  const run = turn.run;
  return (
    <article className="turn" data-inspected={inspected}>
      {draft === null ? (
        <Question content={turn.content} />
      ) : (
        <form
          className="edit"
          onSubmit={(event) => {
            event.preventDefault();
            setDraft(null);
            void branch(at, changed(turn.content, draft));
          }}
        >
          <textarea autoFocus aria-label="Edit the message" value={draft} rows={4} onChange={(event) => setDraft(event.target.value)} />
          <button type="submit" className="primary">
            Ask again
          </button>
          <button type="button" onClick={() => setDraft(null)}>
            Cancel
          </button>
        </form>
      )}
      {run && <Answer run={run} blocks={run.blocks} />}
      <div className="actions">
        <button type="button" className="quiet" onClick={() => setDraft(plain(turn.content))} disabled={busy}>
          <Pencil size={14} /> Edit
        </button>
        {last && (
          <button type="button" className="quiet" onClick={() => void retry()} disabled={busy}>
            <RotateCcw size={14} /> Retry
          </button>
        )}
        <button type="button" className="quiet" onClick={() => void branch(at, turn.content, true)} disabled={busy}>
          <GitFork size={14} /> Fork
        </button>
        {run?.text && <CopyButton text={run.text} name="Copy the answer" />}
        <button type="button" className="quiet" aria-pressed={inspected} onClick={onInspect}>
          Inspect
        </button>
      </div>
    </article>
  );
}

function Question({ content }: { content: Content }) {
  const parts = typeof content === "string" ? [] : content;
  return (
    <div className="question">
      {plain(content)}
      {parts.map((part, at) =>
        part.type === "image_url" ? (
          <img key={at} src={part.image_url.url} alt="Attached" />
        ) : part.type === "file" ? (
          <span key={at} className="file">
            {part.file.filename}
          </span>
        ) : null,
      )}
    </div>
  );
}

function Answer({ run, blocks }: { run: Run; blocks: Block[] }) {
  return (
    <div className="answer" aria-busy={!run.over}>
      {blocks.map((block) => (
        <BlockView key={block.key} block={block} run={run.id} open={!run.over && block === blocks.at(-1)} />
      ))}
      {!run.over && (
        <p className="status" role="status">
          <i className="pulse" aria-hidden /> {run.status || "asked"}
        </p>
      )}
      {run.sources.length > 0 && (
        <ol className="sources" aria-label="Sources">
          {run.sources.map((source, at) => (
            <li key={at}>
              {source.url && /^https?:/i.test(source.url) ? (
                <a href={source.url} target="_blank" rel="noreferrer" title={source.snippet}>
                  {source.title || source.url}
                </a>
              ) : (
                <span title={source.snippet}>{source.title || source.id}</span>
              )}
            </li>
          ))}
        </ol>
      )}
      {run.phase === "failed" && (
        <p className="notice bad" role="alert">
          {run.problem}
        </p>
      )}
      {run.phase === "cancelled" && <p className="hint">Stopped.</p>}
      {run.phase === "finished" && run.reason !== "stop" && <p className="hint">Ended by {run.reason.replaceAll("_", " ")}.</p>}
    </div>
  );
}

const BlockView = memo(({ block, run, open }: { block: Block; run: string; open: boolean }) => {
  switch (block.kind) {
    case "text":
      return <Prose text={block.text} />;
    case "refusal":
      return <p className="notice">{block.text}</p>;
    case "reasoning":
      return <Reasoning text={block.text} open={open} />;
    case "call":
      return <ToolCard call={block} run={run} />;
  }
});

function Reasoning({ text, open }: { text: string; open: boolean }) {
  const [chosen, setChosen] = useState<boolean | null>(null);
  return (
    <Collapsible.Root className="reasoning" open={chosen ?? open} onOpenChange={setChosen}>
      <Collapsible.Trigger className="quiet">
        <Brain size={14} /> Reasoning
      </Collapsible.Trigger>
      <Collapsible.Panel>
        <p>{text}</p>
      </Collapsible.Panel>
    </Collapsible.Root>
  );
}

function plain(content: Content): string {
  return typeof content === "string" ? content : content.map((part) => (part.type === "text" ? part.text : "")).join("");
}

function changed(content: Content, text: string): Content {
  return typeof content === "string" ? text : [{ type: "text", text }, ...content.filter((part) => part.type !== "text")];
}
