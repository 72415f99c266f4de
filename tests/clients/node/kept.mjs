// openai-node over what a server keeps: a conversation, a response of the background that is left in the middle of its
// stream and resumed at another server, the items of both.

import OpenAI from 'openai'

export async function run(job, outcome) {
  const [here, there] = [job.base_url, job.elsewhere].map((baseURL) => new OpenAI({
    baseURL, apiKey: job.api_key, maxRetries: 0, timeout: 30_000,
  }))
  const items = [{ type: 'message', role: 'user', content: 'I am Ann.' }]
  const { id } = await here.conversations.create({ items, metadata: { topic: 'demo' } })
  const seen = await leaveEarly(here, { model: job.model, input: job.prompt, conversation: { id } })
  const [{ response }] = seen
  const rest = await there.responses.retrieve(response.id, { stream: true, starting_after: seen.at(-1).sequence_number })
  for await (const event of rest) seen.push(event)
  check(seen.every(({ sequence_number: number }, at) => number === at), 'numbers have gaps')
  outcome.text = seen.filter(({ type }) => type === 'response.output_text.delta').map(({ delta }) => delta).join('')
  outcome.finish = seen.at(-1).response.status
  outcome.statuses = await texts(there.conversations.items.list(id, { order: 'asc', limit: 1 }))
  check((await texts(there.responses.inputItems.list(response.id))).join() === `${job.prompt},I am Ann.`, 'input items')
  await changeAndForget(there, id)
}

async function leaveEarly(client, body) {
  const seen = []
  for await (const event of await client.responses.create({ ...body, background: true, stream: true })) {
    seen.push(event)
    if (event.type === 'response.output_text.delta') break  // which closes the connection
  }
  return seen
}

async function texts(items) {
  const found = []
  for await (const item of items) found.push(...(item.content ?? []).map(({ text }) => text))
  return found
}

async function changeAndForget(client, id) {
  await client.conversations.update(id, { metadata: { topic: 'other' } })
  check((await client.conversations.retrieve(id)).metadata.topic === 'other', 'metadata')
  const { data: [last] } = await client.conversations.items.list(id)
  check((await client.conversations.items.retrieve(last.id, { conversation_id: id })).id === last.id, 'item')
  await client.conversations.items.delete(last.id, { conversation_id: id })
  check(!(await texts(client.conversations.items.list(id))).includes(last.content[0].text), 'the item is still there')
  check((await client.conversations.delete(id)).deleted, 'not deleted')
}

function check(truth, what) {
  if (!truth) throw new Error(what)
}
