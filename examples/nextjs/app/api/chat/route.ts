// The browser asks this route and not Turnstream, so the key stays here and no other origin need be let in.
// Who may ask is decided here too: look at your session before you pass the request on.
const AGENT = process.env.TURNSTREAM_AGENT ?? 'http://127.0.0.1:8000/vercel/assistant'
const KEY = process.env.TURNSTREAM_API_KEY

export async function POST(request: Request): Promise<Response> {
  const answer = await fetch(AGENT, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(KEY ? { authorization: `Bearer ${KEY}` } : {}) },
    body: await request.text(),
    signal: request.signal, // the page's stop button ends the run
  })
  const headers = new Headers()
  for (const name of ['content-type', 'cache-control', 'x-accel-buffering', 'x-vercel-ai-ui-message-stream']) {
    const value = answer.headers.get(name)
    if (value) headers.set(name, value)
  }
  return new Response(answer.body, { status: answer.status, headers })
}
