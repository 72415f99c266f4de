// The official readers of two protocols over whole streams: the job's prompt is a JSON list of them.

import { transformChunks, transformHttpEventStream, verifyEvents } from '@ag-ui/client'
import { parseJsonEventStream, readUIMessageStream, uiMessageChunkSchema } from 'ai'
import { asyncScheduler, from, lastValueFrom, observeOn } from 'rxjs'

export const agUi = (job, outcome) => each(job, outcome, async (body) => {
  const headers = new Headers({ 'content-type': 'text/event-stream' })
  const parts = from([{ type: 'headers', status: 200, headers }, { type: 'data', data: body }])
  const source = parts.pipe(observeOn(asyncScheduler))  // it listens after the first of them
  await lastValueFrom(transformHttpEventStream(source).pipe(transformChunks(false), verifyEvents(false)))
})

export const vercel = (job, outcome) => each(job, outcome, async (body) => {
  const chunks = parseJsonEventStream({ stream: new Blob([body]).stream(), schema: uiMessageChunkSchema })
  const checked = chunks.pipeThrough(new TransformStream({
    transform({ success, value, error }, controller) {
      if (!success) throw error
      if (value.type !== 'error') controller.enqueue(value)  // an error of the run is none of the stream
    },
  }))
  for await (const _ of readUIMessageStream({ stream: checked, terminateOnError: true }));
})

async function each(job, outcome, read) {
  const streams = JSON.parse(job.prompt)
  for (const [number, stream] of streams.entries()) {
    try {
      await read(new TextEncoder().encode(stream))
      outcome.text += '.'
    } catch (error) {
      outcome.problems.push(`stream ${number}: ${error?.message ?? error}`)
    }
  }
}
