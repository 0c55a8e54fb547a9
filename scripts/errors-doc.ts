// Writes docs/errors.md from the catalogue of errors: `npm run docs`.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { errorCatalogue } from '../packages/fovea/src/util/errors.ts'

export const errorsDocument = join(import.meta.dirname, '../docs/errors.md')

const introduction = `# Errors

Every error that Fovea throws is a \`FoveaError\` with a stable \`code\`. Its message says what is wrong, what was expected and
found, where (file, node, field), and what to do; the same facts are in \`error.details\`.

\`\`\`ts
import { isFoveaError } from 'fovea'

try {
  // …
} catch (error) {
  if (isFoveaError(error, 'DATA_NO_IMAGES')) console.error(error.details.file)
  else throw error
}
\`\`\`

The command line prints the message on standard error and ends with exit code 1 (130 when it was interrupted).

This page is made from \`packages/fovea/src/util/errors.ts\` by \`npm run docs\`; do not edit it by hand.
`

/** The page: one table for each family of codes, the part before the first underscore, in the order of the catalogue. */
export function renderErrors(catalogue: Readonly<Record<string, { readonly message: string; readonly remedy: string }>>): string {
  const families = Map.groupBy(Object.entries(catalogue), ([code]) => code.split('_', 1)[0]!)
  const tables = [...families].map(([family, entries]) =>
    [
      `## ${family}\n`,
      '| code | what is wrong | what to do |',
      '|---|---|---|',
      ...entries.map(([code, { message, remedy }]) => `| \`${code}\` | ${cell(message)} | ${cell(remedy)} |`),
      '',
    ].join('\n'),
  )
  return [introduction, ...tables].join('\n')
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(errorsDocument, renderErrors(errorCatalogue))
