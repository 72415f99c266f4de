// The AI SDK's chat, which is useChat without React, over its default transport and the UI message stream.

import { AbstractChat, DefaultChatTransport } from 'ai'
import { declaration, localTime } from './tool.mjs'

export async function run(job, outcome) {
  const leave = ({ parts }) => { if (job.leave && parts.some(({ type }) => type === 'text')) void chat.stop() }
  const chat = new Chat({
    state: new State(leave),
    transport: new DefaultChatTransport({
      api: new URL(`/vercel/${job.model}`, job.base_url).href,
      headers: { authorization: `Bearer ${job.api_key}`, ...job.headers },
      body: job.tools ? { tools: [declaration.function] } : {},
    }),
    onData: (part) => { if (part.type === 'data-agent-status') outcome.statuses.push(part.data.status) },
    onFinish: ({ finishReason }) => { outcome.finish = finishReason ?? null },
    onError: (error) => { outcome.error = { message: error.message, status: null } },
  })
  await chat.sendMessage({ text: job.prompt })
  for (let calls; (calls = pending(chat.lastMessage)).length && !outcome.error;) {
    for (const { type, toolCallId, input } of calls) {
      const name = type.slice('tool-'.length)
      outcome.calls.push({ name, arguments: input })
      await chat.addToolOutput({ tool: name, toolCallId, output: localTime(input) })
    }
    await chat.sendMessage()
  }
  take(chat.lastMessage, outcome)
}

// Calls that nobody has answered, of tools that the server does not run.
function pending(message) {
  return message.parts.filter(({ state, providerExecuted }) => state === 'input-available' && !providerExecuted)
}

function take(message, outcome) {
  const texts = (type) => message.parts.filter((part) => part.type === type).map(({ text }) => text).join('')
  outcome.text = texts('text')
  outcome.reasoning = texts('reasoning')
  outcome.role = message.role
  for (const { type, toolName, input, output } of message.parts) {
    if (type === 'dynamic-tool') outcome.shown.push({ name: toolName, arguments: input, result: output })
  }
  const usage = message.metadata?.usage
  if (usage) outcome.usage = [usage.inputTokens, usage.outputTokens]
}

export class Chat extends AbstractChat {}

export class State {
  constructor(answering) { this.answering = answering }
  status = 'ready'
  error = undefined
  messages = []
  pushMessage = (message) => {
    this.messages = [...this.messages, message]
    if (message.role === 'assistant') this.answering(message)
  }
  popMessage = () => { this.messages = this.messages.slice(0, -1) }
  replaceMessage = (index, message) => {
    this.messages = this.messages.with(index, message)
    this.answering(message)
  }
  snapshot = structuredClone
}
