// Reads one job a line from the standard input, runs jobs as they come, writes one outcome a line: {"id", "outcome"}.
// The shapes of a job and an outcome are those of job.py beside this folder.

import { createInterface } from 'node:readline'
import * as agUi from './ag_ui.mjs'
import * as kept from './kept.mjs'
import * as langchain from './langchain.mjs'
import * as openai from './openai.mjs'
import * as responses from './responses.mjs'
import * as vercel from './vercel.mjs'
import * as vercelChat from './vercel_chat.mjs'
import * as verify from './verify.mjs'

const clients = {
  'openai-node raw': openai.raw,
  'openai-node stream': openai.helper,
  'ai-sdk streamText': vercel.run,
  'langchain-js': langchain.run,
  'ai-sdk chat': vercelChat.run,
  'ag-ui HttpAgent': agUi.run,
  'ag-ui verifier': verify.agUi,
  'ai-sdk reader': verify.vercel,
  'openai-node kept': kept.run,
  'openai-node responses raw': responses.raw,
  'openai-node responses stream': responses.helper,
}

async function answer({ id, job }) {
  const outcome = {
    text: '', reasoning: '', finish: null, role: null, usage: null, calls: [], problems: [], error: null,
    shown: [], statuses: [],
  }
  try {
    await clients[job.client](job, outcome)
  } catch (error) {
    outcome.error = { message: String(error?.message ?? error), status: error?.status ?? error?.statusCode ?? null }
  }
  process.stdout.write(JSON.stringify({ id, outcome }) + '\n')
}

for await (const line of createInterface({ input: process.stdin })) {
  void answer(JSON.parse(line))
}
