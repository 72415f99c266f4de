// AG-UI's HttpAgent, which verifies the order of the events and builds the messages that a front end shows.

import { HttpAgent } from '@ag-ui/client'
import { declaration, localTime } from './tool.mjs'

export async function run(job, outcome) {
  const agent = new HttpAgent({
    url: new URL(`/ag-ui/${job.model}`, job.base_url).href,
    headers: { authorization: `Bearer ${job.api_key}`, ...job.headers },
    initialMessages: [{ id: 'question', role: 'user', content: job.prompt }],
  })
  const { name, description, parameters } = declaration.function
  const tools = job.tools ? [{ name, description, parameters }] : []
  for (;;) {
    await agent.runAgent({ tools }, watcher(outcome, () => { if (job.leave) agent.abortRun() }))
    const calls = unanswered(agent.messages)
    if (!calls.length || outcome.error) break
    for (const call of calls) {
      const given = JSON.parse(call.function.arguments)
      outcome.calls.push({ name: call.function.name, arguments: given })
      agent.addMessage({ id: `result-${call.id}`, role: 'tool', toolCallId: call.id, content: localTime(given) })
    }
  }
  take(agent.messages, outcome)
}

function watcher(outcome, leave) {
  return {
    onTextMessageContentEvent: leave,
    onCustomEvent: ({ event }) => { if (event.name === 'agent.status') outcome.statuses.push(event.value.status) },
    onRunErrorEvent: ({ event }) => { outcome.error = { message: event.message, status: null } },
    onRunFinishedEvent: ({ event }) => {
      outcome.finish = event.outcome.type
      outcome.usage = [event.usage[0].inputTokens, event.usage[0].outputTokens]
    },
  }
}

function unanswered(messages) {
  const answered = new Set(messages.filter(({ role }) => role === 'tool').map(({ toolCallId }) => toolCallId))
  return messages.flatMap(({ toolCalls }) => toolCalls ?? []).filter(({ id }) => !answered.has(id))
}

function take(messages, outcome) {
  const texts = (wanted) => messages.filter(({ role }) => role === wanted).map(({ content }) => content ?? '').join('')
  outcome.text = texts('assistant')
  outcome.reasoning = texts('reasoning')
  const results = new Map(messages.filter(({ role }) => role === 'tool').map((m) => [m.toolCallId, m.content]))
  for (const { id, function: { name, arguments: text } } of messages.flatMap(({ toolCalls }) => toolCalls ?? [])) {
    outcome.shown.push({ name, arguments: JSON.parse(text), result: results.get(id) })
  }
}
