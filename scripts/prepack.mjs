// Puts the licence and the README of the repository into the package that is about to be packed.

import { copyFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
for (const file of ['LICENSE', 'NOTICE', 'README.md']) copyFileSync(join(root, file), join(root, 'packages/fovea', file))
