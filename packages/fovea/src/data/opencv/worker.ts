// The other side of OpenCvThreads: loads OpenCV in a thread of its own and answers one request after another.

import { parentPort } from 'node:worker_threads'
import { isFoveaError } from '../../util/errors.ts'
import { Executor, FatalError } from './executor.ts'
import { loadOpenCv } from './library.ts'
import { buffersOf, type Reply, type Request } from './protocol.ts'

// Nothing happens where this file is imported outside of a worker, as by a bundler or a test.
if (parentPort !== null) serve(parentPort)

function serve(port: NonNullable<typeof parentPort>): void {
  let executor: Executor | undefined
  port.on('message', async (request: Request) => {
    executor ??= new Executor((await loadOpenCv()).cv)
    const reply = answer(executor, request)
    port.postMessage(reply, 'value' in reply ? [...buffersOf(reply.value)] : [])
  })
}

/** What failures may leave behind before the thread is replaced. */
const mostLostBytes = 2 ** 27

function answer(executor: Executor, request: Request): Reply {
  try {
    const value = executor.run(request)
    return { value, heapBytes: executor.heapBytes }
  } catch (error) {
    const isFatal = error instanceof FatalError
    const coded = isFatal ? error.coded : error
    // Anything but a coded error is a fault of ours: it ends the thread and is reported as its death.
    if (!isFoveaError(coded)) throw error
    return {
      code: coded.code,
      details: { ...coded.details, cause: undefined },
      isFatal,
      isSpent: executor.lostBytes > mostLostBytes,
      heapBytes: executor.heapBytes,
    }
  }
}
