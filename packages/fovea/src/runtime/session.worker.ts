// The worker thread of a session: answers requests one after another.

import { parentPort } from 'node:worker_threads'
import { FoveaError } from '../util/errors.ts'
import { openNative } from './native-session.ts'
import type { Session } from './session.ts'
import { type Answer, fromWire, type Refusal, type Reply, type Request, toWire } from './wire.ts'

let session: Session | undefined

async function answer(request: Request): Promise<Answer> {
  if (request.kind === 'open') {
    session = await openNative(request.source, { ...request.options, initialState: fromWire(request.state) })
    return { ports: { inputs: session.inputs, outputs: session.outputs } }
  }
  if (session === undefined) throw new FoveaError('RUNTIME_CLOSED')
  switch (request.kind) {
    case 'run':
      return { tensors: toWire(await session.run(fromWire(request.feeds.tensors), request.options)) }
    case 'readState':
      return { tensors: toWire(await session.readState(request.names)) }
    case 'writeState':
      await session.writeState(fromWire(request.state))
      return {}
    case 'close':
      await session.close()
      return {}
  }
}

function refusalOf(error: unknown): Refusal {
  const coded = error instanceof FoveaError ? error : new FoveaError('RUNTIME_RUN_FAILED', { found: String(error) })
  const { cause: _, ...details } = coded.details
  return { error: { code: coded.code, details } }
}

parentPort!.on('message', async ({ id, request }: { id: number; request: Request }) => {
  const result: Answer | Refusal = await answer(request).catch(refusalOf)
  const buffers = new Set<ArrayBuffer>()
  for (const { content } of Object.values('tensors' in result ? (result.tensors ?? {}) : {}))
    if (content instanceof Uint8Array) buffers.add(content.buffer as ArrayBuffer)
  const feedBuffer = request.kind === 'run' ? { feedBuffer: request.feeds.buffer } : {}
  if (request.kind === 'run') buffers.add(request.feeds.buffer)
  parentPort!.postMessage({ id, ...feedBuffer, ...result } satisfies Reply, [...buffers])
})
