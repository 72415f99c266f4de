/** The same request in each protocol, and in the words of the client libraries that people use. */

import type { Content, Message } from "./api";

export interface WireRequest {
  label: string;
  body: unknown;
}

function text(content: Content | null): string {
  if (content === null) return "";
  if (typeof content === "string") return content;
  return content.map((part) => (part.type === "text" ? part.text : "")).join("");
}

function plain(messages: Message[]): Message[] {
  return messages.filter((message) => message.role === "user" || (message.role === "assistant" && message.content));
}

/** The body that a client of the wire would send for these messages, by the wire's name. */
export function request(wire: string, agent: string, messages: Message[]): unknown {
  const last = messages.findLast((message) => message.role === "user");
  const said = text(last?.content ?? "");
  switch (wire) {
    case "openai_responses":
      return { model: agent, input: plain(messages).map(({ role, content }) => ({ role, content: text(content) })), stream: true };
    case "anthropic_messages":
      return {
        model: agent,
        max_tokens: 4096,
        messages: plain(messages).map(({ role, content }) => ({ role, content: text(content) })),
        stream: true,
      };
    case "ag_ui":
      return {
        threadId: "thread-1",
        runId: "run-1",
        state: {},
        messages: plain(messages).map(({ role, content }, at) => ({ id: `m${at}`, role, content: text(content) })),
        tools: [],
        context: [],
        forwardedProps: {},
      };
    case "vercel":
      return {
        id: "chat-1",
        messages: plain(messages).map(({ role, content }, at) => ({
          id: `m${at}`,
          role,
          parts: [{ type: "text", text: text(content) }],
        })),
        trigger: "submit-message",
      };
    case "a2a":
      return {
        jsonrpc: "2.0",
        id: 1,
        method: "message/stream",
        params: {
          message: { kind: "message", role: "user", messageId: "m1", parts: [{ kind: "text", text: said }] },
        },
      };
    default:
      return { model: agent, messages, stream: true };
  }
}

export const LABELS: Record<string, string> = {
  openai_chat: "Chat completions",
  openai_responses: "Responses",
  anthropic_messages: "Messages",
  ag_ui: "AG-UI",
  vercel: "Vercel AI SDK",
  a2a: "A2A",
  orchestrate: "Orchestrate",
};

const quote = (value: unknown) => JSON.stringify(value, null, 2);
const shell = (value: string) => `'${value.replaceAll("'", `'\\''`)}'`;

/** The request as code. The key stays a placeholder: what is shown may be copied anywhere. */
export function snippets(origin: string, agent: string, messages: Message[], withKey: boolean): Record<string, string> {
  const said = text(messages.findLast((message) => message.role === "user")?.content ?? "");
  const key = withKey ? "YOUR_KEY" : "none";
  const header = withKey ? " \\\n  -H 'Authorization: Bearer YOUR_KEY'" : "";
  return {
    curl: `curl -N ${origin}/v1/chat/completions${header} \\
  -H 'Content-Type: application/json' \\
  -d ${shell(quote({ model: agent, stream: true, messages }))}
`,
    "openai-python": `from openai import OpenAI

client = OpenAI(base_url=${quote(`${origin}/v1`)}, api_key=${quote(key)})
stream = client.chat.completions.create(
    model=${quote(agent)},
    messages=[{"role": "user", "content": ${quote(said)}}],
    stream=True,
)
for chunk in stream:
    if chunk.choices and chunk.choices[0].delta.content:
        print(chunk.choices[0].delta.content, end="", flush=True)
`,
    "AI SDK": `import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { streamText } from "ai";

const turnstream = createOpenAICompatible({
  name: "turnstream",
  baseURL: ${quote(`${origin}/v1`)},
  apiKey: ${quote(key)},
});
const { textStream } = streamText({ model: turnstream(${quote(agent)}), prompt: ${quote(said)} });
for await (const text of textStream) process.stdout.write(text);
`,
    LangChain: `from langchain_openai import ChatOpenAI

model = ChatOpenAI(model=${quote(agent)}, base_url=${quote(`${origin}/v1`)}, api_key=${quote(key)})
for chunk in model.stream(${quote(said)}):
    print(chunk.text, end="", flush=True)
`,
  };
}
