import { useState } from "react";

import { pretty } from "./Code";
import * as api from "./api";
import type { Ask } from "./events";
import type { CallBlock } from "./run";

const LABELS = {
  approval: "A call that waits for you",
  outcome: "A call that waits for you",
  question: "A question for you",
  review: "Something that a guardrail holds",
};

/** A call that waits for a yes, or a question, answered where it is asked. */
export function AskCard({ ask, call, run }: { ask: Ask; call: CallBlock; run: string }) {
  const [sent, setSent] = useState(false);
  const [problem, setProblem] = useState("");

  async function answer(reply: Omit<api.Reply, "code">): Promise<void> {
    setSent(true);
    setProblem("");
    try {
      await api.answer(run, { code: ask.code, ...reply });
    } catch (error) {
      setSent(false);
      setProblem(error instanceof Error ? error.message : String(error));
    }
  }

  return (
    <section className="ask" aria-label={LABELS[ask.kind]}>
      {ask.text && <p className="asked">{ask.text}</p>}
      {ask.kind === "question" ? (
        <Question ask={ask} sent={sent} answer={answer} />
      ) : (
        <Approval ask={ask} call={call} sent={sent} answer={answer} />
      )}
      {problem && (
        <p className="notice bad" role="alert">
          {problem}
        </p>
      )}
    </section>
  );
}

interface Form {
  ask: Ask;
  sent: boolean;
  answer(reply: Omit<api.Reply, "code">): Promise<void>;
}

function Approval({ ask, call, sent, answer }: Form & { call: CallBlock }) {
  const given = exact(call.arguments || "{}");
  const [text, setText] = useState(given);
  const [reason, setReason] = useState("");
  const value = parse(text);
  const wrong = text !== given && (value === undefined || value === null || typeof value !== "object" || Array.isArray(value));
  return (
    <>
      {ask.kind !== "review" && (
        <label>
          Arguments of {call.name}
          <textarea value={text} rows={Math.min(12, text.split("\n").length)} disabled={sent} onChange={(event) => setText(event.target.value)} />
        </label>
      )}
      {wrong && <p className="hint">The arguments must be a JSON object.</p>}
      <label>
        Reason, if you deny
        <input value={reason} disabled={sent} onChange={(event) => setReason(event.target.value)} />
      </label>
      <div className="choose">
        <button
          type="button"
          className="primary"
          disabled={sent || wrong}
          onClick={() => void answer({ action: "approve", ...(text === given ? {} : { arguments: value }) })}
        >
          {ask.kind === "outcome" ? "Call it again" : text === given ? "Approve" : "Approve with these arguments"}
        </button>
        <button type="button" disabled={sent} onClick={() => void answer({ action: "deny", reason })}>
          {ask.kind === "outcome" ? "Do not call it" : "Deny"}
        </button>
      </div>
    </>
  );
}

function Question({ ask, sent, answer }: Form) {
  const [text, setText] = useState("");
  const choices = Array.isArray(ask.schema?.["enum"]) ? ask.schema["enum"].map(String) : [];
  const address = ask.url && /^https?:/i.test(ask.url) ? ask.url : null;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void answer({ action: "answer", text });
      }}
    >
      {address && (
        <p>
          <a href={address} target="_blank" rel="noreferrer">
            {address}
          </a>
        </p>
      )}
      {choices.length > 0 ? (
        <div className="choose" role="group" aria-label="Answers">
          {choices.map((choice) => (
            <button key={choice} type="button" disabled={sent} onClick={() => void answer({ action: "answer", value: choice })}>
              {choice}
            </button>
          ))}
        </div>
      ) : ask.url ? null : (
        <label>
          {ask.schema && ask.schema["type"] !== "string" ? `Your answer, as JSON by ${JSON.stringify(ask.schema)}` : "Your answer"}
          <textarea value={text} rows={2} disabled={sent} onChange={(event) => setText(event.target.value)} />
        </label>
      )}
      <div className="choose">
        {choices.length === 0 && (
          <button type="submit" className="primary" disabled={sent}>
            {ask.url ? "I have been there" : "Answer"}
          </button>
        )}
        <button type="button" disabled={sent} onClick={() => void answer({ action: "deny" })}>
          Decline
        </button>
      </div>
    </form>
  );
}

/** The arguments, laid out only if that says the same, with what nobody sees written out. */
export function exact(json: string): string {
  const shown = pretty(json);
  const bare = (text: string) => text.replace(/\s/g, "");
  return (bare(shown) === bare(json) ? shown : json).replace(HIDDEN, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

// eslint-disable-next-line no-control-regex
const HIDDEN = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
