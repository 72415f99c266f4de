'use client'

import { useChat } from '@ai-sdk/react'
import { DefaultChatTransport, getToolName, isToolUIPart, lastAssistantMessageIsCompleteWithApprovalResponses } from 'ai'
import type { UIMessage } from 'ai'
import { useState } from 'react'
import type { FormEvent } from 'react'

type Message = UIMessage<unknown, { 'agent-status': { status: string } }>

const transport = new DefaultChatTransport<Message>({ api: '/api/chat' })

export default function Page() {
  const [text, setText] = useState('')
  const [agentStatus, setAgentStatus] = useState('')
  const { messages, sendMessage, status, stop, error, addToolApprovalResponse } = useChat<Message>({
    transport,
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
    onData: (part) => setAgentStatus(part.data.status),
    onFinish: () => setAgentStatus(''),
  })
  const isBusy = status === 'submitted' || status === 'streaming'

  const send = (event: FormEvent) => {
    event.preventDefault()
    if (!text.trim()) return
    void sendMessage({ text })
    setText('')
  }
  const answer = (id: string, approved: boolean) => void addToolApprovalResponse({ id, approved })

  return (
    <main>
      {messages.map((message) => (
        <article key={message.id} className={message.role}>
          {message.parts.map((part, index) => (
            <Part key={index} part={part} answer={answer} />
          ))}
        </article>
      ))}
      {isBusy && agentStatus && <p className="status">{agentStatus.replaceAll('_', ' ')}…</p>}
      {error && <p className="error">{error.message}</p>}
      <form onSubmit={send}>
        <input value={text} onChange={(event) => setText(event.target.value)} placeholder="What is 12*7?" autoFocus />
        {isBusy ? <button type="button" onClick={() => void stop()}>Stop</button> : <button>Send</button>}
      </form>
    </main>
  )
}

type PartProps = { part: Message['parts'][number]; answer: (id: string, approved: boolean) => void }

function Part({ part, answer }: PartProps) {
  if (part.type === 'text') return <>{part.text}</>
  if (part.type === 'reasoning') return <details><summary>Thoughts</summary>{part.text}</details>
  if (part.type === 'source-url') return <p><a href={part.url}>{part.title ?? part.url}</a></p>
  if (!isToolUIPart(part)) return null
  const name = getToolName(part)
  if (part.state === 'approval-requested') {
    const { id } = part.approval
    return (
      <div className="ask">
        <p>{name} waits for your approval.</p>
        <pre>{JSON.stringify(part.input, null, 2)}</pre>
        <button onClick={() => answer(id, true)}>Approve</button> <button onClick={() => answer(id, false)}>Deny</button>
      </div>
    )
  }
  return (
    <details>
      <summary>{name}: {part.state.replaceAll('-', ' ')}</summary>
      <pre>{JSON.stringify(part.input, null, 2)}</pre>
      {part.state === 'output-available' && <pre>{JSON.stringify(part.output, null, 2)}</pre>}
      {part.state === 'output-error' && <pre className="error">{part.errorText}</pre>}
    </details>
  )
}
