// The AI SDK: streamText over @ai-sdk/openai-compatible, watched through its full stream.

import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { jsonSchema, stepCountIs, streamText, tool } from 'ai'
import { declaration, localTime, parameters } from './tool.mjs'

export async function run(job, outcome) {
  const provider = createOpenAICompatible({
    name: 'turnstream', baseURL: job.base_url, apiKey: job.api_key, headers: job.headers, includeUsage: job.usage,
  })
  const leaving = new AbortController()
  const { description } = declaration.function
  const local_time = tool({ description, inputSchema: jsonSchema(parameters), execute: localTime })
  const result = streamText({
    model: provider(job.model),
    prompt: job.prompt,
    tools: job.tools ? { local_time } : undefined,
    stopWhen: stepCountIs(5),
    maxRetries: 0,
    abortSignal: leaving.signal,
    onError: () => {},
  })
  for await (const part of result.stream) {
    take(part, outcome)
    if (job.leave && part.type === 'text-delta') leaving.abort()
  }
}

function take(part, outcome) {
  switch (part.type) {
    case 'start-step':
      outcome.text = outcome.reasoning = ''
      outcome.role = 'assistant'
      break
    case 'text-delta':
      outcome.text += part.text
      break
    case 'reasoning-delta':
      outcome.reasoning += part.text
      break
    case 'tool-call':
      outcome.calls.push({ name: part.toolName, arguments: part.input })
      if (part.invalid) outcome.problems.push(`an invalid tool call: ${part.toolName}`)
      break
    case 'tool-error':
      outcome.problems.push(`tool error: ${part.error}`)
      break
    case 'finish-step':
      outcome.finish = part.finishReason
      if (part.usage.inputTokens !== undefined) outcome.usage = [part.usage.inputTokens, part.usage.outputTokens]
      break
    case 'error':
      keep(part.error, outcome)
  }
}

function keep(error, outcome) {
  const status = error.statusCode ?? null
  const failure = { message: String(error.message ?? error), status }
  if (outcome.error || error.name === 'AI_TypeValidationError') outcome.problems.push(failure.message)
  else outcome.error = failure
}
