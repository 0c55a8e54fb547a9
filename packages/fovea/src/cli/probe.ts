// Tries a device in a process of its own: a provider may crash, and talks to the terminal uninvited. Prints one line of JSON.

import { buildModel } from '../graph/builder.ts'
import { Tensor } from '../graph/tensor.ts'
import { openSession } from '../runtime/session.ts'
import { isFoveaError } from '../util/errors.ts'

const model = buildModel((b) => b.op('Relu', [b.input('x', 'float32', [1])]))
try {
  const session = await openSession(model, { device: process.argv[2] ?? 'cpu', worker: false })
  await session.run({ x: Tensor.float32([1], [-1]) })
  process.stdout.write(`${JSON.stringify({ ok: true })}\n`)
  await session.close()
} catch (error) {
  process.stdout.write(`${JSON.stringify({ ok: false, found: isFoveaError(error) ? error.details.found : String(error) })}\n`)
}
