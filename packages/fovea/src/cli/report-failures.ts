// Pictures that a command left out, told at its end.

import pc from 'picocolors'
import type { LiveLine } from './terminal.ts'

/** Lists unreadable pictures, at most ten by name. */
export function reportFailures(line: LiveLine, failures: readonly { readonly path: string; readonly reason: string }[]): void {
  if (failures.length === 0) return
  line.print(pc.yellow(`${failures.length} ${failures.length === 1 ? 'picture was' : 'pictures were'} skipped:`))
  for (const { reason } of failures.slice(0, 10)) line.print(`  ${reason}`)
  if (failures.length > 10) line.print(`  … and ${failures.length - 10} more`)
}
