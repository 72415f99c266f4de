// Agent frameworks of Node.js against a running server: the same jobs and outcomes as run.py beside this file.

import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import * as agents from '@openai/agents'
import * as ai7 from 'ai'
import * as ai6 from 'ai6'
import { createOpenAI as createOpenAI6 } from 'ai6-openai'
import { createOpenAICompatible as createOpenAICompatible6 } from 'ai6-openai-compatible'
import OpenAI from 'openai'
import { z } from 'zod'

const apiKey = 'key'
const city = z.object({ city: z.string() })
agents.setTracingDisabled(true)

const localTime = (calls) => ({ city }) => {
  calls.push(city)
  return `noon in ${city}`
}

// `openai(model)` is the Responses API, as the AI SDK's users write it.
const aiSdk = (ai, openai, compatible) => async (job, calls) => {
  const provider = job.api === 'responses' ? openai({ baseURL: job.base_url, apiKey })
    : compatible({ name: 'turnstream', baseURL: job.base_url, apiKey })
  const given = {
    model: provider(job.model),
    prompt: 'Go.',
    tools: job.tools
      ? { local_time: ai.tool({ description: 'The local time.', inputSchema: city, execute: localTime(calls) }) }
      : undefined,
    stopWhen: ai.stepCountIs(5),
    maxRetries: 0,
  }
  if (!job.stream) return (await ai.generateText(given)).text
  let failure
  const result = ai.streamText({ ...given, onError: ({ error }) => { failure = error } })
  await result.consumeStream()
  if (failure) throw failure
  return await result.text
}

async function openaiAgents(job, calls) {
  const client = new OpenAI({ baseURL: job.base_url, apiKey, maxRetries: 0 })
  const kind = job.api === 'chat' ? agents.OpenAIChatCompletionsModel : agents.OpenAIResponsesModel
  const local_time = agents.tool({
    name: 'local_time', description: 'The local time.', parameters: city, execute: localTime(calls), errorFunction: null,
  })
  const agent = new agents.Agent({
    name: 'helper', model: new kind(client, job.model), tools: job.tools ? [local_time] : [],
  })
  const result = await agents.run(agent, 'Go.', { stream: job.stream })
  if (job.stream) await result.completed
  if (result.error) throw result.error
  return String(result.finalOutput)
}

// openai-node alone: the loop that its own documentation shows.
async function openaiNode(job, calls) {
  const client = new OpenAI({ baseURL: job.base_url, apiKey, maxRetries: 0 })
  const run = localTime(calls)
  const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
  if (job.api === 'chat') {
    const tools = job.tools
      ? [{ type: 'function', function: { name: 'local_time', parameters, parse: JSON.parse, function: run } }]
      : []
    const body = { model: job.model, messages: [{ role: 'user', content: 'Go.' }], tools, stream: job.stream }
    if (job.tools) return await client.chat.completions.runTools(body).finalContent()
    if (!job.stream) return (await client.chat.completions.create({ ...body, tools: undefined })).choices[0].message.content
    return await client.chat.completions.stream({ ...body, tools: undefined }).finalContent()
  }
  const tools = job.tools ? [{ type: 'function', name: 'local_time', parameters, strict: false }] : []
  const input = [{ role: 'user', content: 'Go.' }]
  for (;;) {
    const body = { model: job.model, input, tools }
    const response = job.stream
      ? await client.responses.stream(body).finalResponse()
      : await client.responses.create(body)
    const asked = response.output.filter((item) => item.type === 'function_call')
    if (!asked.length) return response.output_text
    input.push(...response.output)
    for (const { call_id, arguments: text } of asked) {
      input.push({ type: 'function_call_output', call_id, output: run(JSON.parse(text)) })
    }
  }
}

const frameworks = {
  'ai-sdk-7': aiSdk(ai7, createOpenAI, createOpenAICompatible),
  'ai-sdk-6': aiSdk(ai6, createOpenAI6, createOpenAICompatible6),
  'openai-agents-js': openaiAgents,
  'openai-node': openaiNode,
}

async function answer(job) {
  const calls = []
  try {
    return { text: await frameworks[job.framework](job, calls), calls, error: null }
  } catch (error) {
    return { text: '', calls, error: `${error?.name}: ${error?.message ?? error}` }
  }
}

let given = ''
for await (const piece of process.stdin) given += piece
const outcomes = []
for (const job of JSON.parse(given)) outcomes.push(await answer(job))
process.stdout.write(JSON.stringify(outcomes) + '\n')
process.exit(0)
