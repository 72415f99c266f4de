/** The run as a waterfall: each step's wait for the first token, its writing, and its tools. */

import type { Usage } from "./events";
import type { Run } from "./run";
import { seconds } from "./ToolCard";

interface Bar {
  key: string;
  label: string;
  kind: "wait" | "write" | "tool" | "failed";
  from: number;
  to: number;
}

export function Timeline({ run }: { run: Run }) {
  const end = run.seen.at(-1)?.at ?? 0;
  const rows = bars(run, end);
  const first = run.steps.find((step) => step.firstToken !== null)?.firstToken ?? null;
  return (
    <>
      <dl className="facts">
        <Fact name="First token" value={first === null ? "–" : seconds(first / 1000)} />
        <Fact name="Time" value={seconds(end / 1000)} />
        <Fact name="Steps" value={String(run.steps.length)} />
        <Fact name="Tokens" value={run.usage ? tokens(run.usage) : "–"} />
        <Fact name="Cost" value={run.usage?.cost == null ? "–" : `$${run.usage.cost.toPrecision(2)}`} />
        <Fact name="Longest gap" value={seconds(longestGap(run) / 1000)} />
      </dl>
      <ol className="waterfall" aria-label="What took how long">
        {rows.map((bar) => (
          <li key={bar.key}>
            <span className="label">{bar.label}</span>
            <svg width="100%" height="10" aria-hidden>
              <rect
                className={bar.kind}
                rx="3"
                height="10"
                x={`${(100 * bar.from) / (end || 1)}%`}
                width={`${Math.max(0.6, (100 * (bar.to - bar.from)) / (end || 1))}%`}
              />
            </svg>
            <small>{seconds((bar.to - bar.from) / 1000)}</small>
          </li>
        ))}
      </ol>
      {run.steps.some((step) => step.model) && (
        <table className="steps">
          <thead>
            <tr>
              <th scope="col">Step</th>
              <th scope="col">Model</th>
              <th scope="col">Tokens</th>
              <th scope="col">Ended by</th>
            </tr>
          </thead>
          <tbody>
            {run.steps.map((step) => (
              <tr key={step.step}>
                <td>{step.step}</td>
                <td>{step.model}</td>
                <td>{step.usage ? tokens(step.usage) : ""}</td>
                <td>{step.finish}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function tokens(usage: Usage): string {
  return `${usage.input.toLocaleString()} + ${usage.output.toLocaleString()}`;
}

export function bars(run: Run, end: number): Bar[] {
  const rows: Bar[] = [];
  for (const step of run.steps) {
    const first = step.firstToken ?? step.answered ?? end;
    const answered = step.answered ?? end;
    rows.push({ key: `w${step.step}`, label: `step ${step.step}: first token`, kind: "wait", from: step.began, to: first });
    if (step.firstToken !== null) {
      rows.push({ key: `s${step.step}`, label: `step ${step.step}: answer`, kind: "write", from: first, to: answered });
    }
    for (const { at, event } of run.seen) {
      if (event.type === "tool_result" && event.step === step.step) {
        const kind = event.output.is_error ? "failed" : "tool";
        rows.push({ key: event.tool_call.id, label: event.tool_call.name, kind, from: Math.max(0, at - event.duration * 1000), to: at });
      }
    }
  }
  return rows;
}

export function longestGap(run: Run): number {
  let longest = 0;
  for (let at = 1; at < run.seen.length; at++) {
    longest = Math.max(longest, (run.seen[at]?.at ?? 0) - (run.seen[at - 1]?.at ?? 0));
  }
  return longest;
}
