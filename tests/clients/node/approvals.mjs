// A call that waits for a person, by the AI SDK's chat and by AG-UI's client: node approvals.mjs BASE_URL WHICH

import { HttpAgent } from '@ag-ui/client'
import { DefaultChatTransport } from 'ai'
import { Chat, State } from './vercel_chat.mjs'

const [base, which, answer] = process.argv.slice(2)
const approved = answer === 'yes'
const outcomes = { 'ai-sdk': vercel, 'ag-ui': agUi }
console.log(JSON.stringify(await outcomes[which]()))

async function vercel() {
  const chat = new Chat({
    state: new State(() => {}),
    transport: new DefaultChatTransport({ api: `${base}/vercel/helper` }),
  })
  await chat.sendMessage({ text: 'delete it' })
  const asked = chat.lastMessage.parts.find(({ state }) => state === 'approval-requested')
  await chat.addToolApprovalResponse({ id: asked.approval.id, approved, reason: 'the wrong file' })
  await chat.sendMessage()
  const { parts } = chat.lastMessage
  const call = parts.find(({ type }) => type === 'dynamic-tool')
  return { asked: asked.input, state: call.state, text: text(parts), messages: chat.messages.length }
}

function text(parts) {
  return parts.filter(({ type }) => type === 'text').map((part) => part.text).join('|')
}

async function agUi() {
  const agent = new HttpAgent({ url: `${base}/ag-ui/helper` })
  agent.addMessage({ id: 'question', role: 'user', content: 'delete it' })
  await agent.runAgent()
  const [interrupt] = agent.pendingInterrupts
  const payload = { approved, reason: 'the wrong file' }
  await agent.runAgent({ resume: [{ interruptId: interrupt.id, status: 'resolved', payload }] })
  const said = agent.messages.filter(({ role }) => role === 'assistant').map(({ content }) => content ?? '')
  const result = agent.messages.find(({ role }) => role === 'tool')
  return {
    asked: interrupt.metadata.toolCall.arguments, call: interrupt.toolCallId, state: result.content,
    text: said.filter(Boolean).join('|'), left: agent.pendingInterrupts.length,
  }
}
