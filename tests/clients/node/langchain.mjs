// LangChain.js: ChatOpenAI.stream with bound tools.

import { AIMessageChunk, HumanMessage, ToolMessage } from '@langchain/core/messages'
import { ChatOpenAI } from '@langchain/openai'
import { declaration, localTime } from './tool.mjs'

export async function run(job, outcome) {
  const chat = new ChatOpenAI({
    model: job.model,
    apiKey: job.api_key,
    configuration: { baseURL: job.base_url, defaultHeaders: job.headers },
    streamUsage: job.usage || undefined,
    maxRetries: 0,
    timeout: 30_000,
  })
  const model = job.tools ? chat.bindTools([declaration]) : chat
  const messages = [new HumanMessage(job.prompt)]
  for (;;) {
    const whole = await ask(model, messages, outcome, job.leave)
    take(whole, outcome)
    if (!whole.tool_calls?.length) return
    messages.push(whole)
    for (const { id, name, args } of whole.tool_calls) {
      outcome.calls.push({ name, arguments: args })
      messages.push(new ToolMessage({ content: localTime(args), tool_call_id: id }))
    }
  }
}

async function ask(model, messages, outcome, leave) {
  let whole
  for await (const chunk of await model.stream(messages)) {
    if (!(chunk instanceof AIMessageChunk)) outcome.problems.push(`a ${chunk.constructor.name}`)
    whole = whole === undefined ? chunk : whole.concat(chunk)
    if (leave && chunk.text) break  // which aborts the request
  }
  return whole
}

function take(message, outcome) {
  outcome.text = message.text
  outcome.reasoning = message.additional_kwargs.reasoning_content ?? ''
  outcome.finish = message.response_metadata.finish_reason ?? null
  outcome.role = message.getType() === 'ai' ? 'assistant' : message.getType()
  for (const { name } of message.invalid_tool_calls ?? []) outcome.problems.push(`an invalid tool call: ${name}`)
  const usage = message.usage_metadata
  if (usage) outcome.usage = [usage.input_tokens, usage.output_tokens]
}
