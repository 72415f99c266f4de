// openai-node: the raw stream and the .stream() helper.

import OpenAI from 'openai'
import { declaration, localTime } from './tool.mjs'

export const raw = (job, outcome) => converse(job, outcome, addUp)
export const helper = (job, outcome) => converse(job, outcome, letTheLibraryAddUp)

async function converse(job, outcome, ask) {
  const client = new OpenAI({
    baseURL: job.base_url, apiKey: job.api_key, defaultHeaders: job.headers, maxRetries: 0, timeout: 30_000,
  })
  const messages = [{ role: 'user', content: job.prompt }]
  for (;;) {
    const message = await ask(client, { ...question(job), messages: [...messages] }, outcome, job.leave)
    outcome.text = message.content ?? ''
    outcome.reasoning = message.reasoning_content ?? ''
    outcome.role = message.role
    if (!message.tool_calls?.length) return
    messages.push(message)
    for (const { id, function: { name, arguments: text } } of message.tool_calls) {
      outcome.calls.push({ name, arguments: JSON.parse(text) })
      messages.push({ role: 'tool', tool_call_id: id, content: localTime(JSON.parse(text)) })
    }
  }
}

function question(job) {
  const body = { model: job.model }
  if (job.tools) body.tools = [declaration]
  if (job.usage) body.stream_options = { include_usage: true }
  return body
}

async function addUp(client, body, outcome, leave) {
  const message = { role: '', content: '', reasoning_content: '', tool_calls: [] }
  for await (const chunk of await client.chat.completions.create({ ...body, stream: true })) {
    if (chunk.usage) outcome.usage = [chunk.usage.prompt_tokens, chunk.usage.completion_tokens]
    for (const { delta, finish_reason } of chunk.choices) {
      message.role ||= delta.role
      message.content += delta.content ?? ''
      message.reasoning_content += delta.reasoning_content ?? ''
      for (const part of delta.tool_calls ?? []) addCall(message.tool_calls, part)
      outcome.finish = finish_reason ?? outcome.finish
      if (leave && delta.content) return { ...message, tool_calls: undefined }  // which aborts the request
    }
  }
  if (!message.tool_calls.length) delete message.tool_calls
  return message
}

function addCall(calls, part) {
  calls[part.index] ??= { id: '', type: 'function', function: { name: '', arguments: '' } }
  const call = calls[part.index]
  call.id += part.id ?? ''
  call.function.name += part.function?.name ?? ''
  call.function.arguments += part.function?.arguments ?? ''
}

async function letTheLibraryAddUp(client, body, outcome, leave) {
  const stream = client.chat.completions.stream(body)
  let reasoning = ''  // the helper adds up the fields that it knows; of others it keeps the last
  stream.on('chunk', ({ choices }) => { reasoning += choices[0]?.delta.reasoning_content ?? '' })
  if (leave) stream.on('content', () => stream.abort())
  const completion = await stream.finalChatCompletion()
  if (completion.usage) outcome.usage = [completion.usage.prompt_tokens, completion.usage.completion_tokens]
  outcome.finish = completion.choices[0].finish_reason
  return { ...completion.choices[0].message, reasoning_content: reasoning }
}
