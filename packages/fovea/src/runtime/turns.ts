// Long work on models in turns with the event loop, so that pictures go on flowing while models are opened.

/** How long the event loop may be held up, in milliseconds, before it gets its turn. */
export const longestHold = 3

/** Does work that comes in steps, giving the event loop its turn between them where they have taken long. */
export async function inTurns<T>(steps: Iterator<unknown, T>): Promise<T> {
  let begin = await nextTurn()
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
    if (performance.now() - begin > longestHold) begin = await nextTurn()
  }
}

const waiting: (() => void)[] = []

/** Waits for a turn of the event loop that no other model is worked on in: ten that are loaded at once hold it no longer than one. */
export function nextTurn(): Promise<number> {
  return new Promise((resolve) => {
    waiting.push(() => resolve(performance.now()))
    if (waiting.length === 1) setImmediate(takeTurn)
  })
}

function takeTurn(): void {
  const next = waiting[0]!
  next()
  // It leaves the queue only now, so that nobody who joins meanwhile starts a second series of turns.
  waiting.shift()
  if (waiting.length > 0) setImmediate(takeTurn)
}
