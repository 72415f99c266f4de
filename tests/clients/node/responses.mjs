// openai-node over the Responses API: the raw stream and the .stream() helper.

import OpenAI from 'openai'
import { declaration, localTime } from './tool.mjs'

export const raw = (job, outcome) => converse(job, outcome, follow)
export const helper = (job, outcome) => converse(job, outcome, letTheLibraryAddUp)

async function converse(job, outcome, ask) {
  const client = new OpenAI({
    baseURL: job.base_url, apiKey: job.api_key, defaultHeaders: job.headers, maxRetries: 0, timeout: 30_000,
  })
  let body = { model: job.model, input: job.prompt }
  if (job.tools) body.tools = [{ type: 'function', ...declaration.function }]
  for (;;) {
    const response = await ask(client, body, job.leave)
    if (!response) return
    const results = take(response, outcome)
    if (!results.length) return
    body = { ...body, input: results, previous_response_id: response.id }
  }
}

async function follow(client, body, leave) {
  for await (const event of await client.responses.create({ ...body, stream: true })) {
    if (leave && event.type === 'response.output_text.delta') return null  // which aborts the request
    if (['response.completed', 'response.incomplete', 'response.failed'].includes(event.type)) return event.response
  }
  throw new Error('the stream ended without a terminal event')
}

async function letTheLibraryAddUp(client, body, leave) {
  const stream = client.responses.stream(body)
  if (leave) stream.on('response.output_text.delta', () => stream.abort())
  return stream.finalResponse()
}

function take(response, outcome) {
  const texts = (wanted, member) => response.output
    .filter(({ type }) => type === wanted).flatMap((item) => item[member]).map(({ text }) => text).join('')
  outcome.text = texts('message', 'content')
  outcome.reasoning = texts('reasoning', 'summary')
  outcome.finish = response.status
  if (response.usage) outcome.usage = [response.usage.input_tokens, response.usage.output_tokens]
  if (response.error) outcome.error = { message: response.error.message, status: null }
  for (const { name, arguments: text, output } of response.output.filter(({ type }) => type === 'mcp_call')) {
    outcome.shown.push({ name, arguments: JSON.parse(text), result: output })
  }
  const results = []
  for (const { call_id, name, arguments: text } of response.output.filter(({ type }) => type === 'function_call')) {
    const asked = JSON.parse(text)
    outcome.calls.push({ name, arguments: asked })
    results.push({ type: 'function_call_output', call_id, output: localTime(asked) })
  }
  return results
}
