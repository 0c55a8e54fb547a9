// The worker thread of a session: answers requests one after another.

import { parentPort } from 'node:worker_threads'
import { FoveaError } from '../util/errors.ts'
import { openSource } from './local-session.ts'
import type { Session } from './session.ts'
import { fromWire, type Reply, type Request, toWire, type WireTensors } from './worker-session.ts'

let session: Session | undefined

async function answer(request: Request): Promise<{ tensors?: WireTensors; ports?: unknown }> {
  if (request.kind === 'open') {
    session = await openSource(request.source, { ...request.options, initialState: fromWire(request.state) })
    return { ports: { inputs: session.inputs, outputs: session.outputs } }
  }
  if (session === undefined) throw new FoveaError('RUNTIME_CLOSED')
  switch (request.kind) {
    case 'run':
      return { tensors: toWire(await session.run(fromWire(request.feeds), request.options)) }
    case 'readState':
      return { tensors: toWire(await session.readState()) }
    case 'writeState':
      await session.writeState(fromWire(request.state))
      return {}
    case 'close':
      await session.close()
      return {}
  }
}

parentPort!.on('message', async ({ id, request }: { id: number; request: Request }) => {
  try {
    const result = await answer(request)
    const buffers = Object.values(result.tensors ?? {}).flatMap(({ content }) =>
      content instanceof Uint8Array ? [content.buffer as ArrayBuffer] : [],
    )
    parentPort!.postMessage({ id, ...result }, [...new Set(buffers)])
  } catch (error) {
    const coded = error instanceof FoveaError ? error : new FoveaError('RUNTIME_RUN_FAILED', { found: String(error) })
    const { cause: _, ...details } = coded.details
    parentPort!.postMessage({ id, error: { code: coded.code, details } } satisfies Reply)
  }
})
